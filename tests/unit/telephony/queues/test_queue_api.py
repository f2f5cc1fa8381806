"""Queues, numbers and menu keys: what the service keeps, what the API says, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from sqlalchemy import select

from callcenter.people.access.rights import Actor
from callcenter.people.domain.permissions import Permission, Role, permissions_of
from callcenter.people.trail.models import TrailEntry
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.domain.queues import MenuKey, Strategy
from callcenter.telephony.queues.endpoints import router
from callcenter.telephony.queues.service import QueueService

ADMIN = Actor("admin", frozenset(Permission))
ENGLISH = {"code": "english", "name": "英语坐席", "transfer_number": "6001", "language": "en"}


@dataclass
class Desk:
    client: httpx.AsyncClient
    queues: QueueService
    database: Database
    settings: Settings
    who: list[Actor] = field(default_factory=lambda: [ADMIN])
    told: list[None] = field(default_factory=list)

    async def make(self, **fields: Any) -> dict[str, Any]:
        answer = await self.client.post("/api/queues", json={**ENGLISH, **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def noted(self) -> list[tuple[str, str, str]]:
        async with self.database.reading() as session:
            rows = await session.execute(
                select(TrailEntry.action, TrailEntry.subject, TrailEntry.actor).order_by(
                    TrailEntry.seq
                )
            )
            return [(row[0], row[1], row[2]) for row in rows]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings = Settings(
        _env_file=None, home=tmp_path, extra_numbers="+862112345", queue_ring_seconds=20
    )
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    queues = QueueService(database, settings)
    await queues.ensure_first()
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    shelf_of(app).put(queues)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://desk", headers={"If-Match": "*"}
    ) as client:
        made = Desk(client, queues, database, settings)
        queues.on_change(lambda: made.told.append(None))

        @app.middleware("http")
        async def gate(request: Request, call_next: Any) -> Response:
            request.state.who = made.who[-1]
            answer: Response = await call_next(request)
            return answer

        yield made
    await database.close()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# -- the main queue --------------------------------------------------------------------------


async def test_the_main_queue_is_made_once_from_the_settings(desk: Desk) -> None:
    (main,) = (await desk.client.get("/api/queues")).json()["items"]
    assert main["code"] == main["transfer_number"] == "12345"
    assert (main["is_main"], main["enabled"], main["ring_seconds"]) == (True, True, 20)
    assert main["service_level_seconds"] == 15
    await desk.client.patch("/api/queues/12345", json={"ring_seconds": 30})
    await desk.queues.ensure_first()
    assert (await desk.queues.get("12345")).plan.ring_seconds == 30


async def test_the_first_menu_is_what_the_prompt_says_and_stays_away_once_removed(
    desk: Desk,
) -> None:
    assert await desk.queues.menu() == [MenuKey("2", "12345", "en"), MenuKey("9", None)]
    for key in "29":
        assert (await desk.client.delete(f"/api/menu-keys/{key}")).status_code == 204
    await desk.queues.ensure_first()
    assert await desk.queues.menu() == []


async def test_another_hotline_number_has_its_own_main_queue(desk: Desk) -> None:
    await desk.make(transfer_number="12388")
    settings = desk.settings.model_copy(update={"hotline_number": "12388"})
    other = QueueService(desk.database, settings)
    assert (await other.pbx()).main == "12388"
    assert "12388" in (await other.pbx()).codes, "there is one before it is in the table"
    await other.ensure_first()
    assert (await other.get("12388")).is_main
    assert not (await other.get("12345")).is_main
    assert (await other.get("12388")).plan.transfer_number is None, "it is the English one's"


@pytest.mark.parametrize("body", [{"enabled": False}, None], ids=["disable", "remove"])
async def test_the_main_queue_cannot_go(desk: Desk, body: dict[str, Any] | None) -> None:
    path = "/api/queues/12345"
    answer = await (desk.client.patch(path, json=body) if body else desk.client.delete(path))
    assert code(answer) == (409, "main_queue")
    assert (await desk.queues.get("12345")).plan.enabled


# -- queues ----------------------------------------------------------------------------------


async def test_a_queue_is_made_changed_and_removed_and_each_is_told_and_noted(desk: Desk) -> None:
    made = await desk.make(overflow="12345")
    assert (made["strategy"], made["wait_limit_seconds"], made["is_main"]) == (
        "rrmemory", 600, False,
    )  # fmt: skip
    assert (await desk.client.get("/api/queues/english")).json() == made
    answer = await desk.client.patch(
        "/api/queues/english", json={"strategy": "ringall", "overflow": None}
    )
    assert (answer.json()["strategy"], answer.json()["overflow"]) == ("ringall", None)
    assert answer.json()["transfer_number"] == "6001", "what is left out stays"
    assert len(desk.told) == 2
    await desk.client.patch("/api/queues/english", json={"strategy": "ringall"})
    assert len(desk.told) == 2, "nothing changed"
    assert (await desk.client.delete("/api/queues/english")).status_code == 204
    assert len(desk.told) == 3
    assert code(await desk.client.get("/api/queues/english")) == (404, "queue_not_found")
    assert await desk.noted() == [
        (f"queue.{what}", "queue:english", "admin") for what in ("created", "changed", "removed")
    ]


async def test_the_pbx_is_to_have_what_was_set(desk: Desk) -> None:
    await desk.make(strategy="fewestcalls", weight=7)
    await desk.make(code="night", transfer_number=None, enabled=False)
    await desk.client.post("/api/numbers", json={"number": "+8602166660000", "queue": "english"})
    await desk.client.put("/api/menu-keys/3", json={"queue": "night"})
    made = await desk.queues.pbx()
    assert made.codes == {"12345", "english"}
    english = next(queue for queue in made.queues if queue.code == "english")
    assert (english.strategy, english.weight) == (Strategy.FEWESTCALLS, 7)
    assert made.numbers == {
        "12345": "12345", "862112345": "12345", "8602166660000": "english",
    }  # fmt: skip
    assert [key.key for key in made.menu] == ["2", "9"], "a key to a disabled queue does nothing"
    assert await desk.queues.transfer_numbers() == {"12345": "12345", "6001": "english"}


WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "one letter": ({"code": "s"}, 422, "bad_queue_code"),
    "a word of the PBX": ({"code": "general"}, 422, "bad_queue_code"),
    "a section": ({"code": "a][b"}, 422, "bad_queue_code"),
    "there is one": ({"code": "12345", "transfer_number": None}, 409, "queue_exists"),
    "digits of seats": ({"transfer_number": "8001"}, 422, "bad_transfer_number"),
    "an emergency number": ({"transfer_number": "120"}, 422, "bad_transfer_number"),
    "letters to dial": ({"transfer_number": "60a1"}, 422, "bad_transfer_number"),
    "dialled already": ({"transfer_number": "12345"}, 409, "transfer_number_taken"),
    "overflow to nowhere": ({"overflow": "nowhere"}, 404, "queue_not_found"),
    "overflow to itself": ({"overflow": "english"}, 409, "overflow_loop"),
    "a strategy that needs a restart": ({"strategy": "linear"}, 422, "bad_input"),
    "never rings": ({"ring_seconds": 0}, 422, "bad_input"),
    "a word for a number": ({"max_waiting": "50"}, 422, "bad_input"),
    "a line break": ({"name": "a\nb"}, 422, "bad_input"),
    "music with a comment": ({"music": "x;y"}, 422, "bad_input"),
    "no such field": ({"penalty": 1}, 422, "bad_input"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_cannot_be_a_queue_is_refused_in_words(desk: Desk, name: str) -> None:
    fields, status, expected = WRONG[name]
    answer = await desk.client.post("/api/queues", json={**ENGLISH, **fields})
    assert code(answer) == (status, expected)
    assert len(await desk.queues.plans()) == 1
    assert desk.told == []


async def test_a_loop_of_overflows_is_refused_also_when_it_is_made_by_a_change(desk: Desk) -> None:
    await desk.make(overflow="12345")
    await desk.make(code="night", transfer_number=None, overflow="english")
    answer = await desk.client.patch("/api/queues/12345", json={"overflow": "night"})
    assert code(answer) == (409, "overflow_loop")
    assert (await desk.queues.get("12345")).plan.overflow is None


@pytest.mark.parametrize("name", ["name", "strategy", "enabled", "ring_seconds"])
async def test_null_is_no_value_of_what_must_have_one(desk: Desk, name: str) -> None:
    answer = await desk.client.patch("/api/queues/12345", json={name: None})
    assert code(answer) == (422, "bad_input")


async def test_a_queue_that_something_leads_to_stays(desk: Desk) -> None:
    await desk.make()
    await desk.make(code="night", transfer_number=None, overflow="english")
    await desk.client.post("/api/numbers", json={"number": "02166660000", "queue": "english"})
    await desk.client.put("/api/menu-keys/3", json={"queue": "english"})
    answer = await desk.client.delete("/api/queues/english")
    assert code(answer) == (409, "queue_in_use")
    assert answer.json()["error"]["details"]["used_by"] == [
        "number 02166660000", "menu key 3", "overflow of night",
    ]  # fmt: skip
    assert (await desk.client.patch("/api/queues/english", json={"enabled": False})).is_success


async def test_many_who_make_one_queue_at_once_make_one(desk: Desk) -> None:
    body = {**ENGLISH, "transfer_number": None}
    answers = await asyncio.gather(*(desk.client.post("/api/queues", json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


# -- numbers and keys --------------------------------------------------------------------------


async def test_a_number_leads_to_its_queue_until_it_is_removed(desk: Desk) -> None:
    await desk.make()
    made = await desk.client.post(
        "/api/numbers", json={"number": "+8602166660000", "queue": "english", "note": "外事"}
    )
    told = {
        "number": "8602166660000", "queue": "english", "note": "外事", "from_settings": False,
    }  # fmt: skip
    assert made.json().items() >= told.items()
    assert await desk.queues.queue_of_number("8602166660000") == "english"
    assert await desk.queues.queue_of_number("+8602166660000") == "english"
    assert await desk.queues.queue_of_number("12345") == "12345"
    assert await desk.queues.queue_of_number("${EXTEN}") == "12345"
    await desk.client.patch("/api/queues/english", json={"enabled": False})
    assert await desk.queues.queue_of_number("8602166660000") == "12345"
    changed = await desk.client.patch("/api/numbers/8602166660000", json={"queue": "12345"})
    assert (changed.json()["queue"], changed.json()["note"]) == ("12345", "外事")
    assert (await desk.client.delete("/api/numbers/8602166660000")).status_code == 204
    assert code(await desk.client.delete("/api/numbers/8602166660000")) == (
        404, "number_not_found",
    )  # fmt: skip


async def test_numbers_of_the_settings_are_always_answered(desk: Desk) -> None:
    await desk.make()
    listed = (await desk.client.get("/api/numbers")).json()["items"]
    assert [(one["number"], one["queue"], one["from_settings"]) for one in listed] == [
        ("12345", "12345", True),
        ("862112345", "12345", True),
    ]
    body = {"number": "862112345", "queue": "english"}
    assert (await desk.client.post("/api/numbers", json=body)).json()["from_settings"]
    assert (await desk.queues.pbx()).numbers["862112345"] == "english"
    await desk.client.delete("/api/numbers/862112345")
    assert (await desk.queues.pbx()).numbers["862112345"] == "12345"


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"number": "12", "queue": "12345"}, 422, "bad_number"),
        ({"number": "021-666", "queue": "12345"}, 422, "bad_number"),
        ({"number": "021666", "queue": "nowhere"}, 404, "queue_not_found"),
        ({"number": "", "queue": "12345"}, 422, "bad_input"),
    ],
)
async def test_what_is_no_number_is_refused(
    desk: Desk, body: dict[str, str], status: int, expected: str
) -> None:
    assert code(await desk.client.post("/api/numbers", json=body)) == (status, expected)


async def test_a_number_leads_to_one_queue(desk: Desk) -> None:
    body = {"number": "021666", "queue": "12345"}
    assert (await desk.client.post("/api/numbers", json=body)).status_code == 201
    body["number"] = "+021666"
    assert code(await desk.client.post("/api/numbers", json=body)) == (409, "number_exists")


async def test_a_key_leads_where_it_was_last_told(desk: Desk) -> None:
    await desk.make()
    answer = await desk.client.put("/api/menu-keys/2", json={"queue": "english"})
    told = {"key": "2", "queue": "english", "language": None}
    assert answer.json().items() >= told.items()
    assert [(key.key, key.queue) for key in await desk.queues.menu()] == [
        ("2", "english"), ("9", None),
    ]  # fmt: skip
    nowhere = await desk.client.put("/api/menu-keys/2", json={"queue": "nowhere"})
    assert code(nowhere) == (404, "queue_not_found")
    assert code(await desk.client.delete("/api/menu-keys/5")) == (404, "menu_key_not_found")
    assert code(await desk.client.put("/api/menu-keys/x", json={"queue": None}))[0] == 422


# -- who may -----------------------------------------------------------------------------------


async def test_operators_read_and_only_admins_change(desk: Desk) -> None:
    operator = Actor("8001", permissions_of([Role.OPERATOR]), frozenset({Role.OPERATOR}))
    desk.who.append(operator)
    assert (await desk.client.get("/api/queues")).is_success
    for method, path, body in (
        ("POST", "/api/queues", ENGLISH),
        ("PATCH", "/api/queues/12345", {"ring_seconds": 30}),
        ("DELETE", "/api/queues/english", None),
        ("POST", "/api/numbers", {"number": "021666", "queue": "12345"}),
        ("PUT", "/api/menu-keys/2", {"queue": None}),
    ):
        answer = await desk.client.request(method, path, json=body)
        assert code(answer) == (403, "forbidden"), path
    assert desk.told == []
