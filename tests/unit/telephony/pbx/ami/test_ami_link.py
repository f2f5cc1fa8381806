"""The link comes up, says why it is not, notices its end, and comes back with a fresh view."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.platform.config import Settings
from callcenter.telephony.domain.floor import ChannelEnded
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.pbx.ami.actions import (
    Hangup,
    Ping,
    QueueStatus,
    ShowChannels,
    ShowContacts,
    ShowEndpoints,
)
from callcenter.telephony.pbx.ami.events import Event, FullyBooted
from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig, LinkState
from callcenter.telephony.pbx.ami.outcomes import Done, LinkLost, Refused, TimedOut
from tests.unit.telephony.pbx.fake_ami import (
    SECRET,
    FakeAmi,
    Fields,
    error,
    listing,
    login,
    silence,
    success,
)

Linked = Callable[..., AmiLink]


def heard_by(link: AmiLink) -> asyncio.Queue[Event]:
    """The events that a listener of `link` is told."""
    told: asyncio.Queue[Event] = asyncio.Queue()
    link.subscribe(told.put_nowait)
    return told


def idle(ami: FakeAmi, **changes: Any) -> AmiLink:
    """A link whose attempts the test makes itself, one by one."""
    return AmiLink(LinkConfig("127.0.0.1", ami.port, "callcenter", SECRET, **changes))


def hangup(serial: int) -> str:
    return f"Event: Hangup\nUniqueid: 1.{serial}"


def ended(serial: int) -> ChannelEnded:
    return ChannelEnded(Uniqueid(f"1.{serial}"))


# -- coming up ----------------------------------------------------------------------------------


async def test_it_is_up_once_the_pbx_has_booted(ami: FakeAmi, make_link: Linked) -> None:
    ami.answers["Login"] = success("Authentication accepted")
    link = make_link()
    told = heard_by(link)
    await ami.next("Login")
    for serial in range(5):  # a PBX that loads its modules says this and that
        ami.say(hangup(serial))
        assert await told.get() == ended(serial)
    assert link.state is LinkState.CONNECTING
    assert await link.send(Ping()) == LinkLost(sent=False, reason=link.problem)
    ami.say("Event: FullyBooted\nStatus: Fully Booted")
    await link.wait_for(LinkState.UP)
    assert (link.problem, link.counters.connections, ami.count("Ping")) == ("", 1, 0)


async def test_a_pbx_that_does_not_boot_is_tried_again(ami: FakeAmi, make_link: Linked) -> None:
    ami.answers["Login"] = success("Authentication accepted")
    link = make_link(boot_seconds=0.02)
    await ami.next("Login")
    await ami.next("Login")
    assert link.counters.connections == 0
    ami.answers["Login"] = login
    await link.wait_for(LinkState.UP)


async def test_without_a_pbx_it_says_where_it_looked(ami: FakeAmi) -> None:
    await ami.stop()
    link = idle(ami)
    await link._live_once()
    assert link.state is LinkState.DOWN
    assert link.problem.startswith(f"cannot connect to 127.0.0.1:{ami.port}: ")


async def test_it_comes_up_when_the_pbx_does(ami: FakeAmi, make_link: Linked) -> None:
    await ami.stop()
    link = make_link()
    await link.wait_for(LinkState.CONNECTING)
    await ami.listen()
    await link.wait_for(LinkState.UP)


async def test_another_service_at_the_port_is_named(ami: FakeAmi) -> None:
    ami.banner = b"SSH-2.0-OpenSSH_9.2\r\n"
    link = idle(ami)
    await link._live_once()
    assert link.problem == "not an AMI server: it begins with b'SSH-2.0-OpenSSH_9.2'"


async def test_a_pbx_that_does_not_answer_the_login_is_tried_again(
    ami: FakeAmi, make_link: Linked
) -> None:
    ami.answers["Login"] = silence
    link = make_link(action_seconds=0.02)
    await ami.next("Login")
    await ami.next("Login")
    ami.answers["Login"] = login
    await link.wait_for(LinkState.UP)


@settings(deadline=None)
@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_it_waits_longer_each_time_up_to_a_limit(failures: int, chance: float) -> None:
    config = LinkConfig("127.0.0.1", 1, "u", "s", backoff_first_seconds=0.25)
    link = AmiLink(config, chance=lambda: chance)
    link._failures = failures
    whole = min(0.25 * 2 ** min(failures - 1, 100), config.backoff_max_seconds)
    assert whole / 2 <= link._backoff() <= whole


async def test_a_link_that_was_up_begins_again_with_the_shortest_wait(
    ami: FakeAmi,
) -> None:
    link = idle(ami, backoff_first_seconds=1.0, backoff_max_seconds=64.0)
    await ami.stop()
    assert [0.5 <= await link._live_once() <= 1.0, 1.0 <= await link._live_once() <= 2.0] == [
        True,
        True,
    ]
    await ami.listen()
    living = asyncio.create_task(link._live_once())
    await link.wait_for(LinkState.UP)
    ami.hang_up()
    assert 0.5 <= await living <= 1.0


# -- actions ------------------------------------------------------------------------------------


async def test_an_action_that_is_refused_says_the_pbx_own_sentence(
    ami: FakeAmi, link: AmiLink
) -> None:
    ami.answers["Hangup"] = error("No such channel\n")
    assert await link.send(Hangup("PJSIP/none")) == Refused("No such channel")
    ami.answers["Hangup"] = lambda action: f"Response: Error\nActionID: {action['ActionID']}"
    assert await link.send(Hangup("PJSIP/none")) == Refused("no reason given")


async def test_an_action_without_an_answer_ends_at_its_deadline(
    ami: FakeAmi, link: AmiLink
) -> None:
    ami.answers["Hangup"] = silence
    assert await link.send(Hangup("PJSIP/1"), timeout=0.01) == TimedOut(0.01)
    assert (link.counters.timeouts, link.state) == (1, LinkState.UP)


async def test_an_answer_after_the_deadline_is_counted_and_changes_nothing(
    ami: FakeAmi, link: AmiLink
) -> None:
    ami.answers["Hangup"] = silence
    late = await link.send(Hangup("PJSIP/1"), timeout=0.01)
    action = await ami.next("Hangup")
    ami.say(success()(action))
    assert await link.send(Ping()) == Done(None)  # it was heard before this one
    assert (late, link.counters.late_answers) == (TimedOut(0.01), 1)


async def test_a_caller_who_gives_up_leaves_nothing_behind(ami: FakeAmi, link: AmiLink) -> None:
    ami.answers["Hangup"] = silence
    asking = asyncio.create_task(link.send(Hangup("PJSIP/1")))
    action = await ami.next("Hangup")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    ami.say(success()(action))
    assert await link.send(Ping()) == Done(None)
    assert link.counters.late_answers == 1


async def test_many_actions_at_once_get_their_own_answers(ami: FakeAmi, link: AmiLink) -> None:
    def named(action: Fields) -> str:
        return f"Response: Error\nActionID: {action['ActionID']}\nMessage: {action['Channel']}"

    ami.answers["Hangup"] = named
    outcomes = await asyncio.gather(*(link.send(Hangup(f"PJSIP/{n}")) for n in range(200)))
    assert outcomes == [Refused(f"PJSIP/{n}") for n in range(200)]


async def test_an_empty_list_is_empty_also_where_the_pbx_calls_it_an_error(
    ami: FakeAmi, link: AmiLink
) -> None:
    # As Asterisk 22.10.1 answers without endpoints and without registered phones.
    ami.answers["PJSIPShowEndpoints"] = error("No endpoints found\n")
    ami.answers["PJSIPShowContacts"] = error("No Contacts found\n")
    assert await link.send(ShowEndpoints()) == Done(())
    assert await link.send(ShowContacts()) == Done(())
    ami.answers["PJSIPShowContacts"] = error("Permission denied")
    assert await link.send(ShowContacts()) == Refused("Permission denied")


async def test_one_caller_who_cannot_be_read_does_not_hide_the_others(
    ami: FakeAmi, link: AmiLink
) -> None:
    # The number of the first ends its message: the rest of it is a message of its own.
    ami.answers["CoreShowChannels"] = listing(
        "CoreShowChannelsComplete",
        "Event: CoreShowChannel\nChannel: PJSIP/trunk-00000000\nCallerIDNum: 1",
        "Event: CoreShowChannel\nChannel: PJSIP/trunk-00000001\nUniqueid: 1.2\nBridgeId: ",
    )
    outcome = await link.send(ShowChannels())
    assert isinstance(outcome, Done)
    assert [channel.uniqueid for channel in outcome.result] == ["1.2"]
    assert link.counters.malformed == 1


async def test_a_list_that_cannot_be_read_is_a_refusal(ami: FakeAmi, link: AmiLink) -> None:
    ami.answers["QueueStatus"] = listing(
        "QueueStatusComplete",
        "Event: QueueMember\nQueue: 12345\nLocation: PJSIP/8001\nPenalty: many",
    )
    assert await link.send(QueueStatus()) == Refused(
        "its answer cannot be read: Penalty: 'many' is no number"
    )
    assert link.counters.malformed == 1


# -- events -------------------------------------------------------------------------------------


async def test_events_of_no_use_and_unknown_ones_are_counted(ami: FakeAmi, link: AmiLink) -> None:
    told = heard_by(link)
    before = link.counters.events
    ami.say("Event: VarSet\nVariable: X\n\nEvent: Brandnew\nX: 1\n\nEvent: Hangup\n\n" + hangup(1))
    assert await told.get() == ended(1)
    assert link.counters.events - before == 4
    assert (link.counters.unknown_events, link.counters.malformed) == (1, 1)


async def test_when_events_are_not_taken_in_time_the_view_is_taken_afresh(
    ami: FakeAmi, make_link: Linked
) -> None:
    link = make_link(queue_events=50)
    resynced: asyncio.Queue[int] = asyncio.Queue()

    async def resync() -> None:
        resynced.put_nowait(link.counters.overflows)

    link.on_login(resync)
    told = heard_by(link)
    await link.wait_for(LinkState.UP)
    assert await resynced.get() == 0
    while not told.empty():
        told.get_nowait()
    ami.say(
        "\n\n".join(hangup(serial) for serial in range(200))
    )  # one segment: no consumer between
    assert await resynced.get() >= 1
    ami.say(hangup(999))
    seen: list[Event] = []
    while not seen or seen[-1] != ended(999):
        seen.append(await told.get())
    assert len(seen) <= 51, "what was thrown away was told all the same"
    assert link.state is LinkState.UP


async def test_events_of_a_former_connection_do_not_reach_the_next(ami: FakeAmi) -> None:
    link = idle(ami)
    link._events.put_nowait(ended(1))  # its consumer had not come to it when the link was lost
    living = asyncio.create_task(link._live_once())
    await link.wait_for(LinkState.UP)
    ami.say(hangup(2))
    assert [await link._events.get(), await link._events.get()] == [FullyBooted(), ended(2)]
    ami.hang_up()
    await living


# -- the end ------------------------------------------------------------------------------------


async def test_a_quiet_pbx_that_answers_pings_is_kept(ami: FakeAmi, make_link: Linked) -> None:
    link = make_link(ping_seconds=0.005, dead_seconds=30.0)
    await link.wait_for(LinkState.UP)
    for _ in range(5):
        await ami.next("Ping")
    assert (link.state, link.counters.losses, ami.connections) == (LinkState.UP, 0, 1)


async def test_nobody_is_given_up_who_was_not_asked(ami: FakeAmi, make_link: Linked) -> None:
    link = make_link(ping_seconds=300.0, dead_seconds=0.1)
    await link.wait_for(LinkState.UP)
    assert (await ami.next("Ping"))["Action"] == "Ping"


async def test_a_pbx_that_closes_is_noticed_at_once(ami: FakeAmi, make_link: Linked) -> None:
    link = make_link(backoff_first_seconds=60.0, backoff_max_seconds=60.0)
    await link.wait_for(LinkState.UP)
    ami.hang_up()
    await link.wait_for(LinkState.DOWN)
    assert (link.problem, link.counters.losses) == ("the PBX closed the link", 1)


async def test_a_hook_that_runs_is_stopped_with_its_connection(
    ami: FakeAmi, make_link: Linked
) -> None:
    link = make_link()
    fates: asyncio.Queue[str] = asyncio.Queue()

    async def hook() -> None:
        fates.put_nowait("begun")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            fates.put_nowait("stopped")
            raise

    link.on_login(hook)
    assert await fates.get() == "begun"
    ami.hang_up()
    assert [await fates.get(), await fates.get()] == ["stopped", "begun"]


async def test_a_hook_that_fails_is_counted_and_said(
    ami: FakeAmi, make_link: Linked, caplog: pytest.LogCaptureFixture
) -> None:
    link = make_link()
    ran = asyncio.Event()

    async def bad() -> None:
        raise RuntimeError("a fault of ours")

    async def good() -> None:
        ran.set()

    link.on_login(bad)
    link.on_login(good)
    await ran.wait()
    assert link.counters.hook_failures == 1
    assert "AMI resync hook failed" in caplog.text
    assert await link.send(Ping()) == Done(None)


async def test_stopped_is_said_and_final(ami: FakeAmi) -> None:
    link = AmiLink(LinkConfig("127.0.0.1", ami.port, "callcenter", SECRET))
    running = asyncio.create_task(link.run())
    await link.wait_for(LinkState.UP)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert link.state is LinkState.STOPPED
    assert await link.send(Ping()) == LinkLost(sent=False, reason="stopped")


async def test_the_secret_is_in_no_log_and_no_text(
    ami: FakeAmi, make_link: Linked, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    link = make_link(secret="very-secret-indeed", refused_retry_seconds=3600.0)
    await link.wait_for(LinkState.REFUSED)
    assert ami.received[0]["Secret"] == "very-secret-indeed"
    for text in (caplog.text, repr(link._config), link.problem):
        assert "very-secret-indeed" not in text


def test_the_settings_reach_the_link() -> None:
    given_settings = Settings(
        ami_port=5999,
        ami_action_seconds=1.5,
        ami_ping_seconds=2.5,
        ami_dead_seconds=3.5,
        ami_backoff_max_seconds=4.5,
        ami_queue_events=500,
    )
    assert LinkConfig.of(given_settings, "x") == LinkConfig(
        host="127.0.0.1",
        port=5999,
        username="callcenter",
        secret="x",
        action_seconds=1.5,
        ping_seconds=2.5,
        dead_seconds=3.5,
        backoff_max_seconds=4.5,
        queue_events=500,
    )
