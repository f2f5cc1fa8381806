"""Seats: what the service keeps, what the API says, and who is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from callcenter.api import install_error_handlers
from callcenter.config import Settings
from callcenter.db.engine import Database
from callcenter.db.migrate import upgrade_async
from callcenter.domain.floor import Channel, ChannelState, DeviceState, Floor, Member
from callcenter.domain.ids import Linkedid, Uniqueid
from callcenter.errors import SetupError
from callcenter.seats.endpoints import router
from callcenter.seats.service import SeatService

NAME = "王芳"


@dataclass
class Live:
    floor: Floor | None = None


@dataclass(frozen=True)
class Desk:
    client: httpx.AsyncClient
    seats: SeatService
    live: Live
    told: list[None] = field(default_factory=list)

    async def make(self, extension: str = "8001", **fields: Any) -> dict[str, Any]:
        answer = await self.client.post(
            "/api/seats", json={"extension": extension, "name": NAME, **fields}
        )
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def desired(self) -> list[str]:
        return [str(seat.extension) for seat in await self.seats.desired()]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings = Settings(home=tmp_path, seats=3)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    seats, live = SeatService(database, settings), Live()
    app.state.settings, app.state.seats, app.state.live = settings, seats, live
    let_in(app, database, settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        made = Desk(client, seats, live)
        seats.on_change(lambda: made.told.append(None))
        yield made
    await database.close()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_the_first_seats_are_made_once(desk: Desk) -> None:
    assert await desk.seats.ensure_first() == 3
    first = await desk.seats.desired()
    assert [seat.extension for seat in first] == ["8001", "8002", "8003"]
    assert all(seat.in_queue and seat.name for seat in first)
    assert len({seat.secret for seat in first}) == 3
    assert all(len(bytes.fromhex(seat.secret)) == 16 for seat in first)
    assert await desk.seats.ensure_first() == 0
    assert await desk.seats.desired() == first


async def test_seats_that_people_removed_do_not_come_back_while_one_is_left(desk: Desk) -> None:
    await desk.make("8007", enabled=False)
    assert await desk.seats.ensure_first() == 0
    assert await desk.desired() == []


async def test_first_seats_must_fit_into_the_digits(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, seats=1000, first_seat=8001)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    with pytest.raises(SetupError, match="CALLCENTER_SEATS"):
        await SeatService(database, settings).ensure_first()
    assert await SeatService(database, settings).desired() == []
    await database.close()


async def test_a_secret_is_shown_when_it_is_made_and_never_again(desk: Desk) -> None:
    made = await desk.make()
    secret = made["secret"]
    assert [seat.secret for seat in await desk.seats.desired()] == [secret]
    for answer in (
        await desk.client.get("/api/seats"),
        await desk.client.get("/api/seats/8001"),
        await desk.client.patch("/api/seats/8001", json={"name": "李强"}),
    ):
        assert answer.is_success
        assert secret not in answer.text
    assert secret not in repr(await desk.seats.desired())

    fresh = (await desk.client.post("/api/seats/8001/secret")).json()["secret"]
    assert fresh != secret
    assert [seat.secret for seat in await desk.seats.desired()] == [fresh]


async def test_whoever_must_know_is_told_after_each_change_and_only_then(desk: Desk) -> None:
    async def told_by(answer: httpx.Response) -> int:
        count = len(desk.told)
        desk.told.clear()
        return count

    client = desk.client
    await desk.make()
    assert len(desk.told) == 1
    desk.told.clear()
    url = "/api/seats/8001"
    assert await told_by(await client.patch(url, json={"in_queue": False})) == 1
    assert await told_by(await client.patch(url, json={"in_queue": False})) == 0
    assert await told_by(await client.post(f"{url}/secret")) == 1
    assert await told_by(await client.get(url)) == 0
    assert await told_by(await client.delete(url)) == 1
    assert await told_by(await client.delete(url)) == 0


async def test_what_the_pbx_should_have_follows_the_changes(desk: Desk) -> None:
    for extension in ("8003", "8001", "8002"):
        await desk.make(extension)
    assert await desk.desired() == ["8001", "8002", "8003"]
    await desk.client.patch("/api/seats/8002", json={"enabled": False})
    assert await desk.desired() == ["8001", "8003"]
    await desk.client.patch("/api/seats/8001", json={"in_queue": False, "name": "李强"})
    first = (await desk.seats.desired())[0]
    assert (first.name, first.in_queue) == ("李强", False)
    await desk.client.delete("/api/seats/8001")
    assert await desk.desired() == ["8003"]


@pytest.mark.parametrize("extension", ["801", "80001", "7001", "12345", "8oo1", "８００１"])
async def test_an_extension_that_the_dialplan_does_not_know_is_refused(
    desk: Desk, extension: str
) -> None:
    answer = await desk.client.post("/api/seats", json={"extension": extension, "name": NAME})
    assert code(answer) == (422, "bad_extension")
    assert await desk.desired() == []


async def test_errors_have_their_codes(desk: Desk) -> None:
    await desk.make()
    client = desk.client
    again = await client.post("/api/seats", json={"extension": "8001", "name": NAME})
    assert code(again) == (409, "seat_exists")
    for answer in (
        await client.get("/api/seats/8099"),
        await client.patch("/api/seats/8099", json={"name": NAME}),
        await client.post("/api/seats/8099/secret"),
        await client.delete("/api/seats/8099"),
    ):
        assert code(answer) == (404, "seat_not_found")
    for body in ({"name": None}, {"name": "  "}, {"secret": "chosen"}, {"enabled": 1}):
        assert code(await client.patch("/api/seats/8001", json=body)) == (422, "bad_input")
    for query in ({"limits": 5}, {"limit": 0}, {"limit": "many"}):
        assert code(await client.get("/api/seats", params=query)) == (422, "bad_input")


async def test_pages_join_and_are_in_the_order_of_numbers(desk: Desk) -> None:
    for number in range(8001, 8008):
        await desk.make(str(number))
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        page = (await desk.client.get("/api/seats", params=params)).json()
        assert len(page["items"]) <= 3
        seen += [seat["extension"] for seat in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == [str(number) for number in range(8001, 8008)]


@pytest.mark.parametrize("cursor", ["x", "WzFd", "WyJcdWQ4MDAiXQ", "WyI4MDAxIiwgMl0"])
async def test_a_cursor_of_another_list_is_refused(desk: Desk, cursor: str) -> None:
    answer = await desk.client.get("/api/seats", params={"cursor": cursor})
    assert code(answer) == (422, "bad_cursor")


async def test_a_seat_shows_what_its_phone_does(desk: Desk) -> None:
    await desk.make("8001")
    await desk.make("8002")
    url = "/api/seats/8001"
    assert (await desk.client.get(url)).json()["live"] is None

    leg = Channel(
        Uniqueid("1.1"), "PJSIP/8001-00000001", Linkedid("1.0"), ChannelState.UP,
        "8001", "", "139", "", bridge="b",
    )  # fmt: skip
    place = Member("12345", "PJSIP/8001", NAME, 0, True, "", True)
    desk.live.floor = Floor(
        channels={leg.uniqueid: leg},
        members={("12345", "PJSIP/8001"): place},
        devices={"8001": DeviceState.TALKING},
    )
    assert (await desk.client.get(url)).json()["live"] == {
        "device": "talking",
        "reachable": True,
        "ringing": False,
        "talking": True,
        "paused": True,
    }
    # The PBX does not have this one yet.
    live = (await desk.client.get("/api/seats")).json()["items"][1]["live"]
    assert (live["device"], live["reachable"]) == ("unknown", False)
