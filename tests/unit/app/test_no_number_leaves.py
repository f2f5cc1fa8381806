"""Whoever may not see whole numbers is sent none: every address of the API, raw bodies searched.

The hotline of these tests has every kind of call in which a citizen's number is somewhere: he
called, was called by hand or over the API, was sent on to a mobile phone, was missed, left a
message, is on the blocklist, and was called at a number that nobody may call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from callcenter.casework.cases.service import CaseService
from callcenter.people.domain.permissions import ROLE_PERMISSIONS, Permission, Role
from callcenter.platform.db.engine import Database
from callcenter.telephony.calls.repository import write_changes
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    LedgerChanges,
    Outcome,
    QueueVisitRow,
    RecordingRow,
    RingEnd,
    RingRow,
    TalkRow,
    TransferEnd,
    TransferKind,
    TransferRow,
    Via,
    VisitEnd,
    VoiceMessageRow,
)
from callcenter.telephony.recordings.service import MediaService
from callcenter.workforce.callbacks.service import CallbackService
from tests.unit.app.running import Service, service

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
CITIZEN, CONTACT, CALLED, SENT_TO, REFUSED, MISSED = (
    "13800138001", "02161234567", "13800138002", "13800138003", "13800138004", "13800138005",
)  # fmt: skip
NUMBERS = (CITIZEN, CONTACT, CALLED, SENT_TO, REFUSED, MISSED)
INBOUND, OUTBOUND, BY_HAND, IN_VAIN, LOST, MESSAGE = (f"pbx1:17.{n}" for n in range(1, 7))
CASE = "20261124-00001"
MASKING = [role for role in Role if Permission.NUMBER_SEE not in ROLE_PERMISSIONS[role]]
KEYS: Mapping[str, str] = {
    "call_id": INBOUND, "number": CASE, "media_id": f"{INBOUND}/rec1", "task_id": "1",
    "extension": "8001", "code": "12345",
    "user_id": "1", "blocked_id": "1", "year": "2026", "shift_id": "1", "rotation_id": "1",
    "entry_id": "1", "token": "none",
}  # fmt: skip
QUERY: Mapping[str, str] = {
    "from": "2026-11-24", "to": "2026-11-25", "calls": "10", "handle_seconds": "200",
    "state": "none",
}  # fmt: skip
MOMENTS = ("/intervals", "/totals")


def call(identity: str, direction: Direction, caller: str, called: str, **more: Any) -> CallRow:
    values: dict[str, Any] = {
        "id": identity, "node": "pbx1", "linkedid": identity[5:], "direction": direction,
        "caller_number": caller, "caller_name": caller, "called_number": called,
        "started_at": NOON, "answered_at": NOON, "ended_at": NOON + timedelta(seconds=60),
        "ended_by": None, "outcome": Outcome.ANSWERED, "route": "queue", "queue": "12345",
        "seat": "8001", "first_seat": "8001", **more,
    }  # fmt: skip
    return CallRow(**values)


def talk(identity: str, number: int, party: str) -> TalkRow:
    return TalkRow(
        f"{identity}/t{number}", identity, party, f"17.{number}", "PJSIP/x", Via.QUEUE, NOON,
        NOON, None,
    )  # fmt: skip


def recording(identity: str) -> RecordingRow:
    return RecordingRow(f"{identity}/rec1", identity, "2026/a.raw", NOON, NOON, 1000)


LEDGER = LedgerChanges(
    calls=(
        call(INBOUND, Direction.INBOUND, CITIZEN, "12345", seat=SENT_TO),
        call(
            OUTBOUND, Direction.OUTBOUND, "8001", CALLED,
            seat=CALLED, first_seat=CALLED, case_number=CASE, caller_name="",
        ),
        call(
            BY_HAND, Direction.OUTBOUND, "8001", CALLED,
            seat=CALLED, first_seat=CALLED, ended_at=None, outcome=Outcome.IN_PROGRESS,
        ),
        call(
            IN_VAIN, Direction.INTERNAL, "8001", REFUSED,
            answered_at=None, outcome=Outcome.NOT_ANSWERED, seat="", first_seat="",
        ),
        call(
            LOST, Direction.INBOUND, MISSED, "12345",
            answered_at=None, outcome=Outcome.ABANDONED, seat="", first_seat="",
        ),
        call(
            MESSAGE, Direction.INBOUND, CITIZEN, "12345",
            answered_at=None, outcome=Outcome.VOICE_MESSAGE, seat="", first_seat="",
        ),
    ),
    queue_visits=(
        QueueVisitRow(f"{LOST}/q1", LOST, "17.5", "12345", NOON, NOON, VisitEnd.ABANDONED),
    ),
    rings=(
        RingRow(f"{OUTBOUND}/r1", OUTBOUND, None, CALLED, "17.22", NOON, NOON, RingEnd.ANSWERED),
    ),
    talks=(
        talk(INBOUND, 1, "8001"), talk(INBOUND, 2, SENT_TO), talk(OUTBOUND, 1, CALLED),
        talk(BY_HAND, 1, CALLED),
    ),
    transfers=(
        TransferRow(
            f"{INBOUND}/x1", INBOUND, TransferKind.BLIND, "8001", SENT_TO, NOON,
            TransferEnd.COMPLETED,
        ),
    ),
    recordings=(recording(INBOUND), recording(OUTBOUND)),
    voice_messages=(
        VoiceMessageRow(f"{MESSAGE}/vm1", MESSAGE, "2026/a.wav", "closed", NOON, NOON),
    ),
)  # fmt: skip


@dataclass
class Hotline:
    running: Service
    admin: httpx.AsyncClient
    bodies: dict[str, str] = field(default_factory=dict)

    async def walk(self, client: httpx.AsyncClient) -> dict[str, str]:
        """Every GET that `client` may make: the body by address."""
        found: dict[str, str] = {}
        for url, query in self.addresses():
            answer = await client.get(url, params=query)
            assert answer.status_code < 500 or answer.status_code == 503, (url, answer.text)
            if answer.status_code != 403:
                found[url] = answer.text
        return found

    def addresses(self) -> list[tuple[str, dict[str, str]]]:
        """Every address that can be read, with parameters that find something."""
        made: list[tuple[str, dict[str, str]]] = []
        for path, item in self.running.app.openapi()["paths"].items():
            if "get" not in item:
                continue
            wanted = [one for one in item["get"].get("parameters", ()) if one["required"]]
            query = {
                one["name"]: QUERY[one["name"]] + ("T00:00:00Z" if moment(path, one) else "")
                for one in wanted
                if one["in"] == "query"
            }
            names = [one["name"] for one in wanted if one["in"] == "path"]
            for keys in KEY_SETS if "call_id" in names or "media_id" in names else (KEYS,):
                url = path
                for name in names:
                    url = url.replace(f"{{{name}}}", quote(keys[name], safe=""))
                made.append((url, query))
        return made


def moment(path: str, parameter: Mapping[str, Any]) -> bool:
    return path.endswith(MOMENTS) and parameter["name"] in ("from", "to")


KEY_SETS = [
    {**KEYS, "call_id": one, "media_id": f"{one}/{'vm1' if one == MESSAGE else 'rec1'}"}
    for one in (INBOUND, OUTBOUND, BY_HAND, IN_VAIN, LOST, MESSAGE)
]


@pytest.fixture
async def hotline(tmp_path: Path) -> AsyncIterator[Hotline]:
    async with service(tmp_path) as running:
        async with running.get(Database).writing() as session:
            await write_changes(session, LEDGER)
            for listener in (
                running.get(CaseService),
                running.get(MediaService),
                running.get(CallbackService),
            ):
                await listener.on_ledger(session, LEDGER)
        admin = await running.machine(Role.ADMIN)
        body = {"version": 1, "contact_number": CONTACT}
        (await admin.patch(f"/api/cases/{CASE}", json=body)).raise_for_status()
        blocked = {"number": CITIZEN, "reason": "x"}
        (await admin.post("/api/blocklist", json=blocked)).raise_for_status()
        yield Hotline(running, admin)
        await admin.aclose()


async def test_the_walk_meets_every_number(hotline: Hotline) -> None:
    """Else what follows would prove nothing."""
    bodies = await hotline.walk(hotline.admin)
    for url in (
        "/api/calls", "/api/cases", f"/api/cases/{CASE}", "/api/callbacks", "/api/callbacks/1",
        "/api/recordings", "/api/voice-messages", "/api/blocklist",
        *(f"/api/calls/{quote(one, safe='')}" for one in (INBOUND, OUTBOUND, IN_VAIN, LOST)),
    ):  # fmt: skip
        assert any(number in bodies[url] for number in NUMBERS), (url, bodies[url])
    everything = "\n".join(bodies.values())
    assert [number for number in NUMBERS if number not in everything] == []
    assert not any(number in bodies["/api/trail"] for number in NUMBERS)


@pytest.mark.parametrize("role", MASKING)
async def test_whoever_may_not_see_them_is_sent_none(hotline: Hotline, role: Role) -> None:
    client = await hotline.running.machine(role)
    bodies = await hotline.walk(client)
    assert bodies
    found = [(url, number) for url, text in bodies.items() for number in NUMBERS if number in text]
    assert found == []
    # Nor does a list tell whether he has guessed one.
    for url in ("/api/calls", "/api/cases", "/api/recordings"):
        answer = await client.get(url, params={"seat": CALLED})
        assert answer.status_code == 403, (url, answer.text)


@pytest.mark.parametrize(
    "role", [role for role in Role if Permission.CASE_CONFIDENTIAL not in ROLE_PERMISSIONS[role]]
)
async def test_a_call_about_a_confidential_case_hides_whom_it_reached(
    hotline: Hotline, role: Role
) -> None:
    version = (await hotline.admin.get(f"/api/cases/{CASE}")).json()["version"]
    body = {"version": version, "confidential": True}
    (await hotline.admin.patch(f"/api/cases/{CASE}", json=body)).raise_for_status()
    client = await hotline.running.machine(role)
    for url in ("/api/calls", "/api/recordings"):
        for item in (await client.get(url)).json().get("items", ()):
            if item.get("call_id", item["id"]) in (INBOUND, OUTBOUND):
                text = str(item)
                assert not [one for one in (CITIZEN, CONTACT, CALLED, SENT_TO) if one in text]
                assert "*" not in text
    detail = await client.get(f"/api/calls/{quote(OUTBOUND, safe='')}")
    if detail.is_success:
        assert CALLED not in detail.text
        assert detail.json()["confidential"] is True
