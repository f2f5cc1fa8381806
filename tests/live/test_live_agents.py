"""Agents at real phones on a real PBX: every state, and what survives when a part dies."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any

import pytest
import pytest_asyncio

from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from tests.live.live_stories import Stories
from tests.live.live_system import System

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(150),
    pytest.mark.asyncio(loop_scope="module"),
]

WRAP_UP_SECONDS = 6
SETTINGS = {
    "agents_required": True,
    "wrap_up_seconds": WRAP_UP_SECONDS,
    "ring_no_answer_limit": 2,
    "queue_wrapup_seconds": 2,
    "queue_ring_seconds": 15,
    # A caller is offered to nobody while he is told something.
    "announce_position_seconds": 0,
    "announce_voice_message_seconds": 0,
}
UNPLUGGED_SECONDS = 60
"""Until the PBX has noticed: it asks each phone every half a minute."""

_logins = count()


class Agent:
    """One operator, steered as a supervisor would."""

    def __init__(self, system: System, user_id: int) -> None:
        self._system = system
        self.user_id = user_id
        self.path = f"/api/agents/{user_id}"

    async def sits_at(self, seat: str, state: str = "ready", **more: str) -> None:
        """Logged in there."""
        await self._system.post(f"{self.path}/state", state=state, seat=seat, **more)

    async def set(self, state: str, **more: str) -> None:
        """Ready, on a break, offline."""
        await self._system.post(f"{self.path}/state", state=state, **more)

    async def skilled(self, levels: dict[str, int]) -> None:
        """Serves these queues so well."""
        answer = await self._system.api.put(f"{self.path}/skills", json={"levels": levels})
        answer.raise_for_status()

    async def now(self) -> Any:
        """As everybody sees him."""
        return await self._system.get(self.path)

    async def becomes(self, state: str, timeout: float = 15) -> Any:
        """Wait for the state."""

        async def probe() -> Any:
            now = await self.now()
            return now if now["state"] == state else None

        try:
            return await self._system.until(probe, timeout)
        except TimeoutError:
            raise AssertionError(f"not {state} but {await self.now()}") from None

    async def intervals(self) -> list[Any]:
        """All of today's."""
        now = datetime.now(UTC)
        answer = await self._system.get(
            f"{self.path}/intervals",
            **{
                "from": (now - timedelta(hours=1)).isoformat(),
                "to": (now + timedelta(hours=1)).isoformat(),
            },
        )
        found: list[Any] = answer["items"]
        return found

    async def states(self) -> list[str]:
        """Those of his intervals; and they tile time."""
        found = await self.intervals()
        for one, following in pairwise(found):
            assert one["ended_at"] <= following["begun_at"]
            if one["ended_at"] != following["begun_at"]:
                assert await self._was_offline(one["ended_at"]), (one, following)
        return [one["state"] for one in found]

    async def _was_offline(self, moment: str) -> bool:
        trail = await self._system.get("/api/trail", subject=f"agent:{self.user_id}")
        return any(one["at"] >= moment for one in trail["items"])


class Floor:
    """Agents and their phones; all are logged out at the end."""

    def __init__(self, stories: Stories) -> None:
        self.stories = stories
        self.system = stories.system
        self._agents: list[Agent] = []

    async def agent(self) -> Agent:
        """A new operator."""
        login = f"agent{next(_logins)}"
        made = await self.system.post(
            "/api/users", login=login, name=f"话务员{login}", roles=["operator"]
        )
        agent = Agent(self.system, made.get("user", made)["id"])
        self._agents.append(agent)
        return agent

    async def ready(self, index: int) -> tuple[Agent, Phone]:
        """A new operator at a registered phone, ready."""
        agent, phone = await self.agent(), await self.stories.seat(index)
        await agent.sits_at(phone.user)
        await agent.becomes("ready")
        await self.matched()
        return agent, phone

    async def matched(self) -> None:
        """Wait until the PBX has every place in its queues that was asked for up to now."""

        async def probe() -> bool:
            metrics = (await self.system.api.get("/metrics")).text  # Health is a second old.
            return re.search(r"^\S*seats_in_step 1(\.0)?$", metrics, re.MULTILINE) is not None

        await self.system.until(probe, 15)

    async def paused(self, seat: str, *, paused: bool) -> None:
        """Wait until the PBX has `seat` so in its queue."""

        async def probe() -> bool:
            live = (await self.system.get(f"/api/seats/{seat}"))["live"]
            return live is not None and live["paused"] is paused

        await self.system.until(probe, 10)

    async def close(self) -> None:
        """Everybody goes home."""
        for agent in self._agents:
            await agent.set("offline")


@pytest_asyncio.fixture(loop_scope="module")
async def floor(stories: Stories) -> AsyncIterator[Floor]:
    made = Floor(stories)
    yield made
    await made.close()


async def test_an_agent_logs_in_on_another_seat(floor: Floor) -> None:
    stories = floor.stories
    agent, first = await floor.ready(0)
    second = await stories.seat(1)
    talk = await stories.talk(first)
    await agent.becomes("talking")
    refused = await stories.system.api.post(
        f"{agent.path}/state", json={"state": "ready", "seat": second.user}
    )
    assert refused.json()["error"]["code"] == "agent_elsewhere"
    await talk.out.hang_up()
    await agent.becomes("wrap_up")
    await agent.set("offline")
    await agent.sits_at(second.user)
    await floor.matched()
    talk = await stories.talk(second)
    assert (await agent.becomes("talking"))["seat"] == second.user
    await talk.out.hang_up()
    await stories.answered_story(talk.number, second.user)
    await agent.becomes("wrap_up")
    await agent.becomes("ready")
    seats = {one["seat"] for one in await agent.intervals()}
    assert seats == {first.user, second.user}


async def test_a_waiting_caller_does_not_reach_a_seat_in_wrap_up(floor: Floor) -> None:
    stories = floor.stories
    agent, phone = await floor.ready(0)
    talk = await stories.talk(phone)
    waiting, out = await stories.dial()
    await out.answered()  # By the music of the queue.
    await talk.out.hang_up()
    wrap_up = await agent.becomes("wrap_up")
    taken = await phone.next_call(WRAP_UP_SECONDS + 10)
    rang = await agent.becomes("ringing")
    assert rang["since"] >= wrap_up["wrap_up_until"]
    await taken.answer()
    await stories.speak(out, taken)
    await taken.hang_up()  # The other side ends it this time.
    await agent.becomes("wrap_up")
    await out.hang_up()  # He is asked for a score.
    # Who ends the wrap-up himself has the next caller at once.
    later, out = await stories.dial()
    await out.answered()
    await agent.set("ready")
    taken = await phone.next_call(WRAP_UP_SECONDS)
    await taken.answer()
    await stories.speak(out, taken)
    await out.hang_up()
    await stories.told(later.user)
    await stories.told(waiting.user)
    states = await agent.states()
    assert "ringing" in states
    for before, after in pairwise(states):
        assert (before, after) not in {("wrap_up", "ringing"), ("talking", "ringing")}


async def test_a_seat_that_lets_calls_ring_out_is_set_to_a_break(floor: Floor) -> None:
    stories = floor.stories
    agent, phone = await floor.ready(0)
    citizen, out = await stories.dial()
    now = await agent.becomes("break", timeout=50)
    assert now["reason"] == "ring_no_answer"
    await floor.paused(phone.user, paused=True)
    missed = [call for call in phone.log if call.startswith("< INVITE")]
    assert len(missed) == 2
    await agent.set("ready")
    taken = await phone.next_call(10)
    while taken.over:
        taken = await phone.next_call(10)
    await taken.answer()
    await stories.speak(out, taken)
    await out.hang_up()
    told = await stories.told(citizen.user)
    assert [ring.how for ring in told.rings] == ["no_answer", "no_answer", "answered"]


async def test_a_seat_that_refuses_calls_is_set_to_a_break(floor: Floor) -> None:
    stories = floor.stories
    agent, phone = await floor.ready(0)
    phone.refuse_with = 603
    citizen, out = await stories.dial()
    assert (await agent.becomes("break", timeout=30))["reason"] == "ring_refused"
    await floor.paused(phone.user, paused=True)
    phone.refuse_with = 0
    await agent.set("ready")
    await stories.answer(phone, out)
    await out.hang_up()
    told = await stories.told(citizen.user)
    assert [ring.how for ring in told.rings] == ["refused", "refused", "answered"]


async def test_phones_are_unplugged_while_ready_ringing_and_talking(floor: Floor) -> None:
    stories = floor.stories
    talker, talking = await floor.ready(0)
    talk = await stories.talk(talking)
    ringer, ringing = await floor.ready(1)
    citizen, out = await stories.dial()
    await ringing.next_call(10)
    await ringer.becomes("ringing")
    idler, idle = await floor.ready(2)
    for phone in (talking, ringing, idle):
        phone.vanish()
    await out.hang_up()
    assert (await talker.now())["state"] == "talking"
    await talk.out.hang_up()
    await talker.becomes("wrap_up")
    agents = {talker: 0, ringer: 1, idler: 2}
    for agent in agents:
        await agent.becomes("unreachable", UNPLUGGED_SECONDS)
    for agent, index in agents.items():
        await stories.seat(index)
        await agent.becomes("ready")
    await stories.told(citizen.user)


async def test_a_seat_is_disabled_while_its_agent_is_ready_and_talking(floor: Floor) -> None:
    stories, api = floor.stories, floor.system.api
    talker, talking = await floor.ready(0)
    talk = await stories.talk(talking)
    idler, idle = await floor.ready(1)
    try:
        for phone in (talking, idle):
            answer = await api.patch(f"/api/seats/{phone.user}", json={"enabled": False})
            answer.raise_for_status()
        await idler.becomes("offline")
        assert (await idler.states())[-1] == "ready"
        # The citizen notices nothing.
        await stories.speak(talk.out, talk.taken)
        assert (await talker.now())["state"] == "talking"
        await talk.out.hang_up()
        await talker.becomes("offline")
        assert "talking" in await talker.states()
        notes = await floor.system.get("/api/trail", subject=f"agent:{talker.user_id}")
        assert notes["items"][0]["data"]["reason"] == "seat_disabled"
    finally:
        for phone in (talking, idle):
            await api.patch(f"/api/seats/{phone.user}", json={"enabled": True})
    await stories.answered_story(talk.number, talking.user)


class Everybody:
    """An agent in every state, each at a seat of his own."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.agents: dict[str, Agent] = {}
        self.phones: dict[str, Phone] = {}
        self.outs: dict[str, Call] = {}

    async def begin(self) -> None:
        """Bring them there; wrap_up last, since it ends by itself."""
        floor, stories = self.floor, self.floor.stories
        self.agents["offline"] = await floor.agent()
        for index, state in enumerate(("wrap_up", "talking", "ringing", "ready", "break")):
            self.agents[state], self.phones[state] = await floor.ready(index)
            await self.agents[state].set("break", reason="meeting")
            await floor.paused(self.phones[state].user, paused=True)
        # The waiting caller is offered to nobody else, however long it takes.
        queue = floor.system.settings.hotline_number
        await self.agents["ready"].skilled({queue: 2})
        self.agents["unreachable"] = await floor.agent()
        await self.agents["unreachable"].sits_at(stories.system.prepared.seats[5].extension)
        await self._call("wrap_up")
        await self._call("talking")
        await self.agents["ringing"].set("ready")
        _, self.outs["ringing"] = await stories.dial()
        await self.phones["ringing"].next_call(10)
        await self.agents["ready"].set("ready")
        await self.outs["wrap_up"].hang_up()
        for state, agent in self.agents.items():
            await agent.becomes(state, 5)

    async def _call(self, state: str) -> None:
        stories = self.floor.stories
        await self.agents[state].set("ready")
        _, out = await stories.dial()
        await stories.answer(self.phones[state], out)
        await self.agents[state].becomes("talking")
        self.outs[state] = out

    async def agree(self) -> None:
        """The PBX has everybody as the agents' states say."""
        for state, phone in self.phones.items():
            now = await self.agents[state].now()
            await self.floor.paused(phone.user, paused=now["state"] in ("break", "wrap_up"))

    async def end(self) -> None:
        """The calls that are left."""
        for out in self.outs.values():
            await out.hang_up()


async def test_the_service_is_killed_with_agents_in_every_state(floor: Floor) -> None:
    everybody = Everybody(floor)
    await everybody.begin()
    before = {state: await agent.now() for state, agent in everybody.agents.items()}
    floor.system.kill("callcenter")
    floor.system.begin("callcenter")
    await floor.system.ready()
    for state, agent in everybody.agents.items():
        if state in ("wrap_up", "ringing"):
            continue  # Either may have ended by itself meanwhile; what came after is seen below.
        now = await agent.now()
        assert now["state"] == state
        if state != "offline":
            assert now["since"] == before[state]["since"]
    await everybody.agents["wrap_up"].becomes("ready")
    await everybody.agree()
    # The talk goes on, and its end is seen by the new process.
    await everybody.end()
    await everybody.agents["talking"].becomes("wrap_up")
    await everybody.agents["talking"].becomes("ready")
    await everybody.agree()
    for agent in everybody.agents.values():
        await agent.states()


async def test_a_talk_that_ends_while_the_service_is_down_has_its_wrap_up(floor: Floor) -> None:
    stories = floor.stories
    agent, phone = await floor.ready(0)
    talk = await stories.talk(phone)
    await agent.becomes("talking")
    floor.system.kill("callcenter")
    await talk.out.hang_up()
    await talk.taken.ended()
    floor.system.begin("callcenter")
    await floor.system.ready()
    await agent.becomes("ready")
    states = await agent.states()
    assert states[-3:] == ["talking", "wrap_up", "ready"]
    await floor.paused(phone.user, paused=False)


async def test_the_pbx_is_killed_with_agents_in_every_state(floor: Floor) -> None:
    everybody = Everybody(floor)
    await everybody.begin()
    floor.system.kill("asterisk")
    floor.system.begin("asterisk")
    await floor.system.ready()
    after = {
        "offline": "offline",
        "break": "break",
        "ready": "ready",
        "ringing": "ready",
        "unreachable": "unreachable",
        # The call is over with the PBX; what there is to be written up is the same.
        "talking": "ready",
        "wrap_up": "ready",
    }
    for state, agent in everybody.agents.items():
        await agent.becomes(after[state], 30)
    assert (await everybody.agents["talking"].states())[-2:] == ["wrap_up", "ready"]
    await everybody.agree()
    for out in everybody.outs.values():
        out.phone.vanish()
    # And the next caller is served.
    for phone in everybody.phones.values():
        phone.vanish()
    phone = await floor.stories.seat(3)
    for state in ("wrap_up", "talking", "ringing"):
        await everybody.agents[state].set("offline")
    talk = await floor.stories.talk(phone)
    await everybody.agents["ready"].becomes("talking")
    await talk.out.hang_up()
    await everybody.agents["ready"].becomes("wrap_up")


async def test_the_right_people_first(floor: Floor) -> None:
    stories, system = floor.stories, floor.system
    queue = system.settings.hotline_number
    second, second_phone = await floor.ready(0)
    first, first_phone = await floor.ready(1)
    for agent, level in ((first, 1), (second, 2)):
        await agent.skilled({queue: level})
    await floor.matched()
    # The other seat would be the next in turn; it is asked once the first one is busy.
    talk = await stories.talk(first_phone)
    other = await stories.talk(second_phone)
    await talk.out.hang_up()
    await other.out.hang_up()
