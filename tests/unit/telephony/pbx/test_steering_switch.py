"""What the PBX is told when a call is steered, in which order, and what is undone on failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from callcenter.platform.errors import PbxRefused, PbxTimeout, PbxUnavailable
from callcenter.telephony.domain.floor import Floor
from callcenter.telephony.domain.steering import LegUse, LineState, Place, SpyMode, Talk, steered
from callcenter.telephony.pbx.ami.actions import Action
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import Done, LinkLost, Outcome, Refused
from callcenter.telephony.pbx.live import LiveFloor
from callcenter.telephony.pbx.steering_switch import SteeringSwitch
from tests.unit.telephony.domain.test_steering import CITIZEN, SEAT, SPY, floor, talk, waits

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@dataclass
class FakeLink:
    """Answers every action; `refuse` names those that it does not do."""

    sent: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    refuse: frozenset[str] = frozenset()
    lost: bool = False
    results: dict[str, Any] = field(default_factory=dict)

    async def send(self, action: Action[Any]) -> Outcome[Any]:
        if self.lost:
            return LinkLost(sent=False, reason="cut")
        self.sent.append((action.name, action.headers()))
        if action.name in self.refuse:
            return Refused("no")
        return Done(self.results.get(action.name))

    def names(self) -> list[str]:
        return [name for name, _ in self.sent]


@dataclass
class FakeLive:
    floor: Floor
    snapshots: int = 0

    async def resync(self) -> None:
        self.snapshots += 1

    async def wait_until(self, holds: Callable[[Floor], bool], timeout: float) -> bool:
        return holds(self.floor)


def switch(link: FakeLink, now: Floor) -> tuple[SteeringSwitch, FakeLive]:
    live = FakeLive(now)
    made = SteeringSwitch(cast(AmiLink, link), cast(LiveFloor, live), lambda: NOW)
    return made, live


TALKING = floor(CITIZEN, SEAT)
THE_TALK: Talk = talk(TALKING)


async def test_a_phone_that_is_called_says_in_its_identifier_what_for() -> None:
    link = FakeLink()
    pbx, _ = switch(link, TALKING)
    await pbx.spy("8002", THE_TALK, SpyMode.WHISPER, Place(None))
    await pbx.spy("8002", THE_TALK, SpyMode.BARGE, Place(SPY))
    (_, first), (second_name, second) = link.sent
    found = steered(first["ChannelId"])
    assert found is not None
    assert (found.use, found.seat, found.target) == (LegUse.SPY, "8002", "8001")
    assert (first["Channel"], first["Context"], first["Exten"]) == (
        "PJSIP/8002", "steer-spy", "whisper",
    )  # fmt: skip
    assert first["Variable"] == f"STEER_LEG={SEAT.name}"
    assert (second_name, second["Channel"], second["Exten"]) == ("Redirect", SPY.name, "barge")


async def test_identifiers_differ_within_a_microsecond() -> None:
    link = FakeLink()
    pbx, _ = switch(link, TALKING)
    for _ in range(50):
        await pbx.dial("8001", "02161234567", "")
    assert len({headers["ChannelId"] for _, headers in link.sent}) == 50


async def test_a_take_over_is_done_when_the_floor_shows_it() -> None:
    link = FakeLink()
    pbx, live = switch(link, floor(CITIZEN, SEAT, SPY))
    with pytest.raises(PbxTimeout):
        await pbx.take_over("8002", THE_TALK, Place(SPY))
    live.floor = floor(CITIZEN, type(SPY)(**{**_fields(SPY), "bridge": CITIZEN.bridge}))
    await pbx.take_over("8002", THE_TALK, Place(SPY))
    assert link.names().count("Redirect") == 2


def _fields(of: Any) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__slots__}


async def test_who_ends_a_leg_is_told_to_the_journal_before_it_ends() -> None:
    link = FakeLink()
    pbx, _ = switch(link, TALKING)
    await pbx.hang_up(SEAT.name, SEAT.uniqueid, "8001")
    assert link.names() == ["Originate", "Hangup"]
    mark = link.sent[0][1]
    assert mark["Async"] == "false"
    assert mark["Variable"] == f"STEER_WHAT=hang_up,STEER_ID={SEAT.uniqueid},STEER_BY=8001"


async def test_the_marked_gap_lies_within_the_silence() -> None:
    link = FakeLink()
    pbx, _ = switch(link, TALKING)
    await pbx.pause_recording(THE_TALK, on=True)
    await pbx.pause_recording(THE_TALK, on=False)
    assert link.names() == [
        "Setvar", "MixMonitorMute", "Originate",
        "Originate", "Getvar", "MixMonitorMute", "Setvar",
    ]  # fmt: skip
    assert [headers["State"] for name, headers in link.sent if name == "MixMonitorMute"] == [
        "1",
        "0",
    ]


async def test_what_is_not_recorded_gets_no_mark() -> None:
    link = FakeLink(refuse=frozenset({"MixMonitorMute"}))
    pbx, _ = switch(link, TALKING)
    with pytest.raises(PbxRefused):
        await pbx.pause_recording(THE_TALK, on=True)
    assert link.names() == ["Setvar", "MixMonitorMute", "Setvar"]
    assert [headers["Value"] for name, headers in link.sent if name == "Setvar"] == ["1", ""]


async def test_a_recording_that_somebody_else_came_into_while_it_paused_begins_anew() -> None:
    link = FakeLink(results={"Getvar": "1"}, refuse=frozenset({"StopMixMonitor"}))
    pbx, _ = switch(link, TALKING)
    await pbx.pause_recording(THE_TALK, on=False)
    assert link.names() == [
        "Originate", "Getvar", "Getvar", "Getvar",
        "StopMixMonitor", "MixMonitor", "Setvar", "Setvar",
    ]  # fmt: skip
    begun = next(headers for name, headers in link.sent if name == "MixMonitor")
    assert (begun["Channel"], begun["File"], begun["options"]) == (CITIZEN.name, "1/1", "abD")


async def test_without_music_nobody_is_left_in_silence() -> None:
    link = FakeLink(refuse=frozenset({"Originate"}))
    pbx, _ = switch(link, TALKING)
    with pytest.raises(PbxRefused):
        await pbx.hold(THE_TALK)
    last = {
        headers["Variable"]: headers["Value"] for name, headers in link.sent if name == "Setvar"
    }
    assert last == {"STEER_HELD": "", "VOLUME(RX)": "0", "VOLUME(TX)": "0"}


@pytest.mark.parametrize(("muted", "volume"), [("1", "-32767"), ("", "0")])
async def test_after_a_hold_a_mute_seat_is_mute(muted: str, volume: str) -> None:
    link = FakeLink(results={"Getvar": muted})
    pbx, _ = switch(link, TALKING)
    await pbx.unhold(THE_TALK, "Local/music@steer-hold-00000000;1")
    last = {
        headers["Variable"]: headers["Value"] for name, headers in link.sent if name == "Setvar"
    }
    assert last == {"STEER_HELD": "", "VOLUME(RX)": volume, "VOLUME(TX)": "0"}


async def test_the_new_order_of_a_queue_is_looked_at() -> None:
    link = FakeLink()
    pbx, live = switch(link, TALKING)
    await pbx.to_front(waits("40.0", 2))
    assert live.snapshots == 1
    link.refuse = frozenset({"QueueChangePriorityCaller"})
    with pytest.raises(PbxRefused):
        await pbx.to_front(waits("40.0", 2))
    assert live.snapshots == 1


async def test_a_caller_who_has_left_is_no_error_when_all_are_told() -> None:
    pbx, _ = switch(FakeLink(refuse=frozenset({"QueueWithdrawCaller"})), TALKING)
    assert not await pbx.withdraw(waits("40.0", 1))
    pbx, _ = switch(FakeLink(), TALKING)
    assert await pbx.withdraw(waits("40.0", 1))


async def test_the_switches_of_the_line() -> None:
    link = FakeLink(refuse=frozenset({"DBDel", "DBGetTree"}))
    pbx, _ = switch(link, TALKING)
    await pbx.set_line(LineState.MESSAGE)
    await pbx.set_line(LineState.OPEN)  # is open already: there is no such key
    await pbx.set_announcement(on=True)
    assert await pbx.switches() == {}
    assert [(name, headers.get("Key"), headers.get("Val")) for name, headers in link.sent[:3]] == [
        ("DBPut", "line", "message"),
        ("DBDel", "line", None),
        ("DBPut", "announcement", "on"),
    ]


async def test_without_a_link_nothing_is_done() -> None:
    pbx, _ = switch(FakeLink(lost=True), TALKING)
    for command in (
        pbx.set_line(LineState.CLOSED),
        pbx.hold(THE_TALK),
        pbx.withdraw(waits("40.0", 1)),
        pbx.hang_up(SEAT.name, SEAT.uniqueid, "8001"),
    ):
        with pytest.raises(PbxUnavailable):
            await command
