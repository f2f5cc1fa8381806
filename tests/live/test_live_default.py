"""The decision about a caller where our own server gives none, or a wrong one; and texts that a
caller chooses so that it cannot.

The PBX itself knows who is blocked and when the line is open: its default is the same decision.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from agi.client import AgiUnanswered, ask
from callcenter.simulator.call import CallRefused
from tests.live.live_stories import HOTLINE, Stories
from tests.live.live_system import new_number
from tests.live.live_told import told_about

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(150),
    pytest.mark.asyncio(loop_scope="module"),
]

ALWAYS_OPEN: dict[str, Any] = {"week": [], "special_days": []}


@asynccontextmanager
async def blocked(stories: Stories, number: str) -> AsyncIterator[None]:
    """`number` is blocked, and the PBX knows."""
    entry = await stories.system.post("/api/blocklist", number=number, reason="恶意骚扰")
    await known(stories, f"callcenter-blocked/{number}", "0")
    try:
        yield
    finally:
        answer = await stories.system.api.delete(f"/api/blocklist/{entry['id']}")
        answer.raise_for_status()


async def known(stories: Stories, key: str, value: str | None) -> None:
    """Wait until the PBX's own database has `value` (anything if None) at `key`."""

    def look() -> bool:
        with contextlib.closing(sqlite3.connect(stories.system.settings.astdb_file)) as astdb:
            row = astdb.execute("SELECT value FROM astdb WHERE key = ?", (f"/{key}",)).fetchone()
        return row is not None and (value is None or row[0] == value)

    async def probe() -> bool:
        return await asyncio.to_thread(look)

    await stories.system.until(probe, 20)


@pytest_asyncio.fixture(loop_scope="module")
async def without_agi(stories: Stories) -> AsyncIterator[Stories]:
    """The AGI server is dead from when the test says `kill` until its end."""
    yield stories
    if "agi" not in stories.system.running:
        stories.system.begin("agi")
    await stories.system.ready()


async def outcome(stories: Stories, number: str, **dialling: Any) -> str:
    """What the ledger says of a call of `number`; '' of one that was refused before it was one."""
    caller = await stories.citizen(number)
    out = await caller.dial(dialling.pop("to", HOTLINE), **dialling)
    with contextlib.suppress(CallRefused):
        await out.answered()
        with contextlib.suppress(TimeoutError):
            await out.ended(1.5)
    await out.hang_up()
    await stories.system.settle()
    found = await told_about(stories.system.database, None)
    return found[0].call.outcome if found and found[0].call.caller_number == number else ""


# -- texts ------------------------------------------------------------------------------------

TEXTS = {
    "a line break": "%0D%0AEvent:%20Shutdown",
    "an empty line": "%0D%0A%0D%0AEvent:%20Shutdown%0D%0A%0D%0A",
    "a line of AGI": "%0Aagi_callerid:%2010086",
    "a NUL": "%00",
    "quotes": "%22%27%60",
    "commas": ",1,1)",
    "a variable": "$%7BCC_AMI%7D",
    "an expression": "$%5B1+1%5D",
    "an ampersand": "&amp=1",
    "brackets": ")))(((",
    "a semicolon": "%3Bx=y",
    "parameters": ";isub=1;x=%22y",
    "an emoji": "%F0%9F%98%80",
    "500 characters": "5" * 500,
    "500 characters of anything": "%2C" * 500,
    "a comment": "%3B--",
    "a backslash": "%5C",
    "a space": "%20",
}
"""Behind a number, or in the place of a name."""


@pytest.mark.parametrize("text", TEXTS)
async def test_no_text_of_the_callers_passes_the_blocklist(stories: Stories, text: str) -> None:
    seat = await stories.seat()
    number, tail = new_number(), TEXTS[text]
    uri = f"127.0.0.1:{stories.system.settings.sip_port}"
    async with blocked(stories, number):
        # In the dialled number: refused as not ours, or blocked; never through.
        assert await outcome(stories, number, to=f"sip:{HOTLINE}{tail}@{uri}") in ("", "blocked")
        # In every other place: blocked.
        name = tail.replace("%22", '\\"').replace("%00", "").replace("%0D%0A", " ")
        caller = f'"{name}" <sip:{number}@{uri}>'
        headers = (
            ("Diversion", f"<sip:{tail}@{uri}>;reason=unknown"),
            ("History-Info", f"<sip:{tail}@{uri}>;index=1"),
            ("Remote-Party-ID", f"<sip:{number}@{uri}>;party=calling"),
            ("Subject", tail),
        )
        assert await outcome(stories, number, caller=caller, headers=headers) == "blocked"
    assert not [line for line in seat.log if "INVITE" in line]


@pytest.mark.parametrize("text", ["a line break", "an empty line", "a NUL", "quotes", "commas"])
async def test_nor_does_a_text_in_the_callers_own_number(stories: Stories, text: str) -> None:
    seat = await stories.seat()
    number = new_number()
    uri = f"127.0.0.1:{stories.system.settings.sip_port}"
    told: list[str] = []
    async with blocked(stories, number):
        for tail in (TEXTS[text], ";isub=1", ""):
            identity = f"<sip:{number}{tail}@{uri}>"
            for header in ("From", "P-Asserted-Identity"):
                caller = await stories.citizen()
                given = {"caller": identity} if header == "From" else {}
                headers = () if header == "From" else ((header, identity),)
                out = await caller.dial(HOTLINE, headers=headers, **given)
                with contextlib.suppress(CallRefused):
                    await out.answered()
                await out.hang_up()
                await stories.system.settle()
                told.append((await stories.newest()).call.outcome)
    # Cut, cleaned or another caller's: whoever it is now, he comes with a decision of ours.
    assert set(told[-4:]) == {"blocked"}
    assert seat.user


# -- no server ----------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["{}", "0{}", "86{}", "+86{}", "0086{}", "+86-{}"])
async def test_without_a_server_the_blocked_stay_blocked(
    without_agi: Stories, written: str
) -> None:
    seat = await without_agi.seat()
    number = new_number()
    uri = f"127.0.0.1:{without_agi.system.settings.sip_port}"
    async with blocked(without_agi, number):
        without_agi.system.kill("agi")
        caller = f"<sip:{written.format(number)}@{uri}>"
        assert await outcome(without_agi, number, caller=caller) == "blocked"
        assert not [line for line in seat.log if "INVITE" in line]
        # And nobody else is.
        talk = await without_agi.talk(seat)
        await talk.out.hang_up()
        await without_agi.answered_story(talk.number, seat.user)
        without_agi.system.begin("agi")
        await without_agi.system.ready()


async def test_without_a_server_a_block_that_ends_ends(without_agi: Stories) -> None:
    seat = await without_agi.seat()
    number = new_number()
    until = (datetime.now(ZoneInfo("UTC")) + timedelta(seconds=20)).isoformat()
    await without_agi.system.post("/api/blocklist", number=number, reason="试", until=until)
    await known(without_agi, f"callcenter-blocked/{number}", None)
    without_agi.system.kill("agi", "callcenter")
    ended = False
    try:
        while not ended:
            caller = await without_agi.citizen(number)
            out = await caller.dial(HOTLINE)
            ringing = asyncio.create_task(seat.next_call(3))
            with contextlib.suppress(CallRefused):
                await out.answered()
            with contextlib.suppress(TimeoutError):
                await ringing
                ended = True
            await out.hang_up()
    finally:
        without_agi.system.begin("callcenter")
        without_agi.system.begin("agi")
        await without_agi.system.ready()
    assert datetime.now(ZoneInfo("UTC")).isoformat() >= until


async def test_without_a_server_a_closed_line_is_closed(without_agi: Stories) -> None:
    system = without_agi.system
    zone = ZoneInfo(system.settings.time_zone)
    seat = await without_agi.seat()
    today = datetime.now(zone).date()
    days = [str(today + timedelta(days=days)) for days in (0, 1)]  # The test may pass midnight.
    system.kill("agi")
    shut = [{"day": day, "opens": None, "closes": None} for day in days]
    all_day = [{"day": day, "opens": 0, "closes": 1440} for day in days]
    ends = [{"opens": 0, "closes": 1}, {"opens": 1439, "closes": 1440}]
    noon = [{"day": day, "spans": ends} for day in days]  # A long break, in which we are.
    never = [{"weekday": (today.weekday() + 3) % 7, "opens": 0, "closes": 1}]
    try:
        day, weekday = f"{today:%Y%m%d}", f"{today.isoweekday()}"
        for week, special, expected, key, value in (
            ([], shut, "closed", day, "closed"),
            (never, [], "closed", weekday, "closed"),
            ([], noon, "closed", day, "0-1&1439-1440"),
            (never, all_day, "", day, "0-1440"),
            ([], [], "", weekday, "0-1440"),
        ):
            await without_agi.put("/api/opening", {"week": week, "special_days": special})
            await known(without_agi, f"callcenter-opening/{key}", value)
            number = new_number()
            if expected:
                assert await outcome(without_agi, number) in ("closed", "voice_message")
                told = await told_about(system.database, number)
                assert told[0].call.route == "closed"
            else:
                talk = await without_agi.talk(seat)
                await talk.out.hang_up()
                await without_agi.told(talk.number)
    finally:
        await without_agi.put("/api/opening", ALWAYS_OPEN)


async def test_with_nothing_of_ours_alive_the_line_closes_at_its_time(
    without_agi: Stories,
) -> None:
    """A minute of the wall clock may pass: opening hours are whole minutes."""
    system = without_agi.system
    now = datetime.now(ZoneInfo(system.settings.time_zone))
    minute = now.hour * 60 + now.minute + (2 if now.second > 40 else 1)
    if minute >= 1440:
        pytest.skip("it is midnight")
    days = [{"day": str(now.date()), "opens": 0, "closes": minute}]
    await without_agi.put("/api/opening", {"week": [], "special_days": days})
    await known(without_agi, f"callcenter-opening/{now:%Y%m%d}", f"0-{minute}")
    system.kill("agi", "callcenter")
    seat = await without_agi.seat()
    reached: list[bool] = []
    try:
        async with asyncio.timeout(120):
            while reached[-1:] != [False]:
                out = await (await without_agi.citizen()).dial(HOTLINE)
                ringing = asyncio.create_task(seat.next_call(3))
                await out.answered()
                try:
                    await ringing
                    reached.append(True)
                except TimeoutError:
                    reached.append(False)
                await out.hang_up()
                await asyncio.sleep(1)
    finally:
        system.begin("callcenter")
        system.begin("agi")
        await system.ready()
        await without_agi.put("/api/opening", ALWAYS_OPEN)
    assert True in reached


# -- a wrong server -------------------------------------------------------------------------------

WRONG = {
    "nothing": (),
    "half an answer": (("CC_ROUTE", "queue"), ("CC_QUEUE", HOTLINE), ("CC_PRIORITY", "0")),
    "only that it is well": (("CC_ANSWER", "ok"),),
    "a word that there is not": (
        ("CC_ROUTE", "open"), ("CC_QUEUE", HOTLINE), ("CC_PRIORITY", "0"), ("CC_ANSWER", "ok"),
    ),
    "no queue": (
        ("CC_ROUTE", "queue"), ("CC_QUEUE", ""), ("CC_PRIORITY", "0"), ("CC_ANSWER", "ok"),
    ),
    "no priority": (
        ("CC_ROUTE", "queue"), ("CC_QUEUE", HOTLINE), ("CC_PRIORITY", "1+x"), ("CC_ANSWER", "ok"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_answer_is_no_answer(without_agi: Stories, wrong: str) -> None:
    number = new_number()
    port = without_agi.system.settings.agi_port
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked.append(await reader.readuntil(b"\n\n"))
            for name, value in WRONG[wrong]:
                writer.write(f'SET VARIABLE {name} "{value}"\n'.encode())
                await reader.readline()
        writer.close()

    async with blocked(without_agi, number):
        without_agi.system.kill("agi")

        async def free() -> asyncio.Server | None:
            with contextlib.suppress(OSError):
                return await asyncio.start_server(answer, "127.0.0.1", port)
            return None

        async with await without_agi.system.until(free, 10):
            assert await outcome(without_agi, number) == "blocked"
        assert asked
        assert b"secret" not in asked[0].lower()
        without_agi.system.begin("agi")
        await without_agi.system.ready()


async def test_a_wrong_answer_about_a_message_is_none_either(without_agi: Stories) -> None:
    """The line is closed, so the caller is asked for a message: of the usual length."""
    system = without_agi.system

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\n\n")
            told = {"CC_VM": "perhaps", "CC_VM_MAX": "long", "CC_ANSWER": "ok"}
            for name, value in told.items() if b"voice_message" in asked else ():
                writer.write(f'SET VARIABLE {name} "{value}"\n'.encode())
                await reader.readline()
        writer.close()

    async def free() -> asyncio.Server | None:
        with contextlib.suppress(OSError):
            return await asyncio.start_server(answer, "127.0.0.1", system.settings.agi_port)
        return None

    system.kill("agi")
    async with await system.until(free, 10):
        caller, out = await without_agi.dial()  # Nobody is registered: overflow.
        await without_agi.message_begun(out)
        out.say(without_agi.caller_voice, repeat=True)
        await asyncio.sleep(4)
        await out.hang_up()
        told = await without_agi.told(caller.user)
    assert told.call.outcome == "voice_message"


async def test_a_stranger_at_the_servers_port_is_told_nothing(stories: Stories) -> None:
    with pytest.raises(AgiUnanswered):
        await ask(stories.system.settings.agi_port, "route", HOTLINE, caller=new_number())
