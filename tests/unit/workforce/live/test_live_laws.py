"""Snapshot + events = fresh snapshot, as a screen sees it: over generated and recorded streams."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.platform.broadcast import Broadcast, Change
from callcenter.platform.db.engine import Database
from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.floor import apply, snapshot
from callcenter.telephony.domain.journal import parse
from callcenter.workforce.live.frames import Ring
from callcenter.workforce.live.service import LiveService
from callcenter.workforce.live.view import Sight
from tests.unit.insight.reports.ledgers import Step, told_ledgers
from tests.unit.telephony.domain.test_floor import ModelPbx, happenings, run
from tests.unit.traces import NAMES, journal
from tests.unit.workforce.live.house import (
    ALL,
    MASKED,
    Counted,
    Neighbours,
    Screen,
    body,
    live_service,
)

NO_DATABASE = Database("sqlite+aiosqlite://")
"""The day is told, not read."""

AGENTS: Sequence[Any] = (
    {},
    {"7": {"name": "王芳", "seat": "8001", "state": "ready", "reason": "", "since": None}},
    {"7": {"name": "王芳", "seat": "8001", "state": "break", "reason": "meal", "since": "x"}},
)


def without_clocks(items: Any) -> Any:
    """`items` but for what depends on how long it has been watched."""
    items = copy.deepcopy(items)
    for seat in items["seats"].values():
        del seat["since"]
    items["pbx"] = {}
    return items


class Law:
    """One service, several screens that came at different times, and what they must agree on."""

    def __init__(self) -> None:
        self.neighbours = Neighbours()
        self.service = live_service(self.neighbours, NO_DATABASE)
        self.screens: list[tuple[Sight, Screen]] = []

    async def join(self, sight: Sight, last_id: str | None = None) -> Screen:
        screen = Screen(self.service, sight, last_id)
        self.screens.append((sight, screen))
        if last_id is None:
            assert await screen.take() == "snapshot"
        return screen

    async def step(self) -> None:
        """A tick, and every screen takes what it is sent."""
        await self.service.step()
        for sight, screen in self.screens:
            fresh = body(self.service, sight)
            await screen.take_until(fresh["number"])
            assert screen.items == fresh["items"]

    async def equals_fresh(self, pbx: ModelPbx | None, told: Sequence[Step]) -> None:
        """A service that is begun now, from the PBX's own lists, shows the same."""
        lists = pbx.lists() if pbx is not None else None
        anew = Neighbours(
            snapshot((*lists.channels, *lists.queues, *lists.devices)) if lists else None,
            self.neighbours.agents,
            self.neighbours.missed,
            now=self.neighbours.now,
        )
        other = live_service(anew, NO_DATABASE)
        for step in told:
            other._book.take(step.changes)
        await other.step()
        for sight in (ALL, MASKED):
            assert without_clocks(body(other, sight)["items"]) == without_clocks(
                body(self.service, sight)["items"]
            )


@settings(max_examples=60)
@given(happenings, told_ledgers(6), st.randoms(use_true_random=False))
def test_snapshot_and_events_are_a_fresh_snapshot(
    script: list[tuple[int, int, int]], told: list[Step], chance: Any
) -> None:
    """The PBX, the ledger, agents and call-backs change in any order; screens come at any time."""

    async def go() -> None:
        law = Law()
        pbx = run(script)
        floor = snapshot(())
        law.neighbours.floor = floor
        await law.join(ALL)
        await law.join(MASKED)
        done = 0
        facts = list(pbx.facts)
        while facts or done < len(told):
            for _ in range(chance.randrange(1, 6)):
                what = chance.randrange(4)
                if what == 0 and done < len(told):
                    law.service._book.take(told[done].changes)
                    done += 1
                elif what == 1:
                    law.neighbours.agents = chance.choice(AGENTS)
                    law.service.note(Change("agent.state"))
                elif what == 2:
                    law.neighbours.missed = [Counted("12345", chance.randrange(4))]
                    law.service.note(Change("callback.changed"))
                elif facts:
                    floor = law.neighbours.floor = apply(floor, facts.pop(0))
            if chance.random() < 0.1:
                await law.join(chance.choice([ALL, MASKED]))
            await law.step()
        await law.equals_fresh(pbx, told)
        for _, screen in law.screens:
            await screen.close()

    asyncio.run(go())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "nobody_there_message"])
async def test_the_same_over_what_a_real_pbx_wrote(name: str) -> None:
    """Row by row: each row is one batch of the ledger and one tick."""
    law = Law()
    law.neighbours.floor = None
    await law.join(ALL)
    await law.join(MASKED)
    book = CallBook("pbx1")
    told: list[Step] = []
    rows = parse(journal(name)).rows
    law.neighbours.now = rows[0].at
    law.service._book._book.forget_before(rows[0].at.date())
    for row in rows:
        book.apply(row, row.position)
        changes = book.take()
        if changes:
            told.append(Step(row.at, changes))
            law.service._book.take(changes)
            await law.step()
    assert law.screens[0][1].kinds.count("changes") >= 2
    await law.equals_fresh(None, told)
    assert body(law.service, ALL)["items"]["calls"] == {}


async def test_a_screen_whose_line_broke_goes_on_where_it_was() -> None:
    law = Law()
    screen = await law.join(ALL)
    law.neighbours.agents = AGENTS[1]
    law.service.note(Change("agent.state"))
    await law.step()
    await screen.close()
    law.screens.clear()
    for agents in (AGENTS[2], AGENTS[0], AGENTS[1]):
        law.neighbours.agents = agents
        law.service.note(Change("agent.state"))
        await law.step()
    back = Screen(law.service, ALL, screen.last_id)
    back.items = screen.items
    await back.take_until(law.service.snapshot().number)
    assert back.kinds == ["changes"] * 3
    assert back.items == body(law.service, ALL)["items"]


@pytest.mark.parametrize(
    "last_id",
    ["", "-", "nonsense", "00000000-1", "{epoch}-", "{epoch}-99", "{epoch}--1", "{epoch}-1"],
)
async def test_who_was_away_for_too_long_gets_a_snapshot(last_id: str) -> None:
    neighbours = Neighbours()
    service = live_service(neighbours, NO_DATABASE)
    service._ring = Ring(service._epoch, 2)
    for index in range(6):
        neighbours.agents = AGENTS[index % 3]
        service.note(Change("agent.state"))
        await service.step()
    screen = Screen(service, ALL, last_id.format(epoch=service._epoch))
    assert await screen.take() == "snapshot"
    assert screen.items == body(service, ALL)["items"]


async def test_a_watcher_that_takes_nothing_is_cut_off_and_slows_nobody() -> None:
    neighbours = Neighbours()
    broadcast = Broadcast()
    service = live_service(neighbours, NO_DATABASE, broadcast)
    slow, quick = Screen(service, ALL), Screen(service, ALL)
    await slow.take()
    await quick.take()
    for index in range(1100):
        neighbours.agents = AGENTS[1 + index % 2]
        service.note(Change("agent.state"))
        await service.step()
        await quick.take()
    assert quick.items == body(service, ALL)["items"]
    await slow.take_to_the_end()
    assert (service.cut_off, service.watchers) == (1, 1)


async def test_a_stream_ends_so_that_its_watcher_is_asked_again_who_he_is() -> None:
    service = live_service(Neighbours(), NO_DATABASE)
    events = service.watch(ALL, None, 0.0)
    await anext(events)
    with pytest.raises(StopAsyncIteration):
        await anext(events)
    assert service.watchers == 0


async def test_nothing_new_is_no_frame() -> None:
    neighbours = Neighbours()
    service: LiveService = live_service(neighbours, NO_DATABASE)
    assert await service.step()
    assert not await service.step()
    asked = neighbours.asked
    service.note(Change("recording.ready"))
    assert not await service.step()
    assert neighbours.asked == asked
