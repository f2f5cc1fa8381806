"""Queues that an admin makes, changes and takes away while people wait and talk."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from callcenter.simulator.call import Call, CallRefused
from callcenter.simulator.phone import Phone
from tests.live.live_stories import HOTLINE, Stories, Talk
from tests.live.test_live_agents import Agent, Floor

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTINGS = {
    "agents_required": True,
    "wrap_up_seconds": 1,
    # As the PBX has it by default: whoever waits is offered to no seat until its pause has come.
    "queue_wrapup_seconds": 1,
    "announce_position_seconds": 0,
    "announce_voice_message_seconds": 0,
    # A queue that is taken away goes at the first round after its last caller.
    "reconcile_seconds": 1,
}
ENGLISH, ENGLISH_NUMBER = "english", "02166660001"


class House(Floor):
    """Agents, and queues as an admin has them."""

    async def matched(self) -> None:
        """Wait until the PBX has everything that was asked for up to now."""

        async def probe() -> bool:
            metrics = (await self.system.api.get("/metrics")).text  # Health is a second old.
            return re.search(r"(?m)^callcenter_seats_in_step 1", metrics) is not None

        await self.system.until(probe, 15)

    async def queue(self, code: str, number: str, **fields: Any) -> None:
        """Make a queue with a direct number, unless there is one."""
        if (await self.system.api.get(f"/api/queues/{code}")).is_success:
            return
        await self.system.post("/api/queues", code=code, name=code, **fields)
        await self.system.post("/api/numbers", number=number, queue=code)

    async def change(self, code: str, **fields: Any) -> None:
        """Change a queue, and wait until the PBX has it."""
        answer = await self.system.api.patch(f"/api/queues/{code}", json=fields)
        assert answer.is_success, answer.text
        await self.matched()

    async def serving(self, index: int, *queues: str) -> tuple[Agent, Phone]:
        """A new operator at a registered phone, ready, who serves `queues`."""
        agent, phone = await self.agent(), await self.stories.seat(index)
        levels = dict.fromkeys(queues, 1)
        answer = await self.system.api.put(f"{agent.path}/skills", json={"levels": levels})
        assert answer.is_success, answer.text
        await agent.sits_at(phone.user)
        await agent.becomes("ready")
        await self.matched()
        return agent, phone

    async def dial(self, number: str) -> tuple[Phone, Call]:
        """A citizen who has dialled `number`."""
        citizen = await self.stories.citizen()
        return citizen, await citizen.dial(number)

    async def talk(self, number: str, seat: Phone) -> Talk:
        """A citizen dials `number`, `seat` answers, both have heard each other."""
        citizen, out = await self.dial(number)
        return Talk(citizen, out, await self.stories.answer(seat, out))

    async def waits(self, queue: str, citizen: Phone) -> None:
        """Wait until `citizen` waits in `queue`."""

        async def probe() -> bool:
            return re.search(r"(?m)^ +\d+\. PJSIP/trunk", await self.shown(queue)) is not None

        assert citizen.user
        await self.system.until(probe, 10)

    async def counted_as_free(self, queue: str, phone: Phone) -> None:
        """Wait until the PBX's queue counts `phone` as free: for a moment after the PBX has begun
        anew its members count as away."""

        async def probe() -> bool:
            lines = (await self.shown(queue)).splitlines()
            return any(f"PJSIP/{phone.user})" in one and "(Not in use)" in one for one in lines)

        await self.system.until(probe, 15)

    async def shown(self, queue: str) -> str:
        """What the PBX itself says of a queue."""
        system = self.system
        configuration = system.settings.asterisk_dir / "etc" / "asterisk.conf"
        process = await asyncio.create_subprocess_exec(
            *system.prepared.toolbox.asterisk_command,
            *("-C", str(configuration), "-rx", f"queue show {queue}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        said, _ = await process.communicate()
        return said.decode("utf-8", "replace")

    async def visits(self, citizen: Phone) -> Sequence[tuple[str, str]]:
        """Queue and end of each stay of the citizen's call."""
        told = await self.stories.told(citizen.user)
        return [(visit.queue, visit.how) for visit in told.visits]


@pytest_asyncio.fixture(loop_scope="module")
async def house(stories: Stories) -> AsyncIterator[House]:
    made = House(stories)
    yield made
    await made.close()


async def test_a_queue_is_made_while_calls_are_up_and_rings(house: House) -> None:
    stories = house.stories
    _agent, phone = await house.serving(0, HOTLINE)
    talk = await house.talk(HOTLINE, phone)
    refused = await stories.citizen()
    with pytest.raises(CallRefused):
        await (await refused.dial(ENGLISH_NUMBER)).answered()
    await house.queue(ENGLISH, ENGLISH_NUMBER, transfer_number="6001", language="en")
    await house.matched()
    _second, second_phone = await house.serving(1, ENGLISH)
    other = await house.talk(ENGLISH_NUMBER, second_phone)
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    await other.out.hang_up()
    told = await stories.answered_story(other.number, second_phone.user)
    assert (told.call.queue, told.call.called_number) == (ENGLISH, ENGLISH_NUMBER)
    assert await house.visits(other.citizen) == [(ENGLISH, "connected")]
    told = await stories.answered_story(talk.number, phone.user)
    assert told.call.queue == HOTLINE


async def test_a_queue_is_changed_under_those_who_talk_and_wait(house: House) -> None:
    stories = house.stories
    agent, phone = await house.serving(0, HOTLINE)
    resting, resting_phone = await house.serving(1, HOTLINE)
    await resting.set("break", reason="meal")
    await house.paused(resting_phone.user, paused=True)
    talk = await house.talk(HOTLINE, phone)
    waiting, out = await house.dial(HOTLINE)
    await house.waits(HOTLINE, waiting)
    before = await house.shown(HOTLINE)
    assert "'rrmemory' strategy" in before
    await house.change(HOTLINE, strategy="fewestcalls", max_waiting=1, ring_seconds=9, weight=3)
    shown = await house.shown(HOTLINE)
    assert "'fewestcalls' strategy" in shown
    assert "max 1" in shown
    assert members(shown) == members(before), "nobody left, joined, or came back from a break"
    assert (await house.stories.system.get(f"/api/seats/{resting_phone.user}"))["live"]["paused"]
    # The new limit holds for whoever comes now; who waits keeps his place.
    late, late_out = await house.dial(HOTLINE)
    await stories.message_begun(late_out)
    await late_out.hang_up()
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    await stories.answer(phone, out)
    await out.hang_up()
    assert (await agent.states()).count("wrap_up") >= 1, "between the two"
    assert await house.visits(waiting) == [(HOTLINE, "connected")]
    assert [how for _queue, how in await house.visits(late)] == ["full"]
    await stories.answered_story(talk.number, phone.user)
    await house.change(HOTLINE, strategy="rrmemory", max_waiting=50)


def members(shown: str) -> dict[str, tuple[str, bool]]:
    """Names and breaks of a queue's members, as the PBX shows them."""
    return {
        found[2]: (found[1], "(paused" in found[3])
        for found in re.finditer(r"(?m)^ +(\S+) \((PJSIP/\d+)\)(.*)$", shown)
    }


async def test_whoever_finds_no_place_is_led_into_the_next_queue(house: House) -> None:
    _agent, phone = await house.serving(0, HOTLINE)
    await house.queue("spill", "02166660002", overflow=HOTLINE)
    await house.matched()
    talk = await house.talk("02166660002", phone)
    await talk.out.hang_up()
    told = await house.stories.answered_story(talk.number, phone.user)
    assert [visit.queue for visit in told.visits] == ["spill", HOTLINE]
    assert told.visits[-1].how == "connected"


@pytest.mark.parametrize("serves", [(HOTLINE, "business"), ("business",)])
async def test_who_waits_in_a_queue_that_is_disabled_is_served_and_nobody_else(
    house: House, serves: tuple[str, ...]
) -> None:
    stories = house.stories
    await house.queue("business", "02166660003")
    await house.change("business", enabled=True)
    agent, phone = await house.serving(0, *serves)
    other, other_phone = await house.serving(1, HOTLINE)
    for one, his in ((agent, phone), (other, other_phone)):
        await one.set("break", reason="meal")
        await house.paused(his.user, paused=True)
    waiting, out = await house.dial("02166660003")
    await house.waits("business", waiting)
    await house.change("business", enabled=False)
    late, late_out = await house.dial("02166660003")
    await house.waits(HOTLINE, late)
    await late_out.hang_up()
    assert "has 1 calls" in await house.shown("business")
    await agent.set("ready")
    await stories.answer(phone, out)
    await out.hang_up()
    assert await house.visits(waiting) == [("business", "connected")]
    assert await house.visits(late) == [(HOTLINE, "abandoned")]

    async def gone() -> bool:
        return "No such queue" in await house.shown("business")

    await stories.system.until(gone, 20)


@pytest.mark.parametrize("over", ["keys", "the API"])
async def test_a_citizen_is_transferred_to_a_queue_by_its_number(house: House, over: str) -> None:
    stories = house.stories
    await house.queue(ENGLISH, ENGLISH_NUMBER, transfer_number="6001", language="en")
    _agent, phone = await house.serving(0, HOTLINE)
    _second, second_phone = await house.serving(1, ENGLISH)
    talk = await house.talk(HOTLINE, phone)
    if over == "keys":
        await talk.taken.dtmf("##6001")
    else:
        await stories.transfer(talk.number, kind="blind", target="6001")
    await stories.answer(second_phone, talk.out)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, phone.user, second_phone.user)
    assert [(one.kind, one.target, one.how) for one in told.transfers] == [
        ("blind", "6001", "completed")
    ]
    assert await house.visits(talk.citizen) == [(HOTLINE, "connected"), (ENGLISH, "connected")]


async def test_a_number_leads_to_its_queue_while_nothing_of_ours_runs(house: House) -> None:
    """And again once it runs."""
    system = house.system
    await house.queue(ENGLISH, ENGLISH_NUMBER, transfer_number="6001", language="en")
    _agent, phone = await house.serving(1, ENGLISH)
    system.kill("agi", "callcenter")
    try:
        talk = await house.talk(ENGLISH_NUMBER, phone)
        await talk.out.hang_up()
    finally:
        system.begin("agi")
        system.begin("callcenter")
        await system.ready()
    assert await house.visits(talk.citizen) == [(ENGLISH, "connected")]
    talk = await house.talk(ENGLISH_NUMBER, phone)
    await talk.out.hang_up()
    await house.stories.answered_story(talk.number, phone.user)


async def test_queues_and_their_members_are_there_after_a_restart_of_the_pbx(
    house: House,
) -> None:
    system = house.system
    await house.queue(ENGLISH, ENGLISH_NUMBER, transfer_number="6001", language="en")
    _agent, phone = await house.serving(1, ENGLISH)
    before = members(await house.shown(ENGLISH))
    system.kill("asterisk")
    system.begin("asterisk")
    await system.ready()
    await house.matched()
    assert members(await house.shown(ENGLISH)) == before
    await phone.register()
    await house.counted_as_free(ENGLISH, phone)
    talk = await house.talk(ENGLISH_NUMBER, phone)
    await talk.out.hang_up()
    await house.stories.answered_story(talk.number, phone.user)
