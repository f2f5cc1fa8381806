"""What is asked and done about a running recording over AMI: its packets, and a new beginning."""

from __future__ import annotations

import asyncio

from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.domain.voices import JUDGED_CODEC
from callcenter.telephony.pbx.ami.actions_steering import (
    EndRecording,
    GetVariable,
    GoOnRecording,
)
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import Done
from callcenter.telephony.pbx.live import LiveFloor
from callcenter.telephony.pbx.steering_switch import FORGET_SECONDS, PAUSED


class RecordingAnew:
    """Over one link; every question may stay without an answer."""

    def __init__(self, link: AmiLink, live: LiveFloor) -> None:
        self._link = link
        self._live = live

    def together(self, leg: Uniqueid) -> bool:
        """Whether `leg` is with somebody now."""
        floor = self._live.floor
        return floor is not None and bool(floor.others_in_bridge(leg))

    async def counts(self, leg: Uniqueid) -> tuple[int, int] | None:
        """Packets that came from `leg` and went to it; None where nothing can be said: it is gone
        or with nobody, its recording is paused, or its codec has zeros of its own."""
        name = self._name(leg)
        if not name or not self.together(leg):
            return None
        asked = ("CHANNEL(audionativeformat)", PAUSED, "CC_RECORDED")
        codec, paused, recorded = [await self._ask(name, one) for one in asked]
        if codec != JUDGED_CODEC or paused == "1" or recorded != "1":
            return None
        read = await self._ask(name, "CHANNEL(rtcp,rxcount)")
        written = await self._ask(name, "CHANNEL(rtcp,txcount)")
        return (int(read), int(written)) if read.isdecimal() and written.isdecimal() else None

    async def begin_anew(self, leg: Uniqueid) -> None:
        """End the recording of `leg` and go on at the end of its file, so that the PBX forgets who
        spoke before."""
        name = self._name(leg)
        folder = await self._ask(name, "CC_RECORDINGS_DIR")
        path = await self._ask(name, "CC_RECORDING")
        if not folder or not path:
            return
        await self._link.send(EndRecording(name))
        await asyncio.sleep(FORGET_SECONDS)
        await self._link.send(GoOnRecording(name, f"{folder}/{path}"))

    def _name(self, leg: Uniqueid) -> str:
        floor = self._live.floor
        channel = floor.channels.get(leg) if floor is not None else None
        return channel.name if channel is not None else ""

    async def _ask(self, name: str, variable: str) -> str:
        outcome = await self._link.send(GetVariable(name, variable))
        return str(outcome.result) if isinstance(outcome, Done) and outcome.result else ""
