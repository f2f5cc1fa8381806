"""The blocklist over the API and its service, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.cursors import encode_cursor
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.blocklist.endpoints import router
from callcenter.telephony.blocklist.service import BlocklistService
from tests.unit.asking import let_in

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
CALLER = "13800138000"
REASON = "恶意骚扰,班长批准"
URL = "/api/blocklist"


class Watch:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Desk:
    client: httpx.AsyncClient
    database: Database
    service: BlocklistService
    watch: Watch

    async def block(self, number: str = CALLER, **more: Any) -> httpx.Response:
        return await self.client.post(URL, json={"number": number, "reason": REASON, **more})

    async def blocked(self, number: str = CALLER, **more: Any) -> Any:
        """The entry that blocks `number`."""
        answer = await self.block(number, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings, watch = Settings(_env_file=None, home=tmp_path, page_size_max=10), Watch()
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    service = BlocklistService(database, watch)
    shelf_of(app).put(database, settings, service)
    let_in(app, database, settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        yield Desk(client, database, service, watch)
    await database.close()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_number_is_kept_in_its_one_form_and_blocks_every_writing(desk: Desk) -> None:
    entry = await desk.blocked("+86 138-0013-8000")
    assert (entry["number"], entry["reason"], entry["until"]) == (CALLER, REASON, None)
    assert (entry["active"], entry["created_by"]) == (True, "test")
    assert datetime.fromisoformat(entry["created_at"]) == NOW
    for written in (CALLER, f"0{CALLER}", f"tel:+86{CALLER}", "１３８００１３８０００"):
        assert await desk.service.is_blocked(written)
    assert not await desk.service.is_blocked("13800138001")
    assert (await desk.client.get(f"{URL}/{entry['id']}")).json() == entry


@pytest.mark.parametrize("number", ["anonymous", "unknown", "0000", "-", "匿名", "\u200b"])
async def test_who_has_no_number_cannot_be_blocked(desk: Desk, number: str) -> None:
    assert code(await desk.block(number)) == (422, "anonymous_number")
    assert (await desk.client.get(URL)).json()["items"] == []
    assert not await desk.service.is_blocked(number)


async def test_twice_is_a_conflict_that_names_the_entry(desk: Desk) -> None:
    entry = await desk.blocked()
    answer = await desk.block(f"+86{CALLER}", reason="another")
    assert code(answer) == (409, "already_blocked")
    assert answer.json()["error"]["details"] == {"id": entry["id"], "number": CALLER}
    assert (await desk.client.get(f"{URL}/{entry['id']}")).json() == entry


async def test_a_block_ends_by_itself_and_can_be_made_anew(desk: Desk) -> None:
    until = NOW + timedelta(days=1)
    entry = await desk.blocked(until=until.isoformat())
    desk.watch.now = until - timedelta(microseconds=1)
    assert await desk.service.is_blocked(CALLER)
    desk.watch.now = until
    assert not await desk.service.is_blocked(CALLER)
    expired = (await desk.client.get(f"{URL}/{entry['id']}")).json()
    assert expired == entry | {"active": False}

    again = await desk.blocked(reason="again")
    assert (again["id"], again["reason"], again["until"]) == (entry["id"], "again", None)
    assert datetime.fromisoformat(again["created_at"]) == until
    assert await desk.service.is_blocked(CALLER)


async def test_the_end_is_a_moment_whatever_zone_it_is_written_in(desk: Desk) -> None:
    entry = await desk.blocked(until="2026-12-01T00:00:00+08:00")
    assert datetime.fromisoformat(entry["until"]) == datetime(2026, 11, 30, 16, tzinfo=UTC)


async def test_what_is_left_out_of_a_change_stays(desk: Desk) -> None:
    until = (NOW + timedelta(days=1)).isoformat()
    entry = await desk.blocked(until=until)
    url = f"{URL}/{entry['id']}"
    changed = (await desk.client.patch(url, json={"reason": " 已核实 "})).json()
    assert changed == entry | {"reason": "已核实", "version": changed["version"]}
    assert (await desk.client.patch(url, json={})).json() == changed
    for_good = (await desk.client.patch(url, json={"until": None})).json()
    assert for_good == changed | {"until": None, "version": for_good["version"]}
    assert len({one["version"] for one in (entry, changed, for_good)}) == 3
    later = (NOW + timedelta(days=2)).isoformat()
    assert (await desk.client.patch(url, json={"until": later})).json()["reason"] == "已核实"


async def test_a_change_can_bring_an_ended_block_back_to_life(desk: Desk) -> None:
    entry = await desk.blocked(until=(NOW + timedelta(hours=1)).isoformat())
    desk.watch.now += timedelta(hours=2)
    changed = await desk.client.patch(f"{URL}/{entry['id']}", json={"until": None})
    assert changed.json()["active"]
    assert await desk.service.is_blocked(CALLER)


async def test_who_is_put_through_again_can_be_blocked_again(desk: Desk) -> None:
    entry = await desk.blocked()
    answer = await desk.client.delete(f"{URL}/{entry['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not await desk.service.is_blocked(CALLER)
    await desk.blocked()
    assert await desk.service.is_blocked(CALLER)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("blocked_id", [1, 2**63 - 1])
async def test_an_entry_that_is_not_there(desk: Desk, method: str, blocked_id: int) -> None:
    body = {"reason": "x"} if method == "PATCH" else None
    answer = await desk.client.request(method, f"{URL}/{blocked_id}", json=body)
    assert code(answer) == (404, "blocked_number_not_found")


@pytest.mark.parametrize("blocked_id", ["0", "-1", str(2**63), "x", "1.5", "%00"])
async def test_what_cannot_be_an_entry(desk: Desk, blocked_id: str) -> None:
    assert code(await desk.client.get(f"{URL}/{blocked_id}")) == (422, "bad_input")


PAST = (NOW - timedelta(seconds=1)).isoformat()


@pytest.mark.parametrize("until", [PAST, NOW.isoformat()])
async def test_a_block_does_not_end_before_it_begins(desk: Desk, until: str) -> None:
    assert code(await desk.block(until=until)) == (422, "until_in_the_past")
    entry = await desk.blocked()
    answer = await desk.client.patch(f"{URL}/{entry['id']}", json={"until": until, "reason": "x"})
    assert code(answer) == (422, "until_in_the_past")
    assert (await desk.client.get(f"{URL}/{entry['id']}")).json() == entry


BAD: tuple[dict[str, Any], ...] = (
    {},
    {"number": CALLER},
    {"number": "", "reason": REASON},
    {"number": "1" * 129, "reason": REASON},
    {"number": 13800138000, "reason": REASON},
    {"number": CALLER, "reason": ""},
    {"number": CALLER, "reason": "  "},
    {"number": CALLER, "reason": "x" * 501},
    {"number": CALLER, "reason": "a\0b"},
    {"number": CALLER, "reason": None},
    {"number": CALLER, "reason": REASON, "until": "2026-12-01T00:00:00"},
    {"number": CALLER, "reason": REASON, "until": "tomorrow"},
    {"number": CALLER, "reason": REASON, "until": 20261231},
    {"number": CALLER, "reason": REASON, "until": "4102444800"},
    {"number": CALLER, "reason": REASON, "until": "9999-12-31T23:59:59-08:00"},
    {"number": CALLER, "reason": REASON, "created_by": "me"},
)


async def test_an_entry_that_could_block_nobody_is_refused(desk: Desk) -> None:
    for nobody in (
        "138*", "_138XXXXXXXX", "somebody", "12", "1380013800", "138001380001", "1" * 16, "010123",
        "+1", "0" + "1" * 15,
    ):  # fmt: skip
        assert code(await desk.block(nobody)) == (422, "bad_number"), nobody
    for somebody in (
        "110",
        "95588",
        "4008123123",
        "010-12345678",
        "+85221234567",
        "00 1 212 5550199",
    ):
        assert (await desk.block(somebody)).status_code == 201, somebody


@pytest.mark.parametrize("body", BAD)
async def test_what_may_not_be_written_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    assert code(await desk.client.post(URL, json=body)) == (422, "bad_input")
    assert (await desk.client.get(URL)).json() == {"items": [], "next": None}


@pytest.mark.parametrize("field", ["number", "reason"])
async def test_half_a_character_is_refused_not_stored(desk: Desk, field: str) -> None:
    body = f'{{"number": "{CALLER}", "reason": "x"'.replace(f'"{field}": "', f'"{field}": "\\ud800')
    answer = await desk.client.post(
        URL, content=f"{body}}}", headers={"Content-Type": "application/json"}
    )
    assert code(answer) == (422, "bad_input")


async def test_the_list_is_newest_first_and_its_pages_join(desk: Desk) -> None:
    numbers = [f"1380013800{serial}" for serial in range(7)]
    for number in numbers:
        await desk.blocked(number)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        page = (await desk.client.get(URL, params=params)).json()
        assert len(page["items"]) <= 3
        seen += [entry["number"] for entry in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == numbers[::-1]


async def test_a_page_is_no_longer_than_the_setting_allows(desk: Desk) -> None:
    for serial in range(12):
        await desk.blocked(f"138001380{serial:02}")
    page = (await desk.client.get(URL, params={"limit": 10**9})).json()
    assert len(page["items"]) == 10
    rest = (await desk.client.get(URL, params={"cursor": page["next"]})).json()
    assert (len(rest["items"]), rest["next"]) == (2, None)


async def test_one_number_is_found_in_every_writing(desk: Desk) -> None:
    await desk.blocked("02161234567")
    entry = await desk.blocked()
    for written in (CALLER, f"+86 {CALLER}"):
        found = (await desk.client.get(URL, params={"number": written})).json()
        assert found == {"items": [entry], "next": None}
    for nobody in ("anonymous", "110"):
        found = (await desk.client.get(URL, params={"number": nobody})).json()
        assert found == {"items": [], "next": None}


@pytest.mark.parametrize(
    "cursor",
    ["x", "!", encode_cursor("1"), encode_cursor(0), encode_cursor(2**63), encode_cursor(1, 2)],
)
async def test_a_cursor_of_somebody_elses(desk: Desk, cursor: str) -> None:
    assert code(await desk.client.get(URL, params={"cursor": cursor})) == (422, "bad_cursor")


async def test_the_caller_who_waits_is_looked_up_in_an_index(desk: Desk) -> None:
    query = "SELECT id FROM blocked_number WHERE number = 'x' AND (until IS NULL OR until > '')"
    async with desk.database.reading() as session:
        plan = await session.execute(text(f"EXPLAIN QUERY PLAN {query}"))
        assert [row for row in plan if "USING INDEX" in row.detail]
