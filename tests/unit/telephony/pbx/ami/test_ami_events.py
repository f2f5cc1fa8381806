"""Events as Asterisk 22.10.1 wrote them, read into facts."""

from __future__ import annotations

import pytest
from panoramisk.message import Message

from callcenter.telephony.domain import floor
from callcenter.telephony.domain.floor import (
    Channel,
    ChannelState,
    DeviceState,
    Member,
    WaitingCaller,
)
from callcenter.telephony.domain.ids import Linkedid, Uniqueid
from callcenter.telephony.pbx.ami.events import Event, FullyBooted, OriginateEnded, Shutdown, parse
from callcenter.telephony.pbx.ami.fields import Unreadable

AT = 1795558764.25


def read(text: str) -> Event | None:
    message = Message.from_line(text.strip().replace("\n", "\r\n"))
    assert message is not None
    return parse(message, AT)


LEG = """\
Privilege: call,all
Channel: PJSIP/trunk-0000000a
ChannelState: 4
ChannelStateDesc: Ring
CallerIDNum: 13800138000
CallerIDName: 张三
ConnectedLineNum: <unknown>
ConnectedLineName: <unknown>
Context: from-pstn
Exten: 12345
Priority: 1
Uniqueid: 1795558764.2
Linkedid: 1795558764.1"""

CHANNEL = Channel(
    Uniqueid("1795558764.2"),
    "PJSIP/trunk-0000000a",
    Linkedid("1795558764.1"),
    ChannelState.DIALLING,
    number="13800138000",
    caller_name="张三",
    connected_number="",
    connected_name="",
)

MEMBER_TEXT = """\
Privilege: agent,all
Queue: 12345
MemberName: 王芳
Interface: PJSIP/8001
StateInterface: PJSIP/8001
Membership: dynamic
Penalty: 2
InCall: 0
Status: 1
Paused: 1
PausedReason: 午休"""

MEMBER = Member("12345", "PJSIP/8001", "王芳", 2, paused=True, paused_reason="午休", dynamic=True)


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (f"Event: Newchannel\n{LEG}", floor.ChannelBegan(CHANNEL)),
        (f"Event: Newstate\n{LEG}", floor.ChannelChanged(CHANNEL)),
        (f"Event: NewCallerid\n{LEG}", floor.ChannelChanged(CHANNEL)),
        (f"Event: NewConnectedLine\n{LEG}", floor.ChannelChanged(CHANNEL)),
        (f"Event: Hangup\n{LEG}\nCause: 16", floor.ChannelEnded(CHANNEL.uniqueid)),
        (
            "Event: Rename\nChannel: PJSIP/a-1\nNewname: PJSIP/b-1\nUniqueid: 1.1",
            floor.ChannelRenamed(Uniqueid("1.1"), "PJSIP/b-1"),
        ),
        (f"Event: BridgeEnter\nBridgeUniqueid: b1\n{LEG}", floor.BridgeEntered(CHANNEL, "b1")),
        (f"Event: BridgeLeave\nBridgeUniqueid: b1\n{LEG}", floor.BridgeLeft(CHANNEL, "b1")),
        (
            f"Event: QueueCallerJoin\n{LEG}\nQueue: 12345\nPosition: 3\nCount: 3",
            floor.CallerJoined(
                WaitingCaller(
                    "12345",
                    CHANNEL.uniqueid,
                    "PJSIP/trunk-0000000a",
                    "13800138000",
                    "张三",
                    since=AT,
                    position=3,
                )
            ),
        ),
        (
            f"Event: QueueCallerLeave\n{LEG}\nQueue: 12345\nPosition: 1\nCount: 0",
            floor.CallerLeft("12345", CHANNEL.uniqueid),
        ),
        *(
            (f"Event: {name}\n{MEMBER_TEXT}", floor.MemberSet(MEMBER))
            for name in (
                "QueueMemberAdded",
                "QueueMemberStatus",
                "QueueMemberPause",
                "QueueMemberPenalty",
                "QueueMemberRinginuse",
            )
        ),
        (f"Event: QueueMemberRemoved\n{MEMBER_TEXT}", floor.MemberRemoved("12345", "PJSIP/8001")),
        (
            "Event: DeviceStateChange\nDevice: PJSIP/8001\nState: RINGINUSE",
            floor.DeviceChanged("8001", DeviceState.TALKING_AND_RINGING),
        ),
        (
            "Event: DeviceStateChange\nDevice: PJSIP/8001\nState: SOMETHING_NEW",
            floor.DeviceChanged("8001", DeviceState.UNKNOWN),
        ),
        ("Event: DeviceStateChange\nDevice: Queue:12345_avail\nState: INUSE", None),
        ("Event: DeviceStateChange\nDevice: Local/1@seat\nState: INUSE", None),
        ("Event: FullyBooted\nStatus: Fully Booted", FullyBooted()),
        ("Event: Shutdown\nShutdown: Cleanly\nRestart: True", Shutdown(restart=True)),
        ("Event: Shutdown\nShutdown: Cleanly\nRestart: False", Shutdown(restart=False)),
        (
            "Event: OriginateResponse\nActionID: x\nResponse: Success\nUniqueid: 1.1",
            OriginateEnded("x", True, "1.1"),
        ),
        (
            "Event: OriginateResponse\nActionID: x\nResponse: Failure\nUniqueid: <null>",
            OriginateEnded("x", False, "<null>"),
        ),
        (f"Event: QueueCallerAbandon\n{LEG}\nQueue: 12345\nPosition: 1", None),
        (f"Event: AgentConnect\n{LEG}\nQueue: 12345\nRingTime: 3", None),
        ("Event: VarSet\nVariable: X\nValue: 1", None),
    ],
)
def test_an_event_is_read(text: str, event: Event | None) -> None:
    assert read(text) == event


@pytest.mark.parametrize("state", range(8))
def test_every_state_of_a_channel_has_a_word(state: int) -> None:
    event = read(f"Event: Newstate\n{LEG.replace('ChannelState: 4', f'ChannelState: {state}')}")
    assert isinstance(event, floor.ChannelChanged)
    words = {0: "down", 1: "down", 3: "dialling", 4: "dialling", 5: "ringing", 6: "up"}
    assert event.channel.state == words.get(state, "other")


def test_without_a_linkedid_a_channel_is_its_own_group() -> None:
    event = read("Event: Newchannel\nUniqueid: 1.1")
    assert isinstance(event, floor.ChannelBegan)
    assert event.channel.linkedid == "1.1"


@pytest.mark.parametrize(
    "text",
    [
        "Event: Newchannel\nChannel: PJSIP/8001-1",
        "Event: Hangup\nUniqueid: ",
        "Event: Rename\nNewname: x",
        f"Event: BridgeEnter\n{LEG}",
        f"Event: QueueCallerJoin\n{LEG}\nQueue: 12345",
        f"Event: QueueCallerJoin\n{LEG}\nQueue: 12345\nPosition: first",
        f"Event: QueueCallerLeave\n{LEG}",
        "Event: QueueMemberAdded\nQueue: 12345\nInterface: PJSIP/8001",
        "Event: QueueMemberAdded\nQueue: 12345\nPenalty: 1",
        "Event: DeviceStateChange\nState: INUSE",
    ],
)
def test_an_event_that_lacks_what_it_must_have_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


def test_an_event_that_is_not_known_is_told_from_one_of_no_use() -> None:
    with pytest.raises(KeyError):
        read("Event: Brandnew\nX: 1")
