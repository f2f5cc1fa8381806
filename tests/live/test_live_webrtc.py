"""Browser phones: SIP over a WebSocket into a real PBX, and an endpoint that follows the phone.

What a browser does besides, sound over ICE and DTLS, needs a browser: `test_live_console.py`
has one talk through the queue.
"""

from __future__ import annotations

import hashlib
import ssl
from typing import Any

import pytest
from cryptography import x509

from callcenter.simulator.phone import Phone
from callcenter.simulator.wires import Door
from callcenter.telephony.seats.service import SIP_REALM
from tests.live.live_stories import Stories, new_seat
from tests.live.live_system import System
from tests.live.test_live_seats import gone, phone_of, registers, seen

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

SOON = 5.0
BROWSER_OFFER = b"UDP/TLS/RTP/SAVPF"
"""RFC 8829, section 5.1.2: what a browser is offered."""


async def offered(system: System, caller: Phone, phone: Phone) -> bytes:
    """The body of the INVITE that rings at `phone` when `caller` dials it."""
    out = await caller.dial(phone.user)
    taken = await phone.next_call()
    assert taken.invited is not None
    body = taken.invited.body
    await taken.reject(486)
    await out.ended()
    return body


async def offer_is(system: System, caller: Phone, phone: Phone, *, browser: bool) -> bytes:
    """The offer, once the endpoint is what the phone needs."""

    async def probe() -> bytes | None:
        body = await offered(system, caller, phone)
        return body if (BROWSER_OFFER in body) is browser else None

    return await system.until(probe, SOON)


@pytest.mark.parametrize("transport", ["ws", "wss"])
async def test_a_browser_registers_and_is_offered_what_it_can_take(
    stories: Stories, transport: str
) -> None:
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    caller = await stories.seat(0)
    async with phone_of(system, seat, transport) as browser:
        await registers(system, browser)
        shown = await seen(system, seat["extension"], transport="ws", reachability="reachable")
        assert shown["round_trip_ms"] > 0
        offer = await offer_is(system, caller, browser, browser=True)
        for line in (b"a=fingerprint:SHA-256", b"a=ice-ufrag:", b"a=candidate:", b"a=rtcp-mux"):
            assert line in offer, offer


async def test_the_endpoint_follows_the_phone_there_and_back(stories: Stories) -> None:
    """A desk phone, then the browser, then the desk phone again: each is spoken to in its way."""
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    caller = await stories.seat(0)
    async with phone_of(system, seat) as desk:
        await registers(system, desk)
        assert BROWSER_OFFER not in await offered(system, caller, desk)
        async with phone_of(system, seat, "wss") as browser:
            await browser.register()
            await offer_is(system, caller, browser, browser=True)
            await desk.register()
            await offer_is(system, caller, desk, browser=False)
            out = await caller.dial(desk.user)
            taken = await desk.next_call()
            await taken.answer()
            await stories.speak(out, taken)
            await out.hang_up()
            await taken.ended()


async def test_restarts_of_the_service_do_not_take_a_browser_for_a_desk_phone(
    stories: Stories,
) -> None:
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    caller = await stories.seat(0)
    async with phone_of(system, seat, "wss") as browser:
        await registers(system, browser)
        await offer_is(system, caller, browser, browser=True)
        system.kill("callcenter")
        assert BROWSER_OFFER in await offered(system, caller, browser)
        system.begin("callcenter")
        await system.ready()
        await seen(system, seat["extension"], transport="ws")
        assert BROWSER_OFFER in await offered(system, caller, browser)


async def test_what_the_api_gives_a_browser_is_right(stories: Stories) -> None:
    """Also: once it has been given, the first call finds the endpoint ready."""
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    login = await system.get(f"/api/seats/{seat['extension']}/webrtc")
    proof = f"{seat['extension']}:{SIP_REALM}:{seat['secret']}".encode()
    assert login["ha1"] == hashlib.md5(proof).hexdigest()  # noqa: S324
    settings = system.settings
    assert login["servers"] == [
        f"ws://127.0.0.1:{settings.api_port}/ws/sip",
        f"ws://127.0.0.1:{settings.ari_port}/ws",
        f"wss://127.0.0.1:{settings.wss_port}/ws",
    ]
    assert (await system.get(f"/api/seats/{seat['extension']}"))["browser"]
    async with phone_of(system, seat, "wss") as browser:
        await registers(system, browser)
        assert any("REGISTER" in line for line in browser.log)
        challenge: list[Any] = [line for line in browser.log if "401" in line]
        assert challenge
        caller = await stories.seat(0)
        await offer_is(system, caller, browser, browser=True)


async def test_both_tls_ports_show_our_certificate(system: System) -> None:
    settings = system.settings
    own = (settings.tls_dir / "certificate.pem").read_bytes()
    for port in (settings.sip_tls_port, settings.wss_port):
        shown = ssl.get_server_certificate(("127.0.0.1", port))
        assert x509.load_pem_x509_certificate(shown.encode()) == x509.load_pem_x509_certificate(own)
    context = ssl.create_default_context(cafile=str(settings.authority_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    phone = Phone("127.0.0.1", settings.sip_tls_port, "8001", transport="tls")
    async with phone:
        assert phone.local_port


def at_the_door(system: System, seat: dict[str, Any], headers: dict[str, str]) -> Phone:
    """A browser phone that comes through the service."""
    return Phone(
        "127.0.0.1",
        system.settings.api_port,
        seat["extension"],
        seat["secret"],
        transport="ws",
        door=Door("/ws/sip", headers),
    )


async def test_a_browser_phone_comes_through_the_services_own_door(stories: Stories) -> None:
    """It registers, is called, and what lets it in ends it."""
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    caller = await stories.seat(0)
    name = f"tab-{seat['extension']}"
    made = await system.post("/api/tokens", name=name, roles=["operator"])
    let_in = {"Authorization": f"Bearer {made['token']}"}
    async with at_the_door(system, seat, let_in) as browser:
        await registers(system, browser)
        await seen(system, seat["extension"], transport="ws", reachability="reachable")
        await offer_is(system, caller, browser, browser=True)
        (await system.api.delete(f"/api/tokens/{name}")).raise_for_status()
        # The PBX hears of the end at once: nobody rings at a closed page.
        await gone(system, seat["extension"])


@pytest.mark.parametrize("token", ["", "nonsense", "analyst"])
async def test_nobody_comes_to_the_pbx_who_may_have_no_calls(stories: Stories, token: str) -> None:
    seat = await new_seat(stories.system, in_queue=False)
    if token == "analyst":
        name = f"an-{seat['extension']}"
        made = await stories.system.post("/api/tokens", name=name, roles=[token])
        token = made["token"]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with pytest.raises(ConnectionRefusedError, match="403"):
        async with at_the_door(stories.system, seat, headers):
            pass
