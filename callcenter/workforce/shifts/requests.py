"""Leave and swaps: asked for, answered, decided. What may follow what: `domain.requests`.

Nobody decides their own request. A swap is carried out in the transaction that approves it, and
only if both entries are still those that the two agreed on and nobody is then booked twice; other
conflicts (too little rest) are named in the answer and are the supervisor's to weigh.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.access.actor import Actor
from callcenter.people.domain.permissions import Permission
from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, Conflict, Forbidden, NotFound
from callcenter.workforce.domain.requests import (
    LeaveKind,
    RequestState,
    RequestStep,
    leave_after,
    swap_after,
)
from callcenter.workforce.domain.shifts import EntrySource
from callcenter.workforce.shifts import repository
from callcenter.workforce.shifts.models import LeaveRequest, RotaEntry, SwapRequest
from callcenter.workforce.shifts.planning import assignment, touch
from callcenter.workforce.shifts.service import ShiftService, check_range, found_entry

_log = logging.getLogger(__name__)

LEAVE_DAYS_MAX = 366
OPEN_OR_APPROVED = (RequestState.ASKED, RequestState.APPROVED)

Row = TypeVar("Row", LeaveRequest, SwapRequest)


@dataclass(frozen=True, slots=True)
class NewSwap:
    """What somebody asks of a colleague."""

    entry_id: int
    """Their own shift, to be worked by the colleague."""
    partner_id: int
    partner_entry_id: int | None
    """The colleague's shift that they work instead; None: it is given away."""
    reason: str


class RequestService:
    """Leave and swaps."""

    def __init__(self, database: Database, shifts: ShiftService, clock: Clock = utc_now) -> None:
        self._database = database
        self._shifts = shifts
        self._clock = clock

    # -- leave --------------------------------------------------------------------------------

    async def leave_page(
        self,
        *,
        before_id: int | None,
        user_id: int | None,
        state: RequestState | None,
        limit: int,
    ) -> Sequence[LeaveRequest]:
        """Up to `limit` requests below `before_id`, newest first."""
        async with self._database.reading() as session:
            return await repository.newest_leave(
                session, before_id=before_id, user_id=user_id, state=state, limit=limit
            )

    async def ask_leave(
        self, user_id: int, first: date, last: date, kind: LeaveKind, reason: str, *, who: Actor
    ) -> LeaveRequest:
        """Ask for leave; for somebody else only a planner may.

        Errors: `Forbidden` ``forbidden``; `BadInput` ``bad_range``, ``unknown_user``; `Conflict`
        ``leave_overlaps``.
        """
        if user_id != who.user_id and not who.may(Permission.SHIFT_WRITE):
            raise Forbidden(
                f"leave of others needs the permission {Permission.SHIFT_WRITE}",
                permission=Permission.SHIFT_WRITE.value,
            )
        check_range(first, last, LEAVE_DAYS_MAX)
        await self._shifts.check_user(user_id)
        row = LeaveRequest(
            user_id=user_id,
            first_day=first,
            last_day=last,
            kind=kind.value,
            reason=reason,
            state=RequestState.ASKED.value,
            asked_by=who.name,
            asked_at=self._clock(),
            answer="",
        )
        async with self._database.writing() as session:
            others = await repository.leave_between(
                session, first, last, states=OPEN_OR_APPROVED, user_id=user_id
            )
            if others:
                raise Conflict(
                    f"there is leave from {others[0].first_day} to {others[0].last_day} already",
                    code="leave_overlaps",
                    id=others[0].id,
                )
            session.add(row)
            await session.flush()
            await record(session, _leave_entry("asked", row, who), now=row.asked_at)
        _log.info("leave %d asked by=%s", row.id, who.name)
        return row

    async def decide_leave(
        self, leave_id: int, step: RequestStep, answer: str, *, who: Actor
    ) -> LeaveRequest:
        """Approve or refuse; `NotFound` ``leave_not_found``, `Forbidden` ``own_request``,
        `Conflict` ``request_decided``."""
        async with self._database.writing() as session:
            row = _found_leave(await repository.leave(session, leave_id), leave_id)
            _not_own(row.user_id, who)
            _take(row, step, leave_after)
            row.decided_by, row.decided_at, row.answer = who.name, self._clock(), answer
            await record(session, _leave_entry(row.state, row, who), now=row.decided_at)
        _log.info("leave %d %s by=%s", leave_id, row.state, who.name)
        self._shifts.changed()
        return row

    async def withdraw_leave(self, leave_id: int, *, who: Actor) -> LeaveRequest:
        """Take it back, also after approval: the shifts on its days stand again.

        By its owner or a planner. Errors: `NotFound` ``leave_not_found``; `Conflict`
        ``request_decided``.
        """
        async with self._database.writing() as session:
            row = _found_leave(await repository.leave(session, leave_id), leave_id)
            if row.user_id != who.user_id and not who.may(Permission.SHIFT_WRITE):
                raise _no_leave(leave_id)
            _take(row, RequestStep.WITHDRAW, leave_after)
            row.decided_by, row.decided_at = who.name, self._clock()
            await record(session, _leave_entry(row.state, row, who), now=row.decided_at)
        _log.info("leave %d withdrawn by=%s", leave_id, who.name)
        self._shifts.changed()
        return row

    # -- swaps --------------------------------------------------------------------------------

    async def swap_page(
        self,
        *,
        before_id: int | None,
        user_id: int | None,
        state: RequestState | None,
        limit: int,
    ) -> Sequence[SwapRequest]:
        """Up to `limit` requests below `before_id`, newest first; of or to `user_id` if given."""
        async with self._database.reading() as session:
            return await repository.newest_swaps(
                session, before_id=before_id, user_id=user_id, state=state, limit=limit
            )

    async def ask_swap(self, new: NewSwap, *, user_id: int, who: Actor) -> SwapRequest:
        """Ask a colleague.

        Errors: `NotFound` ``rota_entry_not_found`` (also for an entry that is not theirs);
        `BadInput` ``bad_swap``, ``unknown_user``; `Conflict` ``swap_open``.
        """
        await self._shifts.check_user(new.partner_id)
        if new.partner_id == user_id:
            raise BadInput("partner_id: a swap is with somebody else", code="bad_swap")
        async with self._database.writing() as session:
            own = await self._entry_of(session, new.entry_id, user_id)
            theirs = (
                None
                if new.partner_entry_id is None
                else await self._entry_of(session, new.partner_entry_id, new.partner_id)
            )
            entries = [own] if theirs is None else [own, theirs]
            for entry in entries:
                if assignment(entry, self._shifts.zone).starts <= self._clock():
                    raise BadInput(
                        f"the shift of {entry.day} has begun already", code="bad_swap", id=entry.id
                    )
            other = await repository.open_swap_of(session, [entry.id for entry in entries])
            if other is not None:
                raise Conflict(
                    "one of the shifts is in another request that is not decided yet",
                    code="swap_open",
                    id=other.id,
                )
            row = SwapRequest(
                user_id=user_id,
                entry_id=own.id,
                entry_version=own.version,
                day=own.day,
                shift_id=own.shift_id,
                partner_id=new.partner_id,
                partner_entry_id=theirs.id if theirs else None,
                partner_entry_version=theirs.version if theirs else None,
                partner_day=theirs.day if theirs else None,
                partner_shift_id=theirs.shift_id if theirs else None,
                reason=new.reason,
                state=RequestState.ASKED.value,
                asked_at=self._clock(),
                answer="",
            )
            session.add(row)
            await session.flush()
            await record(session, _swap_entry(row, who), now=row.asked_at)
        _log.info("swap %d asked by=%s", row.id, who.name)
        return row

    async def answer_swap(
        self, swap_id: int, step: RequestStep, *, user_id: int, who: Actor
    ) -> SwapRequest:
        """The colleague accepts or declines; `NotFound` ``swap_not_found``, `Conflict`
        ``request_decided``."""
        async with self._database.writing() as session:
            row = _found_swap(await repository.swap(session, swap_id), swap_id)
            if row.partner_id != user_id:
                raise _no_swap(swap_id)
            _take(row, step, swap_after)
            row.answered_at = self._clock()
            await record(session, _swap_entry(row, who), now=row.answered_at)
        _log.info("swap %d %s by=%s", swap_id, row.state, who.name)
        return row

    async def withdraw_swap(self, swap_id: int, *, user_id: int, who: Actor) -> SwapRequest:
        """Its owner takes it back; `NotFound` ``swap_not_found``, `Conflict`
        ``request_decided``."""
        async with self._database.writing() as session:
            row = _found_swap(await repository.swap(session, swap_id), swap_id)
            if row.user_id != user_id:
                raise _no_swap(swap_id)
            _take(row, RequestStep.WITHDRAW, swap_after)
            await record(session, _swap_entry(row, who), now=self._clock())
        _log.info("swap %d withdrawn by=%s", swap_id, who.name)
        return row

    async def decide_swap(
        self, swap_id: int, step: RequestStep, answer: str, *, who: Actor
    ) -> SwapRequest:
        """Approve, which carries it out at once, or refuse.

        Errors: `NotFound` ``swap_not_found``; `Forbidden` ``own_request``; `Conflict`
        ``request_decided``, ``entry_changed``, ``swap_conflict``.
        """
        try:
            async with self._database.writing() as session:
                row = _found_swap(await repository.swap(session, swap_id), swap_id)
                _not_own(row.user_id, who)
                _not_own(row.partner_id, who)
                _take(row, step, swap_after)
                row.decided_by, row.decided_at, row.answer = who.name, self._clock(), answer
                if step is RequestStep.APPROVE:
                    await self._carry_out(session, row, who.name)
                await record(session, _swap_entry(row, who), now=row.decided_at)
        except IntegrityError as error:
            raise _swap_conflict() from error
        _log.info("swap %d %s by=%s", swap_id, row.state, who.name)
        self._shifts.changed()
        return row

    async def _carry_out(self, session: AsyncSession, row: SwapRequest, actor: str) -> None:
        own = await self._agreed(session, row.entry_id, row.user_id, row.entry_version)
        theirs = (
            None
            if row.partner_entry_id is None
            else await self._agreed(
                session, row.partner_entry_id, row.partner_id, row.partner_entry_version
            )
        )
        moving = {entry.id for entry in (own, theirs) if entry is not None}
        await self._is_free(session, own, row.partner_id, moving)
        if theirs is not None:
            await self._is_free(session, theirs, row.user_id, moving)
            if theirs.day == own.day and theirs.shift_id == own.shift_id:
                raise _swap_conflict()
        own.user_id = row.partner_id
        if theirs is not None:
            theirs.user_id = row.user_id
        for entry in (own, theirs):
            if entry is not None:
                entry.source = EntrySource.SWAP.value
                touch(entry, actor, self._clock())

    async def _agreed(
        self, session: AsyncSession, entry_id: int, user_id: int, version: int | None
    ) -> RotaEntry:
        """The entry, if it is still the one that was agreed on."""
        entry = await repository.entry(session, entry_id)
        if entry is None or entry.user_id != user_id or entry.version != version:
            raise Conflict(
                "one of the shifts was changed since they agreed: refuse it, and they ask anew",
                code="entry_changed",
                id=entry_id,
            )
        return entry

    async def _is_free(
        self, session: AsyncSession, entry: RotaEntry, user_id: int, moving: set[int]
    ) -> None:
        """Whether `user_id` has nothing else while `entry` runs, and no leave on its day."""
        zone = self._shifts.zone
        wanted = assignment(entry, zone)
        # A shift lasts a day at most, so its neighbours begin within a day of it.
        first, last = (date.fromordinal(entry.day.toordinal() + step) for step in (-1, 1))
        for other in await repository.entries(session, first, last, users=(user_id,)):
            if other.id not in moving and assignment(other, zone).overlaps(
                wanted.starts, wanted.ends
            ):
                raise _swap_conflict(other.id)
        if await repository.leave_between(
            session, entry.day, entry.day, states=(RequestState.APPROVED,), user_id=user_id
        ):
            raise _swap_conflict()

    async def _entry_of(self, session: AsyncSession, entry_id: int, user_id: int) -> RotaEntry:
        entry = await repository.entry(session, entry_id)
        return found_entry(entry if entry and entry.user_id == user_id else None, entry_id)


def _take(
    row: Row,
    step: RequestStep,
    after: Callable[[RequestState, RequestStep], RequestState | None],
) -> None:
    state = RequestState(row.state)
    following = after(state, step)
    if following is None:
        raise Conflict(
            f"it is {state} already: {step} makes no sense now",
            code="request_decided",
            state=state.value,
        )
    row.state = following.value


def _leave_entry(what: str, row: LeaveRequest, who: Actor) -> Entry:
    facts = {
        "user_id": row.user_id,
        "first_day": str(row.first_day),
        "last_day": str(row.last_day),
        "kind": row.kind,
    }
    return Entry(f"leave.{what}", f"leave:{row.id}", facts, who.name)


def _swap_entry(row: SwapRequest, who: Actor) -> Entry:
    facts = {
        "user_id": row.user_id,
        "day": str(row.day),
        "partner_id": row.partner_id,
        "partner_day": None if row.partner_day is None else str(row.partner_day),
    }
    return Entry(f"swap.{row.state}", f"swap:{row.id}", facts, who.name)


def _not_own(user_id: int, who: Actor) -> None:
    if who.user_id == user_id:
        raise Forbidden("somebody else decides about your own requests", code="own_request")


def _found_leave(row: LeaveRequest | None, leave_id: int) -> LeaveRequest:
    if row is None:
        raise _no_leave(leave_id)
    return row


def _no_leave(leave_id: int) -> NotFound:
    return NotFound(f"there is no leave {leave_id}", code="leave_not_found", id=leave_id)


def _found_swap(row: SwapRequest | None, swap_id: int) -> SwapRequest:
    if row is None:
        raise _no_swap(swap_id)
    return row


def _no_swap(swap_id: int) -> NotFound:
    return NotFound(f"there is no swap {swap_id}", code="swap_not_found", id=swap_id)


def _swap_conflict(entry_id: int | None = None) -> Conflict:
    return Conflict(
        "one of them works at that time already, or is on leave that day",
        code="swap_conflict",
        entry_id=entry_id,
    )
