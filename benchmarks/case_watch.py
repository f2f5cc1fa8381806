"""From the answer of a seat until the case can be read over HTTP, of every call of a load.

The clock begins with the time in the journal's BRIDGE_ENTER row, written by the PBX on this
machine, and stops when an answer of ``GET /api/cases?call_id=…`` that holds the case has arrived.
Between two questions there are `PAUSE_SECONDS`, so that the questions themselves are a small load;
a figure is late by that much at most. `listing` is a screen beside it that asks for the newest
cases again as soon as it has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from benchmarks.journey import Journeys
from benchmarks.queue_log import read_from, size_of
from callcenter.telephony.domain.journal import parse

PAUSE_SECONDS = 0.010
LOOK_SECONDS = 0.005
"""Between two looks at the journal."""
GIVE_UP_SECONDS = 30.0


@contextlib.asynccontextmanager
async def listing(api: httpx.AsyncClient) -> AsyncIterator[list[float]]:
    """Lists the newest cases all the time inside the block; the seconds that each list took."""
    took: list[float] = []

    async def list_cases() -> None:
        while True:
            began = time.monotonic()
            with contextlib.suppress(httpx.HTTPError):
                (await api.get("/api/cases")).raise_for_status()
                took.append(time.monotonic() - began)

    asking = asyncio.create_task(list_cases())
    try:
        yield took
    finally:
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking


class CaseWatch:
    """Watches the journal at `journal` from now on, for the calls of PBX `node`."""

    def __init__(self, journal: Path, node: str, api: httpx.AsyncClient) -> None:
        self.journeys = Journeys()
        self.seconds: list[float] = []
        """One for each case that could be read."""
        self.never = 0
        """Answered calls whose case could not be read within `GIVE_UP_SECONDS`."""
        self._journal = journal
        self._position = size_of(journal)
        self._node = node
        self._api = api
        self._asking: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watches inside the block; its end waits for the last case."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
            self._read()
            await asyncio.gather(*self._asking)

    async def _look(self) -> None:
        while True:
            self._read()
            await asyncio.sleep(LOOK_SECONDS)

    def _read(self) -> None:
        data = read_from(self._journal, self._position)
        if not data:
            return
        parsed = parse(data, self._position)
        self._position = parsed.end
        for uniqueid in self.journeys.apply(parsed.rows):
            answered = self.journeys.calls[uniqueid].answered
            if answered is not None:
                task = asyncio.create_task(self._ask(uniqueid, answered))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def _ask(self, uniqueid: str, answered: float) -> None:
        query = {"call_id": f"{self._node}:{uniqueid}"}
        while time.time() - answered < GIVE_UP_SECONDS:
            with contextlib.suppress(httpx.HTTPError):
                answer = await self._api.get("/api/cases", params=query)
                if answer.is_success and answer.json()["items"]:
                    self.seconds.append(time.time() - answered)
                    return
            await asyncio.sleep(PAUSE_SECONDS)
        self.never += 1
