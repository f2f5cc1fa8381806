"""What people do in the stories: register, call, talk, leave; and what was told about it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import CALLER_HZ, SEAT_HZ, rms
from callcenter.simulator.speech import Speech
from tests.live.live_system import System
from tests.live.live_told import Told, assert_sides, sound_of, told_about

HOTLINE = "12345"
LENGTH_TOLERANCE_MS = 1500
REACHABLE_SECONDS = 5


@dataclass(slots=True)
class Talk:
    """A citizen and a seat in conversation."""

    citizen: Phone
    out: Call
    """The citizen's side."""
    taken: Call
    """The seat's side."""

    @property
    def number(self) -> str:
        """Who calls."""
        return self.citizen.user


class Stories:
    """People on one `System`; phones are gone at the end of the test."""

    def __init__(self, system: System, speech: Speech, stack: AsyncExitStack) -> None:
        self.system = system
        self.caller_voice = speech.caller("您好,我想反映小区门口的路灯不亮,已经三天了。")
        self.seat_voice = speech.seat("您好,一二三四五热线,请问有什么可以帮您?")
        self._stack = stack

    async def seat(self, index: int = 0) -> Phone:
        """A registered seat."""
        phone = await self._stack.enter_async_context(self.system.seat(index))
        await phone.register()
        await self._reachable(phone.user)
        return phone

    async def _reachable(self, extension: str) -> None:
        """Wait until the PBX would ring `extension`: a moment after it has accepted the phone, and
        a caller who comes sooner finds nobody there."""

        async def probe() -> bool:
            try:
                answer = await self.system.api.get(f"/api/seats/{extension}")
            except httpx.HTTPError:
                return True  # The service is dead on purpose: nobody can be asked.
            live = answer.json().get("live")
            return live is None or bool(live["reachable"])

        with contextlib.suppress(TimeoutError):
            await self.system.until(probe, REACHABLE_SECONDS)

    async def citizen(self, number: str | None = None, **options: Any) -> Phone:
        """A citizen's phone."""
        return await self._stack.enter_async_context(self.system.caller(number, **options))

    async def dial(self, number: str | None = None, **options: Any) -> tuple[Phone, Call]:
        """A citizen who has dialled the hotline."""
        citizen = await self.citizen(number)
        return citizen, await citizen.dial(HOTLINE, **options)

    async def talk(self, seat: Phone, number: str | None = None) -> Talk:
        """A citizen calls, `seat` answers, both speak and have heard each other."""
        citizen, out = await self.dial(number)
        taken = await self.answer(seat, out)
        return Talk(citizen, out, taken)

    async def talk_with(self, first: Phone, second: Phone) -> Talk:
        """A citizen talks with `first`; `second` is free, and is not offered the call."""
        second.refuse_with = 486
        citizen, out = await self.dial()
        taken = await first.next_call(15)
        second.refuse_with = 0
        await taken.answer()
        await self.speak(out, taken)
        return Talk(citizen, out, taken)

    async def answer(self, seat: Phone, out: Call, timeout: float = 15) -> Call:
        """`seat` takes the next call, which is `out`'s; both have heard each other."""
        taken = await seat.next_call(timeout)
        await taken.answer()
        await self.speak(out, taken)
        return taken

    async def speak(self, out: Call, taken: Call) -> None:
        """Both speak from now on, and hear each other."""
        await out.answered()
        out.say(self.caller_voice, repeat=True)
        taken.say(self.seat_voice, repeat=True)
        await asyncio.gather(out.hears(SEAT_HZ), taken.hears(CALLER_HZ))

    async def still_inside(self, seat: Phone, talk: Talk, sending: asyncio.Task[int]) -> None:
        """A forbidden REFER came to nothing, or the citizen came back to `seat`."""
        incoming = asyncio.create_task(seat.next_call(20))
        await asyncio.wait((sending, incoming), return_when=asyncio.FIRST_COMPLETED)
        if not incoming.done() and sending.result() >= 300:
            incoming.cancel()
            await self.speak(talk.out, talk.taken)
        else:
            back = await incoming
            await back.answer()
            await self.speak(talk.out, back)
        await sending
        await talk.out.hang_up()
        told = await self.told(talk.number)
        assert set(told.seats) == {seat.user}
        assert len(told.cases) == 1

    async def message_begun(self, out: Call, timeout: float = 60) -> None:
        """Wait until the beep was heard by `out`, that is, until its message is recorded."""
        number = out.phone.user

        async def probe() -> bool:
            found = await told_about(self.system.database, number)
            return bool(found and found[0].messages)

        await out.answered()
        await self.system.until(probe, timeout)

    # -- over the API -------------------------------------------------------------------------

    async def call_id(self, number: str) -> str:
        """The id of the call of `number` that is under way."""

        async def probe() -> str | None:
            found = await told_about(self.system.database, number)
            return found[0].call.id if found else None

        return await self.system.until(probe, 5)

    async def transfer(self, number: str, **body: Any) -> None:
        """``POST /api/calls/{id}/transfer``."""
        call_id = quote(await self.call_id(number), safe="")
        await self.system.post(f"/api/calls/{call_id}/transfer", **body)

    async def put(self, path: str, body: object) -> None:
        """PUT, which must succeed."""
        answer = await self.system.api.put(path, json=body)
        answer.raise_for_status()

    async def transfer_step(self, number: str, step: str) -> None:
        """Complete or cancel an attended transfer."""
        call_id = quote(await self.call_id(number), safe="")
        await self.system.post(f"/api/calls/{call_id}/transfer/{step}")

    # -- what was told ------------------------------------------------------------------------

    async def newest(self, timeout: float = 10) -> Told:
        """The newest call of anybody, likewise."""
        return await self._finished(None, timeout)

    async def made_by(self, seat: str, timeout: float = 10) -> Told:
        """The newest call that `seat` made to somebody outside, likewise."""
        return await self._finished(seat, timeout, "outbound")

    async def told(self, number: str, timeout: float = 10) -> Told:
        """The newest call of `number`, once it is over and its files are judged."""
        return await self._finished(number, timeout)

    async def _finished(
        self, number: str | None, timeout: float, direction: str = "inbound"
    ) -> Told:
        async def probe() -> Told | None:
            found = await told_about(self.system.database, number, direction)
            return found[0] if found and found[0].finished else None

        return await self.system.until(probe, timeout)

    async def case_of(self, number: str, timeout: float = 2) -> Any:
        """The case that an answered call has opened, while it still goes on."""

        async def probe() -> Any:
            found = await told_about(self.system.database, number)
            return found[0].cases[0] if found and found[0].cases else None

        return await self.system.until(probe, timeout)

    async def answered_story(self, number: str, *seats: str) -> Told:
        """The call of `number` talked with `seats` in this order: one case, one whole recording
        with the caller left and the seats right."""
        told = await self.told(number)
        assert told.call.outcome == "answered"
        assert told.seats == list(seats)
        assert len(told.cases) == 1, told.cases
        assert told.cases[0].seat == seats[-1]
        assert told.cases[0].first_seat == seats[0]
        await self.whole_recording(told)
        return told

    async def whole_recording(self, told: Told) -> None:
        """One recording, ready, as long as both were bridged, both sides right."""
        assert len(told.recordings) == len(told.media) == 1
        recording, file = told.recordings[0], told.media[0]
        assert file.status == "ready", (file.status, file.error)
        assert abs(file.duration_ms - recording.bridged_ms) < LENGTH_TOLERANCE_MS
        left, right = await asyncio.to_thread(sound_of, self.system.settings, file)
        assert_sides(left, right)


def assert_not_silent(call: Call) -> None:
    """The one on this side heard something."""
    assert rms(call.heard()) > 0.01


_extensions = itertools.count(8900)


async def new_seat(system: System, **changes: Any) -> dict[str, Any]:
    """A seat made over the API, with its secret; nobody had its extension before."""
    extension = str(next(_extensions))
    made: dict[str, Any] = await system.post(
        "/api/seats", **{"extension": extension, "name": f"新席 {extension}", **changes}
    )
    return made
