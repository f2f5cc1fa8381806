"""ARI: one request, one outcome, within its deadline, at exactly the object that was meant."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from callcenter.platform.config import Settings
from callcenter.platform.errors import BadInput
from callcenter.telephony.pbx.ami.outcomes import Done, LinkLost, Outcome, Refused, TimedOut
from callcenter.telephony.pbx.ari import MAX_NAME, REASON_CHARACTERS, AriClient

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PREFIX = "/ari/asterisk/config/dynamic/res_pjsip"


class Pbx:
    """Answers every request with the same response, and keeps the requests."""

    def __init__(self, response: httpx.Response | Exception) -> None:
        self.response = response
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.response, Exception):
            raise self.response
        return self.response

    def client(self) -> AriClient:
        return AriClient(8088, "geheim", transport=httpx.MockTransport(self))


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """The port of a server that treats each connection with `serve`."""

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass  # The client gave up, as it should.
        finally:
            writer.close()

    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_an_object_is_made_with_all_its_options() -> None:
    pbx = Pbx(httpx.Response(200, json=[]))
    options = {"callerid": '"王芳" <8001>', "allow": "alaw,ulaw"}
    assert await pbx.client().put("endpoint", "8001", options) == Done(None)
    (request,) = pbx.requests
    assert (request.method, request.url.path) == ("PUT", f"{PREFIX}/endpoint/8001")
    assert json.loads(request.content) == {
        "fields": [
            {"attribute": "callerid", "value": '"王芳" <8001>'},
            {"attribute": "allow", "value": "alaw,ulaw"},
        ]
    }
    scheme, _, credentials = request.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials)) == ("Basic", b"callcenter:geheim")


async def test_an_object_is_removed_also_if_it_is_gone_already() -> None:
    for status in (204, 404):
        pbx = Pbx(httpx.Response(status))
        assert await pbx.client().delete("aor", "8001") == Done(None)
        assert pbx.requests[0].method == "DELETE"


async def test_what_is_not_found_cannot_have_been_made() -> None:
    outcome = await Pbx(httpx.Response(404)).client().put("aor", "8001", {})
    assert outcome == Refused("ARI 404: Not Found")


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (httpx.Response(400, json={"message": "Could not set"}), "ARI 400: Could not set"),
        (httpx.Response(401, json={"error": "Unauthorized"}), "ARI 401: Unauthorized"),
        (httpx.Response(403, content=b"<html>no</html>"), "ARI 403: Forbidden"),
        (httpx.Response(500, json=["what"]), "ARI 500: Internal Server Error"),
        (httpx.Response(500, json={}), "ARI 500: Internal Server Error"),
        (httpx.Response(302), "ARI 302: Found"),
        (
            httpx.Response(400, json={"message": "x" * 5000}),
            f"ARI 400: {'x' * REASON_CHARACTERS}",
        ),
    ],
)
async def test_a_refusal_says_why(response: httpx.Response, reason: str) -> None:
    assert await Pbx(response).client().put("auth", "8001", {}) == Refused(reason)
    if response.status_code != 404:
        assert await Pbx(response).client().delete("auth", "8001") == Refused(reason)


@pytest.mark.parametrize("name", ["8001;@5fd0a1", "a/b", "a/../../b", "a?b#c", "王", "%2e"])
async def test_a_name_is_one_step_of_the_path_and_no_more(name: str) -> None:
    pbx = Pbx(httpx.Response(204))
    await pbx.client().delete("contact", name)
    raw = pbx.requests[0].url.raw_path.decode()
    assert raw.startswith(f"{PREFIX}/contact/")
    assert raw.count("/") == PREFIX.count("/") + 2
    assert pbx.requests[0].url.path == f"{PREFIX}/contact/{name}"
    assert pbx.requests[0].url.query == b""


@pytest.mark.parametrize("name", ["", ".", "..", "x" * (MAX_NAME + 1), "80\r\n01", "\ud800"])
async def test_what_is_no_name_is_refused_and_nothing_is_sent(name: str) -> None:
    pbx = Pbx(httpx.Response(204))
    for request in (pbx.client().delete("aor", name), pbx.client().put("aor", name, {})):
        with pytest.raises(BadInput) as caught:
            await request
        assert caught.value.error_code == "pbx_bad_value"
    assert pbx.requests == []


@pytest.mark.parametrize("value", ["x\r\ntype=endpoint", "\0", "\ud800", "x" * 2000])
async def test_a_hostile_option_is_refused_and_nothing_is_sent(value: str) -> None:
    pbx = Pbx(httpx.Response(200))
    with pytest.raises(BadInput, match="callerid") as caught:
        await pbx.client().put("endpoint", "8001", {"callerid": value})
    assert (caught.value.error_code, pbx.requests) == ("pbx_bad_value", [])


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError("refused"), LinkLost(sent=False, reason="ARI: refused")),
        (httpx.ConnectTimeout(""), LinkLost(sent=False, reason="ARI: ConnectTimeout")),
        (httpx.PoolTimeout(""), LinkLost(sent=False, reason="ARI: PoolTimeout")),
        (httpx.ReadTimeout("slow"), TimedOut(5.0)),
        (httpx.WriteTimeout("slow"), TimedOut(5.0)),
        (httpx.ReadError("reset"), LinkLost(sent=True, reason="ARI: reset")),
        (
            httpx.RemoteProtocolError("half an answer"),
            LinkLost(sent=True, reason="ARI: half an answer"),
        ),
    ],
)
async def test_each_failure_says_whether_it_may_have_been_done(
    error: Exception, outcome: Outcome[None]
) -> None:
    pbx = Pbx(error)
    assert await pbx.client().put("aor", "8001", {}) == outcome
    assert len(pbx.requests) == 1, "sent again"


async def test_without_a_pbx_nothing_was_sent() -> None:
    async def closed(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    async with listening(closed) as port:
        pass
    outcome = await AriClient(port, "geheim").delete("aor", "8001")
    assert isinstance(outcome, LinkLost)
    assert not outcome.sent


async def test_a_pbx_that_is_silent_is_not_awaited_for_ever() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as port:
        client = AriClient(port, "geheim", seconds=0.5)
        assert await client.delete("aor", "8001") == TimedOut(0.5)
        await client.close()


async def test_an_answer_that_drips_is_not_awaited_for_ever() -> None:
    """Each byte comes in time, and the whole never does."""
    begun = asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        begun.set()
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with listening(drip) as port:
        client = AriClient(port, "geheim", seconds=0.5)
        assert await client.delete("aor", "8001") == TimedOut(0.5)
        assert begun.is_set()
        await client.close()


async def test_a_pbx_that_dies_within_its_answer_may_have_done_it() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
        await writer.drain()

    async with listening(half) as port:
        outcome = await AriClient(port, "geheim").delete("aor", "8001")
    assert isinstance(outcome, LinkLost)
    assert outcome.sent


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with listening(fine) as port:
        client = AriClient.of(Settings(ari_port=port), "geheim")
        assert await client.delete("aor", "8001") == Done(None)
        await client.close()
