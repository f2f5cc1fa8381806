"""The demo: simulated seats and citizens on the running system, with real speech over SIP.

A newcomer needs no phone. Only seats without a phone of their own are used, and all of it is gone
afterwards but the cases and recordings that real calls would have left too.
"""

from __future__ import annotations

import asyncio
import sys
import unicodedata
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import httpx

from callcenter.platform.config import Settings, TrunkMode
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import SetupError
from callcenter.setup.toolbox import Toolbox
from callcenter.simulator.demo_people import CAST, Story
from callcenter.simulator.phone import Phone, RegistrationRefused
from callcenter.simulator.speech import Speech
from callcenter.simulator.transactions import SipTimeout
from callcenter.telephony.domain.seating import DesiredSeat
from callcenter.telephony.seats.service import SeatService

SEATS_WANTED = 3
PLANNED_SECONDS = 60.0
"""The cast's moments are made for this length."""
REGISTRATION_SECONDS = 180
"""Longer than the demo; a demo that was killed frees its seats soon."""
RECORDING_SECONDS = 15.0


def say(line: str) -> None:
    """One line for people, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(settings: Settings, toolbox: Toolbox, seconds: int) -> int:
    """Run the demo for about `seconds`; 0 if everything went as in the script, else 1.

    `SetupError` says what is missing for it.
    """
    return asyncio.run(run_demo(settings, toolbox, seconds))


async def run_demo(settings: Settings, toolbox: Toolbox, seconds: float = PLANNED_SECONDS) -> int:
    """See `main`."""
    if settings.trunk_mode is not TrunkMode.LOOPBACK:
        raise SetupError(
            "The demo's citizens call from this machine, which only CALLCENTER_TRUNK_MODE=loopback"
            " lets in; run it on an instance for trials.",
            code="demo_needs_loopback",
        )
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(_api(settings))
        await _must_be_ready(api, settings)
        begun = datetime.now(UTC)
        seats = await _take_seats(stack, settings)
        story = Story(Speech(toolbox.espeak_command), say)
        story.say(f"seats {', '.join(seat.user for seat in seats)} are registered")
        work = [asyncio.create_task(story.work(seat, seats)) for seat in seats]
        try:
            await _let_citizens_call(story, settings, seconds)
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        say("")
        opened = await _print_cases(api, begun)
    missed = [name for name, well in story.as_planned.items() if not well]
    if missed:
        say(f"not as in the script: {', '.join(missed)}")
    return 0 if opened and not missed else 1


def _api(settings: Settings) -> httpx.AsyncClient:
    try:
        token = settings.token_file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SetupError(
            f"{settings.token_file} cannot be read ({error.strerror}); start the system with"
            " `make run` first.",
            code="not_running",
        ) from error
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(
        base_url=settings.api_url, headers=headers, timeout=10, trust_env=False
    )


async def _must_be_ready(api: httpx.AsyncClient, settings: Settings) -> None:
    try:
        ready = (await api.get("/healthz/ready")).is_success
    except httpx.HTTPError:
        ready = False
    if not ready:
        raise SetupError(
            f"Nothing that is ready answers at {settings.api_url}; start the system with"
            " `make run` and wait for its line `ready`.",
            code="not_running",
        )


def _phone_host(settings: Settings) -> str:
    return "127.0.0.1" if settings.sip_bind in ("0.0.0.0", "") else settings.sip_bind  # noqa: S104


async def _take_seats(stack: AsyncExitStack, settings: Settings) -> list[Phone]:
    """Register up to `SEATS_WANTED` seats that no phone is registered for."""
    database = Database.of(settings)
    try:
        known: Sequence[DesiredSeat] = await SeatService(database, settings).desired()
    finally:
        await database.close()
    taken: list[Phone] = []
    for seat in known:
        if len(taken) == SEATS_WANTED:
            break
        phone = await stack.enter_async_context(
            Phone(_phone_host(settings), settings.sip_port, seat.extension, seat.secret)
        )
        try:
            if await phone.bindings():
                say(f"seat {seat.extension} has a phone of its own; the demo leaves it alone")
                continue
            await phone.register(REGISTRATION_SECONDS)
        except (SipTimeout, RegistrationRefused) as error:
            say(f"seat {seat.extension} could not register: {error}")
            continue
        taken.append(phone)
    if len(taken) < 2:
        raise SetupError(
            "The demo needs two seats without a phone; sign two phones off, or make more seats"
            " (CALLCENTER_SEATS).",
            code="no_free_seats",
        )
    return taken


async def _let_citizens_call(story: Story, settings: Settings, seconds: float) -> None:
    hurry = min(1.0, seconds / PLANNED_SECONDS)
    async with asyncio.TaskGroup() as group:
        for citizen in CAST:
            phone = Phone(
                _phone_host(settings), settings.sip_port, citizen.number, display=citizen.name
            )
            group.create_task(
                story.call(citizen, phone, settings.hotline_number, citizen.at * hurry)
            )


async def _print_cases(api: httpx.AsyncClient, since: datetime) -> int:
    """The cases opened since then, as a table; their number."""
    rows = await _cases(api, since)
    say(f"{len(rows)} cases opened:")
    head = ("case", "opened by", "caller", "seat", "at", "audio")
    table = [head, *(_row(case) for case in rows)]
    widths = [max(_width(row[at]) for row in table) for at in range(len(head))]
    for row in table:
        cells = (
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        say("  " + "  ".join(cells).rstrip())
    say(f"read one: {api.base_url}/api/cases, as described at {api.base_url}/docs")
    return len(rows)


async def _cases(api: httpx.AsyncClient, since: datetime) -> list[dict[str, Any]]:
    """Cases opened since then, oldest first; waits a moment for their recordings."""
    rows: list[dict[str, Any]] = []
    for _ in range(int(RECORDING_SECONDS)):
        query = {"limit": 100, "from": since.isoformat()}
        rows = [
            await _json(api, f"/api/cases/{case['number']}")
            for case in (await _json(api, "/api/cases", **query))["items"]
        ]
        if rows and not any(_audio(case) in ("pending", "-") for case in rows):
            break
        await asyncio.sleep(1)
    return rows[::-1]


async def _json(api: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await api.get(path, params=query)
    answer.raise_for_status()
    return answer.json()


def _audio(case: dict[str, Any]) -> str:
    """State and length of the case's recording or message."""
    found = [*case["recordings"], *([case["voice_message"]] if case["voice_message"] else [])]
    if not found:
        return "-"
    status = str(found[0]["status"])
    length = found[0].get("duration_ms")
    return status if length is None else f"{status}, {length / 1000:.0f} s"


def _row(case: dict[str, Any]) -> tuple[str, ...]:
    caller = f"{case['caller_name']} {case['caller_number']}".strip() or "withheld"
    opened = datetime.fromisoformat(case["opened_at"]).astimezone().strftime("%H:%M:%S")
    seats = list(dict.fromkeys((case["first_seat"], case["seat"])))
    source = str(case["source"]).replace("_", " ")
    return case["number"], source, caller, " → ".join(filter(None, seats)), opened, _audio(case)


def _width(text: str) -> int:
    """Columns on a terminal; Chinese takes two each."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
