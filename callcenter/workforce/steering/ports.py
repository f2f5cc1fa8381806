"""What steering asks of the PBX and of other features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from callcenter.people.trail.service import Entry
from callcenter.telephony.domain.floor import Floor, WaitingCaller
from callcenter.telephony.domain.ids import Extension, Uniqueid
from callcenter.telephony.domain.steering import LineState, Place, SpyMode, Talk


class FloorView(Protocol):
    """What is asked of `asterisk.live.LiveFloor`."""

    @property
    def floor(self) -> Floor | None:
        """The floor now; None while there is no link."""


class Pbx(Protocol):
    """Commands in a talk and in a queue: see `asterisk.steering_switch`."""

    async def spy(self, supervisor: str, talk: Talk, mode: SpyMode, place: Place) -> None: ...
    async def take_over(self, supervisor: str, talk: Talk, place: Place) -> None: ...
    async def to_front(self, caller: WaitingCaller) -> None: ...
    async def to_queue(self, caller: WaitingCaller, queue: str) -> None: ...
    async def queues(self) -> frozenset[str]: ...
    async def dial(self, seat: str, number: str, case_number: str) -> Uniqueid: ...
    async def hold(self, talk: Talk) -> None: ...
    async def unhold(self, talk: Talk, music: str) -> None: ...
    async def mute(self, talk: Talk, *, on: bool) -> None: ...
    async def muted(self, talk: Talk) -> bool: ...
    async def pause_recording(self, talk: Talk, *, on: bool) -> None: ...
    async def recording_paused(self, talk: Talk) -> bool: ...
    async def join(self, leg_name: str) -> None: ...
    async def about_case(self, leg: Uniqueid, by: str, case_number: str) -> None: ...
    async def hang_up(self, channel: str, uniqueid: Uniqueid, by: str) -> None: ...


class PbxLine(Protocol):
    """The switches of the line: see `asterisk.steering_switch`."""

    async def switches(self) -> Mapping[str, str]: ...
    async def set_line(self, state: LineState) -> None: ...
    async def set_announcement(self, *, on: bool) -> None: ...
    async def withdraw(self, caller: WaitingCaller) -> bool: ...


class SeatOfAgent(Protocol):
    """Who sits where."""

    async def seat_of(self, user_id: int) -> str | None:
        """The seat that the user is logged in to."""
        ...

    def at(self, seat: Extension) -> int | None:
        """Who is logged in at `seat`."""
        ...


class Calls(Protocol):
    """The calls' service."""

    async def get(self, call_id: str) -> Any:
        """One call; `NotFound` ``call_not_found``."""
        ...


class Cases(Protocol):
    """The cases' service."""

    async def get(self, number: str) -> Any:
        """One case; `NotFound` ``case_not_found``."""
        ...


class Notes(Protocol):
    """The audit trail."""

    async def note(self, entry: Entry) -> None:
        """Committed when this returns."""
        ...
