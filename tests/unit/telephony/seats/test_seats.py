"""Seats: what the service keeps, what the API says, and who is told."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from sqlalchemy import select
from starlette.datastructures import URL
from starlette.responses import Response

from callcenter.people.access.rights import Actor
from callcenter.people.domain.permissions import Permission
from callcenter.people.trail.models import TrailEntry
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.errors import SetupError
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.domain.contests import Contest
from callcenter.telephony.domain.floor import Channel, ChannelState, DeviceState, Floor, Member
from callcenter.telephony.domain.ids import Extension, Linkedid, Uniqueid
from callcenter.telephony.domain.registrations import Reachability, Registration, Transport
from callcenter.telephony.pbx.live import LiveFloor
from callcenter.telephony.pbx.registrations import Registrations
from callcenter.telephony.pbx.seat_contests import SeatContests
from callcenter.telephony.seats.endpoints import router, web_sockets
from callcenter.telephony.seats.ports import Sitting
from callcenter.telephony.seats.service import SIP_REALM, SeatService

NAME = "王芳"


@dataclass
class Live:
    floor: Floor | None = None
    known: dict[Extension, Registration] | None = None
    contested: dict[Extension, Contest] = field(default_factory=dict)
    expected: list[Extension] = field(default_factory=list)

    def expects_browser(self, seat: Extension) -> None:
        self.expected.append(seat)


@dataclass(frozen=True)
class Desk:
    client: httpx.AsyncClient
    seats: SeatService
    live: Live
    told: list[None] = field(default_factory=list)
    who: list[Actor] = field(default_factory=lambda: [Actor("admin", frozenset(Permission))])
    """Who asks: the last one."""
    holders: dict[str, int] = field(default_factory=dict)
    """Who is logged in where."""
    database: Database | None = None

    async def noted(self, action: str) -> list[str]:
        """The subjects of the trail's entries of one kind."""
        assert self.database is not None
        async with self.database.reading() as session:
            query = select(TrailEntry.subject).where(TrailEntry.action == action)
            return list((await session.execute(query.order_by(TrailEntry.seq))).scalars())

    async def make(self, extension: str = "8001", **fields: Any) -> dict[str, Any]:
        answer = await self.client.post(
            "/api/seats", json={"extension": extension, "name": NAME, **fields}
        )
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def at(self, seat: Extension) -> int | None:
        return self.holders.get(seat)

    async def seat_of(self, user_id: int) -> str | None:
        return next((seat for seat, user in self.holders.items() if user == user_id), None)

    async def desired(self) -> list[str]:
        return [str(seat.extension) for seat in await self.seats.desired()]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings = Settings(home=tmp_path, seats=3, wss_port=8089)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    seats, live = SeatService(database, settings), Live()
    shelf = shelf_of(app)
    shelf.put(settings, seats)
    shelf.put_as(LiveFloor, live)
    shelf.put_as(Registrations, live)
    shelf.put_as(SeatContests, live)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        made = Desk(client, seats, live, database=database)
        shelf.put_as(Sitting, made)

        @app.middleware("http")
        async def gate(request: Request, call_next: Any) -> Response:
            request.state.who = made.who[-1]
            answer: Response = await call_next(request)
            return answer

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
    for query in ({"limit": 0}, {"limit": "many"}):
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
        "refuses_sound": False,
        "usurped": False,
    }
    # The PBX does not have this one yet.
    live = (await desk.client.get("/api/seats")).json()["items"][1]["live"]
    assert (live["device"], live["reachable"]) == ("unknown", False)


def phone(
    extension: str = "8001", transport: Transport = Transport.TLS, **changes: Any
) -> Registration:
    usual = {
        "address": "192.0.2.17:5061",
        "user_agent": "Yealink",
        "reachability": Reachability.REACHABLE,
        "round_trip_us": 3210,
        "expires_at": 1795483200.0,
    }
    return Registration(Extension(extension), transport, **{**usual, **changes})


async def test_a_seat_shows_its_phone(desk: Desk) -> None:
    await desk.make("8001")
    await desk.make("8002")
    # Without a link nothing is known of the phones either.
    desk.live.known = {Extension("8001"): phone()}
    assert (await desk.client.get("/api/seats/8001")).json()["phone"] is None

    desk.live.floor = Floor(devices={"8001": DeviceState.IDLE})
    assert (await desk.client.get("/api/seats/8001")).json()["phone"] == {
        "transport": "tls",
        "address": "192.0.2.17:5061",
        "user_agent": "Yealink",
        "reachability": "reachable",
        "round_trip_ms": 3.21,
        "expires_at": "2026-11-24T01:20:00Z",
    }
    items = (await desk.client.get("/api/seats")).json()["items"]
    assert [item["phone"] is None for item in items] == [False, True]


async def test_a_seat_shows_who_takes_it_from_its_phone(desk: Desk) -> None:
    await desk.make("8001")
    url = "/api/seats/8001"
    assert (await desk.client.get(url)).json()["contest"] is None
    mine, other = (Transport.TLS, "192.0.2.17:5061"), (Transport.UDP, "192.0.2.18:5060")
    desk.live.contested = {Extension("8001"): Contest(mine, other, 1795483200.0, 1795483300.0)}
    desk.live.floor = Floor(devices={"8001": DeviceState.IDLE}, usurped=frozenset({"8001"}))
    shown = (await desk.client.get(url)).json()
    assert shown["contest"] == {
        "keeps": "192.0.2.17:5061",
        "other": "192.0.2.18:5060",
        "since": "2026-11-24T01:20:00Z",
    }
    assert (shown["live"]["usurped"], shown["live"]["reachable"]) == (True, False)


async def test_what_each_may_do(desk: Desk) -> None:
    await desk.make()
    desk.who.append(Actor("reader", frozenset({Permission.SEAT_READ})))
    client = desk.client
    assert (await client.get("/api/seats")).is_success
    assert (await client.get("/api/seats/export")).is_success
    for answer in (
        await client.post("/api/seats", json={"extension": "8002", "name": NAME}),
        await client.patch("/api/seats/8001", json={"name": NAME}),
        await client.post("/api/seats/8001/secret"),
        await client.delete("/api/seats/8001"),
        await client.post("/api/seats/range", json={"first": "8101", "count": 2}),
        await client.post("/api/seats/import", files={"file": b"extension"}),
        await client.get("/api/seats/8001/webrtc"),
    ):
        assert code(answer) == (403, "forbidden")
    desk.who.append(Actor("nobody"))
    assert code(await client.get("/api/seats")) == (403, "forbidden")


async def test_each_change_stands_in_the_trail(desk: Desk) -> None:
    await desk.make("8001")
    await desk.client.patch("/api/seats/8001", json={"phones": "sip"})
    await desk.client.patch("/api/seats/8001", json={"phones": "sip"})
    await desk.client.post("/api/seats/8001/secret")
    await desk.client.delete("/api/seats/8001")
    for action in ("created", "changed", "secret_rotated", "removed"):
        assert await desk.noted(f"seat.{action}") == ["seat:8001"], action


# -- many at once ----------------------------------------------------------------------------


async def test_a_range_is_made_with_a_secret_each(desk: Desk) -> None:
    body = {"first": "8101", "count": 750, "name": "大厅 {extension}", "phones": "sip"}
    answer = await desk.client.post("/api/seats/range", json=body)
    made = answer.json()["items"]
    assert answer.status_code == 201
    assert [seat["extension"] for seat in made] == [str(8101 + at) for at in range(750)]
    assert (made[3]["name"], made[3]["phones"]) == ("大厅 8104", "sip")
    wanted = {str(seat.extension): seat.secret for seat in await desk.seats.desired()}
    assert wanted == {seat["extension"]: seat["secret"] for seat in made}
    assert len(set(wanted.values())) == 750
    assert len(desk.told) == 1


async def test_a_range_is_made_whole_or_not_at_all(desk: Desk) -> None:
    await desk.make("8003")
    await desk.make("8005")
    desk.told.clear()
    answer = await desk.client.post("/api/seats/range", json={"first": "8001", "count": 6})
    assert code(answer) == (409, "seat_exists")
    assert answer.json()["error"]["details"]["extensions"] == ["8003", "8005"]
    for body, wanted in (
        ({"first": "8995", "count": 6}, "bad_extension"),
        ({"first": "801", "count": 1}, "bad_extension"),
        ({"first": "8001", "count": 0}, "bad_input"),
        ({"first": "8101", "count": 2, "name": "{extension}" * 9 + "x" * 65}, "bad_input"),
    ):
        refused = await desk.client.post("/api/seats/range", json=body)
        assert code(refused) == (422, wanted), body
    assert await desk.desired() == ["8003", "8005"]
    assert not desk.told


async def take(desk: Desk, text: str | bytes, **query: Any) -> httpx.Response:
    data = text.encode() if isinstance(text, str) else text
    return await desk.client.post("/api/seats/import", files={"file": data}, params=query)


async def test_a_sheet_makes_and_changes_seats(desk: Desk) -> None:
    await desk.make("8001")
    await desk.make("8002", name="李强")
    secret = (await desk.seats.desired())[0].secret
    sheet = (
        "extension,name,enabled,in_queue,phones\r\n"
        "8001,,no,,\r\n8002,李强,yes,yes,both\r\n8003,赵敏,,,webrtc\r\n,,,,\r\n"
    )
    looked = (await take(desk, sheet, dry_run=True)).json()
    wanted = {
        "dry_run": True,
        "created": ["8003"],
        "changed": ["8001"],
        "unchanged": 1,
        "problems": [],
        "items": [],
    }
    assert looked == wanted
    assert await desk.desired() == ["8001", "8002"]

    done = (await take(desk, sheet)).json()
    (item,) = done["items"]
    assert {**done, "items": []} == {**wanted, "dry_run": False}
    assert (item["extension"], item["phones"]) == ("8003", "webrtc")
    assert await desk.desired() == ["8002", "8003"]
    first = (await desk.client.get("/api/seats/8001")).json()
    assert (first["enabled"], first["name"]) == (False, NAME)
    await desk.client.patch("/api/seats/8001", json={"enabled": True})
    assert (await desk.seats.desired())[0].secret == secret


async def test_a_sheet_with_mistakes_does_nothing_and_names_them_all(desk: Desk) -> None:
    await desk.make("8001")
    desk.told.clear()
    sheet = (
        "extension,name,enabled\n8001,新名,maybe\n8002,甲,yes\n8002,乙,yes\n7001,丙,\n"
        "8004,,\n,丁,\n80o5,戊,\n8006,己,yes,yes\n"
    )
    wanted = [
        (2, "enabled", "bad_value"),
        (4, "extension", "seat_twice"),
        (5, "extension", "bad_extension"),
        (6, "name", "missing"),
        (7, "extension", "missing"),
        (8, "extension", "bad_value"),
        (9, "", "too_many_cells"),
    ]

    def named(problems: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [(one["row"], one["column"], one["fault"]) for one in problems]

    looked = await take(desk, sheet, dry_run=True)
    assert (looked.status_code, named(looked.json()["problems"])) == (200, wanted)
    refused = await take(desk, sheet)
    assert code(refused) == (422, "bad_sheet")
    assert named(refused.json()["error"]["details"]["problems"]) == wanted
    assert await desk.desired() == ["8001"]
    assert (await desk.client.get("/api/seats/8001")).json()["name"] == NAME
    assert not desk.told


async def test_what_is_exported_can_be_imported_and_changes_nothing(desk: Desk) -> None:
    for at, name in enumerate(('=cmd|"/c"', '逗号,和"引号"', "'撇号", "-1", "王芳")):
        await desk.make(str(8001 + at), name=name, in_queue=bool(at % 2))
    sheet = await desk.client.get("/api/seats/export")
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    assert sheet.content.startswith("\ufeffextension,".encode())
    for seat in await desk.seats.desired():
        assert seat.secret not in sheet.text
    again = (await take(desk, sheet.content)).json()
    assert (again["created"], again["changed"], again["unchanged"]) == ([], [], 5)
    # An office program in China saves it so.
    chinese = sheet.content.decode("utf-8-sig").encode("gb18030")
    assert (await take(desk, chinese, dry_run=True)).json()["unchanged"] == 5


# -- browser phones --------------------------------------------------------------------------


async def kinds(desk: Desk) -> dict[str, bool]:
    return {str(seat.extension): seat.browser for seat in await desk.seats.desired()}


async def test_the_endpoint_follows_the_phone_that_is_registered(desk: Desk) -> None:
    for extension, allowed in (("8001", "both"), ("8002", "sip"), ("8003", "webrtc")):
        await desk.make(extension, phones=allowed)
    assert await kinds(desk) == {"8001": False, "8002": False, "8003": True}
    desk.told.clear()

    async def come(transport: Transport) -> None:
        await desk.seats.phones_came(
            {Extension(seat): phone(seat, transport) for seat in ("8001", "8002", "8003", "8999")}
        )

    for transport, browser, told in (
        (Transport.UDP, False, 0),
        (Transport.WEBSOCKET, True, 1),
        (Transport.WEBSOCKET, True, 0),
        (Transport.TLS, False, 1),
    ):
        await come(transport)
        assert await kinds(desk) == {"8001": browser, "8002": False, "8003": True}
        assert len(desk.told) == told
        desk.told.clear()


async def test_a_browser_gets_what_it_needs_for_the_seat_of_its_agent(desk: Desk) -> None:
    secret = (await desk.make())["secret"]
    desk.who.append(Actor("wang", frozenset({Permission.AGENT_OWN}), user_id=7))
    assert code(await desk.client.get("/api/seats/8001/webrtc")) == (403, "browser_not_yours")
    desk.holders["8001"] = 8
    assert code(await desk.client.get("/api/seats/8001/webrtc")) == (403, "browser_not_yours")
    desk.holders["8001"] = 7

    answer = await desk.client.get("http://hotline.example/api/seats/8001/webrtc")
    login = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert secret not in answer.text
    assert (login["uri"], login["servers"]) == (
        "sip:8001@hotline.example",
        ["ws://hotline.example/ws/sip", "wss://hotline.example:8089/ws"],
    )
    proof = hashlib.md5(f"8001:{SIP_REALM}:{secret}".encode()).hexdigest()  # noqa: S324
    assert (login["realm"], login["ha1"]) == (SIP_REALM, proof)
    assert await desk.noted("seat.browser_login") == ["seat:8001"]
    # Nobody else's phone is there, so the PBX expects the browser from now on.
    assert await kinds(desk) == {"8001": True}

    local = (await desk.client.get("http://127.0.0.1/api/seats/8001/webrtc")).json()
    assert local["servers"] == [
        "ws://127.0.0.1/ws/sip",
        "ws://127.0.0.1:8088/ws",
        "wss://127.0.0.1:8089/ws",
    ]


async def test_a_desk_phone_stays_the_seats_until_the_browser_is_there(desk: Desk) -> None:
    await desk.make()
    desk.live.floor = Floor()
    desk.live.known = {Extension("8001"): phone()}
    assert (await desk.client.get("/api/seats/8001/webrtc")).is_success
    assert await kinds(desk) == {"8001": False}


async def test_a_seat_that_may_have_no_browser_gets_none(desk: Desk) -> None:
    await desk.make("8001", phones="sip")
    await desk.make("8002", enabled=False)
    for seat, wanted in (
        ("8001", (409, "seat_no_browser")),
        ("8002", (409, "seat_disabled")),
        ("8003", (404, "seat_not_found")),
    ):
        assert code(await desk.client.get(f"/api/seats/{seat}/webrtc")) == wanted
    assert await desk.noted("seat.browser_login") == []


@pytest.mark.parametrize(
    ("settings", "url", "wanted"),
    [
        (
            {"wss_port": 8089},
            "http://[2001:db8::1]:8000/x",
            ["ws://[2001:db8::1]:8000/ws/sip", "wss://[2001:db8::1]:8089/ws"],
        ),
        ({}, "http://localhost/x", ["ws://localhost/ws/sip", "ws://127.0.0.1:8088/ws"]),
        ({}, "https://hotline.example/x", ["wss://hotline.example/ws/sip"]),
        (
            {"public_url": "https://hotline.example:8443"},
            "http://inside:8000/x",
            ["wss://hotline.example:8443/ws/sip"],
        ),
        (
            {"webrtc_url": "wss://phones.example/ws"},
            "http://localhost",
            ["wss://phones.example/ws"],
        ),
    ],
)
def test_where_a_browser_finds_the_pbx(
    settings: dict[str, Any], url: str, wanted: list[str]
) -> None:
    assert web_sockets(Settings(**settings), URL(url)) == wanted
