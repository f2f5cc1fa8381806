"""What panoramisk 1.4 does wrong by itself does not happen on our link: one test for each fault.

The fault stands in each test's docstring. The FastAGI server is all our own (`tests/unit/agi`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from callcenter.platform.errors import BadInput
from callcenter.telephony.domain.floor import ChannelEnded, MemberSet
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.pbx.ami import actions
from callcenter.telephony.pbx.ami.events import Event, OriginateEnded
from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig, LinkState
from callcenter.telephony.pbx.ami.outcomes import Done, LinkLost, Refused
from callcenter.telephony.pbx.ami.protocol import Connection, Counters, OneConnection
from tests.unit.telephony.pbx.fake_ami import (
    BANNER,
    SECRET,
    FakeAmi,
    Fields,
    login,
    silence,
    success,
    wire,
)

Linked = Callable[..., AmiLink]

ADDED = """\
Event: QueueMemberAdded
Privilege: agent,all
Queue: 12345
MemberName: 王小芳
Interface: PJSIP/8001
Membership: dynamic
Penalty: 0
Paused: 0
PausedReason: 午休"""

EVERY_ACTION: tuple[actions.Action[Any], ...] = (
    actions.Login("callcenter", "secret"),
    actions.BlindTransfer("PJSIP/8001-1", "from-seat", "8002"),
    actions.Atxfer("PJSIP/8001-1", "from-seat", "8002"),
    actions.CancelAtxfer("PJSIP/8001-1"),
    actions.Hangup("PJSIP/8001-1"),
    actions.Originate("PJSIP/8001", "from-seat", "8002", caller_id="12345"),
    actions.QueueAdd("12345", "PJSIP/8001", "王小芳"),
    actions.QueueRemove("12345", "PJSIP/8001"),
    actions.QueueStatus("12345"),
    actions.DbPut("family", "key", "value"),
    actions.DbDel("family", "key"),
    actions.CachePopulate("cache"),
    actions.DbTree("family"),
)
"""One of each that takes a text."""

HOSTILE = [
    "1\r\nAction: Originate",
    "1\nAction: Originate",
    "1\rAction: Originate",
    "1\r\n\r\nAction: Command\r\nCommand: core stop now",
    "\0",
    "\x85",
]


def heard_by(link: AmiLink) -> asyncio.Queue[Event]:
    told: asyncio.Queue[Event] = asyncio.Queue()
    link.subscribe(told.put_nowait)
    return told


def ended(*uniqueids: str) -> list[ChannelEnded]:
    return [ChannelEnded(Uniqueid(uniqueid)) for uniqueid in uniqueids]


async def test_a_character_split_over_two_segments_is_whole() -> None:
    """Fault: each segment is decoded by itself, and half a character is dropped."""
    stream = BANNER + wire(ADDED)
    for cut in range(1, len(stream)):
        names: list[str] = []
        manager = OneConnection(
            counters=Counters(),
            monotonic=lambda: 0.0,
            on_event=lambda event, names=names: names.append(  # type: ignore[misc]
                event["MemberName"] + event["PausedReason"]
            ),
        )
        connection = Connection(manager, Counters(), lambda: 0.0)
        connection.connection_made(asyncio.Transport())
        connection.data_received(stream[:cut])
        connection.data_received(stream[cut:])
        assert names == ["王小芳午休"], f"cut at {cut}"


async def test_nothing_is_sent_again_after_a_reconnect(ami: FakeAmi, make_link: Linked) -> None:
    """Fault: what was unanswered at a disconnect is sent again: a transfer happens late, twice."""
    link = make_link()
    await link.wait_for(LinkState.UP)
    ami.answers["Originate"] = ami.answers["BlindTransfer"] = silence
    under_way = [
        asyncio.create_task(link.send(actions.Originate("PJSIP/8001", "from-seat", "8002"))),
        asyncio.create_task(link.send(actions.BlindTransfer("PJSIP/8001-1", "from-seat", "8002"))),
    ]
    await ami.next("Originate")
    await ami.next("BlindTransfer")
    ami.hang_up()
    for outcome in await asyncio.gather(*under_way):
        assert outcome == LinkLost(sent=True, reason="the PBX closed the link")
    await link.wait_for(LinkState.UP)
    assert await link.send(actions.Ping()) == Done(None)  # whatever came before it has arrived
    assert ami.connections == 2
    assert (ami.count("Originate"), ami.count("BlindTransfer")) == (1, 1)


async def test_nothing_is_kept_for_later_while_the_link_is_down(
    ami: FakeAmi, make_link: Linked
) -> None:
    """Fault: an action given while there is no link is sent when there is one."""
    await ami.stop()
    link = make_link()
    outcome = await link.send(actions.Originate("PJSIP/8001", "from-seat", "8002"))
    assert isinstance(outcome, LinkLost)
    assert not outcome.sent
    await ami.listen()
    await link.wait_for(LinkState.UP)
    assert await link.send(actions.Ping()) == Done(None)
    assert ami.count("Originate") == 0


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (actions.QueueAdd("12345", "PJSIP/8001", "王小芳"), "Added interface to queue"),
        (actions.QueueRemove("12345", "PJSIP/8001"), "Removed interface from queue"),
        (actions.Originate("PJSIP/8001", "c", "s"), "Originate successfully queued"),
        (actions.Hangup("PJSIP/8001-1"), "Event lists will follow"),
    ],
    ids=lambda value: value.name if isinstance(value, actions.Action) else "",
)
async def test_a_single_answer_is_not_taken_for_a_list(
    ami: FakeAmi, link: AmiLink, action: actions.Action[None], sentence: str
) -> None:
    """Fault: lists are told by the sentence of the answer; these wait for an end for ever."""
    ami.answers[action.name] = success(sentence)
    assert await link.send(action) == Done(None)


async def test_what_an_originate_came_to_does_not_break_the_link(
    ami: FakeAmi, link: AmiLink
) -> None:
    """Fault: the event after the answer bears its ActionID, and a KeyError ends the connection."""
    told = heard_by(link)
    assert await link.send(actions.Originate("PJSIP/8001", "c", "s")) == Done(None)
    action = await ami.next("Originate")
    said = f"Event: OriginateResponse\nActionID: {action['ActionID']}\nUniqueid: 1.1\n"
    ami.say(said + "Response: Failure")
    assert await told.get() == OriginateEnded(action["ActionID"], False, "1.1")
    assert (await link.send(actions.Ping()), link.counters.losses) == (Done(None), 0)


async def test_a_list_is_told_by_the_action_not_by_its_sentence(
    ami: FakeAmi, link: AmiLink
) -> None:
    """Fault: a list whose answer reads otherwise ends with its first message."""

    def answer(action: Fields) -> str:
        said = f"ActionID: {action['ActionID']}"
        return (
            f"Response: Success\n{said}\nMessage: Done\n\n"
            f"Event: DBGetTreeResponse\n{said}\nKey: /seats/8001\nVal: 王\n\n"
            f"Event: DBGetTreeComplete\n{said}\nEventList: Complete\nListItems: 1"
        )

    ami.answers["DBGetTree"] = answer
    assert await link.send(actions.DbTree("seats")) == Done({"8001": "王"})


async def test_a_half_open_connection_is_noticed_and_replaced(
    ami: FakeAmi, make_link: Linked
) -> None:
    """Fault: pings are sent and nobody looks whether they are answered."""
    link = make_link(ping_seconds=0.02, dead_seconds=0.2, backoff_first_seconds=60.0)
    await link.wait_for(LinkState.UP)
    ami.answers["Hangup"] = silence
    waiting = asyncio.create_task(link.send(actions.Hangup("PJSIP/8001-1")))
    await ami.next("Hangup")
    ami.deaf = True  # it still takes what we write, and acknowledges it
    await link.wait_for(LinkState.DOWN)
    assert ami.count("Ping") >= 1
    assert link.problem == "silent for 0.2 s"
    assert await waiting == LinkLost(sent=True, reason="silent for 0.2 s")


async def test_a_callback_that_raises_costs_nobody_anything(ami: FakeAmi, link: AmiLink) -> None:
    """Fault: an exception in a callback ends the connection."""

    def failing(event: Event) -> None:
        raise RuntimeError(f"a fault of ours at {event}")

    link.subscribe(failing)
    told = heard_by(link)
    ami.say("Event: Hangup\nUniqueid: 1.1\n\nEvent: Hangup\nUniqueid: 1.2")
    assert [await told.get(), await told.get()] == ended("1.1", "1.2")
    assert (link.state, link.counters.listener_failures) == (LinkState.UP, 2)


async def test_events_are_told_in_the_order_in_which_they_came(ami: FakeAmi, link: AmiLink) -> None:
    """Fault: coroutine callbacks run as tasks, in any order."""
    told = heard_by(link)
    serials = [f"1.{number}" for number in range(1000)]
    ami.say("\n\n".join(f"Event: Hangup\nUniqueid: {serial}" for serial in serials))
    seen = [await told.get() for _ in serials]
    assert seen == ended(*serials)


async def test_a_wrong_secret_is_said_loudly_shown_and_not_hammered(
    ami: FakeAmi, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: it is tried again every two seconds for ever, and nobody is told."""
    link = AmiLink(LinkConfig("127.0.0.1", ami.port, "callcenter", "wrong"))
    assert await link._live_once() == 60.0, "seconds until the next attempt"
    assert (link.state, link.counters.refusals) == (LinkState.REFUSED, 1)
    assert "the PBX refuses AMI user 'callcenter' (Authentication failed)" in link.problem
    assert "callcenter setup" in link.problem
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    outcome = await link.send(actions.Ping())
    assert outcome == LinkLost(sent=False, reason=link.problem)


async def test_a_refusal_is_shown_until_the_secret_is_mended(
    ami: FakeAmi, make_link: Linked
) -> None:
    """Fault: as above; and after the secret was mended it must come back by itself."""
    link = make_link(secret="wrong", refused_retry_seconds=0.001)
    states = [await link.wait_for(LinkState.REFUSED)]
    for _ in range(3):
        await ami.next("Login")
        states.append(link.state)
    assert set(states) == {LinkState.REFUSED}
    ami.answers["Login"] = lambda action: login({**action, "Secret": SECRET})
    await link.wait_for(LinkState.UP)


async def test_each_login_takes_the_view_afresh(ami: FakeAmi, make_link: Linked) -> None:
    """Fault: after a reconnect nothing is asked, so the picture stays that of before."""
    link = make_link()
    views: asyncio.Queue[object] = asyncio.Queue()

    async def view() -> None:
        views.put_nowait(await link.send(actions.ShowChannels()))

    link.on_login(view)
    assert await views.get() == Done(())
    for logins in (2, 3):
        ami.hang_up()
        assert await views.get() == Done(())
        assert link.counters.connections == logins


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
@pytest.mark.parametrize("action", EVERY_ACTION, ids=lambda action: action.name)
async def test_a_line_break_in_any_value_is_refused_and_nothing_is_sent(
    ami: FakeAmi, link: AmiLink, action: actions.Action[Any], hostile: str
) -> None:
    """Fault: header values are written as they are, so a value can be another action."""
    before = len(ami.received)
    texts = [part.name for part in fields(action) if part.type == "str"]  # type: ignore[arg-type]
    assert texts
    for name in texts:
        with pytest.raises(BadInput) as caught:
            await link.send(replace(action, **{name: f"x{hostile}"}))  # type: ignore[type-var]
        assert caught.value.error_code == "pbx_bad_value"
    assert await link.send(actions.Ping()) == Done(None)
    assert [action["Action"] for action in ami.received[before:]] == ["Ping"]


def test_no_action_that_takes_a_text_is_missing_above() -> None:
    known: list[type] = actions.Action.__subclasses__()
    names: set[str] = set()
    while known:
        kind = known.pop()
        known += kind.__subclasses__()
        ours = is_dataclass(kind) and kind.__module__ == actions.__name__
        if ours and any(part.type == "str" for part in fields(kind)):
            names.add(kind.__name__)
    assert {type(action).__name__ for action in EVERY_ACTION} == names


async def test_at_the_end_every_pending_action_gets_its_outcome(ami: FakeAmi) -> None:
    """Fault: after `close()` what is pending is awaited for ever."""
    link = AmiLink(LinkConfig("127.0.0.1", ami.port, "callcenter", SECRET))
    running = asyncio.create_task(link.run())
    await link.wait_for(LinkState.UP)
    ami.answers["Hangup"] = ami.answers["CoreShowChannels"] = silence
    pending = [
        asyncio.create_task(link.send(actions.Hangup("PJSIP/8001-1"), timeout=3600.0)),
        asyncio.create_task(link.send(actions.ShowChannels(), timeout=3600.0)),
    ]
    await ami.next("Hangup")
    await ami.next("CoreShowChannels")
    running.cancel()
    for outcome in await asyncio.gather(*pending):
        assert isinstance(outcome, LinkLost)
        assert outcome.sent


async def test_a_shutdown_event_ends_nothing_by_itself(ami: FakeAmi, link: AmiLink) -> None:
    """Fault: the event ends the connection, and a caller whose number holds one can forge it."""
    told = heard_by(link)
    ami.say("Event: Shutdown\nRestart: False\n\n" + ADDED)
    await told.get()
    assert isinstance(await told.get(), MemberSet)
    assert (await link.send(actions.Ping()), ami.connections) == (Done(None), 1)


async def test_an_error_answer_to_a_list_is_one_answer(ami: FakeAmi, link: AmiLink) -> None:
    """Fault: with a list asked for, an error alone never completes it."""
    ami.answers["QueueStatus"] = lambda action: (
        f"Response: Error\nActionID: {action['ActionID']}\nMessage: Permission denied"
    )
    assert await link.send(actions.QueueStatus()) == Refused("Permission denied")
