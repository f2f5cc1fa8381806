"""Answers as Asterisk 22.10.1 wrote them, read into our words."""

from __future__ import annotations

from typing import Any

import pytest
from panoramisk.message import Message

from callcenter.telephony.domain.floor import (
    Channel,
    ChannelState,
    DeviceState,
    Member,
    WaitingCaller,
)
from callcenter.telephony.domain.ids import Extension, Linkedid, Uniqueid
from callcenter.telephony.domain.registrations import Reachability, Registration, Transport
from callcenter.telephony.pbx.ami import actions
from callcenter.telephony.pbx.ami.actions import Answer, Endpoint, QueueContents
from callcenter.telephony.pbx.ami.fields import Unreadable

AT = 1795558765.5


def answer(text: str) -> Answer:
    """The messages of a pasted answer, whole at `AT`."""
    found = [Message.from_line(part.replace("\n", "\r\n")) for part in text.strip().split("\n\n")]
    return Answer([message for message in found if message is not None], AT)


CHANNELS = """\
Response: Success
ActionID: a3
EventList: start
Message: Channels will follow

Event: CoreShowChannel
ActionID: a3
Channel: Local/12345@from-pstn-00000000;2
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: 13800138000
CallerIDName: 张三
ConnectedLineNum: <unknown>
ConnectedLineName: <unknown>
Language: en
AccountCode: 
Context: from-pstn
Exten: 12345
Priority: 2
Uniqueid: 1795558764.2
Linkedid: 1795558764.1
Application: Queue
ApplicationData: 12345,,,,20
Duration: 00:00:00
BridgeId: 

Event: CoreShowChannel
ActionID: a3
Channel: PJSIP/8001-00000001
ChannelState: 5
ChannelStateDesc: Ringing
CallerIDNum: <unknown>
CallerIDName: <unknown>
ConnectedLineNum: 13800138000
ConnectedLineName: 张三
Language: en
AccountCode: 
Context: from-seat
Exten: s
Priority: 1
Uniqueid: 1795558764.3
Linkedid: 1795558764.1
Application: AppQueue
ApplicationData: (Outgoing Line)
Duration: 00:00:00
BridgeId: 44b0d232-5484-4be0-a070-2995010f1c1e

Event: CoreShowChannelsComplete
ActionID: a3
EventList: Complete
ListItems: 2
"""  # noqa: W291

QUEUES = """\
Response: Success
ActionID: a4
EventList: start
Message: Queue status will follow

Event: QueueParams
Queue: 12345
Max: 0
Strategy: rrmemory
Calls: 1
ActionID: a4

Event: QueueMember
Queue: 12345
Name: 王芳
Location: PJSIP/8001
StateInterface: PJSIP/8001
Membership: dynamic
Penalty: 2
CallsTaken: 0
LastCall: 0
LastPause: 1795558764
LoginTime: 1795558763
InCall: 0
Status: 1
Paused: 1
PausedReason: 午休
Wrapuptime: 0
ActionID: a4

Event: QueueEntry
Queue: 12345
Position: 1
Channel: Local/12345@from-pstn-00000000;2
Uniqueid: 1795558764.2
CallerIDNum: 13800138000
CallerIDName: 张三
ConnectedLineNum: 13800138000
ConnectedLineName: 张三
Wait: 7
Priority: 0
ActionID: a4

Event: QueueStatusComplete
ActionID: a4
EventList: Complete
ListItems: 3
"""

ENDPOINTS = """\
Response: Success
ActionID: a5
EventList: start
Message: A listing of Endpoints follows, presented as EndpointList events

Event: EndpointList
ActionID: a5
ObjectType: endpoint
ObjectName: 8001
Transport: 
Aor: 8001
Auths: 8001
OutboundAuths: 
Contacts: 8001/sip:8001@127.0.0.1:5070,
DeviceState: In use
ActiveChannels: 1

Event: EndpointList
ActionID: a5
ObjectType: endpoint
ObjectName: trunk
Transport: 
Aor: 
Auths: 
OutboundAuths: 
DeviceState: Unavailable
ActiveChannels: 0

Event: EndpointListComplete
ActionID: a5
EventList: Complete
ListItems: 2
"""  # noqa: W291


def test_channels_are_read() -> None:
    uniqueid, linkedid = Uniqueid("1795558764.2"), Linkedid("1795558764.1")
    caller, seat = actions.ShowChannels().result(answer(CHANNELS))
    assert caller == Channel(
        uniqueid,
        "Local/12345@from-pstn-00000000;2",
        linkedid,
        ChannelState.UP,
        number="13800138000",
        caller_name="张三",
        connected_number="",
        connected_name="",
        bridge="",
    )
    assert (seat.endpoint, seat.state) == ("8001", ChannelState.RINGING)
    assert seat.bridge == "44b0d232-5484-4be0-a070-2995010f1c1e"
    assert (seat.number, seat.caller_name) == ("", "")


def test_queues_are_read_and_the_wait_is_counted_back() -> None:
    assert actions.QueueStatus().result(answer(QUEUES)) == QueueContents(
        members=(
            Member(
                "12345", "PJSIP/8001", "王芳", 2, paused=True, paused_reason="午休", dynamic=True
            ),
        ),
        waiting=(
            WaitingCaller(
                "12345",
                Uniqueid("1795558764.2"),
                "Local/12345@from-pstn-00000000;2",
                "13800138000",
                "张三",
                since=AT - 7,
                position=1,
            ),
        ),
    )


def test_endpoints_are_read() -> None:
    assert actions.ShowEndpoints().result(answer(ENDPOINTS)) == (
        Endpoint("8001", DeviceState.TALKING, registered=True),
        Endpoint("trunk", DeviceState.UNREACHABLE, registered=False),
    )


CONTACTS = """\
Response: Success
ActionID: a6
EventList: start
Message: A listing of Contacts follows, presented as ContactList events

Event: ContactList
ActionID: a6
ObjectType: contact
ObjectName: 8001;@492bfde8e0eb3828148a86df69008ca1
ViaAddr: 127.0.0.1
QualifyTimeout: 3.000000
CallId: 9a4cc13c93740505
PruneOnBoot: no
Endpoint: 8001
ViaPort: 59222
Uri: sip:8001@127.0.0.1:59222
QualifyFrequency: 30
UserAgent: callcenter-simulator
ExpirationTime: 1795562754
Status: Reachable
RoundtripUsec: 1675

Event: ContactList
ActionID: a6
ObjectType: contact
ObjectName: 8004;@cd5971a792f2b1f71f30138e9761c28f
Endpoint: 8004
Uri: sip:8004@127.0.0.1:33115;transport=WS;x-ast-orig-host=127.0.0.1:33115
UserAgent: 
ExpirationTime: 1795562754
Status: NonQualified
RoundtripUsec: 0

Event: ContactList
ActionID: a6
ObjectType: contact
ObjectName: trunk@@5fd0
Endpoint: trunk
Uri: sip:carrier.example
ExpirationTime: 0
Status: Unreachable
RoundtripUsec: 0

Event: ContactListComplete
ActionID: a6
EventList: Complete
ListItems: 3
"""  # noqa: W291


def test_registrations_are_read() -> None:
    assert actions.ShowContacts().result(answer(CONTACTS)) == (
        Registration(
            Extension("8001"), Transport.UDP, "127.0.0.1:59222", "callcenter-simulator",
            Reachability.REACHABLE, 1675, 1795562754.0,
        ),
        Registration(
            Extension("8004"), Transport.WEBSOCKET, "127.0.0.1:33115", "",
            Reachability.UNKNOWN, None, 1795562754.0,
        ),
        Registration(
            Extension("trunk"), Transport.UDP, "carrier.example", "",
            Reachability.UNREACHABLE, None, None,
        ),
    )  # fmt: skip


def test_one_unreadable_registration_hides_no_other() -> None:
    broken = CONTACTS.replace("RoundtripUsec: 1675", "RoundtripUsec: many")
    read = answer(broken)
    found = actions.ShowContacts().result(read)
    assert [one.extension for one in found] == ["8004", "trunk"]
    assert len(read.skipped) == 1


def test_database_entries_are_read() -> None:
    entries = answer(
        "Response: Success\nEventList: start\n\n"
        "Event: DBGetTreeResponse\nKey: /seats/8001\nVal: a:b\n\n"
        "Event: DBGetTreeResponse\nKey: /seats/x/y\nVal: \n\n"
        "Event: DBGetTreeComplete\nEventList: Complete"
    )
    assert actions.DbTree("seats").result(entries) == {"8001": "a:b", "x/y": ""}


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (actions.QueueStatus(), "Event: QueueMember\nLocation: PJSIP/8001\nPenalty: 0"),
        (actions.QueueStatus(), "Event: QueueMember\nQueue: 1\nPenalty: 0"),
        (actions.ShowEndpoints(), "Event: EndpointList\nDeviceState: In use"),
        (actions.DbTree("x"), "Event: DBGetTreeResponse\nVal: 1"),
    ],
)
def test_a_list_of_the_pbx_own_things_is_read_wholly_or_not(
    action: actions.Action[Any], text: str
) -> None:
    # The reconciler acts on these: one that is left out would look like one that is missing.
    with pytest.raises(Unreadable):
        action.result(answer(text))


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (actions.ShowChannels(), "Event: CoreShowChannel\nCallerIDNum: 1"),
        (actions.QueueStatus(), "Event: QueueEntry\nQueue: 12345\nPosition: 1\nCallerIDNum: 1"),
        (actions.QueueStatus(), "Event: QueueEntry\nQueue: 1\nPosition: 1\nUniqueid: 1.1\nWait: x"),
    ],
)
def test_of_a_list_that_callers_have_a_hand_in_only_the_bad_item_is_left_out(
    action: actions.Action[Any], text: str
) -> None:
    said = answer(text)
    action.result(said)
    assert len(said.skipped) == 1


@pytest.mark.parametrize(
    ("action", "wire"),
    [
        (actions.Ping(), {}),
        (actions.Login("u", "s"), {"Username": "u", "Secret": "s", "Events": "on"}),
        (
            actions.BlindTransfer("PJSIP/8001-1", "from-seat", "8002"),
            {"Channel": "PJSIP/8001-1", "Context": "from-seat", "Exten": "8002"},
        ),
        (
            actions.Atxfer("PJSIP/8001-1", "from-seat", "8002"),
            {"Channel": "PJSIP/8001-1", "Context": "from-seat", "Exten": "8002"},
        ),
        (actions.CancelAtxfer("PJSIP/8001-1"), {"Channel": "PJSIP/8001-1"}),
        (actions.Hangup("PJSIP/8001-1"), {"Channel": "PJSIP/8001-1", "Cause": "16"}),
        (
            actions.QueueAdd("12345", "PJSIP/8001", "王芳", penalty=3),
            {
                "Queue": "12345",
                "Interface": "PJSIP/8001",
                "MemberName": "王芳",
                "StateInterface": "PJSIP/8001",
                "Penalty": "3",
            },
        ),
        (
            actions.QueueRemove("12345", "PJSIP/8001"),
            {"Queue": "12345", "Interface": "PJSIP/8001"},
        ),
        (actions.QueueStatus(), {}),
        (actions.QueueStatus("12345"), {"Queue": "12345"}),
        (actions.DbPut("f", "k", "v"), {"Family": "f", "Key": "k", "Val": "v"}),
        (actions.DbDel("f", "k"), {"Family": "f", "Key": "k"}),
    ],
    ids=lambda value: value.name if isinstance(value, actions.Action) else "",
)
def test_actions_say_what_asterisk_expects(
    action: actions.Action[Any], wire: dict[str, str]
) -> None:
    assert action.headers() == wire


def test_a_secret_is_not_shown() -> None:
    assert "hidden" not in repr(actions.Login("u", "hidden"))
