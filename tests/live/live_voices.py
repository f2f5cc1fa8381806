"""A call that is handed on many times, and who is heard in its recording, second by second."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import CALLER_HZ, RATE, Samples, is_marked, tone
from tests.live.live_steering import ok, own, steer
from tests.live.live_stories import Stories
from tests.live.live_told import Told, read_sides

TALK_SECONDS = 2.0
"""Of each talk, before it is handed on."""
LOST_SECONDS = 1.0
"""Of a talk may be without a tone: the PBX and the phone begin when they have told each other of
it, the pieces below are whole, and a busy machine is late with both."""
PATIENCE = 30
"""Seconds: nothing here is about how fast a starved machine is."""
PIECE = RATE // 4
BEHIND = 20_000
"""The numbers of one sender's packets have nothing to do with another's (RFC 3550, 5.1)."""
LEVEL = 0.02
"""A fifth of a tone's level."""
TONES = [CALLER_HZ + 67 * step for step in range(2, 40)]
"""Hz, whole: one for each talk of a call, so that nobody is taken for somebody else."""


class Way(StrEnum):
    """Every way in which a citizen comes to another seat."""

    REFER = "blind, by the phone"
    KEYS = "blind, by keys"
    API = "blind, over the API"
    CONSULT_REFER = "attended, by the phone"
    CONSULT_KEYS = "attended, by keys"
    CONSULT_API = "attended, over the API"
    TAKEN_OVER = "taken over by a supervisor"


class Hold(StrEnum):
    """How the citizen is held before it."""

    NOT = ""
    PHONE = ", held by the phone"
    API = ", held over the API"


NOT_IF_HELD_OVER_THE_API = (Way.CONSULT_KEYS, Way.CONSULT_API, Way.TAKEN_OVER)
"""The consult is on the leg that such a hold makes deaf; a take-over is refused."""
PLAN = [
    (way, hold)
    for hold in Hold
    for way in Way
    if hold is not Hold.API or way not in NOT_IF_HELD_OVER_THE_API
]


@dataclass(slots=True)
class Part:
    """One talk of the call: who is to be heard on the right, and how long they spoke."""

    how: str
    hertz: float
    begun: float = field(default_factory=time.monotonic)
    ended: float = 0.0


class HandedOn:
    """A citizen who is handed to and fro between two seats that nobody else calls."""

    def __init__(self, stories: Stories, out: Call, taken: Call) -> None:
        self._stories = stories
        self.number = out.phone.user
        self._out = out
        self._taken = taken
        self._tones = iter(TONES)
        self._sequence = taken.phone.first_sequence or 0
        self.parts: list[Part] = []
        self._begin("from the queue", taken)

    @property
    def phone(self) -> Phone:
        """Of the seat that talks now."""
        return self._taken.phone

    def _begin(self, how: str, taken: Call) -> None:
        part = Part(how, next(self._tones))
        taken.say(tone(part.hertz, 1.0), repeat=True)
        self._taken = taken
        self.parts.append(part)

    async def hand_on(self, other: Phone, way: Way, hold: Hold) -> None:
        """To `other`, in that way; both have spoken for a while before.

        Its packets are counted from a number that a PBX may take for a late one.
        """
        self._sequence = other.first_sequence = (self._sequence - BEHIND) % (1 << 16)
        await self._out.hears(self.parts[-1].hertz, timeout=PATIENCE)
        await asyncio.sleep(TALK_SECONDS)
        self.parts[-1].ended = time.monotonic()
        if hold is Hold.PHONE:
            assert await self._taken.hold() == 200
        elif hold is Hold.API:
            ok(await own(self._stories, "hold", seat=self.phone.user))
        if hold:
            await self._out.stops_hearing(self.parts[-1].hertz, timeout=PATIENCE)
        taken = await _WAYS[way](self, other)
        self._begin(f"{way}{hold}", taken)

    async def end(self) -> None:
        """After a last while the citizen hangs up."""
        await self._out.hears(self.parts[-1].hertz, timeout=PATIENCE)
        await asyncio.sleep(TALK_SECONDS)
        self.parts[-1].ended = time.monotonic()
        await self._out.hang_up()

    async def hears_for(self, part: Part, seconds: float) -> None:
        """The citizen hears `part`, for so long."""
        await self._out.hears(part.hertz, timeout=PATIENCE)
        await asyncio.sleep(seconds)

    def say_anew(self, how: str) -> None:
        """The same seat speaks with another tone."""
        self._begin(how, self._taken)

    # -- the ways ---------------------------------------------------------------------------------

    async def _refer(self, other: Phone) -> Call:
        sending = asyncio.create_task(self._taken.refer(other.user))
        taken = await _answered(other)
        await sending
        return taken

    async def _keys(self, other: Phone) -> Call:
        await self._taken.dtmf("##" + other.user)
        return await _answered(other)

    async def _api(self, other: Phone) -> Call:
        await self._stories.transfer(self.number, kind="blind", target=other.user)
        return await _answered(other)

    async def _consult_refer(self, other: Phone) -> Call:
        consult = await self._taken.phone.dial(other.user)
        asked = await _answered(other)
        await consult.answered(PATIENCE)
        await _speaks(asked, consult)
        assert await self._taken.refer_to_call(consult) == 200
        return asked

    async def _consult_keys(self, other: Phone) -> Call:
        await self._taken.dtmf("*2")
        await asyncio.sleep(1)  # the PBX says that the number is to be pressed now
        await self._taken.dtmf(other.user + "#")
        asked = await _answered(other)
        await _speaks(asked, self._taken)
        await self._taken.hang_up()
        return asked

    async def _consult_api(self, other: Phone) -> Call:
        await self._stories.transfer(self.number, kind="attended", target=other.user)
        asked = await _answered(other)
        await _speaks(asked, self._taken)
        await self._stories.transfer_step(self.number, "complete")
        return asked

    async def _taken_over(self, other: Phone) -> Call:
        left = self._taken
        ok(await steer(self._stories, self.number, "take-over", seat=other.user))
        taken = await _answered(other)
        await left.ended(PATIENCE)
        return taken


_WAYS = {
    Way.REFER: HandedOn._refer,
    Way.KEYS: HandedOn._keys,
    Way.API: HandedOn._api,
    Way.CONSULT_REFER: HandedOn._consult_refer,
    Way.CONSULT_KEYS: HandedOn._consult_keys,
    Way.CONSULT_API: HandedOn._consult_api,
    Way.TAKEN_OVER: HandedOn._taken_over,
}


async def _answered(phone: Phone) -> Call:
    taken = await phone.next_call(PATIENCE)
    await taken.answer()
    return taken


async def _speaks(asked: Call, asking: Call) -> None:
    """The one who is asked has a voice, and is heard."""
    asked.say(tone(TONES[-1], 1.0), repeat=True)
    await asking.hears(TONES[-1], timeout=PATIENCE)


# -- what the recording holds ----------------------------------------------------------------------


def seconds_of(side: Samples, hertz: float) -> float:
    """How long there is a tone of `hertz`, in quarters of a second."""
    starts = range(0, side.size - PIECE + 1, PIECE)
    return sum(is_marked(side[at : at + PIECE], hertz, LEVEL) for at in starts) * PIECE / RATE


def silences(side: Samples) -> float:
    """Seconds of digital silence, in halves of a second."""
    starts = range(0, side.size - 2 * PIECE + 1, 2 * PIECE)
    return sum(not side[at : at + 2 * PIECE].any() for at in starts) * 2 * PIECE / RATE


@dataclass(frozen=True, slots=True)
class Lost:
    """What of a talk is not in the recording."""

    how: str
    spoken: float
    """Seconds."""
    recorded: float

    def __str__(self) -> str:
        return f"{self.how}: spoken {self.spoken:.2f} s, recorded {self.recorded:.2f} s"


def lost_in(path: Path, parts: Sequence[Part]) -> list[Lost]:
    """Talks of which the file at `path` has less than all but `LOST_SECONDS`, on either side."""
    left, right = read_sides(path)
    found = []
    for part in parts:
        spoken, recorded = part.ended - part.begun, seconds_of(right, part.hertz)
        if recorded < spoken - LOST_SECONDS:
            found.append(Lost(part.how, spoken, recorded))
    spoken = sum(part.ended - part.begun for part in parts)
    recorded = seconds_of(left, CALLER_HZ)
    if recorded < spoken - LOST_SECONDS * len(parts):
        found.append(Lost("the citizen", spoken, recorded))
    return found


def plan(calls: int, each: int) -> list[list[tuple[Way, Hold]]]:
    """`each` transfers for each of `calls`: all kinds by turns."""
    kinds = itertools.cycle(PLAN)
    return [list(itertools.islice(kinds, each)) for _ in range(calls)]


def lost_of(folder: Path, told: Told, parts: Sequence[Part]) -> list[Lost]:
    """`lost_in` the one recording of a call."""
    path = told.media[0].path
    assert path is not None
    return lost_in(folder / path, parts)
