"""Between PBX and agents: what is told of a seat, and that its pause comes and stays.

Texts and the order of events are those that Asterisk 22.10.1 wrote for the same stories.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping

import pytest

from callcenter.telephony.domain.ids import Extension, Uniqueid
from callcenter.telephony.domain.seat_seen import Activity, SeatSeen, Talk
from callcenter.telephony.pbx.agent_link import AgentLink
from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig, LinkState
from callcenter.telephony.pbx.live import LiveFloor
from tests.unit.telephony.pbx.fake_ami import SECRET, FakeAmi, error, listing, silence

SEAT = Extension("8001")
LEG, CALLER = Uniqueid("17.2"), Uniqueid("17.1")
ENDPOINT = listing(
    "EndpointListComplete", "Event: EndpointList\nObjectName: 8001\nDeviceState: Not in use"
)
FREE = SeatSeen(reachable=True, activity=Activity.IDLE)


def members(paused: int, reason: str = "") -> str:
    return f"""\
Queue: 12345
Location: PJSIP/8001
Interface: PJSIP/8001
MemberName: 王芳
Name: 王芳
Membership: dynamic
Penalty: 0
Paused: {paused}
PausedReason: {reason}"""


def leg(channel: str, uniqueid: str, state: int) -> str:
    return (
        f"Channel: {channel}\nUniqueid: {uniqueid}\nLinkedid: 17.1\nChannelState: {state}\n"
        "CallerIDNum: 13800138000"
    )


TALK = "\n\n".join(
    (
        f"Event: Newchannel\n{leg('PJSIP/trunk-0000000a', '17.1', 6)}",
        f"Event: QueueCallerJoin\nQueue: english\nPosition: 1\n{leg('PJSIP/trunk-a', '17.1', 6)}",
        f"Event: Newchannel\n{leg('PJSIP/8001-0000000b', '17.2', 0)}",
        f"Event: Newstate\n{leg('PJSIP/8001-0000000b', '17.2', 6)}",
        f"Event: QueueCallerLeave\nQueue: english\n{leg('PJSIP/trunk-0000000a', '17.1', 6)}",
        f"Event: BridgeEnter\nBridgeUniqueid: b\n{leg('PJSIP/8001-0000000b', '17.2', 6)}",
        f"Event: BridgeEnter\nBridgeUniqueid: b\n{leg('PJSIP/trunk-0000000a', '17.1', 6)}",
    )
)
HANGUP = f"Event: Hangup\n{leg('PJSIP/8001-0000000b', '17.2', 6)}"


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seats: set[Extension] = {SEAT}
        self.told: asyncio.Queue[SeatSeen] = asyncio.Queue()
        self.takes = True

    def seated(self) -> Collection[Extension]:
        return self.seats

    async def seats_seen(self, seen: Mapping[Extension, SeatSeen]) -> bool:
        for fact in seen.values():
            self.told.put_nowait(fact)
        return self.takes

    async def until(self, activity: Activity) -> SeatSeen:
        """The first fact of that kind; looks may fall together, so what came before is left."""
        while True:
            fact = await self.told.get()
            if fact.activity is activity:
                return fact


class Stage:
    """A PBX with seat 8001 in queue 12345, a link, and who watches."""

    def __init__(self, ami: FakeAmi) -> None:
        self.ami = ami
        self.has("")
        ami.answers["PJSIPShowEndpoints"] = ENDPOINT
        self.link = AmiLink(
            LinkConfig(
                "127.0.0.1",
                ami.port,
                "callcenter",
                SECRET,
                action_seconds=0.2,
                backoff_first_seconds=0.001,
                backoff_max_seconds=0.01,
            )
        )
        self.live = LiveFloor(self.link)
        self.agent_link = AgentLink(self.link, self.live)
        self.watcher = Watcher()

    def has(self, reason: str) -> None:
        """What the PBX's list says of the pause."""
        self.ami.answers["QueueStatus"] = listing(
            "QueueStatusComplete", f"Event: QueueMember\n{members(int(bool(reason)), reason)}"
        )

    def pauses(self, reason: str) -> None:
        """The PBX says that the pause changed."""
        self.ami.say(f"Event: QueueMemberPause\n{members(int(bool(reason)), reason)}")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    ami = FakeAmi()
    await ami.listen()
    made = Stage(ami)
    tasks = [
        asyncio.create_task(made.link.run()),
        asyncio.create_task(made.agent_link.run(made.watcher)),
    ]
    async with asyncio.timeout(5):
        await made.link.wait_for(LinkState.UP)
        yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await ami.stop()


async def test_a_talk_is_told_with_its_queue_and_its_end(stage: Stage) -> None:
    assert await stage.watcher.told.get() == FREE
    stage.ami.say(TALK)
    # The leg talks before the caller is in its bridge: the talk itself comes a look later.
    fact = await stage.watcher.until(Activity.TALKING)
    while not fact.talks:
        fact = await stage.watcher.until(Activity.TALKING)
    assert fact == SeatSeen(
        reachable=True,
        activity=Activity.TALKING,
        legs=frozenset({LEG}),
        talks=(Talk(LEG, "english"),),
    )
    stage.ami.say(HANGUP)
    assert await stage.watcher.until(Activity.IDLE) == FREE


async def test_a_citizen_who_hears_our_music_is_held(stage: Stage) -> None:
    stage.ami.say(TALK)
    await stage.watcher.until(Activity.TALKING)
    music = leg("Local/music@steer-hold-00000001;1", "hold-8001-8001-17.3", 6)
    stage.ami.say(f"Event: Newchannel\n{music}")
    assert (await stage.watcher.until(Activity.HOLD)).talks == (Talk(LEG, "english"),)
    stage.ami.say(f"Event: Hangup\n{music}")
    await stage.watcher.until(Activity.TALKING)


async def test_a_phone_that_is_gone_and_comes_back_is_told(stage: Stage) -> None:
    assert await stage.watcher.told.get() == FREE
    stage.ami.say("Event: DeviceStateChange\nDevice: PJSIP/8001\nState: UNAVAILABLE")
    assert (await stage.watcher.told.get()).reachable is False
    stage.ami.say("Event: DeviceStateChange\nDevice: PJSIP/8001\nState: NOT_INUSE")
    assert await stage.watcher.told.get() == FREE


async def test_what_could_not_be_taken_is_told_again(stage: Stage) -> None:
    stage.watcher.takes = False
    assert await stage.watcher.told.get() == FREE
    stage.ami.say("Event: QueueMemberStatus\n" + members(0))  # Any change is a look.
    assert await stage.watcher.told.get() == FREE


async def test_everything_is_told_anew_after_an_outage(stage: Stage) -> None:
    assert await stage.watcher.told.get() == FREE
    stage.ami.answers["CoreShowChannels"] = silence  # No floor for the time of one action.
    stage.ami.hang_up()
    await stage.ami.next("CoreShowChannels")
    await stage.ami.next("CoreShowChannels")
    stage.ami.answers["CoreShowChannels"] = listing("CoreShowChannelsComplete")
    assert await stage.watcher.told.get() == FREE
    assert stage.agent_link.look(SEAT) == FREE


async def test_a_pause_is_sent_at_once_for_all_queues(stage: Stage) -> None:
    stage.agent_link.pause(SEAT, "wrap_up")
    sent = await stage.ami.next("QueuePause")
    assert {key: sent.get(key) for key in ("Interface", "Paused", "Reason", "Queue")} == {
        "Interface": "PJSIP/8001",
        "Paused": "true",
        "Reason": "wrap_up",
        "Queue": None,
    }
    stage.pauses("wrap_up")
    await stage.agent_link.settled()
    stage.agent_link.pause(SEAT, "")
    assert (await stage.ami.next("QueuePause"))["Paused"] == "false"


async def test_the_last_word_wins_while_a_command_is_under_way(stage: Stage) -> None:
    stage.agent_link.pause(SEAT, "wrap_up")
    stage.agent_link.pause(SEAT, "meal")
    stage.agent_link.pause(SEAT, "")
    await stage.agent_link.settled()
    sent = [one["Paused"] for one in stage.ami.received if one["Action"] == "QueuePause"]
    assert sent[-1] == "false"


async def test_a_pause_that_another_hand_ends_comes_back(stage: Stage) -> None:
    stage.agent_link.pause(SEAT, "meal")
    await stage.ami.next("QueuePause")
    stage.pauses("meal")
    await stage.agent_link.settled()
    stage.pauses("")
    assert (await stage.ami.next("QueuePause"))["Reason"] == "meal"


async def test_a_pbx_that_has_lost_the_pause_is_told_at_the_next_login(stage: Stage) -> None:
    await stage.watcher.told.get()
    stage.has("meal")
    stage.agent_link.pause(SEAT, "meal")
    await stage.ami.next("QueuePause")
    stage.pauses("meal")
    await stage.agent_link.settled()
    stage.has("")
    stage.ami.hang_up()
    assert (await stage.ami.next("QueuePause"))["Reason"] == "meal"


async def test_a_pause_without_an_answer_is_sent_again_by_a_look(stage: Stage) -> None:
    await stage.watcher.told.get()
    stage.ami.answers["QueuePause"] = silence
    stage.agent_link.pause(SEAT, "meal")
    await stage.ami.next("QueuePause")
    stage.ami.say("Event: QueueMemberStatus\n" + members(0))
    assert (await stage.ami.next("QueuePause"))["Reason"] == "meal"


async def test_a_seat_in_no_queue_is_let_be(stage: Stage) -> None:
    stage.ami.answers["QueuePause"] = error("Interface not found")
    stage.ami.answers["QueueStatus"] = listing("QueueStatusComplete")
    stage.agent_link.pause(Extension("8002"), "meal")
    await stage.agent_link.settled()
    assert stage.ami.count("QueuePause") == 1


async def test_a_released_seat_is_kept_no_longer(stage: Stage) -> None:
    await stage.watcher.told.get()
    stage.agent_link.pause(SEAT, "meal")
    stage.agent_link.release(SEAT, "")
    await stage.agent_link.settled()
    before = stage.ami.count("QueuePause")
    stage.pauses("a supervisor's")
    assert await stage.live.wait_until(
        lambda floor: any(one.paused for one in floor.members.values()), 2
    )
    stage.ami.say("Event: DeviceStateChange\nDevice: PJSIP/8001\nState: UNAVAILABLE")
    assert (await stage.watcher.told.get()).reachable is False  # A look has been taken since.
    await stage.agent_link.settled()
    assert stage.ami.count("QueuePause") == before
