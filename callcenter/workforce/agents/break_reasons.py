"""Why agents may be away: an admin's list, with a limit for each.

The machine's own reasons (`RING_NO_ANSWER`, `RING_REFUSED`) can be named, but neither taken away
nor taken by an agent himself. A reason that was ever used is disabled rather than removed:
intervals name it for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, Conflict, NotFound
from callcenter.platform.versions import check_version, version_of
from callcenter.workforce.agents import repository
from callcenter.workforce.agents.models import BreakReason
from callcenter.workforce.domain.agents import RING_NO_ANSWER, RING_REFUSED, WRAP_UP

_log = logging.getLogger(__name__)

OWN = frozenset({RING_NO_ANSWER, RING_REFUSED, WRAP_UP, "offline"})
"""Reasons that the PBX is told by us; nobody may have another meaning for them."""


@dataclass(frozen=True, slots=True)
class ReasonInfo:
    """A reason for a break."""

    code: str
    name: str
    limit_seconds: int | None
    """Longer raises an alarm; None: as long as it takes."""
    enabled: bool
    """Whether it may be taken."""
    own: bool
    """The machine's: agents do not take it."""
    created_at: datetime
    updated_at: datetime

    @property
    def version(self) -> int:
        """Of what people write of it; one made anew has another than the one before."""
        return version_of(self.code, self.name, self.limit_seconds, self.enabled, self.created_at)


class BreakReasons:
    """Reads and changes the list."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> Sequence[ReasonInfo]:
        """By code, disabled ones too."""
        async with self._database.reading() as session:
            return [_info(row) for row in await repository.reasons(session)]

    async def takeable(self, code: str) -> ReasonInfo:
        """A reason that an agent may give; `BadInput` ``break_reason_unknown``."""
        async with self._database.reading() as session:
            row = await repository.reason(session, code)
        if row is None or not row.enabled or row.code in OWN:
            raise BadInput(
                f"reason: {code!r} is no break that may be taken; see /api/break-reasons",
                code="break_reason_unknown",
                reason=code,
            )
        return _info(row)

    async def create(
        self, code: str, *, name: str, limit_seconds: int | None, enabled: bool, actor: str
    ) -> ReasonInfo:
        """`Conflict` ``break_reason_exists``, also for the words that are ours."""
        now = self._clock()
        row = BreakReason(
            code=code,
            name=name,
            limit_seconds=limit_seconds,
            enabled=enabled,
            created_at=now,
            updated_at=now,
        )
        async with self._database.writing() as session:
            if code in OWN or await repository.reason(session, code) is not None:
                raise Conflict(
                    f"there is a break {code} already; change that one",
                    code="break_reason_exists",
                    reason=code,
                )
            session.add(row)
            data = {"name": name, "limit_seconds": limit_seconds, "enabled": enabled}
            entry = Entry("break_reason.made", f"break_reason:{code}", data, actor)
            await record(session, entry, now=now)
        _log.info("break reason %s made by=%s", code, actor)
        return _info(row)

    async def change(
        self, code: str, values: dict[str, str | int | bool | None], *, actor: str
    ) -> ReasonInfo:
        """Set `name`, `limit_seconds` or `enabled`; a break under way keeps its limit.

        `NotFound` ``break_reason_not_found``, `Conflict` ``break_reason_own``.
        """
        async with self._database.writing() as session:
            row = _found(await repository.reason(session, code), code)
            check_version(_info(row).version, f"break {code}")
            if code in OWN and values.get("enabled") is False:
                raise _ours(code)
            for name, value in values.items():
                setattr(row, name, value)
            row.updated_at = now = self._clock()
            entry = Entry("break_reason.changed", f"break_reason:{code}", values, actor)
            await record(session, entry, now=now)
        _log.info("break reason %s changed by=%s", code, actor)
        return _info(row)

    async def remove(self, code: str, *, actor: str) -> None:
        """Remove one that was never used; `NotFound`, `Conflict` ``break_reason_own`` or
        ``break_reason_used``."""
        async with self._database.writing() as session:
            row = _found(await repository.reason(session, code), code)
            check_version(_info(row).version, f"break {code}")
            if code in OWN:
                raise _ours(code)
            if await repository.reason_used(session, code):
                raise Conflict(
                    f"breaks were taken for {code}: disable it instead",
                    code="break_reason_used",
                    reason=code,
                )
            await session.delete(row)
            entry = Entry("break_reason.removed", f"break_reason:{code}", actor=actor)
            await record(session, entry, now=self._clock())
        _log.info("break reason %s removed by=%s", code, actor)


def _found(row: BreakReason | None, code: str) -> BreakReason:
    if row is None:
        raise NotFound(f"there is no break {code}", code="break_reason_not_found", reason=code)
    return row


def _ours(code: str) -> Conflict:
    return Conflict(f"{code} is set by the system itself", code="break_reason_own", reason=code)


def _info(row: BreakReason) -> ReasonInfo:
    return ReasonInfo(
        code=row.code,
        name=row.name,
        limit_seconds=row.limit_seconds,
        enabled=row.enabled,
        own=row.code in OWN,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
