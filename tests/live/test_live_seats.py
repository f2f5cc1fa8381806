"""Seats in a real PBX: made, changed, ended, seen; over every transport; and after a restart that
nobody of ours was there for."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest

from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone, RegistrationRefused
from tests.live.live_stories import Stories, new_seat
from tests.live.live_system import System

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

SOON = 5.0
"""Seconds, on a machine that does other things too."""


def phone_of(
    system: System, seat: dict[str, Any], transport: str = "udp", *, srtp: bool = False
) -> Phone:
    """A phone of a seat that the API just made."""
    ports = {
        "tls": system.settings.sip_tls_port,
        "ws": system.settings.ari_port,
        "wss": system.settings.wss_port,
    }
    port = ports.get(transport, system.settings.sip_port)
    return Phone(
        "127.0.0.1", port, seat["extension"], seat["secret"], transport=transport, srtp=srtp
    )


async def registers(system: System, phone: Phone) -> None:
    """Wait until the PBX takes the phone: the seat may have been made this moment."""

    async def probe() -> bool:
        with contextlib.suppress(RegistrationRefused):
            await phone.register()
            return True
        return False

    await system.until(probe, SOON)


async def refused(system: System, phone: Phone) -> None:
    """Wait until the PBX does not take the phone any more."""

    async def probe() -> bool:
        try:
            await phone.register()
        except RegistrationRefused:
            return True
        return False

    await system.until(probe, SOON)


async def seen(system: System, extension: str, **wanted: Any) -> dict[str, Any]:
    """The seat's phone once the API shows it with all of `wanted`."""

    async def probe() -> dict[str, Any] | None:
        phone = (await system.get(f"/api/seats/{extension}"))["phone"]
        right = phone and all(phone[name] == value for name, value in wanted.items())
        return phone if right else None

    return await system.until(probe, SOON)


async def gone(system: System, extension: str) -> None:
    """Wait until the API shows no phone at the seat."""

    async def probe() -> bool:
        return (await system.get(f"/api/seats/{extension}"))["phone"] is None

    await system.until(probe, SOON)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_new_seat_rings_over_every_transport(stories: Stories, transport: str) -> None:
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    async with phone_of(system, seat, transport) as phone:
        await registers(system, phone)
        shown = await seen(system, seat["extension"], transport=transport, reachability="reachable")
        assert shown["address"] == f"127.0.0.1:{phone.local_port}"
        assert shown["user_agent"] == "callcenter-simulator"
        assert 0 < shown["round_trip_ms"] < 1000
        caller = await stories.seat(0)
        out = await caller.dial(seat["extension"])
        taken = await phone.next_call()
        await taken.answer()
        await stories.speak(out, taken)
        await out.hang_up()
        await taken.ended()

        async def idle() -> bool:
            live = (await system.get(f"/api/seats/{seat['extension']}"))["live"]
            return bool(live["device"] == "idle")

        await system.until(idle, SOON)


@pytest.mark.parametrize("calls", ["the phone", "the other"])
async def test_over_tls_a_phone_that_can_has_its_sound_encrypted(
    stories: Stories, calls: str
) -> None:
    """The other one cannot: each has its own with the PBX, and they hear each other."""
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    async with phone_of(system, seat, "tls", srtp=True) as phone:
        await registers(system, phone)
        await seen(system, seat["extension"], transport="tls")
        other = await stories.seat(0)
        if calls == "the phone":
            secret = await phone.dial(other.user)
            plain = await other.next_call()
            await plain.answer()
            await stories.speak(secret, plain)
        else:
            plain = await other.dial(seat["extension"])
            secret = await phone.next_call()
            await secret.answer()
            await stories.speak(plain, secret)
        assert secret.stream.encrypted
        assert not plain.stream.encrypted
        await secret.hang_up()
        await plain.ended()


async def test_a_phone_that_insists_on_srtp_is_called_so_after_it_refused_once(
    stories: Stories,
) -> None:
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    async with phone_of(system, seat, "tls", srtp=True) as phone:
        phone.srtp_only = True
        await registers(system, phone)
        await seen(system, seat["extension"], transport="tls")
        other = await stories.seat(0)

        async def rings() -> Call | None:
            out = await other.dial(seat["extension"])
            with contextlib.suppress(TimeoutError):
                taken = await phone.next_call(2)
                await taken.answer()
                if not taken.over:
                    await stories.speak(out, taken)
                    return taken
            await out.hang_up()
            return None

        taken = await system.until(rings, 20)
        assert taken.stream.encrypted
        await taken.hang_up()
        live = (await system.get(f"/api/seats/{seat['extension']}"))["live"]
        assert not live["refuses_sound"]


async def test_a_phone_that_takes_no_sound_at_all_says_so(stories: Stories) -> None:
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    url = f"/api/seats/{seat['extension']}"
    async with phone_of(system, seat) as phone:
        await registers(system, phone)
        await seen(system, seat["extension"])
        phone.refuse_with = 488
        other = await stories.seat(0)

        async def cannot_be_called() -> bool:
            out = await other.dial(seat["extension"])
            with contextlib.suppress(TimeoutError):
                await out.ended(1)
            await out.hang_up()
            live = (await system.get(url))["live"]
            return bool(live["refuses_sound"] and not live["reachable"])

        await system.until(cannot_be_called, 20)
        # Mended, and registered again: it is asked anew.
        await phone.unregister()
        await gone(system, seat["extension"])
        phone.refuse_with = 0
        await registers(system, phone)

        async def rings() -> bool:
            return not (await system.get(url))["live"]["refuses_sound"]

        await system.until(rings, SOON)
        out = await other.dial(seat["extension"])
        taken = await phone.next_call()
        await taken.answer()
        await stories.speak(out, taken)
        await out.hang_up()


async def test_a_call_refused_for_its_sound_is_nobodys_refusal(stories: Stories) -> None:
    system, seat = stories.system, await stories.seat(0)
    url = f"/api/seats/{seat.user}"
    seat.refuse_with = 488
    citizen, out = await stories.dial()

    async def refuses() -> bool:
        return bool((await system.get(url))["live"]["refuses_sound"])

    await system.until(refuses, 30)
    await seat.unregister()
    seat.refuse_with = 0
    await seat.register()
    await stories.answer(seat, out, timeout=30)
    await out.hang_up()
    told = await stories.told(citizen.user)
    assert {ring.how for ring in told.rings} == {"no_sound", "answered"}


async def test_disabled_renamed_rotated_and_removed(stories: Stories) -> None:
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    url = f"/api/seats/{seat['extension']}"
    async with phone_of(system, seat) as phone:
        await registers(system, phone)
        await seen(system, seat["extension"])
        await patch(system, url, enabled=False)
        await refused(system, phone)
        await gone(system, seat["extension"])

        await patch(system, url, enabled=True, name="改名")
        await registers(system, phone)
        assert (await system.get(url))["name"] == "改名"

        fresh = await system.post(f"{url}/secret")
        await refused(system, phone)
        phone.password = fresh["secret"]
        await registers(system, phone)

        (await system.api.delete(url)).raise_for_status()
        await refused(system, phone)
    assert (await system.api.get(url)).status_code == 404


async def test_seats_made_by_a_sheet_are_in_the_pbx(stories: Stories) -> None:
    system = stories.system
    sheet = "extension,name,in_queue\n8801,一号,no\n8802,二号,no\n".encode()
    answer = await system.api.post("/api/seats/import", files={"file": sheet})
    items = answer.json()["items"]
    assert [item["extension"] for item in items] == ["8801", "8802"]
    for item in items:
        async with phone_of(system, item) as phone:
            await registers(system, phone)
    again = await system.api.get("/api/seats/export")
    assert b"8802,\xe4\xba\x8c\xe5\x8f\xb7,yes,no,both" in again.content


async def test_a_restart_of_the_pbx_while_we_are_down_loses_no_seat(stories: Stories) -> None:
    """The PBX's own memory is lost, one seat was registered, and nobody of ours was there."""
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    async with phone_of(system, seat) as phone:
        await registers(system, phone)
    system.kill("callcenter", "asterisk")
    for file in (system.settings.asterisk_dir / "db").glob("astdb.sqlite3*"):
        file.unlink()
    system.begin("asterisk")
    system.begin("callcenter")
    await system.ready()
    for transport in ("udp", "tls"):
        async with phone_of(system, seat, transport) as phone:
            await registers(system, phone)
            await seen(system, seat["extension"], transport=transport)


async def test_a_seat_made_while_the_pbx_is_down_is_there_when_it_comes(stories: Stories) -> None:
    system = stories.system
    system.kill("asterisk")
    seat = await new_seat(system, in_queue=False)

    async def unknown() -> bool:
        return (await system.get(f"/api/seats/{seat['extension']}"))["live"] is None

    await system.until(unknown, SOON)
    system.begin("asterisk")
    await system.ready()
    async with phone_of(system, seat) as phone:
        await registers(system, phone)


async def patch(system: System, url: str, **body: Any) -> httpx.Response:
    """PATCH, which must succeed."""
    answer = await system.api.patch(url, json=body)
    answer.raise_for_status()
    return answer


async def test_a_phone_that_is_unplugged_is_seen_to_be_gone(stories: Stories) -> None:
    """Over a connection the PBX knows at once (over UDP only when it asks, every 30 s)."""
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    phone = phone_of(system, seat, "tls")
    await phone.__aenter__()
    await registers(system, phone)
    await seen(system, seat["extension"], transport="tls")
    phone.vanish()

    await gone(system, seat["extension"])
