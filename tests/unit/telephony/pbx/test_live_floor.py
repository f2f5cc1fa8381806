"""The live floor over a link: a snapshot misses nothing, and no old picture looks live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from panoramisk.message import Message

from callcenter.telephony.domain.floor import DeviceState, Floor
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.pbx import live as live_module
from callcenter.telephony.pbx.ami.link import AmiLink, LinkState
from callcenter.telephony.pbx.ami.protocol import Busy, Connection, PendingAction
from callcenter.telephony.pbx.live import LiveFloor
from tests.unit.telephony.pbx.fake_ami import FakeAmi, Fields, error, listing, silence

Linked = Callable[..., AmiLink]

CALLER = """\
Channel: PJSIP/trunk-0000000a
ChannelState: 6
CallerIDNum: 13800138000
CallerIDName: 张三
Uniqueid: 17.1
Linkedid: 17.1"""

SEAT = """\
Channel: PJSIP/8001-0000000b
ChannelState: 5
CallerIDNum: <unknown>
Uniqueid: 17.2
Linkedid: 17.1"""

MEMBER = """\
Queue: 12345
Membership: dynamic
Penalty: 0
Paused: 0"""

ONE_CALL = {
    "CoreShowChannels": listing(
        "CoreShowChannelsComplete", f"Event: CoreShowChannel\n{CALLER}\nBridgeId: "
    ),
    "QueueStatus": listing(
        "QueueStatusComplete",
        f"Event: QueueMember\n{MEMBER}\nLocation: PJSIP/8001\nName: 王芳",
        f"Event: QueueEntry\nQueue: 12345\nPosition: 1\nWait: 3\n{CALLER}",
    ),
    "PJSIPShowEndpoints": listing(
        "EndpointListComplete", "Event: EndpointList\nObjectName: 8001\nDeviceState: Not in use"
    ),
}
"""One caller waits, and seat 8001 is free."""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed snapshot is tried again at once."""
    monkeypatch.setattr(live_module, "RETRY_SECONDS", 0.0)


async def there(live: LiveFloor, holds: Callable[[Floor], bool] = lambda _floor: True) -> Floor:
    """The floor once `holds` is true of it."""
    assert await live.wait_until(holds, timeout=20.0)
    assert live.floor is not None
    return live.floor


async def test_the_first_floor_is_what_the_lists_say(ami: FakeAmi, make_link: Linked) -> None:
    ami.answers.update(ONE_CALL)
    live = LiveFloor(make_link())
    assert live.floor is None
    floor = await there(live)
    assert floor.channels[Uniqueid("17.1")].caller_name == "张三"
    assert [caller.uniqueid for caller in floor.waiting["12345"]] == ["17.1"]
    assert floor.members["12345", "PJSIP/8001"].name == "王芳"
    assert floor.devices == {"8001": DeviceState.IDLE}
    assert live.snapshots == 1


async def test_an_empty_pbx_has_a_floor(ami: FakeAmi, make_link: Linked) -> None:
    assert await there(LiveFloor(make_link())) == Floor()


async def test_what_happens_is_seen_in_order(ami: FakeAmi, make_link: Linked) -> None:
    ami.answers.update(ONE_CALL)
    live = LiveFloor(make_link())
    await there(live)
    ami.say(
        f"Event: Newchannel\n{SEAT}\n\n"
        f"Event: QueueCallerLeave\nQueue: 12345\n{CALLER}\n\n"
        f"Event: BridgeEnter\nBridgeUniqueid: b1\n{SEAT.replace('State: 5', 'State: 6')}\n\n"
        f"Event: BridgeEnter\nBridgeUniqueid: b1\n{CALLER}\n\n"
        "Event: DeviceStateChange\nDevice: PJSIP/8001\nState: INUSE"
    )
    floor = await there(live, lambda floor: floor.devices["8001"] is DeviceState.TALKING)
    assert floor.waiting == {}
    assert [one.uniqueid for one in floor.others_in_bridge(Uniqueid("17.1"))] == ["17.2"]


async def test_what_happens_while_the_snapshot_is_taken_is_not_missed(
    ami: FakeAmi, make_link: Linked
) -> None:
    """Events before, between and after the lists, whatever the lists know of them already."""
    ami.answers.update(ONE_CALL)

    def channels(action: Fields) -> str:
        return f"Event: Newchannel\n{SEAT}\n\n" + ONE_CALL["CoreShowChannels"](action)

    def endpoints(action: Fields) -> str:
        said = ONE_CALL["PJSIPShowEndpoints"](action)
        left = f"Event: QueueCallerLeave\nQueue: 12345\n{CALLER}"
        return f"{left}\n\n{said}\n\nEvent: Hangup\n{CALLER}"

    ami.answers |= {"CoreShowChannels": channels, "PJSIPShowEndpoints": endpoints}
    live = LiveFloor(make_link())
    floor = await there(live, lambda floor: Uniqueid("17.1") not in floor.channels)
    assert set(floor.channels) == {Uniqueid("17.2")}
    assert floor.waiting == {}


async def test_without_a_link_there_is_no_floor(ami: FakeAmi, make_link: Linked) -> None:
    link = make_link()
    live = LiveFloor(link)
    await there(live)
    await ami.stop()
    await link.wait_for(LinkState.DOWN, LinkState.CONNECTING)
    assert live.floor is None


async def test_after_a_reconnect_the_old_picture_never_looks_live(
    ami: FakeAmi, make_link: Linked
) -> None:
    ami.answers.update(ONE_CALL)
    link = make_link()
    live = LiveFloor(link)
    assert (await there(live)).channels
    # The call ends while nobody listens, and the PBX is slow to answer the new login's lists.
    ami.answers["CoreShowChannels"] = silence
    ami.hang_up()
    await link.wait_for(LinkState.DOWN, LinkState.CONNECTING)
    await link.wait_for(LinkState.UP)
    assert live.floor is None
    await ami.next("CoreShowChannels")
    asked = await ami.next("CoreShowChannels")
    assert live.floor is None
    ami.say(listing("CoreShowChannelsComplete")(asked))
    assert (await there(live)).channels == {}
    assert live.snapshots == 2


async def test_a_failed_snapshot_is_tried_again(ami: FakeAmi, make_link: Linked) -> None:
    ami.answers["QueueStatus"] = error("Permission denied")
    live = LiveFloor(make_link())
    for _ in range(3):
        await ami.next("QueueStatus")
    assert live.floor is None
    ami.answers.update(ONE_CALL)
    assert (await there(live)).waiting


async def test_a_list_that_never_ends_is_asked_for_again(ami: FakeAmi, make_link: Linked) -> None:
    ami.answers["CoreShowChannels"] = silence
    live = LiveFloor(make_link(action_seconds=0.02))
    for _ in range(2):
        await ami.next("CoreShowChannels")
    ami.answers.update(ONE_CALL)
    assert (await there(live)).channels


async def test_a_busy_link_is_not_taken_for_a_lost_one(
    ami: FakeAmi, make_link: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveFloor(make_link())
    await there(live)
    busy, send = [Busy("too many actions under way")] * 3, Connection.send

    def sometimes(connection: Connection, action: PendingAction) -> asyncio.Future[list[Message]]:
        if busy:
            raise busy.pop()
        return send(connection, action)

    monkeypatch.setattr(Connection, "send", sometimes)
    await live.resync()
    assert (live.floor, busy) == (Floor(), [])


async def test_too_much_during_the_snapshot_takes_another(ami: FakeAmi, make_link: Linked) -> None:
    """What did not fit into the memory of the time between is not simply missing."""
    ami.answers.update(ONE_CALL)
    seats = [SEAT.replace("17.2", f"17.{serial}") for serial in range(10, 40)]
    rush = "\n\n".join(f"Event: Newchannel\n{seat}" for seat in seats)
    calm = ONE_CALL["CoreShowChannels"]
    before = [f"{rush}\n\n", ""]
    ami.answers["CoreShowChannels"] = lambda action: before.pop(0) + calm(action)
    live = LiveFloor(make_link(), keep_events=20)
    # The second list does not have them: it is the truth.
    assert set((await there(live)).channels) == {Uniqueid("17.1")}
    assert (live.snapshots, before) == (1, [])


async def test_events_lost_during_a_snapshot_cost_that_snapshot(
    ami: FakeAmi, make_link: Linked
) -> None:
    """The one that is under way is given up, and its end does not disturb the one after it."""
    ami.answers.update(ONE_CALL)
    ami.answers["QueueStatus"] = silence
    link = make_link(queue_events=50)
    live = LiveFloor(link)
    await ami.next("QueueStatus")
    ami.say("\n\n".join("Event: Hangup\nUniqueid: 1.1" for _ in range(200)))
    asked = await ami.next("QueueStatus")  # of the second snapshot
    ami.say(f"Event: Newchannel\n{SEAT}\n\n{ONE_CALL['QueueStatus'](asked)}")
    floor = await there(live)
    assert set(floor.channels) == {Uniqueid("17.1"), Uniqueid("17.2")}
    assert (link.counters.overflows >= 1, live.snapshots) == (True, 1)


async def test_lost_events_take_the_floor_afresh(ami: FakeAmi, make_link: Linked) -> None:
    link = make_link(queue_events=50)
    live = LiveFloor(link)
    await there(live)
    ami.answers.update(ONE_CALL)
    ami.say("\n\n".join("Event: Hangup\nUniqueid: 1.1" for _ in range(200)))
    assert (await there(live, lambda floor: bool(floor.channels))).waiting
    assert live.snapshots >= 2


async def test_waiting_for_what_does_not_come_true_ends(ami: FakeAmi, make_link: Linked) -> None:
    live = LiveFloor(make_link())
    assert not await live.wait_until(lambda floor: bool(floor.channels), timeout=0.02)


async def test_a_hostile_number_hides_nobody_but_its_caller(
    ami: FakeAmi, make_link: Linked
) -> None:
    """As seen on Asterisk 22.10.1: the number of a caller ends the message that it stands in."""
    hostile = CALLER.replace(
        "CallerIDNum: 13800138000", "CallerIDNum: 1\n\nEvent: Shutdown\nRestart: False\n\nX: "
    ).replace("Uniqueid: 17.1", "Uniqueid: 17.9")
    shown = ONE_CALL["CoreShowChannels"]

    def channels(action: Fields) -> str:
        first, rest = shown(action).split("\n\n", 1)
        item = f"Event: CoreShowChannel\nActionID: {action['ActionID']}\n{hostile}\nBridgeId: "
        return f"{first}\n\n{item}\n\n{rest}"

    ami.answers |= {**ONE_CALL, "CoreShowChannels": channels}
    link = make_link()
    live = LiveFloor(link)
    assert set((await there(live)).channels) == {Uniqueid("17.1")}
    ami.say(f"Event: Newstate\n{hostile}\n\nEvent: Newchannel\n{SEAT}")
    floor = await there(live, lambda floor: len(floor.channels) > 1)
    assert set(floor.channels) == {Uniqueid("17.1"), Uniqueid("17.2")}
    assert (link.state, link.counters.losses) == (LinkState.UP, 0)
