"""Strangers at the SIP port: who tries passwords is counted, told, and turned away."""

from __future__ import annotations

import re

import pytest

from callcenter.simulator.phone import Phone, RegistrationRefused
from tests.live.live_stories import Stories, new_seat
from tests.live.test_live_seats import phone_of, registers

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

GUESSER = "127.0.0.66"


async def test_who_tries_passwords_is_turned_away_and_nobody_else_is(stories: Stories) -> None:
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    limit = system.settings.sip_failures_max
    guesser = Phone(
        "127.0.0.1", system.settings.sip_port, seat["extension"], "guessed", local_address=GUESSER
    )
    async with guesser:

        async def turned_away() -> bool:
            with pytest.raises(RegistrationRefused):
                await guesser.register()
            # 401 asks for a better password; 403 does not look at it any more.
            return any(line.startswith("< SIP/2.0 403") for line in guesser.log)

        await system.until(turned_away, 60)
        tried = sum("REGISTER" in line for line in guesser.log)
        assert tried > limit or len(guesser.log) == 200
        # Also with the right password, until its time is up.
        guesser.password = seat["secret"]
        with pytest.raises(RegistrationRefused):
            await guesser.register()
    async with phone_of(system, seat) as phone:
        await registers(system, phone)
    parts = (await system.api.get("/healthz")).json()["parts"]
    assert parts["sip_guessing"]["status"] == "degraded"
    assert "1 addresses are shut out" in parts["sip_guessing"]["message"]
    metrics = (await system.api.get("/metrics")).text
    assert "callcenter_sip_shut_out 1.0" in metrics

    # A restarted PBX hears of it again.
    system.kill("asterisk")
    system.begin("asterisk")
    await system.ready()
    async with guesser:

        async def again() -> bool:
            guesser.log.clear()
            with pytest.raises(RegistrationRefused):
                await guesser.register()
            return any(line.startswith("< SIP/2.0 403") for line in guesser.log)

        await system.until(again, 30)


async def test_a_registration_lasts_minutes(stories: Stories) -> None:
    """So a phone that has not noticed a crash of the PBX is back in minutes."""
    system = stories.system
    seat = await new_seat(system, in_queue=False)
    async with phone_of(system, seat, "tcp") as phone:
        await registers(system, phone)
        await phone.register(expires=7200)
        (binding,) = await phone.bindings()
        granted = re.search(r"expires=(\d+)", binding)
        assert granted is not None, binding
        assert 0 < int(granted[1]) <= system.settings.seat_registration_seconds
