"""The blocklist by a sheet: all of it or nothing, and what goes out comes back unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.people.domain.permissions import Role
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import Trail
from callcenter.platform.sheets import cells
from callcenter.platform.sheets.reading import SheetLimits
from callcenter.platform.sheets.writing import SheetFormat
from callcenter.telephony.blocklist.service import BlocklistService
from callcenter.telephony.blocklist.sheet import read_blocklist
from tests.unit.app.running import Service, code, service

URL = "/api/blocklist"
CITY = ZoneInfo("Asia/Shanghai")
CALLER = "13800138000"
EPOCH = datetime(1971, 1, 1, tzinfo=UTC)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Service]:
    async with service(tmp_path) as made:
        yield made


async def take(client: httpx.AsyncClient, text: str | bytes, **query: Any) -> httpx.Response:
    data = text.encode() if isinstance(text, str) else text
    return await client.post(f"{URL}/import", files={"file": data}, params=query)


async def kept(running: Service) -> dict[str, tuple[str, datetime | None]]:
    entries = await running.get(BlocklistService).all()
    return {one.number: (one.reason, one.until) for one in entries}


def counts(answer: httpx.Response) -> tuple[int, int, int]:
    body = answer.json()
    return body["created"], body["changed"], body["unchanged"]


def named(problems: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(one["row"], one["column"], one["fault"]) for one in problems]


async def test_a_sheet_blocks_and_changes(running: Service) -> None:
    client = await running.machine(Role.SUPERVISOR)
    blocklist = running.get(BlocklistService)
    await blocklist.add("02161234567", reason="骚扰", until=None, actor="test")
    sheet = (
        "号码,原因,截止\r\n+86 138-0013-8000,恶意骚扰,2099/1/5 8:30\r\n021-61234567,已核实,\r\n"
        "13900139000,骚扰,永久\r\n"
    )
    before = await kept(running)
    assert counts(await take(client, sheet, dry_run=True)) == (2, 1, 0)
    assert await kept(running) == before
    assert counts(await take(client, sheet)) == (2, 1, 0)
    assert await kept(running) == {
        "02161234567": ("已核实", None),
        CALLER: ("恶意骚扰", datetime(2099, 1, 5, 0, 30, tzinfo=UTC)),
        "13900139000": ("骚扰", None),
    }
    assert await blocklist.is_blocked(f"0086{CALLER}")
    trail = running.get(Trail)
    for action, times in (("blocklist.added", 3), ("blocklist.changed", 1)):
        found = await trail.page(TrailFilter(action=action), before=None, limit=9)
        assert len(found) == times
        assert not any(CALLER in str(one.data) for one in found)


async def test_a_sheet_with_mistakes_does_nothing_and_names_them_all(running: Service) -> None:
    client = await running.machine(Role.SUPERVISOR)
    sheet = (
        f"number,reason,until,version\n{CALLER},甲,2020-01-01,\n0{CALLER},乙,,\nanonymous,丙,,\n"
        "1.38E+10,丁,,\n13900139000,,,\n13900139001,戊,soon,\n,己,,\n13900139002,庚,,v7\n"
        f"13900139003,{'x' * 501},,\n"
    )
    wanted = [
        (2, "until", "until_in_the_past"),
        (3, "number", "number_twice"),
        (4, "number", "bad_value"),
        (5, "number", "bad_value"),
        (6, "reason", "missing"),
        (7, "until", "bad_value"),
        (8, "number", "missing"),
        (9, "version", "version_conflict"),
        (10, "reason", "bad_value"),
    ]
    looked = await take(client, sheet, dry_run=True)
    assert (looked.status_code, named(looked.json()["problems"])) == (200, wanted)
    refused = await take(client, sheet)
    assert code(refused) == (422, "bad_sheet")
    assert named(refused.json()["error"]["details"]["problems"]) == wanted
    assert await kept(running) == {}


@pytest.mark.parametrize("form", SheetFormat)
async def test_what_is_exported_can_be_imported_and_changes_nothing(
    running: Service, form: SheetFormat
) -> None:
    client = await running.machine(Role.SUPERVISOR)
    blocklist = running.get(BlocklistService)
    soon = datetime.now(UTC) + timedelta(days=1)
    ends = (None, soon, soon.replace(second=0, microsecond=0), soon.replace(microsecond=0))
    for at, until in enumerate(ends):
        reason = ("=1+1", "两行\n原因", "-", "'撇号")[at]
        await blocklist.add(f"1380013800{at}", reason=reason, until=until, actor="test")
    await blocklist.add("+85221234567", reason="境外", until=None, actor="test")
    before = await kept(running)
    sheet = await client.get(f"{URL}/export", params={"format": form})
    assert sheet.headers["content-type"] == form.media_type
    again = await take(client, sheet.content)
    assert (counts(again), again.json()["problems"]) == ((0, 0, 5), [])
    assert await kept(running) == before


async def test_an_expired_entry_is_as_it_was_until_somebody_blocks_the_number_again(
    running: Service,
) -> None:
    client = await running.machine(Role.SUPERVISOR)
    past = [datetime.now(UTC) + timedelta(days=1)]
    await running.get(BlocklistService).add(CALLER, reason="甲", until=past[0], actor="test")
    later = BlocklistService(running.get(BlocklistService)._database, lambda: past[0])
    assert not await later.is_blocked(CALLER)
    running.get(BlocklistService)._clock = lambda: past[0]
    sheet = (await client.get(f"{URL}/export")).content
    assert counts(await take(client, sheet)) == (0, 0, 1)
    assert counts(await take(client, f"number\n{CALLER}\n")) == (0, 1, 0)
    assert await kept(running) == {CALLER: ("甲", None)}


async def test_a_change_that_the_sheet_has_not_seen_is_not_lost(running: Service) -> None:
    client = await running.machine(Role.SUPERVISOR)
    entry = await running.get(BlocklistService).add(CALLER, reason="甲", until=None, actor="test")
    sheet = (await client.get(f"{URL}/export")).text
    await client.patch(f"{URL}/{entry.id}", json={"reason": "乙"})
    looked = await take(client, sheet.replace("甲", "丙"), dry_run=True)
    assert named(looked.json()["problems"]) == [(2, "version", "version_conflict")]
    assert await kept(running) == {CALLER: ("乙", None)}


async def test_who_may_not_block_may_not_by_a_sheet(running: Service) -> None:
    client = await running.machine(Role.OPERATOR, Role.ANALYST, Role.LEADER)
    assert code(await client.get(f"{URL}/export")) == (403, "forbidden")
    assert code(await take(client, f"number,reason\n{CALLER},x\n")) == (403, "forbidden")


@given(st.integers(0, 7 * 10**15).map(lambda at: EPOCH + timedelta(microseconds=at)))
def test_a_moment_comes_back_as_it_was_written(moment: datetime) -> None:
    assert cells.moment(UTC)(cells.moment_text(moment, UTC)) == moment


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("2027-01-05", "2027-01-05T00:00+08:00"),
        ("2027/1/5 8:30", "2027-01-05T08:30+08:00"),
        ("2027-01-05T08:30:15Z", "2027-01-05T08:30:15+00:00"),
        ("2027-01-05 08:30:15.5+09:00", "2027-01-05T08:30:15.500+09:00"),
    ],
)
def test_moments_as_people_and_spreadsheets_write_them(cell: str, wanted: str) -> None:
    assert cells.moment(CITY)(cell) == datetime.fromisoformat(wanted)


@pytest.mark.parametrize(
    "cell", ["", "1", "2027-13-01", "2027-01-05 25:00", "9999-12-31", "x" * 99]
)
def test_what_is_no_moment_is_said(cell: str) -> None:
    with pytest.raises(ValueError, match="is not a moment"):
        cells.moment(CITY)(cell)


@given(st.binary(max_size=500) | st.text(max_size=500).map(str.encode))
def test_whatever_is_sent_is_read_to_the_end(data: bytes) -> None:
    for sheet in (data, b"number,reason,until,version\n" + data):
        read = read_blocklist(sheet, SheetLimits(500, 1 << 20), CITY)
        assert len({row.number for row in read.rows}) == len(read.rows)
