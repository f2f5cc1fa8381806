"""A year's holidays by a sheet: the year whole or nothing of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from callcenter.people.domain.permissions import Role
from callcenter.platform.sheets.writing import SheetFormat
from tests.unit.app.running import Service, code, service

YEAR = "/api/holidays/years/2096"
SHEET = (
    "日期,类型,名称\r\n2096/1/2,放假,元旦\r\n2096-01-07,调休上班,元旦\r\n2096年10月1日,holiday,\r\n"
)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Service]:
    async with service(tmp_path) as made:
        yield made


async def take(
    client: httpx.AsyncClient,
    text: str | bytes,
    url: str = YEAR,
    seen: str = "*",
    **query: Any,
) -> httpx.Response:
    data = text.encode() if isinstance(text, str) else text
    return await client.post(
        f"{url}/import", files={"file": data}, params=query, headers={"If-Match": seen}
    )


def counts(answer: httpx.Response) -> tuple[int, ...]:
    body = answer.json()
    return tuple(body[name] for name in ("added", "changed", "removed", "unchanged"))


def named(problems: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(one["row"], one["column"], one["fault"]) for one in problems]


async def days(client: httpx.AsyncClient, url: str = YEAR) -> list[tuple[str, str, str]]:
    found = (await client.get(url)).json()["days"]
    return [(one["day"], one["kind"], one["name"]) for one in found]


async def test_a_sheet_is_the_year(running: Service) -> None:
    client = await running.machine(Role.ADMIN)
    assert counts(await take(client, SHEET, dry_run=True)) == (3, 0, 0, 0)
    assert await days(client) == []
    assert counts(await take(client, SHEET)) == (3, 0, 0, 0)
    entered = [
        ("2096-01-02", "holiday", "元旦"),
        ("2096-01-07", "moved_workday", "元旦"),
        ("2096-10-01", "holiday", ""),
    ]
    assert await days(client) == entered
    assert (await client.get(YEAR)).json()["known"] is True
    other = "day,kind\n2096-01-02,holiday\n2096-05-01,holiday\n"
    assert counts(await take(client, other)) == (1, 0, 2, 1)
    assert await days(client) == [("2096-01-02", "holiday", "元旦"), ("2096-05-01", "holiday", "")]


async def test_a_sheet_with_mistakes_does_nothing_and_names_them_all(running: Service) -> None:
    client = await running.machine(Role.ADMIN)
    sheet = (
        "day,kind,name\n2096-01-02,holiday,\n2096/1/2,holiday,\n2095-01-01,holiday,\n"
        "2096-01-03,weekend,\nsoon,holiday,\n2096-01-04,feast,\n,holiday,\n2096-01-05,,\n"
    )
    wanted = [
        (3, "day", "day_twice"),
        (4, "day", "other_year"),
        (5, "kind", "bad_kind"),
        (6, "day", "bad_value"),
        (7, "kind", "bad_value"),
        (8, "day", "missing"),
        (9, "kind", "missing"),
    ]
    looked = await take(client, sheet, dry_run=True)
    assert (looked.status_code, named(looked.json()["problems"])) == (200, wanted)
    refused = await take(client, sheet)
    assert code(refused) == (422, "bad_sheet")
    assert named(refused.json()["error"]["details"]["problems"]) == wanted
    empty = await take(client, "day,kind\n2096-01-07,moved_workday\n", dry_run=True)
    assert named(empty.json()["problems"]) == [(0, "kind", "no_holiday")]
    assert await days(client) == []
    assert code(await take(client, SHEET, url="/api/holidays/years/1999")) == (422, "bad_year")


@pytest.mark.parametrize("form", SheetFormat)
@pytest.mark.parametrize("url", [YEAR, "/api/holidays/years/2025"])
async def test_what_is_exported_can_be_imported_and_changes_nothing(
    running: Service, form: SheetFormat, url: str
) -> None:
    client = await running.machine(Role.ADMIN)
    await take(client, SHEET)
    before = (await client.get(url)).json()
    sheet = await client.get(f"{url}/export", params={"format": form})
    assert sheet.headers["content-type"] == form.media_type
    assert sheet.headers["etag"] == f'"{before["version"]}"'
    again = await take(client, sheet.content, url)
    assert counts(again) == (0, 0, 0, len(before["days"]))
    assert len(before["days"]) > 2
    # Of the published list, too: no day of it has become an admin's.
    assert (await client.get(url)).json() == before


async def test_a_year_that_was_not_read_is_not_replaced(running: Service) -> None:
    client = await running.machine(Role.ADMIN)
    await take(client, SHEET)
    seen = (await client.get(f"{YEAR}/export")).headers["etag"]
    other = SHEET.replace("元旦", "新年")
    blind = await client.post(f"{YEAR}/import", files={"file": other.encode()})
    assert code(blind) == (428, "version_required")
    assert (await take(client, other, seen=seen)).status_code == 200
    assert code(await take(client, SHEET, seen=seen)) == (409, "version_conflict")


async def test_who_may_not_write_the_calendar_may_not_by_a_sheet(running: Service) -> None:
    client = await running.machine(*(set(Role) - {Role.ADMIN}))
    assert (await client.get(f"{YEAR}/export")).status_code == 200
    assert code(await take(client, SHEET, dry_run=True)) == (403, "forbidden")
