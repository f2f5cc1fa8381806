"""The reconciler against a PBX that remembers, forgets, refuses and dies.

`Pbx` behaves as Asterisk 22.10.1 was seen to: what ARI and AMI write is in one astdb, an AOR that
is removed takes its registrations along, and one that is changed while somebody is registered
makes them permanent.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from callcenter.asterisk import reconcile_work as work
from callcenter.asterisk import reconciler as module
from callcenter.asterisk.ami.link import AmiLink, LinkState
from callcenter.asterisk.ari import AriClient
from callcenter.asterisk.queue_config import DIALPLAN_FILE, QUEUES_FILE, sections
from callcenter.asterisk.reconciler import Reconciler
from callcenter.asterisk.seat_objects import seat_objects
from callcenter.config import Settings
from callcenter.domain.ids import Extension
from callcenter.domain.queues import PbxQueues, QueuePlan, pbx_queues
from callcenter.domain.seating import DesiredMember, DesiredSeat
from callcenter.queues.first import main_queue
from tests.unit.asterisk.fake_ami import FakeAmi, Fields, error, listing, success

QUEUE = "12345"
KINDS = ("auth", "aor", "endpoint", "contact")


class Pbx:
    """What ARI and AMI see of one PBX; `log` has every write in order."""

    def __init__(self, ami: FakeAmi) -> None:
        self.objects: dict[str, dict[str, dict[str, str]]] = {kind: {} for kind in KINDS}
        self.prints: dict[str, str] = {}
        self.members: dict[tuple[str, str], dict[str, str]] = {}
        """By queue and interface."""
        self.folder: Path | None = None
        self.queues: set[str] = {QUEUE}
        self.waiting: dict[str, int] = {}
        self.numbers: set[str] = set()
        self.static_endpoints = {"trunk", "9001"}
        self.log: list[str] = []
        self.refuse: Callable[[str], bool] = lambda _write: False
        """Whether to refuse a write, given as it stands in the log."""
        ami.answers |= {
            "DBGetTree": self._tree,
            "DBPut": self._put,
            "DBDel": self._delete,
            "PJSIPShowEndpoints": self._endpoints,
            "QueueStatus": self._queue,
            "QueueAdd": self._join,
            "QueueRemove": self._leave,
            "QueuePause": self._pause,
            "QueuePenalty": self._penalise,
            "QueueSummary": self._summary,
            "QueueReload": self._reload_queues,
            "Reload": self._reload_dialplan,
        }

    def refuse_nth(self, at: int) -> None:
        """Refuse one write: the next one is number 0."""
        stop = len(self.log) + at + 1
        self.refuse = lambda _write: len(self.log) == stop

    def register(self, seat: str) -> str:
        """A phone registers; the registration's name."""
        name = f"{seat};@6a255fcf"
        self.objects["contact"][name] = {"uri": f"sip:{seat}@127.0.0.1:5062", "endpoint": seat}
        return name

    def lose_memory(self) -> None:
        """As after a crash before anything was on disk."""
        for kind in KINDS:
            self.objects[kind].clear()
        self.prints.clear()
        self.members.clear()

    @property
    def seats(self) -> set[str]:
        """Of which there is any trace."""
        return {
            *self.prints,
            *(name.removeprefix("PJSIP/") for _queue, name in self.members),
            *(name.partition(";")[0] for kind in KINDS for name in self.objects[kind]),
        }

    def _write(self, what: str) -> bool:
        self.log.append(what)
        return not self.refuse(what)

    # -- ARI ----------------------------------------------------------------------------------

    def ari(self, request: httpx.Request) -> httpx.Response:
        kind, name = unquote(request.url.path).split("/res_pjsip/")[1].split("/", 1)
        if not self._write(f"{request.method} {kind} {name}"):
            return httpx.Response(500, json={"message": "no"})
        if request.method == "DELETE":
            if self.objects[kind].pop(name, None) is None:
                return httpx.Response(404)
            if kind == "aor":
                for contact in self._contacts(name):
                    del self.objects["contact"][contact]
            return httpx.Response(204)
        fields = json.loads(request.content)["fields"]
        written = {field["attribute"]: field["value"] for field in fields}
        words = {"yes": "true", "no": "false"}
        known = self.objects[kind].setdefault(name, {})
        known |= {key: words.get(value, value) for key, value in written.items()}
        if kind == "aor":
            for contact in self._contacts(name):
                known["contact"] = self.objects["contact"][contact]["uri"]
        return httpx.Response(200, json=[])

    def _contacts(self, seat: str) -> list[str]:
        return [name for name in self.objects["contact"] if name.startswith(f"{seat};@")]

    # -- AMI ----------------------------------------------------------------------------------

    def _tree(self, action: Fields) -> str:
        family = action["Family"]
        kind = {"ps_auth": "auth", "ps_aor": "aor", "registrar": "contact"}.get(family)
        if kind is None:
            entries = self.prints
        else:
            stored = self.objects[kind]
            entries = {f"{kind}/{name}": json.dumps(one) for name, one in stored.items()}
        items = [
            f"Event: DBGetTreeResponse\nKey: /{family}/{key}\nVal: {value}"
            for key, value in entries.items()
        ]
        return listing("DBGetTreeComplete", *items)(action)

    def _put(self, action: Fields) -> str:
        if not self._write(f"DBPut {action['Key']}"):
            return error("no")(action)
        self.prints[action["Key"]] = action["Val"]
        return success()(action)

    def _delete(self, action: Fields) -> str:
        if not self._write(f"DBDel {action['Key']}"):
            return error("no")(action)
        found = self.prints.pop(action["Key"], None)
        return (error("Database entry not found") if found is None else success())(action)

    def _endpoints(self, action: Fields) -> str:
        items = [
            f"Event: EndpointList\nObjectName: {name}\nDeviceState: Unavailable\nContacts: "
            for name in (*self.static_endpoints, *self.objects["endpoint"])
        ]
        return listing("EndpointListComplete", *items)(action)

    def _queue(self, action: Fields) -> str:
        items = [
            f"Event: QueueMember\nQueue: {queue}\nLocation: {interface}\nName: {member['name']}\n"
            f"Penalty: {member['penalty']}\nPaused: {member['paused']}\n"
            f"PausedReason: {member['reason']}\nMembership: {member['kind']}"
            for (queue, interface), member in self.members.items()
        ]
        return listing("QueueStatusComplete", *items)(action)

    def _join(self, action: Fields) -> str:
        queue, interface = action["Queue"], action["Interface"]
        if queue not in self.queues:
            return error("Unable to add interface to queue: No such queue")(action)
        seat = interface.removeprefix("PJSIP/")
        if not self._write(f"join {_place(queue, seat)}") or (queue, interface) in self.members:
            return error("Unable to add interface: Already there")(action)
        assert seat in self.objects["endpoint"], "a caller would be offered to nobody"
        self.members[queue, interface] = member(
            action["MemberName"],
            action["Penalty"],
            paused=action["Paused"] == "true",
            reason=action.get("Reason", ""),
        )
        return success()(action)

    def _leave(self, action: Fields) -> str:
        key = action["Queue"], action["Interface"]
        seat = action["Interface"].removeprefix("PJSIP/")
        if not self._write(f"leave {_place(key[0], seat)}") or key not in self.members:
            return error("Unable to remove interface: Not there")(action)
        del self.members[key]
        return success()(action)

    def _pause(self, action: Fields) -> str:
        key, paused = (action["Queue"], action["Interface"]), action["Paused"] == "true"
        seat = action["Interface"].removeprefix("PJSIP/")
        reason = action.get("Reason", "")
        if not self._write(f"pause {_place(key[0], seat)} {paused} {reason}".rstrip()):
            return error("no")(action)
        self.members[key] |= {"paused": str(int(paused)), "reason": reason}
        return success()(action)

    def _penalise(self, action: Fields) -> str:
        key = action["Queue"], action["Interface"]
        seat = action["Interface"].removeprefix("PJSIP/")
        if not self._write(f"penalty {_place(key[0], seat)} {action['Penalty']}"):
            return error("no")(action)
        self.members[key]["penalty"] = action["Penalty"]
        return success()(action)

    # -- queues -------------------------------------------------------------------------------

    def _summary(self, action: Fields) -> str:
        items = [
            f"Event: QueueSummary\nQueue: {queue}\nCallers: {self.waiting.get(queue, 0)}"
            for queue in self.queues
        ]
        return listing("QueueSummaryComplete", *items)(action)

    def _reload_queues(self, action: Fields) -> str:
        if not self._write("reload queues"):
            return error("no")(action)
        assert action["Parameters"] == "yes"
        assert self.folder is not None
        self.queues = set(sections((self.folder / QUEUES_FILE).read_text(encoding="utf-8")))
        for queue, _interface in self.members:
            assert queue in self.queues, "members would be left in a queue that is gone"
        return success()(action)

    def _reload_dialplan(self, action: Fields) -> str:
        if not self._write("reload dialplan"):
            return error("no")(action)
        assert action["Module"] == "pbx_config"
        assert self.folder is not None
        text = (self.folder / DIALPLAN_FILE).read_text(encoding="utf-8")
        self.numbers = set(re.findall(r"(?m)^exten => (\w+),1,Set\(CC_DEFAULT_QUEUE=", text))
        return success()(action)


def _place(queue: str, seat: str) -> str:
    return seat if queue == QUEUE else f"{seat}@{queue}"


def member(
    name: str,
    penalty: str = "0",
    *,
    paused: bool = False,
    reason: str = "",
    kind: str = "dynamic",
) -> dict[str, str]:
    return {
        "name": name,
        "penalty": penalty,
        "paused": str(int(paused)),
        "reason": reason,
        "kind": kind,
    }


def seat(
    extension: str,
    name: str = "座席",
    secret: str = "s",  # noqa: S107
    *,
    in_queue: bool = True,
) -> DesiredSeat:
    return DesiredSeat(Extension(extension), name, secret, in_queue)


class Stage:
    """A PBX, what it should have, and the reconciler between them."""

    def __init__(self, pbx: Pbx, link: AmiLink, settings: Settings) -> None:
        self.pbx = pbx
        self.link = link
        self.wanted: list[DesiredSeat] = []
        self.broken: list[Exception] = []
        self.members: list[DesiredMember] | None = None
        self.plan: PbxQueues | None = None
        self.ari = AriClient(1, "x", transport=httpx.MockTransport(pbx.ari))
        self.settings = settings
        self.reconciler = Reconciler(link, self.ari, self.desired, settings)

    async def desired(self) -> Sequence[DesiredSeat]:
        if self.broken:
            raise self.broken.pop()
        return tuple(self.wanted)

    async def want(self, *wanted: DesiredSeat) -> list[str]:
        """Change what is wanted, and wait until the PBX has it; the writes that it took."""
        self.wanted = list(wanted)
        begun = len(self.pbx.log)
        self.reconciler.request()
        await self.settle()
        self.as_wanted()
        return self.pbx.log[begun:]

    async def settle(self) -> None:
        while not self.reconciler.in_step:
            await self.reconciler.wait_round()

    def as_wanted(self) -> None:
        """Every seat is whole and nothing else is there."""
        pbx = self.pbx
        assert pbx.seats == {one.extension for one in self.wanted}
        for one in self.wanted:
            objects = seat_objects(one, "zh")
            assert pbx.objects["auth"][one.extension]["password"] == one.secret
            assert (
                pbx.objects["endpoint"][one.extension]["callerid"] == (objects.endpoint["callerid"])
            )
            assert "contact" not in pbx.objects["aor"][one.extension]
            assert pbx.prints[one.extension] == objects.fingerprint().encode()
            if self.members is None:
                assert ((QUEUE, f"PJSIP/{one.extension}") in pbx.members) == one.in_queue


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


# -- many queues -------------------------------------------------------------------------------


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
