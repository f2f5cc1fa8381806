"""A real browser as a seat's phone: registers, takes a call out of the queue, is heard and hears.

No test of `make test`: it needs two things that a checkout has not, Chromium and JsSIP's browser
build, and says so. From the checkout:

    .venv/bin/python -m tests.live.browser_phone --jssip /path/to/jssip.min.js

It starts an instance of its own, gives Chromium's page what the API gives it for the seat, has a
citizen call, and ends with exit code 0 only if sound went both ways over ICE and DTLS and stands
on both sides of the recording.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from callcenter.platform.config import Settings
from callcenter.setup.toolbox import ensure_toolbox
from callcenter.simulator.sound import CALLER_HZ
from callcenter.simulator.speech import Speech
from tests.live.live_stories import HOTLINE, new_seat
from tests.live.live_system import System, new_number, port_block, short_home
from tests.live.live_told import Told, loudest, sound_of, told_about

CHROMIUM_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    # A tone for a microphone, and nobody to ask for leave.
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    # Both ends are on this machine.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    # The self-signed certificate that set-up made.
    "--ignore-certificate-errors",
)
PAGE = """<!doctype html><meta charset="utf-8"><script src="jssip.js"></script><script>
const tell = (what, data) => fetch("told", {method: "POST", body: JSON.stringify({what, data})});
const login = LOGIN;
const ua = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface(SOCKET)], uri: login.uri, realm: login.realm,
  ha1: login.ha1, register_expires: login.register_seconds, session_timers: false,
});
ua.on("registered", () => tell("registered"));
ua.on("registrationFailed", (event) => tell("failed", event.cause));
ua.on("newRTCSession", ({session}) => {
  if (session.direction !== "incoming") return;
  session.on("confirmed", () => tell("talking"));
  session.on("failed", (event) => tell("failed", event.cause));
  session.on("ended", (event) => tell("ended", event.cause));
  session.on("peerconnection", ({peerconnection}) => {
    peerconnection.addEventListener("track", ({streams}) => {
      const player = new Audio();
      player.srcObject = streams[0];
      player.play();
    });
    setInterval(async () => {
      const report = {};
      for (const one of (await peerconnection.getStats()).values()) {
        if (one.type === "inbound-rtp") report.energy = one.totalAudioEnergy;
        if (one.type === "inbound-rtp") report.packets = one.packetsReceived;
        if (one.type === "transport") report.dtls = one.dtlsState;
      }
      tell("stats", report);
    }, 500);
  });
  session.answer({mediaConstraints: {audio: true, video: false}});
});
ua.start();
</script>"""


class Page:
    """Serves the page and hears what it tells."""

    def __init__(self, html: str, script: bytes) -> None:
        self._files = {
            "/": (b"text/html", html.encode()),
            "/jssip.js": (b"text/javascript", script),
        }
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """The page's address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    async def until(self, what: str, holds: Any = lambda _data: True, timeout: float = 30) -> Any:
        """Wait for the page to tell `what`; `RuntimeError` if it tells of a failure."""
        async with asyncio.timeout(timeout):
            while True:
                told = await self._told.get()
                if told["what"] == "failed":
                    raise RuntimeError(f"the browser phone failed: {told.get('data')}")
                if told["what"] == what and holds(told.get("data")):
                    return told.get("data")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(
                (
                    int(line.partition(":")[2])
                    for line in head.splitlines()
                    if line.lower().startswith("content-length:")
                ),
                0,
            )
            body = await reader.readexactly(length)
            method, path, *_ = head.split(" ")
            kind, answer = self._files.get(path, (b"text/plain", b""))
            if method == "POST":
                self._told.put_nowait(json.loads(body))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
                b"Connection: close\r\n\r\n%s" % (kind, len(answer), answer)
            )
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def browser(program: str, url: str) -> AsyncIterator[None]:
    """Chromium on `url`, with a profile of its own."""
    profile = tempfile.mkdtemp(prefix="cc-browser-")
    process = await asyncio.create_subprocess_exec(
        program,
        *CHROMIUM_FLAGS,
        f"--user-data-dir={profile}",
        url,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        await asyncio.to_thread(shutil.rmtree, profile, True)


async def story(system: System, program: str, script: bytes, transport: str) -> None:
    """One call of a citizen that a browser takes; `AssertionError` says what went wrong."""
    for other in system.prepared.seats:
        body = {"in_queue": False}
        (await system.api.patch(f"/api/seats/{other.extension}", json=body)).raise_for_status()
    seat = await new_seat(system)
    login = await system.get(f"/api/seats/{seat['extension']}/webrtc")
    (socket,) = [server for server in login["servers"] if server.startswith(f"{transport}:")]
    html = PAGE.replace("LOGIN", json.dumps(login)).replace("SOCKET", json.dumps(socket))
    page = Page(html, script)
    speech = Speech(ensure_toolbox(system.settings, print).espeak_command)
    async with page.served() as url, browser(program, url):
        await page.until("registered")
        shown = await phone_shown(system, seat["extension"])
        print(f"registered: {shown}")
        async with system.caller(number := new_number()) as citizen:
            out = await citizen.dial(HOTLINE)
            await page.until("talking")
            await out.answered()
            out.say(speech.caller("您好,我想反映路灯不亮。"), repeat=True)
            await out.hears_sound()
            stats = await page.until(
                "stats", lambda data: data.get("energy", 0) > 0.001 and data["packets"] > 100
            )
            print(f"the browser hears: {stats}")
            assert stats["dtls"] == "connected"
            await out.hang_up()
            await page.until("ended")
    told = await finished(system, number)
    left, right = sound_of(system.settings, told.media[0])
    print(f"seat {told.seats}, recording {told.media[0].status}, {told.media[0].duration_ms} ms")
    assert told.seats == [seat["extension"]]
    assert told.media[0].status == "ready"
    assert loudest(left, CALLER_HZ) > 0.01, "the citizen is not left"
    assert abs(right.astype(float)).max() > 1000, "the browser is not right"


async def phone_shown(system: System, extension: str) -> dict[str, Any]:
    """The seat's phone once it is shown as reachable."""

    async def probe() -> dict[str, Any] | None:
        phone = (await system.get(f"/api/seats/{extension}"))["phone"]
        return phone if phone and phone["reachability"] == "reachable" else None

    return await system.until(probe, 10)


async def finished(system: System, number: str) -> Told:
    """What was told of the citizen's call once it is over."""

    async def probe() -> Told | None:
        found = await told_about(system.database, number)
        return found[0] if found and found[0].finished else None

    return await system.until(probe, 20)


async def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--jssip", type=Path, required=True, help="JsSIP's jssip.min.js")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    parser.add_argument("--transport", choices=("ws", "wss"), default="wss")
    options = parser.parse_args()
    if shutil.which(options.chromium) is None:
        sys.exit(f"{options.chromium} is no program; install Chromium, or name one: --chromium")
    if not options.jssip.is_file():
        sys.exit(f"{options.jssip} is no file; it must be JsSIP's browser build")
    home = short_home()
    with port_block() as base:
        system = System(home, base, Settings(_env_file=None).cache, {})
        async with system:
            await story(system, options.chromium, options.jssip.read_bytes(), options.transport)
    system.remove()
    print("a browser talked through the queue, and both are in the recording")


if __name__ == "__main__":
    asyncio.run(main())
