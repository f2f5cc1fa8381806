"""Two phones with one seat's account: seen, told, and the seat is kept for the agent's."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from callcenter.platform.secrets import load_secrets
from callcenter.simulator.phone import Phone, RegistrationRefused
from tests.live.live_people import Office, Person, ok
from tests.live.live_stories import Stories, new_seat
from tests.live.live_system import System

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTINGS = {"agents_required": True, "wrap_up_seconds": 60}
SOON = 10.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(system: System) -> AsyncIterator[Person]:
    """The first admin, at his first login."""
    secret = load_secrets(system.settings.secrets_file).admin_password
    async with Person(system, "admin") as made:
        ok(await made.log_in(secret))
        await made.chooses(secret)
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def office(stories: Stories, admin: Person) -> AsyncIterator[Office]:
    """Everybody is gone at the end of the test."""
    async with AsyncExitStack() as stack:
        yield Office(stories, admin, stack)


def phone_of(system: System, seat: dict[str, Any]) -> Phone:
    return Phone("127.0.0.1", system.settings.sip_port, seat["extension"], seat["secret"])


async def takes(system: System, phone: Phone) -> None:
    """Register, and wait until the seat shows this phone, well."""

    async def registered() -> bool:
        with contextlib.suppress(RegistrationRefused):
            await phone.register()
            return True
        return False

    await system.until(registered, SOON)

    async def shown() -> bool:
        found = (await system.get(f"/api/seats/{phone.user}"))["phone"]
        well = found is not None and found["reachability"] == "reachable"
        return well and found["address"].endswith(f":{phone.local_port}")

    await system.until(shown, SOON)


async def contest_of(system: System, extension: str) -> Any:
    return (await system.get(f"/api/seats/{extension}"))["contest"]


async def kept(system: System, mine: Phone, other: Phone) -> None:
    """Wait until the PBX turns `other` away."""

    async def turned_away() -> bool:
        try:
            await other.register()
        except RegistrationRefused:
            return True
        await takes(system, mine)
        return False

    await system.until(turned_away, SOON)


async def test_the_agents_phone_keeps_the_seat_from_another_one(office: Office) -> None:
    stories, system = office.stories, office.system
    made = await new_seat(system)
    seat = made["extension"]
    async with phone_of(system, made) as mine, phone_of(system, made) as other:
        await takes(system, mine)
        agent = await office.person("operator")
        await agent.sits_at(mine)
        await takes(system, other)
        assert await contest_of(system, seat) is None
        await takes(system, mine)

        async def noticed() -> Any:
            return await contest_of(system, seat)

        contest = await system.until(noticed, SOON)
        assert contest["keeps"].endswith(f":{mine.local_port}")
        assert contest["other"].endswith(f":{other.local_port}")
        health = (await system.get("/healthz"))["parts"]["phones"]
        assert health["status"] == "degraded"
        assert seat in health["message"]

        # The PBX takes the other one no more, and goes on to take the agent's.
        await kept(system, mine, other)
        for _ in range(3):
            await mine.register()
            with pytest.raises(RegistrationRefused):
                await other.register()
        await agent.becomes("ready")
        talk = await stories.talk(mine)
        await talk.taken.hang_up()
        await talk.out.hang_up()

        # He leaves, and it is a seat like any other, with its newest phone.
        await agent.becomes("wrap_up")
        await agent.post("/api/agents/me/logout")
        await takes(system, other)
        assert await contest_of(system, seat) is None


async def test_while_another_phone_has_the_seat_no_call_rings_there(office: Office) -> None:
    system = office.system
    made = await new_seat(system)
    seat = made["extension"]
    async with phone_of(system, made) as mine, phone_of(system, made) as other:
        await takes(system, other)
        await takes(system, mine)
        agent = await office.person("operator")
        await agent.sits_at(mine)
        await takes(system, other)  # Displaces the agent's, as that one had displaced it.
        await agent.becomes("unreachable")

        async def usurped() -> bool:
            live = (await system.get(f"/api/seats/{seat}"))["live"]
            floor = (await system.get("/api/live"))["items"]["seats"][seat]
            return bool(live["usurped"] and not live["reachable"] and floor["usurped"])

        await system.until(usurped, SOON)
        await takes(system, mine)
        await agent.becomes("ready")
        await kept(system, mine, other)
        # It goes away for good: whoever is there then has the seat.
        await mine.unregister()
        await takes(system, other)
        await agent.becomes("ready")
        assert await contest_of(system, seat) is None
