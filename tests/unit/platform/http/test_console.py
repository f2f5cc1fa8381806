"""How the console's files are served: for ever or not at all kept, compressed, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from callcenter.platform.config import Settings
from callcenter.platform.http.console import pages, policy
from tests.unit.app.running import service

PAGE = "<!doctype html><title>12345</title>"
SCRIPT = b"console.log(1)"


def build(home: Path) -> None:
    """A console as the build leaves it."""
    assets = home / "console" / "assets"
    assets.mkdir(parents=True)
    (home / "console" / "index.html").write_text(PAGE, encoding="utf-8")
    (home / "console" / "icon.svg").write_text("<svg/>", encoding="utf-8")
    (assets / "a-12345678.js").write_bytes(SCRIPT)
    (assets / "a-12345678.js.br").write_bytes(b"brotli")
    (assets / "a-12345678.js.gz").write_bytes(b"gzip")
    (home / "secret.js").write_bytes(b"secret")


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    build(tmp_path)
    async with service(tmp_path) as made, made.browser() as client:
        yield client


async def test_the_page_is_at_every_address_of_its_own_and_never_kept(
    browser: httpx.AsyncClient,
) -> None:
    for address in ("/", *(f"/{name}" for name in pages()), "/login?to=/desk", "/desk/1"):
        answer = await browser.get(address)
        assert (answer.status_code, answer.text) == (200, PAGE), address
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == policy(Settings(_env_file=None))


async def test_what_is_no_page_of_its_is_not_found(browser: httpx.AsyncClient) -> None:
    for address in ("/nothing", "/api", "/desks", "/index.html"):
        answer = await browser.get(address)
        assert answer.status_code in (401, 404), address


async def test_a_file_is_kept_for_ever_and_comes_as_the_browser_can_take_it(
    browser: httpx.AsyncClient,
) -> None:
    for accepted, encoding, content in (
        ("gzip, deflate, br, zstd", "br", b"brotli"),
        ("gzip;q=1.0, identity", "gzip", b"gzip"),
        ("identity", None, SCRIPT),
    ):
        request = browser.build_request(
            "GET", "/assets/a-12345678.js", headers={"Accept-Encoding": accepted}
        )
        answer = await browser.send(request, stream=True)
        raw = b"".join([part async for part in answer.aiter_raw()])
        assert raw == content
        assert answer.headers.get("content-encoding") == encoding
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"].startswith("text/javascript")


async def test_nothing_else_is_served(browser: httpx.AsyncClient) -> None:
    hidden = ("b.js", "..%2Findex.html", "../../secret.js", "..%2F..%2Fsecret.js", "")
    for name in (*hidden, "a-12345678.js.br"):
        assert (await browser.get(f"/assets/{name}")).status_code == 404, name


async def test_without_a_build_it_says_what_to_do(tmp_path: Path) -> None:
    async with service(tmp_path) as made, made.browser() as client:
        answer = await client.get("/desk")
    assert answer.status_code == 503
    assert "callcenter console" in answer.text


def test_the_policy_lets_no_script_or_style_in_that_is_not_a_file_of_ours() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in policy(Settings(_env_file=None)).split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src-elem"] == rules["connect-src"] == "'self'"
    elsewhere = policy(Settings(_env_file=None, webrtc_url="wss://phones.example:8443/ws"))
    assert "connect-src 'self' wss://phones.example:8443;" in elsewhere
