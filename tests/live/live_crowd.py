"""A crowd of callers before a few seats, by their own clocks: who was kept waiting behind whom.

Everything is measured at the phones: when a caller began to wait (he was let in), when a seat
rang for him, and when each seat was free. The PBX and the ledger are not asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from callcenter.simulator.call import Call, CallRefused
from callcenter.simulator.phone import Phone
from callcenter.simulator.rtp import StreamClosed
from tests.live.live_system import System, new_number

FOR_EVER = 600.0


@dataclass(slots=True, eq=False)
class Caller:
    """One caller's story; monotonic seconds."""

    number: str
    dialled: float
    let_in: float | None = None
    """He waits from here on."""
    offered: float | None = None
    """The first seat rang for him."""
    seat: str = ""
    answered: float | None = None
    gone: float | None = None
    """He is no longer there, served or not."""

    @property
    def waited(self) -> float:
        """Seconds from being let in."""
        return self.waited_until - self.let_in if self.let_in is not None else 0.0

    @property
    def waited_until(self) -> float:
        """The end of his waiting: a seat rang, or he was gone."""
        return self.offered or self.gone or FOR_EVER + self.dialled


Act = Callable[[Call, Caller], Awaitable[None]]


@dataclass(slots=True)
class Crowd:
    """Callers and seats of one story."""

    system: System
    stack: AsyncExitStack
    talk: Callable[[Caller], float]
    """How long a seat talks with a caller before it hangs up, seconds."""
    callers: dict[str, Caller] = field(default_factory=dict)
    phones: list[Phone] = field(default_factory=list)
    busy: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Of each seat: from ringing to the end of the call."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    # -- the story ------------------------------------------------------------------------------

    async def sit_down(self, phones: Iterable[Phone]) -> None:
        """Registered `phones` take every call from now on, after a moment of ringing."""
        for phone in phones:
            self.phones.append(phone)
            self.busy[phone.user] = [(0.0, time.monotonic())]
            self._spawn(self._serve(phone))

    async def go_home(self, phone: Phone) -> None:
        """A seat takes no more calls; the one it is in goes on."""
        self.busy[phone.user].append((time.monotonic(), time.monotonic() + FOR_EVER))
        await phone.unregister()

    async def call_in(
        self,
        number: str = "12345",
        *,
        patience: float = FOR_EVER,
        act: Act | None = None,
    ) -> Caller:
        """One caller dials; he hangs up `patience` seconds later, whatever has become of him."""
        phone = await self.stack.enter_async_context(self.system.caller(new_number()))
        caller = Caller(phone.user, time.monotonic())
        self.callers[caller.number] = caller
        out = await phone.dial(number)
        self._spawn(self._wait(out, caller, patience, act))
        return caller

    async def over(self, timeout: float) -> None:
        """Wait until every caller is gone; then the seats stop."""
        async with asyncio.timeout(timeout):
            while any(caller.gone is None for caller in self.callers.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # phones change it
        await self.stop()

    async def stop(self) -> None:
        """Nobody does anything any more."""
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def _spawn(self, work: Awaitable[None]) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def _wait(
        self,
        out: Call,
        caller: Caller,
        patience: float,
        act: Act | None,
    ) -> None:
        with contextlib.suppress(TimeoutError, CallRefused):
            async with asyncio.timeout(caller.dialled + patience - time.monotonic()):
                await out.answered(patience)
                caller.let_in = time.monotonic()
                if act is not None:
                    with contextlib.suppress(StreamClosed):
                        await act(out, caller)
                await out.ended(patience)
        caller.gone = time.monotonic()
        await out.hang_up()

    async def _serve(self, phone: Phone) -> None:
        while True:
            taken = await phone.next_call(FOR_EVER)
            rang = time.monotonic()
            caller = self.callers.get(taken.caller)
            if caller is not None and caller.offered is None:
                caller.offered, caller.seat = rang, phone.user
            await asyncio.sleep(0.2)
            if not taken.over:
                await taken.answer()
            if not taken.over and caller is not None:
                caller.answered = time.monotonic()
                with contextlib.suppress(TimeoutError):
                    await taken.ended(self.talk(caller))
                await taken.hang_up()
            self.busy[phone.user].append((rang, time.monotonic()))

    def place(self, caller: Caller) -> int:
        """0 for the first who dialled, and so on."""
        return list(self.callers).index(caller.number)

    # -- what came of it ------------------------------------------------------------------------

    def overtakings(self, tolerance: float = 0.0) -> list[tuple[Caller, Caller]]:
        """Pairs (earlier, later): a seat rang for the later caller while the earlier one, who had
        waited longer than `tolerance`, went on waiting for more than that."""
        found = []
        inside = sorted(
            (one for one in self.callers.values() if one.let_in is not None),
            key=lambda one: one.dialled,
        )
        for earlier, later in itertools.combinations(inside, 2):
            if later.offered is None or earlier.let_in is None:
                continue
            waits = earlier.let_in + tolerance < later.offered
            if waits and earlier.waited_until > later.offered + tolerance:
                found.append((earlier, later))
        return found

    def out_of_order(self, tolerance: float) -> list[tuple[Caller, Caller]]:
        """Pairs (earlier, later) by their dialling of whom the later one was offered to a seat
        first, by more than `tolerance`."""
        every = sorted(self.callers.values(), key=lambda one: one.dialled)
        return [
            (earlier, later)
            for earlier, later in itertools.combinations(every, 2)
            if earlier.waited_until > later.waited_until + tolerance
        ]

    def gave_up(self, tolerance: float = 0.0) -> list[Caller]:
        """Who left unserved although a seat had rung for somebody who came later, more than
        `tolerance` before."""
        unserved = [one for one in self.callers.values() if one.answered is None]
        return [
            one
            for one in unserved
            if any(
                other.dialled > one.dialled
                and other.offered is not None
                and other.offered + tolerance < (one.gone or FOR_EVER)
                for other in self.callers.values()
            )
        ]

    def idle(self) -> tuple[float, float]:
        """Seat-seconds that seats stood free while somebody waited, and the longest time that any
        caller waited while there was a free seat for everybody up to him."""
        moments = sorted(
            {at for spans in self.busy.values() for span in spans for at in span}
            | {at for one in self.callers.values() for at in (one.let_in, one.waited_until) if at}
        )
        total, longest = 0.0, 0.0
        kept: dict[str, float] = {}
        for begin, end in itertools.pairwise(moments):
            middle = (begin + end) / 2
            free = sum(
                not any(start <= middle < stop for start, stop in spans)
                for spans in self.busy.values()
            )
            waiting = [
                one
                for one in sorted(self.callers.values(), key=lambda one: one.dialled)
                if one.let_in is not None and one.let_in <= middle < one.waited_until
            ]
            total += min(free, len(waiting)) * (end - begin)
            due = {one.number for one in waiting[:free]}
            kept = {number: kept.get(number, 0.0) + end - begin for number in due}
            longest = max(longest, *kept.values(), 0.0)
        return total, longest

    def waits(self) -> Sequence[float]:
        """How long each caller who was offered to a seat had waited, in order of coming."""
        return [
            one.offered - one.let_in
            for one in sorted(self.callers.values(), key=lambda one: one.dialled)
            if one.offered is not None and one.let_in is not None
        ]

    def table(self) -> list[str]:
        """One line a caller, seconds since the first one dialled."""
        begun = min(one.dialled for one in self.callers.values())

        def at(moment: float | None) -> str:
            return f"{moment - begun:7.2f}" if moment is not None else "      -"

        return [
            f"{place:3} dialled {at(one.dialled)} in {at(one.let_in)} offered {at(one.offered)}"
            f" answered {at(one.answered)} gone {at(one.gone)} {one.seat}"
            for place, one in enumerate(self.callers.values())
        ]


async def at_intervals(
    crowd: Crowd,
    seconds: float,
    count: int,
    patience: Callable[[int], float],
    act: Act | None = None,
) -> None:
    """`count` callers, one every so many `seconds`; the caller of an index hangs up after
    `patience` of it, and does `act` once he is let in."""
    begun = time.monotonic()
    for index in range(count):
        await asyncio.sleep(max(0.0, begun + seconds * index - time.monotonic()))
        await crowd.call_in(patience=patience(index), act=act)
