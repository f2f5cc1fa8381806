"""The reconciler and seats: a PBX that remembers, forgets, refuses and dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from callcenter.platform.config import Settings
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.pbx import reconcile_work as work
from callcenter.telephony.pbx import reconciler as module
from callcenter.telephony.pbx.ami.link import AmiLink, LinkState
from tests.unit.telephony.pbx.fake_ami import FakeAmi
from tests.unit.telephony.pbx.fake_pbx import QUEUE, Pbx, Stage, member, seat


@pytest.fixture
async def stage(
    ami: FakeAmi, link: AmiLink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    # One seat after the other, so that the order of writes is the same each time.
    monkeypatch.setattr(work, "SEATS_AT_ONCE", 1)
    made = Stage(Pbx(ami), link, Settings(home=tmp_path))
    running = asyncio.create_task(made.reconciler.run())
    yield made
    assert not running.done(), "run never ends by itself"
    running.cancel()
    await made.ari.close()


async def test_an_empty_pbx_gets_every_seat_and_then_nothing_is_left_to_do(stage: Stage) -> None:
    written = await stage.want(seat("8001"), seat("8002", in_queue=False))
    assert written == [
        "DBPut 8001", "PUT auth 8001", "PUT aor 8001", "PUT endpoint 8001", "DBPut 8001",
        "join 8001",
        "DBPut 8002", "PUT auth 8002", "PUT aor 8002", "PUT endpoint 8002", "DBPut 8002",
    ]  # fmt: skip
    assert await stage.want(*stage.wanted) == []
    reconciler = stage.reconciler
    assert reconciler.problem == ""
    assert reconciler.last_round_at is not None
    assert reconciler.counters.steps == 3
    assert reconciler.counters.failed_rounds == 0


async def test_a_seat_that_is_not_wanted_loses_every_trace(stage: Stage) -> None:
    await stage.want(seat("8001"), seat("8002"))
    stage.pbx.register("8002")
    written = await stage.want(seat("8001"))
    assert written[0] == "leave 8002"
    assert written[1] == "DELETE endpoint 8002"
    assert written[-1] == "DBDel 8002"


async def test_what_the_administrator_wrote_stays(stage: Stage) -> None:
    stage.pbx.members[QUEUE, "PJSIP/9001"] = member("door", kind="static")
    stage.pbx.members[QUEUE, "Local/1@x"] = member("other")
    stage.wanted = [seat("8001")]
    stage.reconciler.request()
    await stage.settle()
    assert set(stage.pbx.members) == {
        (QUEUE, "PJSIP/9001"),
        (QUEUE, "Local/1@x"),
        (QUEUE, "PJSIP/8001"),
    }
    assert not [write for write in stage.pbx.log if "9001" in write or "trunk" in write]


async def test_a_new_name_keeps_registration_and_break(stage: Stage) -> None:
    await stage.want(seat("8001", "王芳"))
    contact = stage.pbx.register("8001")
    stage.pbx.members[QUEUE, "PJSIP/8001"] = member("王芳", "2", paused=True)
    written = await stage.want(seat("8001", "李强"))
    assert contact in stage.pbx.objects["contact"]
    assert not [write for write in written if " aor " in write], "it would blink"
    assert stage.pbx.members[QUEUE, "PJSIP/8001"] == member("李强", "2", paused=True)


async def test_a_new_secret_ends_the_registration(stage: Stage) -> None:
    await stage.want(seat("8001", secret="old"))
    stage.pbx.register("8001")
    written = await stage.want(seat("8001", secret="new"))
    assert stage.pbx.objects["contact"] == {}
    # Nobody may register again with the old one in between.
    assert written.index("PUT auth 8001") < written.index("DELETE aor 8001")


async def test_new_aor_options_neither_end_nor_immortalise_the_registration(stage: Stage) -> None:
    await stage.want(seat("8001"))
    contact = stage.pbx.register("8001")
    before = dict(stage.pbx.objects["contact"][contact])
    # An earlier release has pushed it, with other options.
    stage.pbx.objects["aor"]["8001"]["qualify_frequency"] = "60"
    secret = stage.pbx.prints["8001"].partition(":")[0]
    stage.pbx.prints["8001"] = f"{secret}:older"
    await stage.want(seat("8001"))
    assert stage.pbx.objects["aor"]["8001"]["qualify_frequency"] == "30"
    assert stage.pbx.objects["contact"] == {contact: before}


class Contesting:
    """Says which seats keep their phone."""

    def __init__(self) -> None:
        self.kept: frozenset[Extension] = frozenset()
        self.told: list[frozenset[Extension]] = []

    def held(self, seats: frozenset[Extension]) -> None:
        self.told.append(seats)


async def test_a_seat_is_kept_for_its_phone_without_a_moment_in_which_it_has_none(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    contests = Contesting()
    monkeypatch.setattr(stage.reconciler, "_contests", contests)
    await stage.want(seat("8001"))
    phone = stage.pbx.register("8001")
    registered = dict(stage.pbx.objects["contact"][phone])
    for kept, words in ((True, ("false", "true")), (False, ("true", "false"))):
        contests.kept = frozenset({Extension("8001")} if kept else ())
        begun = len(stage.pbx.log)
        stage.reconciler.request()
        await stage.settle()
        aor = stage.pbx.objects["aor"]["8001"]
        assert (aor["remove_existing"], aor["remove_unavailable"]) == words
        assert "contact" not in aor
        written = stage.pbx.log[begun:]
        assert "Populate res_pjsip/aor" in written
        assert not [one for one in written if " aor " in one or " contact " in one]
        assert stage.pbx.objects["contact"] == {phone: registered}
        assert contests.told[-1] == contests.kept
    begun = len(stage.pbx.log)
    stage.reconciler.request()
    await stage.settle()
    assert stage.pbx.log[begun:] == []


async def test_a_registration_that_became_permanent_is_ended(stage: Stage) -> None:
    await stage.want(seat("8001"))
    stage.pbx.register("8001")
    stage.pbx.objects["aor"]["8001"]["contact"] = "sip:8001@127.0.0.1:5062"
    await stage.want(seat("8001"))
    assert stage.pbx.objects["contact"] == {}


@pytest.mark.parametrize("lost", ["auth", "aor", "endpoint", "print"])
async def test_a_seat_that_is_not_whole_is_pushed_again(stage: Stage, lost: str) -> None:
    await stage.want(seat("8001"), seat("8002"))
    where: dict[str, Any] = stage.pbx.prints if lost == "print" else stage.pbx.objects[lost]
    del where["8001"]
    written = await stage.want(*stage.wanted)
    assert written
    assert not [write for write in written if "8002" in write]


async def test_a_round_may_end_at_any_write_and_the_next_finishes_it(stage: Stage) -> None:
    before = [seat("8001", "王芳"), seat("8002", "李强", "old"), seat("8003")]
    after = [seat("8001", "张敏"), seat("8002", "李强", "new"), seat("8004", in_queue=False)]
    await stage.want(*before)
    writes = len(await stage.want(*after))
    assert writes > 15
    for at in range(writes):
        await stage.want(*before)
        for one in before:
            stage.pbx.register(one.extension)
        failed = stage.reconciler.counters.failed_rounds
        stage.pbx.refuse_nth(at)
        await stage.want(*after)
        assert stage.reconciler.counters.failed_rounds == failed + 1
        assert "8002;@6a255fcf" not in stage.pbx.objects["contact"], "the old secret is dead"
        assert "8001;@6a255fcf" in stage.pbx.objects["contact"], "a name is no reason to sign off"


async def test_one_seat_that_the_pbx_refuses_keeps_no_other_waiting(stage: Stage) -> None:
    stage.pbx.refuse = lambda write: write == "PUT aor 8002"
    stage.wanted = [seat("8001"), seat("8002"), seat("8003")]
    stage.reconciler.request()
    await stage.reconciler.wait_round()
    while not stage.reconciler.counters.failed_rounds:
        await stage.reconciler.wait_round()
    assert {"8001", "8003"} <= set(stage.pbx.objects["endpoint"])
    assert (QUEUE, "PJSIP/8002") not in stage.pbx.members
    assert "8002" in stage.reconciler.problem
    assert not stage.reconciler.in_step
    stage.pbx.refuse = lambda _write: False
    await stage.settle()
    stage.as_wanted()
    assert stage.reconciler.problem == ""


async def test_a_pbx_that_lost_its_memory_gets_it_back_at_the_next_login(
    stage: Stage, ami: FakeAmi
) -> None:
    await stage.want(seat("8001"), seat("8002"))
    stage.pbx.lose_memory()
    ami.hang_up()
    await stage.link.wait_for(LinkState.DOWN, LinkState.CONNECTING)
    assert not stage.reconciler.in_step, "nobody knows what the PBX has now"
    await stage.settle()
    stage.as_wanted()


async def test_a_database_that_cannot_be_read_is_a_problem_and_no_end(stage: Stage) -> None:
    await stage.want(seat("8001"))
    stage.broken.append(RuntimeError("the disk is full"))
    stage.reconciler.request()
    await stage.reconciler.wait_round()
    assert "the disk is full" in stage.reconciler.problem
    assert not stage.reconciler.in_step
    await stage.settle()
    stage.as_wanted()


async def test_what_is_asked_for_during_a_round_gets_a_round_of_its_own(stage: Stage) -> None:
    await stage.want(seat("8001"))
    asked = False

    def ask_in_the_middle(write: str) -> bool:
        nonlocal asked
        if not asked:
            asked = True
            stage.wanted = [seat("8001", "晚到")]
            stage.reconciler.request()
        return False

    stage.pbx.refuse = ask_in_the_middle
    stage.wanted = [seat("8001", "先到")]
    stage.reconciler.request()
    await stage.settle()
    stage.as_wanted()
    assert stage.pbx.members[QUEUE, "PJSIP/8001"]["name"] == "晚到"


async def test_a_name_of_delimiters_alone_does_not_keep_the_queue_turning(stage: Stage) -> None:
    await stage.want(seat("8001", '";|'))
    assert stage.pbx.members[QUEUE, "PJSIP/8001"]["name"] == "8001"
    assert await stage.want(*stage.wanted) == []
