"""One real call through a queue: at every moment the events tell the same floor as the lists.

``one_queue_call.txt`` is what Asterisk 22.10.1 said (headers that nobody of ours reads are left
out): a caller waits while the only seat is on a break, the seat comes back and answers, the caller
hangs up. The lists were asked for while he waited, while they talked, and after the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from panoramisk.message import Message

from callcenter.telephony.domain.floor import Fact, Floor, apply, snapshot
from callcenter.telephony.pbx.ami.actions import Answer, QueueStatus, ShowChannels
from callcenter.telephony.pbx.ami.events import parse

SAID = Path(__file__).with_name("one_queue_call.txt").read_text(encoding="utf-8")
ITEMS = {"CoreShowChannel", "QueueMember", "QueueEntry"}
ENDS = {"CoreShowChannelsComplete", "QueueStatusComplete", "EndpointListComplete", "EndpointList"}


def moments() -> Iterator[tuple[list[Fact], Floor]]:
    """Facts since the beginning, and the floor of the lists that were asked for then."""
    facts: list[Fact] = []
    listed: list[Message] = []
    for block in SAID.split("\n\n"):
        message = Message.from_line(block.strip().replace("\n", "\r\n"))
        assert message is not None
        if message.event in ITEMS:
            listed.append(message)
        elif message.event == "EndpointListComplete":
            answer = Answer(listed, at=100.0)
            queues = QueueStatus().result(answer)
            yield (
                list(facts),
                snapshot([*ShowChannels().result(answer), *queues.members, *queues.waiting]),
            )
            listed = []
        elif message.event not in ENDS:
            event = parse(message, 100.0)
            assert event is not None
            assert isinstance(event, Fact)
            facts.append(event)


def untimed(floor: Floor) -> Floor:
    """Without the moment of joining, of which lists and events know different things."""
    waiting = {
        queue: tuple(replace(caller, since=0.0) for caller in line)
        for queue, line in floor.waiting.items()
    }
    return replace(floor, waiting=waiting)


def after(floor: Floor, facts: list[Fact]) -> Floor:
    for fact in facts:
        floor = apply(floor, fact)
    return untimed(floor)


def test_events_and_lists_tell_the_same() -> None:
    waited, talked, over = moments()
    for facts, listed in (waited, talked, over):
        assert after(Floor(), facts) == untimed(listed)
    assert [len(floor.waiting) for _, floor in (waited, talked, over)] == [1, 0, 0]
    assert [len(floor.conversations()) for _, floor in (waited, talked, over)] == [0, 1, 0]
    assert [len(floor.channels) for _, floor in (waited, talked, over)] == [2, 4, 0]
    assert waited[1].members["12345", "Local/1@seat/n"].paused_reason == "午休"


def test_from_any_of_the_lists_on_and_from_any_event_before_it_the_end_is_the_same() -> None:
    everything = list(moments())
    whole, end = everything[-1]
    for facts, listed in everything:
        for since in range(len(facts) + 1):
            assert after(listed, whole[since:]) == untimed(end)
