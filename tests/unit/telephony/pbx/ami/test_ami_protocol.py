"""One connection: each action has one outcome, and nothing that comes in can end the link unsaid.

A caller can write messages of his own into the stream (his number may hold line breaks, and
Asterisk 22.10.1 writes them as they are): what he cannot do is held here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.telephony.pbx.ami import protocol
from callcenter.telephony.pbx.ami.actions import Action, Originate, Ping, ShowChannels
from callcenter.telephony.pbx.ami.fields import Headers
from callcenter.telephony.pbx.ami.protocol import (
    Busy,
    Connection,
    Counters,
    Gone,
    OneConnection,
    PendingAction,
)
from tests.unit.telephony.pbx.fake_ami import BANNER, BOOTED, wire


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []
        self.unsent = 0
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data).decode())

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.aborted = True


@dataclass
class Line:
    """A connection without a socket."""

    connection: Connection
    transport: Wire
    counters: Counters
    events: list[Headers]

    def send(self, action: Action[Any]) -> PendingAction:
        pending = PendingAction(action)
        self.connection.send(pending)
        return pending

    def hear(self, text: str) -> None:
        self.connection.data_received(wire(text))

    @property
    def names(self) -> list[str]:
        return [str(event.get("Event", "")) for event in self.events]


def new_line() -> Line:
    events: list[Headers] = []
    counters, transport = Counters(), Wire()
    manager = OneConnection(counters=counters, monotonic=lambda: 0.0, on_event=events.append)
    connection = Connection(manager, counters, lambda: 0.0)
    connection.connection_made(transport)
    connection.data_received(BANNER)
    return Line(connection, transport, counters, events)


@pytest.fixture
async def line() -> Line:
    return new_line()


async def test_an_action_is_written_whole_and_ends_with_an_empty_line(line: Line) -> None:
    pending = line.send(Originate("Local/1@seat", "caller", "s", caller_id="王 <1>"))
    (written,) = line.transport.written
    assert written.endswith("\r\n\r\n")
    assert written.count("\r\n\r\n") == 1
    fields = dict(row.split(": ", 1) for row in written.strip().split("\r\n"))
    assert fields == {
        "Action": "Originate",
        "ActionID": pending.id,
        "Async": "true",
        "CallerID": "王 <1>",
        "Channel": "Local/1@seat",
        "Context": "caller",
        "Exten": "s",
        "Priority": "1",
        "Timeout": "30000",
    }


async def test_answers_find_their_actions_in_any_order(line: Line) -> None:
    first, second = line.send(Ping()), line.send(Ping())
    line.hear(f"Response: Success\nActionID: {second.id}\nPing: Pong")
    assert (second.future.done(), first.future.done()) == (True, False)
    line.hear(f"Response: Error\nActionID: {first.id}\nMessage: no")
    assert first.future.result()[0]["Message"] == "no"
    assert line.connection.pending == 0


async def test_a_list_is_whole_at_its_end_and_not_before(line: Line) -> None:
    pending = line.send(ShowChannels())
    said = f"ActionID: {pending.id}"
    line.hear(f"Response: Success\n{said}\nEventList: start\nMessage: Channels will follow")
    line.hear(f"Event: CoreShowChannel\n{said}\nUniqueid: 1.1")
    line.hear("Event: Hangup\nUniqueid: 1.9")
    assert not pending.future.done()
    line.hear(f"Event: CoreShowChannelsComplete\n{said}\nEventList: Complete\nListItems: 1")
    assert len(pending.future.result()) == 3
    assert line.names == ["Hangup"]  # what happens meanwhile is an event like any other


async def test_a_refused_list_is_whole_with_the_refusal(line: Line) -> None:
    pending = line.send(ShowChannels())
    line.hear(f"Response: Error\nActionID: {pending.id}\nMessage: Permission denied")
    assert not pending.future.result()[0].success


async def test_what_an_originate_came_to_may_be_said_before_the_answer(line: Line) -> None:
    pending = line.send(Originate("Local/1@seat", "caller", "s"))
    line.hear(f"Event: OriginateResponse\nActionID: {pending.id}\nResponse: Failure")
    assert line.names == ["OriginateResponse"]
    line.hear(f"Response: Success\nActionID: {pending.id}\nMessage: Originate successfully queued")
    assert pending.future.result()[0].success


async def test_a_late_answer_is_counted_and_is_no_event(line: Line) -> None:
    pending = line.send(ShowChannels())
    line.connection.forget(pending)
    line.hear(f"Response: Success\nActionID: {pending.id}\nEventList: start")
    line.hear(f"Event: CoreShowChannel\nActionID: {pending.id}\nUniqueid: 1.1")
    assert (line.counters.late_answers, line.events, pending.future.done()) == (2, [], False)


async def test_the_test_framework_of_debians_asterisk_is_not_heard(line: Line) -> None:
    # It says a header twice, too: that is no reason for a warning.
    line.hear("Event: TestEvent\nType: StateChange\nState: CallIDChange\nState: CallIDChange")
    assert (line.events, line.counters.malformed) == ([], 0)


@pytest.mark.parametrize(
    "bad",
    [
        "no header at all",
        "Foo: 1\nBar: 2",
        "Response: Success\nMessage: of no action",
        "Event: ",
        "Response: Success\nActionID: cc-1",
        "Event: Hangup\nEvent: Newchannel\nUniqueid: 1.1",
    ],
)
async def test_a_malformed_message_does_not_end_the_link(line: Line, bad: str) -> None:
    pending = line.send(Ping())
    line.hear(bad)
    line.hear(f"Event: Hangup\nUniqueid: 1.1\n\nResponse: Success\nActionID: {pending.id}")
    assert pending.future.done()
    assert line.names[-1] == "Hangup"
    assert not line.connection.closed


PIECES = (b"\r\n\r\n", b"\r\n", b"Event: ", b"Response: ", b"Success", b"ActionID: ", b"Follows")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40) | st.sampled_from(PIECES), max_size=20))
async def test_no_bytes_raise_into_the_transport(pieces: list[bytes]) -> None:
    line = new_line()
    pending = line.send(Ping())
    for piece in pieces:
        line.connection.data_received(piece)
    line.connection.data_received(b"\r\n\r\n")
    line.hear(f"Response: Success\nActionID: {pending.id}")
    assert pending.future.done() or line.connection.closed


async def test_a_handler_that_fails_does_not_end_the_link(line: Line) -> None:
    take = line.connection.factory._on_event

    def failing(event: Headers) -> None:
        take(event)
        if event.get("Event") == "Hangup":
            raise RuntimeError("a fault of ours")

    line.connection.factory._on_event = failing
    line.hear("Event: Hangup\nUniqueid: 1.1\n\nEvent: Newstate\nUniqueid: 1.2")
    assert line.names == ["Hangup", "Newstate"]
    assert (line.connection.closed, line.counters.malformed) == (False, 1)


async def test_a_list_without_end_ends_the_link(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MAX_LIST_ITEMS", 10)
    pending = line.send(ShowChannels())
    item = f"Event: CoreShowChannel\nActionID: {pending.id}\nUniqueid: 1.1"
    line.hear("\n\n".join([f"Response: Success\nActionID: {pending.id}", *[item] * 20]))
    assert line.connection.closed
    with pytest.raises(Gone, match="list longer"):
        pending.future.result()


async def test_a_list_of_hostile_bytes_ends_the_link(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MAX_LIST_BYTES", 1000)
    pending = line.send(ShowChannels())
    line.hear(f"Response: Success\nActionID: {pending.id}\n\n")
    line.hear(f"Event: CoreShowChannel\nActionID: {pending.id}\nX: {'a' * 1000}")
    assert line.connection.closed
    with pytest.raises(Gone, match="list longer"):
        pending.future.result()


async def test_too_many_actions_under_way_are_not_sent(line: Line) -> None:
    for _ in range(protocol.MAX_PENDING):
        line.send(Ping())
    with pytest.raises(Busy):
        line.send(Ping())
    assert len(line.transport.written) == protocol.MAX_PENDING


async def test_nothing_is_written_to_a_pbx_that_does_not_read(line: Line) -> None:
    line.transport.unsent = protocol.MAX_UNSENT_BYTES + 1
    with pytest.raises(Busy):
        line.send(Ping())
    assert line.transport.written == []


async def test_after_the_end_nothing_is_heard_or_sent(line: Line) -> None:
    pending = line.send(Ping())
    line.connection.drop("silent for 10 s")
    assert line.transport.aborted
    line.hear(f"Response: Success\nActionID: {pending.id}\n\n{BOOTED}")
    with pytest.raises(Gone, match="silent for 10 s"):
        pending.future.result()
    with pytest.raises(Gone):
        line.send(Ping())
    assert line.events == []


# -- what a caller may put into his number ---------------------------------------------------

SHOWN = """\
Event: CoreShowChannel
ActionID: {id}
Channel: PJSIP/trunk-00000000
ChannelState: 6
CallerIDNum: {number}
CallerIDName: a b
Exten: 99
Uniqueid: 1795558761.0
Linkedid: 1795558761.0
BridgeId: """
"""As Asterisk 22.10.1 wrote it when the From header's user was ``1%0D%0A…``."""


async def test_a_caller_cannot_answer_an_action(line: Line) -> None:
    line.send(Ping())
    other = line.send(Originate("Local/1@seat", "caller", "s"))
    serial = int(other.id.rpartition("-")[2])
    for guess in range(serial + 5):
        line.hear(f"Response: Success\nActionID: cc-{guess}\nMessage: forged")
    assert not other.future.done()


async def test_a_caller_cannot_end_a_list(line: Line) -> None:
    pending = line.send(ShowChannels())
    said = f"ActionID: {pending.id}"
    line.hear(f"Response: Success\n{said}\nEventList: start")
    line.hear(SHOWN.format(id=pending.id, number="1\nEventList: Complete\nX: "))
    assert not pending.future.done()
    line.hear(f"Event: CoreShowChannelsComplete\n{said}\nEventList: Complete")
    assert pending.future.done()


@pytest.mark.parametrize("header", ["Uniqueid: 1.1", "uniqueid: 1.1", "Channel: PJSIP/8001-1"])
async def test_a_caller_cannot_pass_for_another_channel(line: Line, header: str) -> None:
    line.hear(SHOWN.format(id="none", number=f"1\n{header}").replace("CoreShowChannel", "Newstate"))
    assert (line.events, line.counters.malformed) == ([], 1)
