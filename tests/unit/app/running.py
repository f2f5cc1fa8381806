"""The whole service without a PBX, and people who use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from callcenter.app import create_app
from callcenter.people.domain.permissions import Role
from callcenter.people.tokens.service import TokenService
from callcenter.people.users.service import UserService
from callcenter.platform.config import Settings
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.given import shelf_of
from callcenter.platform.secrets import Secrets

T = TypeVar("T")

NOBODY_LISTENS = 1
"""A port at which no PBX and no AGI server is."""
BASE = "http://service"
GOOD = "six seats by the river"
"""A password that meets the rules."""


@dataclass(frozen=True)
class Service:
    app: FastAPI
    settings: Settings
    secrets: Secrets

    def get(self, kind: type[T]) -> T:
        """The running service of this type."""
        return shelf_of(self.app).take(kind)

    def browser(self, address: str = "192.0.2.1", **headers: str) -> httpx.AsyncClient:
        """A fresh browser at `address`; it keeps its cookies."""
        transport = httpx.ASGITransport(
            self.app, raise_app_exceptions=False, client=(address, 4711)
        )
        return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)

    async def machine(self, *roles: Role) -> httpx.AsyncClient:
        """A client with a token of `roles`."""
        name = "-".join(sorted(roles))
        token = await self.get(TokenService).create(name, roles)
        return self.browser(Authorization=f"Bearer {token}")

    async def person(self, login: str, *roles: Role, address: str = "192.0.2.1") -> Browser:
        """A person who has logged in and has chosen the password `GOOD`."""
        made = await self.get(UserService).create(
            login, name=login.title(), roles=frozenset(roles), actor="test"
        )
        browser = Browser(self.browser(address), login)
        await browser.log_in(made.password)
        answer = await browser.post("/api/password", current=made.password, new=GOOD)
        assert answer.status_code == 200, answer.text
        browser.csrf = answer.json()["csrf_token"]
        return browser


@dataclass
class Browser:
    client: httpx.AsyncClient
    login: str
    csrf: str = ""

    async def log_in(self, password: str = GOOD) -> httpx.Response:
        answer = await self.client.post(
            "/api/login", json={"login": self.login, "password": password}
        )
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf_token"]
        return answer

    async def get(self, url: str, **query: Any) -> httpx.Response:
        return await self.client.get(url, params=query)

    async def post(self, url: str, **body: Any) -> httpx.Response:
        return await self.send("POST", url, body)

    async def send(self, method: str, url: str, body: Any = None) -> httpx.Response:
        headers = {"X-CSRF-Token": self.csrf}
        return await self.client.request(method, url, json=body, headers=headers)


@asynccontextmanager
async def service(home: Path, **changes: Any) -> AsyncIterator[Service]:
    """The service on a fresh database, with quick password hashes."""
    settings = Settings(
        _env_file=None,
        home=home,
        ami_port=NOBODY_LISTENS,
        agi_port=NOBODY_LISTENS,
        ari_port=NOBODY_LISTENS,
        argon2_memory_kib=8192,
        argon2_passes=1,
        **changes,
    )
    secrets = Secrets.make()
    await upgrade_async(settings.db_url)
    app = create_app(settings, secrets)
    async with app.router.lifespan_context(app):
        yield Service(app, settings, secrets)


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and error code."""
    return answer.status_code, answer.json()["error"]["code"]
