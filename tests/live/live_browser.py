"""A real browser at the console: Chromium with a microphone that beeps, watched for everything that
a page must not do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from tests.live.live_chromium import Chromium
from tests.live.live_system import System

FLAGS = (
    "--no-sandbox",
    # A tone for a microphone, and nobody to ask for leave.
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    # Both ends are on this machine.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
SMALL, LARGE = (1366, 768), (3840, 2160)
PATIENCE_MS = 20_000


class Watched:
    """A page, and what it did that it must not."""

    def __init__(self, page: Page, host: str, axe: str) -> None:
        self.page = page
        self.problems: list[str] = []
        self.expected = {"/api/me"}
        """Parts of console lines that a test provokes. Whoever is not logged in yet is told so."""
        self._host = host
        self._axe = axe
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text} {message.location}")

    def _request(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme in ("http", "https", "ws", "wss") and where.netloc != self._host:
            self.problems.append(f"another host: {request.url}")

    async def is_clean(self) -> None:
        """Nothing was done that must not be; and axe finds nothing on what is shown."""
        violations: list[str] = await self.page.evaluate("window.violations")
        found = [
            problem
            for problem in (*self.problems, *violations)
            if not any(part in problem for part in self.expected)
        ]
        assert not found, "\n".join(found)
        await self.page.evaluate(self._axe)
        result: dict[str, Any] = await self.page.evaluate(
            "axe.run(document, {resultTypes: ['violations']})"
        )
        told = [
            f"{one['id']}: {one['help']} {[node['html'] for node in one['nodes'][:3]]}"
            for one in result["violations"]
        ]
        assert not told, f"axe at {self.page.url}:\n" + "\n".join(told)

    async def fits(self) -> None:
        """No page is wider than its screen."""
        over: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, f"{self.page.url} is {over} px too wide"


@asynccontextmanager
async def chromium(program: Chromium, system: System) -> AsyncIterator[Browser]:
    """A running browser that trusts the certificate of `system`, and no other that is not known.

    That the authority's word holds is tested by TLS itself (test_secure_door).
    """
    pem = await asyncio.to_thread(system.settings.tls_files[0].read_bytes)
    key = x509.load_pem_x509_certificate(pem).public_key()
    told = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    known = base64.b64encode(hashlib.sha256(told).digest()).decode()
    flags = [*FLAGS, f"--ignore-certificate-errors-spki-list={known}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program.program,
            args=flags,
            env={**os.environ, **program.environment},
            chromium_sandbox=False,
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def at_console(
    browser: Browser, system: System, axe: Path, size: tuple[int, int] = SMALL
) -> AsyncIterator[Watched]:
    """A fresh profile at the https door of `system`."""
    host = f"127.0.0.1:{system.settings.https_port}"
    script = await asyncio.to_thread(axe.read_text, encoding="utf-8")
    context = await browser.new_context(
        base_url=f"https://{host}",
        viewport={"width": size[0], "height": size[1]},
        permissions=["microphone"],
        locale="zh-CN",
    )
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(VIOLATIONS)
    try:
        yield Watched(await context.new_page(), host, script)
    finally:
        await context.close()
