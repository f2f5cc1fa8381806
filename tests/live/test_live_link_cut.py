"""The link to the PBX is cut under load, while people call and talk."""

from __future__ import annotations

import asyncio

import pytest

from callcenter.simulator.phone import Phone
from tests.live.live_steering import (
    OUTSIDE_ALLOWED,
    code,
    listening,
    ok,
    steer,
)
from tests.live.live_stories import Stories

SETTINGS = OUTSIDE_ALLOWED
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]


class Wire:
    """A wire to the PBX's AMI that can be cut: nothing is closed, nothing comes through."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    @property
    def port(self) -> int:
        """Where to connect to."""
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """From now on nothing comes through."""
        self._whole.clear()

    def mend(self) -> None:
        """Connections made from now on work; those that were cut stay dead."""
        for task in tuple(self._tasks):
            task.cancel()
        self._whole.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._target)
        for source, sink in ((reader, ours), (theirs, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._whole.wait()
                sink.write(data)
        finally:
            sink.close()


async def test_ami_is_cut_for_30_seconds_under_load(stories: Stories) -> None:
    system = stories.system
    seat, chief, busy = await stories.seat(0), await stories.seat(1), await stories.seat(2)
    environment = system.settings.home / "callcenter.env"
    before = environment.read_text(encoding="utf-8")
    ami = f"CALLCENTER_AMI_PORT={system.settings.ami_port}\n"
    assert ami in before
    async with Wire(system.settings.ami_port) as wire:
        system.kill("callcenter")
        environment.write_text(
            before.replace(ami, f"CALLCENTER_AMI_PORT={wire.port}\n"), encoding="utf-8"
        )
        system.begin("callcenter")
        try:
            await system.ready()
            chief.refuse_with = busy.refuse_with = 486
            talk = await stories.talk(seat)
            chief.refuse_with = busy.refuse_with = 0
            await listening(stories, talk, chief)
            wire.cut()
            served = await calls_for(30, stories, busy)
            # Calls went on; a command was refused, or its end is not known, but never hung.
            refusal = await steer(stories, talk.number, "front")
            assert code(refusal) in ("pbx_unavailable", "pbx_timeout")
            wire.mend()

            async def back() -> bool:
                answer = await system.api.get("/api/own-call", params={"seat": seat.user})
                return answer.is_success and bool(answer.json()["state"] == "talking")

            await system.until(back, 40)
            # What was before the cut is known again: who listens is found by his own leg.
            taken = await steer(stories, talk.number, "take-over", seat=chief.user)
            assert ok(taken)["done"]
            await talk.taken.ended()
            await talk.out.hang_up()
            told = await stories.told(talk.number)
            assert told.seats == [seat.user, chief.user]
            assert len(served) >= 3
            for number in served:
                assert (await stories.told(number)).seats == [busy.user]
        finally:
            system.kill("callcenter")
            environment.write_text(before, encoding="utf-8")
            system.begin("callcenter")
            await system.ready()


async def calls_for(seconds: float, stories: Stories, seat: Phone) -> list[str]:
    """Citizens call one after the other for `seconds`; who was served."""
    served: list[str] = []
    clock = asyncio.get_running_loop()
    end = clock.time() + seconds
    while clock.time() < end:
        talk = await stories.talk(seat)
        await talk.out.hang_up()
        await talk.taken.ended()
        served.append(talk.number)
    return served
