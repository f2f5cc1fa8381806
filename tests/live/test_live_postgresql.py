"""The whole instance on PostgreSQL, by one setting; and the server that goes away under calls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from callcenter.platform.config import Settings
from callcenter.setup.toolbox import Toolbox
from tests.live.live_stories import Stories
from tests.live.live_system import System, port_block, short_home
from tests.postgresql_server import PostgresqlServer

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    """A server of this module's."""
    server = PostgresqlServer.made()
    yield server
    server.remove()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(toolbox: Toolbox, postgresql: PostgresqlServer) -> AsyncIterator[System]:
    """An instance whose database is new, and nowhere but there."""
    url = postgresql.url(await asyncio.to_thread(postgresql.copy, "template1"))
    with port_block() as base:
        cache = Settings(_env_file=None).cache
        instance = System(short_home(), base, cache, {"database_url": url})
        async with instance:
            yield instance
    assert not (instance.settings.home / "callcenter.db").exists()
    if os.environ.get("LIVE_KEEP"):
        print(f"kept: {instance.settings.home}")
    else:
        instance.remove()


async def test_calls_are_answered_recorded_and_told_also_while_the_server_is_away(
    stories: Stories, system: System, postgresql: PostgresqlServer
) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    usual = await stories.talk(first)
    case = await stories.case_of(usual.number)
    assert (case.source, case.seat, case.status) == ("call", first.user, "open")

    await asyncio.to_thread(postgresql.stop)
    # Nobody can be asked, so the dialplan's default holds: the next citizen gets a seat too.
    meanwhile = await stories.talk(second)
    await usual.out.hang_up()
    await usual.taken.ended()
    await meanwhile.out.hang_up()
    await meanwhile.taken.ended()
    answer = await system.api.get("/api/cases")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
    assert "start it" in (await health(system))["database"]["message"]

    await asyncio.to_thread(postgresql.start)
    await stories.answered_story(usual.number, first.user)
    told = await stories.answered_story(meanwhile.number, second.user)
    assert told.call.route == "queue"
    await system.ready()
    numbers = [item["number"] for item in (await system.get("/api/cases"))["items"]]
    assert [number[-6:] for number in numbers] == ["-00002", "-00001"]


async def health(system: System) -> dict[str, dict[str, str]]:
    """What the service says of its parts."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        answer = await client.get(f"http://127.0.0.1:{system.settings.api_port}/healthz")
    parts: dict[str, dict[str, str]] = answer.json()["parts"]
    return parts
