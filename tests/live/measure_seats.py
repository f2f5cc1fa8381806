"""How long the PBX takes to have what the database says, by number of seats.

    .venv/bin/python -m tests.live.measure_seats --seats 750

Runs an instance of its own. The rounds are those of the reconciler itself, in this process, with
the service stopped; then the service is there again and an admin makes one seat more.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from callcenter.platform.config import Settings
from callcenter.simulator.phone import Phone, RegistrationRefused
from callcenter.telephony.domain.seating import DesiredSeat
from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig, LinkState
from callcenter.telephony.pbx.ari import AriClient
from callcenter.telephony.pbx.reconciler import Reconciler
from callcenter.telephony.seats.service import SeatService
from tests.live.live_system import System, port_block, short_home


class Rounds:
    """Rounds of a reconciler of our own, one at a time."""

    def __init__(self, system: System) -> None:
        settings = system.settings
        self.link = AmiLink(LinkConfig.of(settings, system.prepared.secrets.ami_password))
        self.ari = AriClient.of(settings, system.prepared.secrets.ari_password)
        self.wanted: Sequence[DesiredSeat] = ()
        self.reconciler = Reconciler(self.link, self.ari, self._desired, settings)

    async def _desired(self) -> Sequence[DesiredSeat]:
        return self.wanted

    async def round(self, what: str, wanted: Sequence[DesiredSeat]) -> None:
        """Print how long it takes to have `wanted`, in one round and one more that finds it so."""
        self.wanted = wanted
        steps, begun, cpu = self.reconciler.counters.steps, time.monotonic(), time.process_time()
        over = asyncio.create_task(self.reconciler.wait_round())
        await asyncio.sleep(0)
        self.reconciler.request()
        await over
        seconds, used = time.monotonic() - begun, time.process_time() - cpu
        done = self.reconciler.counters.steps - steps
        problem = f"; {self.reconciler.problem}" if self.reconciler.problem else ""
        print(f"{what:<28} {seconds:7.3f} s  our CPU {used:6.3f} s  {done} steps{problem}")


async def by_rounds(system: System) -> None:
    """From nothing, nothing to do, one change."""
    seats = await SeatService(system.database, system.settings).desired()
    rounds = Rounds(system)
    tasks = [asyncio.create_task(rounds.link.run())]
    try:
        await rounds.link.wait_for(LinkState.UP)
        tasks.append(asyncio.create_task(rounds.reconciler.run()))
        await rounds.reconciler.wait_round()  # which wants no seat, and removes them all
        await rounds.round(f"{len(seats)} seats from nothing", seats)
        await rounds.round("nothing to do", seats)
        renamed = [replace(seats[0], name="改名"), *seats[1:]]
        await rounds.round("one renamed", renamed)
        rotated = [replace(renamed[0], secret="0" * 32), *seats[1:]]
        await rounds.round("one with another secret", rotated)
        await rounds.round("one becomes a browser", [replace(rotated[0], browser=True), *seats[1:]])
        await rounds.round("as the database says", seats)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await rounds.ari.close()


async def by_api(system: System, extension: str) -> None:
    """An admin makes one seat more, and a phone tries at once and until it is let in."""
    begun = time.monotonic()
    seat = await system.post("/api/seats", extension=extension, name="新席")
    answered = time.monotonic()
    async with Phone(*system.sip, extension, seat["secret"]) as phone:
        while True:
            with contextlib.suppress(RegistrationRefused):
                await phone.register()
                break
        let_in = time.monotonic() - begun
        said = f"until its phone is in; the API answered after {answered - begun:.3f} s"
        print(f"{'one seat over the API':<28} {let_in:7.3f} s  {said}")
    await by_browser(system, seat)
    begun = time.monotonic()
    items: list[object] = []
    cursor = None
    while True:
        page = await system.get("/api/seats", limit=200, **({"cursor": cursor} if cursor else {}))
        items += page["items"]
        if (cursor := page["next"]) is None:
            break
    print(
        f"{'GET /api/seats, all pages':<28} {time.monotonic() - begun:7.3f} s  {len(items)} seats"
    )


async def by_browser(system: System, seat: Any) -> None:
    """A browser takes a desk phone's place, and is dialled until it is offered what it can take."""
    port = system.settings.wss_port
    browser = Phone("127.0.0.1", port, seat["extension"], seat["secret"], transport="wss")
    async with browser, system.seat(0) as caller:
        await caller.register()
        await browser.register()
        begun, tries = time.monotonic(), 0
        while True:
            tries += 1
            out = await caller.dial(seat["extension"])
            taken = await browser.next_call()
            right = taken.invited is not None and b"RTP/SAVPF" in taken.invited.body
            await taken.reject()
            await out.ended()
            if right:
                break
            await asyncio.sleep(0.05)  # calls as fast as they go would be what is measured
        seconds = time.monotonic() - begun
        what = "a browser after a desk phone"
        print(f"{what:<28} {seconds:7.3f} s  until call {tries} to it is right")


async def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seats", type=int, default=750)
    seats = parser.parse_args().seats
    home = short_home()
    with port_block() as base:
        changes = {"seats": seats, "first_seat": 80001}
        system = System(home, base, Settings(_env_file=None).cache, changes)
        begun = time.monotonic()
        async with system:
            print(f"started with {seats} new seats in {time.monotonic() - begun:.1f} s")
            system.kill("callcenter")
            await by_rounds(system)
            system.begin("callcenter")
            await system.ready()
            await by_api(system, str(80001 + seats))
    system.remove()


if __name__ == "__main__":
    asyncio.run(main())
