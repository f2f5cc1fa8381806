"""The reconciler and queues: loaded before anybody joins, emptied before they go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callcenter.platform.config import Settings
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.queues import PbxQueues, QueuePlan, pbx_queues
from callcenter.telephony.domain.seating import DesiredMember
from callcenter.telephony.pbx import reconcile_work as work
from callcenter.telephony.pbx import reconciler as module
from callcenter.telephony.pbx.ami.link import AmiLink, LinkState
from callcenter.telephony.pbx.reconciler import Reconciler
from callcenter.telephony.queues.first import main_queue
from tests.unit.telephony.pbx.fake_ami import FakeAmi
from tests.unit.telephony.pbx.fake_pbx import QUEUE, Pbx, Stage, member, seat

MAIN = main_queue(Settings(_env_file=None))
ENGLISH = replace(MAIN, code="english", transfer_number="6001")


def plan(*queues: QueuePlan, **numbers: str) -> PbxQueues:
    return pbx_queues(
        QUEUE,
        queues,
        own_numbers=[QUEUE],
        numbers={number.removeprefix("n"): queue for number, queue in numbers.items()},
        menu=[],
    )


class QueueStage(Stage):
    """The same with queues that an admin makes, and agents who say where they work."""

    def __init__(self, pbx: Pbx, link: AmiLink, settings: Settings) -> None:
        super().__init__(pbx, link, settings)
        self.plan = plan(MAIN)
        self.members = []
        pbx.folder = settings.asterisk_dir / "etc"
        pbx.folder.mkdir(parents=True)
        self.reconciler = Reconciler(
            link, self.ari, self.desired, settings, members=self.who, queues=self.queues
        )

    async def who(self) -> Sequence[DesiredMember]:
        assert self.members is not None
        return tuple(self.members)

    async def queues(self) -> PbxQueues:
        assert self.plan is not None
        return self.plan

    async def have(self, queues: PbxQueues, *members: DesiredMember) -> list[str]:
        """Change what is wanted, and wait until the PBX has it; the writes that it took."""
        self.plan, self.members = queues, list(members)
        return await self.want(*self.wanted)


def at(queue: str, extension: str = "8001", **changes: Any) -> DesiredMember:
    return DesiredMember(queue, Extension(extension), "王芳", **changes)


@pytest.fixture
async def floor(
    ami: FakeAmi, link: AmiLink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[QueueStage]:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(work, "SEATS_AT_ONCE", 1)
    made = QueueStage(Pbx(ami), link, Settings(home=tmp_path))
    made.wanted = [seat("8001"), seat("8002")]
    running = asyncio.create_task(made.reconciler.run())
    await made.have(plan(MAIN))
    yield made
    assert not running.done(), "run never ends by itself"
    running.cancel()
    await made.ari.close()


async def test_a_new_queue_is_loaded_before_anybody_joins_it(floor: QueueStage) -> None:
    written = await floor.have(
        plan(MAIN, ENGLISH, n02112345="english"), at(QUEUE), at("english", level=2)
    )
    assert written == ["reload queues", "reload dialplan", "join 8001", "join 8001@english"]
    assert floor.pbx.members["english", "PJSIP/8001"] == member("王芳", "1")
    assert floor.pbx.numbers == {QUEUE, "02112345"}
    assert await floor.have(floor.plan or plan(MAIN), *floor.members or []) == []


async def test_those_who_come_are_there_before_the_others_go(
    floor: QueueStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.wanted += [seat("8003"), seat("8004")]
    await floor.have(plan(MAIN), at(QUEUE, "8001"), at(QUEUE, "8003"))
    monkeypatch.setattr(work, "SEATS_AT_ONCE", 8)
    written = await floor.have(plan(MAIN), at(QUEUE, "8002"), at(QUEUE, "8004"))
    assert set(written[:2]) == {"join 8002", "join 8004"}
    assert set(written[2:]) == {"leave 8001", "leave 8003"}


async def test_a_queue_that_nobody_waits_in_goes_after_its_members(floor: QueueStage) -> None:
    await floor.have(plan(MAIN, ENGLISH), at(QUEUE), at("english"))
    written = await floor.have(plan(MAIN), at(QUEUE))
    assert written == [
        "reload queues", "reload dialplan",  # No new caller is sent there.
        "leave 8001@english",
        "reload queues", "reload dialplan",
    ]  # fmt: skip
    assert floor.pbx.queues == {QUEUE}


async def test_who_waits_in_a_queue_that_is_disabled_is_still_served(floor: QueueStage) -> None:
    floor.wanted.append(seat("8003"))
    await floor.have(
        plan(MAIN, ENGLISH),
        at(QUEUE), at("english"), at("english", "8002"), at("english", "8003"),
    )  # fmt: skip
    floor.pbx.waiting["english"] = 1
    # 8001 works on elsewhere, 8003 still wants to serve it; 8002 has gone home.
    await floor.have(plan(MAIN), at(QUEUE), at("english", "8003"))
    assert floor.pbx.queues == {QUEUE, "english"}
    assert ("english", "PJSIP/8003") in floor.pbx.members
    assert ("english", "PJSIP/8001") in floor.pbx.members
    assert ("english", "PJSIP/8002") not in floor.pbx.members
    written = await floor.have(
        plan(MAIN), at(QUEUE, paused=True, reason="lunch"), at("english", "8003")
    )
    assert written == ["pause 8001 True lunch", "pause 8001@english True lunch"]
    floor.pbx.waiting.clear()
    await floor.have(plan(MAIN), at(QUEUE))
    assert floor.pbx.queues == {QUEUE}


async def test_breaks_and_skills_are_brought_into_line(floor: QueueStage) -> None:
    await floor.have(plan(MAIN), at(QUEUE))
    floor.pbx.members[QUEUE, "PJSIP/8001"] |= {"paused": "1", "reason": "by hand", "penalty": "7"}
    written = await floor.have(plan(MAIN), at(QUEUE))
    assert written == ["pause 8001 False", "penalty 8001 0"]
    assert await floor.have(plan(MAIN), at(QUEUE, paused=True, reason="wrap_up", level=3)) == [
        "pause 8001 True wrap_up",
        "penalty 8001 2",
    ]
    assert await floor.have(plan(MAIN), at(QUEUE, paused=True, reason="lunch", level=3)) == [
        "pause 8001 True lunch"
    ]


async def test_whoever_joins_on_a_break_is_offered_nobody(floor: QueueStage) -> None:
    await floor.have(plan(MAIN), at(QUEUE, paused=True, reason="lunch"))
    assert floor.pbx.members[QUEUE, "PJSIP/8001"] == member("王芳", paused=True, reason="lunch")


async def test_a_membership_without_a_seat_or_a_queue_waits_for_them(floor: QueueStage) -> None:
    assert await floor.have(plan(MAIN), at("night"), at(QUEUE, "8009")) == []
    assert floor.reconciler.problem == ""


async def test_queues_of_the_administrators_own_are_left_alone(floor: QueueStage) -> None:
    floor.pbx.queues.add("lobby")
    floor.pbx.members["lobby", "PJSIP/8001"] = member("x")
    assert await floor.have(plan(MAIN), at(QUEUE)) == ["join 8001"]
    assert ("lobby", "PJSIP/8001") in floor.pbx.members


async def test_at_each_login_the_queues_are_loaded_once(floor: QueueStage, ami: FakeAmi) -> None:
    begun = len(floor.pbx.log)
    ami.hang_up()
    await floor.link.wait_for(LinkState.DOWN, LinkState.CONNECTING)
    await floor.settle()
    assert floor.pbx.log[begun:] == ["reload queues", "reload dialplan"]


async def test_a_pbx_that_lacks_a_queue_loads_its_files_again(floor: QueueStage) -> None:
    await floor.have(plan(MAIN, ENGLISH))
    floor.pbx.queues.discard("english")
    assert await floor.have(plan(MAIN, ENGLISH)) == ["reload queues", "reload dialplan"]


@pytest.mark.parametrize("refused", ["reload queues", "reload dialplan"])
async def test_queues_that_cannot_be_loaded_keep_no_seat_waiting(
    floor: QueueStage, refused: str
) -> None:
    floor.pbx.refuse = lambda write: write == refused
    floor.plan, floor.members = plan(MAIN, ENGLISH), [at(QUEUE), at("english")]
    floor.wanted = [seat("8001"), seat("8003")]
    failed = floor.reconciler.counters.failed_rounds
    floor.reconciler.request()
    while floor.reconciler.counters.failed_rounds == failed:
        await floor.reconciler.wait_round()
    assert "8003" in floor.pbx.objects["endpoint"]
    assert (QUEUE, "PJSIP/8001") in floor.pbx.members
    assert "queue" in floor.reconciler.problem or "dialplan" in floor.reconciler.problem
    floor.pbx.refuse = lambda _write: False
    await floor.settle()
    assert ("english", "PJSIP/8001") in floor.pbx.members
