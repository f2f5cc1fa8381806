"""Closes the line in an emergency, opens it again, and switches the announcement.

What is wanted is in our database; the PBX has a copy in its own, which the dialplan reads: so a
closed line stays closed with nobody of ours alive and after a restart of the PBX. The copy is made
at once, and again at each login to the PBX (`bring`). Talks go on; callers who wait are told, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from callcenter.people.trail.service import Entry, record
from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import CallcenterError, PbxRefused, PbxTimeout, PbxUnavailable
from callcenter.telephony.domain.floor import FloorView
from callcenter.telephony.domain.steering import LineState
from callcenter.workforce.steering import repository
from callcenter.workforce.steering.ports import PbxLine

_log = logging.getLogger(__name__)

LINE, ANNOUNCEMENT = "line", "announcement"
TOPIC = "steering.line"
_PBX_ERRORS = (PbxRefused, PbxTimeout, PbxUnavailable)


@dataclass(frozen=True, slots=True)
class Line:
    """What is wanted of the line, and whether the PBX has it."""

    state: LineState
    announcement: bool
    changed_by: str | None
    """Who opened or closed it last; None: nobody ever did."""
    changed_at: datetime | None
    applied: bool
    """False: the PBX cannot be reached, or has not answered; it is brought there at the next
    login."""


class LineService:
    """The line's switches."""

    def __init__(
        self,
        database: Database,
        pbx: PbxLine,
        live: FloorView,
        *,
        publish: Callable[[Change], None] = lambda _change: None,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._pbx = pbx
        self._live = live
        self._publish = publish
        self._clock = clock

    async def read(self) -> Line:
        """The switches, compared with the PBX."""
        wanted = await self._wanted()
        try:
            applied = await self._holds(wanted)
        except _PBX_ERRORS:
            applied = False
        return Line(*wanted, applied)

    async def set_line(self, state: LineState, *, actor: str) -> Line:
        """Close or open the line; whoever waits when it is closed is told so and leaves."""
        return await self._set(LINE, state.value, actor, state)

    async def set_announcement(self, *, on: bool, actor: str) -> Line:
        """Whether callers hear the announcement before they wait."""
        return await self._set(ANNOUNCEMENT, "on" if on else "", actor, None)

    async def bring(self) -> None:
        """Give the PBX what is wanted; safe at any time. For every login."""
        wanted = await self._wanted()
        try:
            if not await self._holds(wanted):
                await self._pbx.set_line(wanted[0])
                await self._pbx.set_announcement(on=wanted[1])
                _log.warning("line: the PBX had other switches; it has ours now")
        except _PBX_ERRORS as error:
            _log.warning("line: the switches are not brought to the PBX yet: %s", error.message)

    async def _set(self, name: str, value: str, actor: str, state: LineState | None) -> Line:
        now = self._clock()
        async with self._database.writing() as session:
            await repository.set_switch(session, name, value, by=actor, at=now)
            await record(
                session, Entry(f"line.{name}", "line", {"value": value}, actor=actor), now=now
            )
        _log.warning("line: %s is %r by=%s", name, value, actor)
        applied = await self._apply(name, value, state)
        line = Line(*await self._wanted(), applied)
        self._publish(
            Change(
                TOPIC,
                {"state": line.state.value, "announcement": line.announcement, "applied": applied},
            )
        )
        return line

    async def _apply(self, name: str, value: str, state: LineState | None) -> bool:
        try:
            if state is None:
                await self._pbx.set_announcement(on=bool(value))
            else:
                await self._pbx.set_line(state)
        except _PBX_ERRORS as error:
            _log.error("line: %s is not in the PBX yet: %s", name, error.message)
            return False
        if state is not None and state is not LineState.OPEN:
            await self._tell_who_waits()
        return True

    async def _tell_who_waits(self) -> None:
        floor = self._live.floor
        callers = [one for line in floor.waiting.values() for one in line] if floor else []
        for caller in callers:
            try:
                await self._pbx.withdraw(caller)
            except CallcenterError as error:
                _log.warning("line: a caller waits on: %s", error.message)

    async def _wanted(self) -> tuple[LineState, bool, str | None, datetime | None]:
        async with self._database.reading() as session:
            rows = {row.name: row for row in await repository.switches(session)}
        line = rows.get(LINE)
        announcement = rows.get(ANNOUNCEMENT)
        return (
            LineState(line.value) if line else LineState.OPEN,
            bool(announcement and announcement.value),
            line.changed_by if line else None,
            line.changed_at if line else None,
        )

    async def _holds(self, wanted: tuple[LineState, bool, str | None, datetime | None]) -> bool:
        has = await self._pbx.switches()
        line = has.get(LINE) or LineState.OPEN.value
        return line == wanted[0].value and (has.get(ANNOUNCEMENT) == "on") == wanted[1]
