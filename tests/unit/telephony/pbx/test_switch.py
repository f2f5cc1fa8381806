"""Transfers over AMI: what is sent, and that done means seen.

Names, states and the order of events are those that Asterisk 22.10.1 wrote for the same stories.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from callcenter.platform.errors import PbxRefused, PbxTimeout, PbxUnavailable
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig, LinkState
from callcenter.telephony.pbx.live import LiveFloor
from callcenter.telephony.pbx.switch import Consult, PbxSwitch, consult_of
from tests.unit.telephony.pbx.fake_ami import FakeAmi, error, listing, success

SEAT, CALLER, END = "PJSIP/8001-00000001", "PJSIP/trunk-00000000", "Local/8002@seat-transfer-0;1"
IDS = {CALLER: "17.0", SEAT: "17.1", END: "17.2"}
TALK, ASK = "talk", "ask"
"""Bridges: of the caller with the seat, and of the seat with whom it consults."""

NEVER = 0.05
"""Seconds in which a test lets nothing happen."""


def event(name: str, channel: str, *more: str, state: int = 6) -> str:
    return "\n".join(
        (
            f"Event: {name}",
            f"Channel: {channel}",
            f"Uniqueid: {IDS[channel]}",
            "Linkedid: 17.0",
            f"ChannelState: {state}",
            *more,
        )
    )


def enters(channel: str, bridge: str, state: int = 6) -> str:
    return event("BridgeEnter", channel, f"BridgeUniqueid: {bridge}", state=state)


def leaves(channel: str, bridge: str) -> str:
    return event("BridgeLeave", channel, f"BridgeUniqueid: {bridge}")


BEGINS = "\n\n".join(
    (
        event("Newchannel", END, state=0),
        enters(END, ASK, state=0),
        leaves(SEAT, TALK),
        enters(SEAT, ASK),
    )
)
ENDS = "\n\n".join((leaves(SEAT, ASK), enters(SEAT, TALK), leaves(END, ASK), event("Hangup", END)))
ANSWERED = event("Newstate", END)
SEAT_HANGS_UP = "\n\n".join((leaves(SEAT, ASK), event("Hangup", SEAT)))


class Stage:
    """A seat that talks with a caller."""

    def __init__(self, ami: FakeAmi, link: AmiLink, live: LiveFloor, switch: PbxSwitch) -> None:
        self.ami = ami
        self.link = link
        self.live = live
        self.switch = switch

    async def happens(self, text: str, *actions: str) -> None:
        """Say `text` once the last of `actions` has come, and been answered."""
        for action in actions:
            await self.ami.next(action)
        self.ami.say(text)

    async def consult(self, *, answered: bool = False) -> None:
        """The seat consults 8002."""
        self.ami.say(BEGINS + ("\n\n" + ANSWERED if answered else ""))
        wanted = Consult("8002", answered)
        assert await self.live.wait_until(
            lambda floor: consult_of(floor, Uniqueid(IDS[SEAT])) == wanted, 5
        )

    def sent(self) -> list[str]:
        """Commands that were sent."""
        asked = ("Login", "CoreShowChannels", "QueueStatus", "PJSIPShowEndpoints")
        return [one["Action"] for one in self.ami.received if one["Action"] not in asked]


@pytest.fixture
async def stage(ami: FakeAmi) -> AsyncIterator[Stage]:
    def talking(channel: str) -> str:
        return event("CoreShowChannel", channel, f"BridgeId: {TALK}")

    ami.answers["CoreShowChannels"] = listing(
        "CoreShowChannelsComplete", talking(CALLER), talking(SEAT)
    )
    link = AmiLink(LinkConfig("127.0.0.1", ami.port, "callcenter", "right"))
    live = LiveFloor(link)
    switch = PbxSwitch(link, live, consult_seconds=NEVER, step_seconds=NEVER, tone_seconds=0)
    running = asyncio.create_task(link.run())
    assert await live.wait_until(lambda floor: len(floor.channels) == 2, 5)
    yield Stage(ami, link, live, switch)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def patient(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """For stories in which what is waited for happens."""
    monkeypatch.setattr(stage.switch, "_consult_seconds", 10.0)
    monkeypatch.setattr(stage.switch, "_step_seconds", 10.0)
    return stage


async def test_a_blind_transfer_sends_the_other_side_of_the_seats_leg(stage: Stage) -> None:
    await stage.switch.blind_transfer(SEAT, "8002")
    sent = await stage.ami.next("BlindTransfer")
    assert (sent["Channel"], sent["Context"], sent["Exten"]) == (SEAT, "seat-transfer", "8002")


async def test_what_the_pbx_refuses_is_told_in_its_own_words(stage: Stage) -> None:
    stage.ami.answers["BlindTransfer"] = error("Transfer failed")
    with pytest.raises(PbxRefused, match="Transfer failed"):
        await stage.switch.blind_transfer(SEAT, "8002")


async def test_a_consult_has_begun_when_the_floor_shows_it(patient: Stage) -> None:
    begun = asyncio.create_task(patient.switch.start_attended_transfer(SEAT, "8002"))
    sent = await patient.ami.next("Atxfer")
    # No `#` behind the digits: it would sound into the consult for ever.
    assert (sent["Channel"], sent["Context"], sent["Exten"]) == (SEAT, "seat-transfer", "8002")
    await patient.switch.hang_up("PJSIP/9-1")  # A whole round trip later:
    assert not begun.done(), "that digits were queued is no consult"
    patient.ami.say(BEGINS)
    await begun


async def test_a_consult_that_lasted_for_one_burst_of_events_was_one(patient: Stage) -> None:
    begun = asyncio.create_task(patient.switch.start_attended_transfer(SEAT, "8002"))
    await patient.happens(f"{BEGINS}\n\n{ENDS}", "Atxfer")
    await begun


async def test_a_consult_that_does_not_begin_is_refused_while_they_talk(stage: Stage) -> None:
    with pytest.raises(PbxRefused, match="go on talking"):
        await stage.switch.start_attended_transfer(SEAT, "8002")
    assert stage.sent() == ["Atxfer"], "nothing is sent twice"


async def test_a_seat_that_hangs_up_instead_is_told(patient: Stage) -> None:
    begun = asyncio.create_task(patient.switch.start_attended_transfer(SEAT, "8002"))
    await patient.happens(f"{leaves(SEAT, TALK)}\n\n{event('Hangup', SEAT)}", "Atxfer")
    with pytest.raises(PbxRefused, match="hung up"):
        await begun


async def test_a_seat_that_is_with_nobody_is_an_open_question(stage: Stage) -> None:
    stage.ami.say(leaves(SEAT, TALK))
    assert await stage.live.wait_until(lambda floor: not floor.channels[seat_id()].bridge, 5)
    with pytest.raises(PbxTimeout):
        await stage.switch.start_attended_transfer(SEAT, "8002")


async def test_an_answered_consult_is_completed_by_hanging_the_seat_up(patient: Stage) -> None:
    await patient.consult(answered=True)
    done = asyncio.create_task(patient.switch.complete_attended_transfer(SEAT))
    sent = await patient.ami.next("Hangup")
    assert sent["Channel"] == SEAT
    patient.ami.say(SEAT_HANGS_UP)
    await done
    assert patient.sent() == ["Hangup"]


async def test_a_target_that_still_rings_gets_the_caller_blind(patient: Stage) -> None:
    await patient.consult()
    done = asyncio.create_task(patient.switch.complete_attended_transfer(SEAT))
    await patient.happens(ENDS, "CancelAtxfer")
    await done
    assert patient.sent() == ["CancelAtxfer", "BlindTransfer"]
    sent = await patient.ami.next("BlindTransfer")
    assert (sent["Channel"], sent["Context"], sent["Exten"]) == (SEAT, "seat-transfer", "8002")


async def test_a_consult_that_does_not_end_sends_the_caller_nowhere(stage: Stage) -> None:
    await stage.consult()
    with pytest.raises(PbxTimeout):
        await stage.switch.complete_attended_transfer(SEAT)
    assert stage.sent() == ["CancelAtxfer"]


async def test_without_a_consult_nobody_is_hung_up(stage: Stage) -> None:
    with pytest.raises(PbxRefused, match="consults nobody"):
        await stage.switch.complete_attended_transfer(SEAT)
    assert stage.sent() == []


async def test_a_seat_that_does_not_leave_is_an_open_question(stage: Stage) -> None:
    await stage.consult(answered=True)
    with pytest.raises(PbxTimeout):
        await stage.switch.complete_attended_transfer(SEAT)


async def test_a_consult_is_cancelled_when_seat_and_caller_are_together(patient: Stage) -> None:
    await patient.consult(answered=True)
    done = asyncio.create_task(patient.switch.cancel_attended_transfer(SEAT))
    await patient.happens(leaves(SEAT, ASK), "CancelAtxfer")
    assert await patient.live.wait_until(lambda floor: not floor.channels[seat_id()].bridge, 5)
    assert not done.done(), "on the way is not together"
    patient.ami.say(f"{enters(SEAT, TALK)}\n\n{leaves(END, ASK)}\n\n{event('Hangup', END)}")
    await done


async def test_a_seat_that_hangs_up_while_it_is_cancelled_is_told(patient: Stage) -> None:
    await patient.consult()
    done = asyncio.create_task(patient.switch.cancel_attended_transfer(SEAT))
    await patient.happens(SEAT_HANGS_UP, "CancelAtxfer")
    with pytest.raises(PbxRefused, match="hung up"):
        await done


Command = Callable[[PbxSwitch], Awaitable[None]]
COMMANDS: dict[str, Command] = {
    "start": lambda switch: switch.start_attended_transfer(SEAT, "8002"),
    "complete": lambda switch: switch.complete_attended_transfer(SEAT),
    "cancel": lambda switch: switch.cancel_attended_transfer(SEAT),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
async def test_a_leg_that_is_gone_is_told_and_nothing_is_sent(
    stage: Stage, command: Command
) -> None:
    stage.ami.say(f"{leaves(SEAT, TALK)}\n\n{event('Hangup', SEAT)}")
    assert await stage.live.wait_until(lambda floor: seat_id() not in floor.channels, 5)
    with pytest.raises(PbxRefused, match="there is no leg"):
        await command(stage.switch)
    assert stage.sent() == []


@pytest.mark.parametrize(
    "command",
    [
        *COMMANDS.values(),
        lambda switch: switch.blind_transfer(SEAT, "8002"),
        lambda switch: switch.hang_up(SEAT),
    ],
    ids=[*COMMANDS, "blind", "hang up"],
)
async def test_without_a_link_nothing_is_done(stage: Stage, command: Command) -> None:
    await stage.ami.stop()
    await stage.link.wait_for(LinkState.DOWN)
    with pytest.raises(PbxUnavailable):
        await command(stage.switch)


async def test_a_hang_up_names_the_channel(stage: Stage) -> None:
    stage.ami.answers["Hangup"] = success("Channel Hungup")
    await stage.switch.hang_up(CALLER)
    assert (await stage.ami.next("Hangup"))["Channel"] == CALLER


def seat_id() -> Uniqueid:
    return Uniqueid(IDS[SEAT])
