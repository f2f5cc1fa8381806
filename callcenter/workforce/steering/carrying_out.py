"""What every command has in common: who may use which phone, one at a time, and its note.

A command that the floor refuses never reaches the PBX. One that was given to the PBX is noted in
the audit trail with what became of it, also where that is not known.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from callcenter.people.access.rights import Actor
from callcenter.people.domain.permissions import Permission
from callcenter.people.trail.service import Entry
from callcenter.platform.errors import (
    BadInput,
    CallcenterError,
    Conflict,
    Forbidden,
    NotFound,
    PbxUnavailable,
)
from callcenter.telephony.domain.floor import Floor, FloorView
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.seating import is_seat_extension
from callcenter.telephony.domain.steering import Refusal
from callcenter.workforce.agents.sitting import Sitting
from callcenter.workforce.steering.ports import Notes

T = TypeVar("T")

_NOT_FOUND = frozenset({"queue_not_found"})


class CarryingOut:
    """Shared by the supervisors' and the operators' commands, so that both wait for each other."""

    def __init__(
        self, live: FloorView, seats: Sitting, trail: Notes, *, node: str, first_seat: int
    ) -> None:
        self._live = live
        self._seats = seats
        self._trail = trail
        self._under_way: set[str] = set()
        self.node = node
        self.first_seat = first_seat

    @property
    def floor(self) -> Floor:
        """The floor now; `PbxUnavailable` while there is none."""
        floor = self._live.floor
        if floor is None:
            raise PbxUnavailable("there is no link to the PBX now; nothing was done")
        return floor

    async def seat_for(self, who: Actor, asked: str | None) -> str:
        """The phone that `who` commands: his own, or the one he names.

        A person may name his own seat; a supervisor also one at which nobody is logged in. A
        machine's token names any. Errors: `Conflict` ``no_seat``, `BadInput` ``bad_extension``,
        `Forbidden` ``not_your_seat``.
        """
        own = await self._seats.seat_of(who.user_id) if who.user_id is not None else None
        if asked is None:
            if own is None:
                raise Conflict("log in to a seat first, or name one", code="no_seat")
            return own
        if not is_seat_extension(asked, self.first_seat):
            raise BadInput(f"seat: {asked!r} is no seat's extension", code="bad_extension")
        if who.user_id is None or asked == own:
            return asked
        if who.may(Permission.FLOOR_STEER) and self._seats.at(Extension(asked)) is None:
            return asked
        raise Forbidden(f"seat {asked} is not yours", code="not_your_seat", seat=asked)

    @asynccontextmanager
    async def doing(
        self, key: str, action: str, subject: str, **data: object
    ) -> AsyncIterator[None]:
        """Two commands for one thing at once would act on each other's ruins: `Conflict`
        ``steering_running``. What the block does is noted, with its outcome."""
        if key in self._under_way:
            raise Conflict(
                f"{key}: another command is under way; look what it does", code="steering_running"
            )
        self._under_way.add(key)
        outcome = ""
        try:
            yield
            outcome = "done"
        except NotGiven as refused:
            raise refused.error from None
        except CallcenterError as error:
            outcome = error.error_code
            raise
        except BaseException:
            outcome = "unknown"
            raise
        finally:
            self._under_way.discard(key)
            if outcome:
                await self._trail.note(Entry(action, subject, {**data, "outcome": outcome}))


class NotGiven(Exception):
    """The floor refuses: the PBX was told nothing, so there is nothing to note."""

    def __init__(self, error: CallcenterError) -> None:
        super().__init__(error.message)
        self.error = error


def allowed(answer: T | Refusal) -> T:
    """What is to be done; else, within `CarryingOut.doing`, the refusal as an error."""
    if isinstance(answer, Refusal):
        raise NotGiven(error_of(answer))
    return answer


def error_of(refusal: Refusal) -> CallcenterError:
    """The refusal as the API tells it."""
    kind = NotFound if refusal.code in _NOT_FOUND else Conflict
    return kind(refusal.message, code=refusal.code, **refusal.facts)
