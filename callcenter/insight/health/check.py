"""How an instance does, seen from outside its processes: for `callcenter doctor`.

What can be seen from outside is looked at from outside, so that it can be told while the service
is dead; what only the service knows (its journal reader, its workers) is asked of the service.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import httpx

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.probe import probe_of
from callcenter.platform.health import (
    HealthStatus,
    PartHealth,
    database_health,
    down,
    well,
)
from callcenter.platform.room.health import disk_health
from callcenter.platform.secrets import Secrets
from callcenter.telephony.health import agi_health, recordings_health
from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig, LinkState

LOGIN_SECONDS = 5.0
SERVICE_SECONDS = 10.0
"""Above what the service's own checks may take."""


async def check(settings: Settings, secrets: Secrets) -> list[PartHealth]:
    """Every part; takes as long as the slowest, at most about ten seconds."""
    database = Database.of(settings)
    try:
        own = await asyncio.gather(
            pbx_health(settings, secrets),
            agi_health(settings),
            database_health(probe_of(database)),
            disk_health(settings),
            recordings_health(settings),
        )
    finally:
        await database.close()
    service, inside = await service_health(settings)
    names = {part.name for part in own}
    return [*own, service, *(part for part in inside if part.name not in names)]


async def pbx_health(settings: Settings, secrets: Secrets) -> PartHealth:
    """Whether the PBX is up and lets us in, by a log-in of its own."""
    link = AmiLink(LinkConfig.of(settings, secrets.ami_password))
    run = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            state = await link.wait_for(LinkState.UP, LinkState.REFUSED)
        return (
            well("ami", "the PBX is up and we can log in")
            if state is LinkState.UP
            else down("ami", link.problem)
        )
    except TimeoutError:
        return down("ami", link.problem or f"no log-in within {LOGIN_SECONDS:g} s")
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def service_health(settings: Settings) -> tuple[PartHealth, list[PartHealth]]:
    """Whether the service answers, and what it says of its parts."""
    url = f"{settings.api_url}/healthz"
    try:
        # No proxy of the environment stands between us and ourselves.
        async with httpx.AsyncClient(timeout=SERVICE_SECONDS, trust_env=False) as client:
            said: Any = (await client.get(url)).json()
        parts = [
            PartHealth(name, HealthStatus(part["status"]), str(part["message"]))
            for name, part in said["parts"].items()
        ]
    except httpx.HTTPError as error:
        return down("service", f"{url} does not answer ({type(error).__name__}); see its log"), []
    except (ValueError, KeyError, TypeError, AttributeError):
        return down("service", f"{url} is something else: is its port taken by another?"), []
    return well("service", "answers"), parts
