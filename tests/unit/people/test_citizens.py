"""Who sees who a citizen is: masked numbers, confidential cases, and what is noted of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from callcenter.app import create_app
from callcenter.casework.cases.service import CaseService
from callcenter.people.citizens import AboutCitizen
from callcenter.people.domain.masking import NAME_FIELDS, NUMBER_FIELDS
from callcenter.people.domain.permissions import ROLE_PERMISSIONS, Permission, Role
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import Trail
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.secrets import Secrets
from callcenter.telephony.calls.models import Call, Recording, VoiceMessage
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    LedgerChanges,
    Outcome,
    RecordingRow,
    VoiceMessageRow,
)
from callcenter.telephony.recordings.service import MediaService
from tests.unit.app.running import Service, code, service

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
NUMBER, CONTACT, NAME = "13800138000", "02161234567", "王建国"
ADDRESS = "解放路 18 号"
CALL = "pbx1:17.1"
RECORDING = f"{CALL}/rec1"
MESSAGE = f"{CALL}/vm1"
CASE = "/api/cases/20261124-00001"
LISTS = (
    "/api/cases", CASE, f"{CASE}/events", "/api/calls", f"/api/calls/{CALL}", "/api/recordings",
    f"/api/recordings/{RECORDING}", "/api/voice-messages", f"/api/voice-messages/{MESSAGE}",
)  # fmt: skip
"""Every answer that tells of a citizen."""
SECRETS = (NUMBER, CONTACT, NAME, ADDRESS, "caller name")


def roles(permission: Permission, *, have: bool) -> list[Role]:
    return [role for role in Role if (permission in ROLE_PERMISSIONS[role]) is have]


@dataclass(frozen=True)
class Desk:
    running: Service
    admin: httpx.AsyncClient

    async def as_role(self, role: Role) -> httpx.AsyncClient:
        return self.admin if role is Role.ADMIN else await self.running.machine(role)

    async def edit(self, client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
        version = (await self.admin.get(CASE)).json()["version"]
        return await client.patch(CASE, json={"version": version, **changes})

    async def noted(self, actor: str, action: str) -> list[str]:
        wanted = TrailFilter(actor=actor, action=action)
        found = await self.running.get(Trail).page(wanted, before=None, limit=100)
        return [one.subject for one in reversed(found)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """One call that was answered, recorded, and left a message as well; its case is filled in."""
    row = CallRow(
        id=CALL, node="pbx1", linkedid="17.1", direction=Direction.INBOUND, caller_number=NUMBER,
        caller_name="caller name", called_number="12345", started_at=NOON, answered_at=NOON,
        ended_at=NOON, ended_by=None, outcome=Outcome.ANSWERED, route="queue", queue="12345",
        seat="8001", first_seat="8001",
    )  # fmt: skip
    recording = RecordingRow(
        id=RECORDING, call_id=CALL, path="a.raw", started_at=NOON, ended_at=NOON, bridged_ms=1000
    )
    message = VoiceMessageRow(
        id=MESSAGE, call_id=CALL, path="a.wav", reason="closed", started_at=NOON, ended_at=NOON
    )
    async with service(tmp_path) as running:
        async with running.get(Database).writing() as session:
            session.add(Call(**{name: getattr(row, name) for name in CallRow.__slots__}))
            for table, part in ((Recording, recording), (VoiceMessage, message)):
                session.add(table(**{name: getattr(part, name) for name in part.__slots__}))
            changes = LedgerChanges(
                calls=(row,), recordings=(recording,), voice_messages=(message,)
            )
            await running.get(CaseService).on_ledger(session, changes)
            await running.get(MediaService).on_ledger(session, changes)
        made = Desk(running, await running.machine(Role.ADMIN))
        answer = await made.edit(
            made.admin, contact_number=CONTACT, citizen_name=NAME, address=ADDRESS
        )
        assert answer.status_code == 200, answer.text
        yield made


async def told(client: httpx.AsyncClient) -> str:
    """All that the client is told of the call and its case."""
    texts = []
    for url in LISTS:
        answer = await client.get(url)
        if answer.status_code != 403:
            assert answer.status_code == 200, (url, answer.text)
            texts.append(answer.text)
    return "\n".join(texts)


@pytest.mark.parametrize("role", roles(Permission.NUMBER_SEE, have=True))
async def test_who_needs_numbers_sees_them_whole(desk: Desk, role: Role) -> None:
    text = await told(await desk.as_role(role))
    assert NUMBER in text
    assert CONTACT in text
    assert "*" not in text


@pytest.mark.parametrize("role", roles(Permission.NUMBER_SEE, have=False))
async def test_for_everybody_else_they_are_masked_in_every_answer(desk: Desk, role: Role) -> None:
    text = await told(await desk.as_role(role))
    assert NUMBER not in text
    assert CONTACT not in text
    assert "138****8000" in text
    assert "021****4567" in text
    assert NAME in text


@pytest.mark.parametrize("role", roles(Permission.CASE_CONFIDENTIAL, have=False))
async def test_a_confidential_case_hides_its_citizen_in_every_answer(
    desk: Desk, role: Role
) -> None:
    await desk.edit(desk.admin, confidential=True)
    text = await told(await desk.as_role(role))
    for secret in (*SECRETS, "138****8000", "021****4567"):
        assert secret not in text
    assert '"confidential":true' in text


@pytest.mark.parametrize("role", roles(Permission.CASE_CONFIDENTIAL, have=True))
async def test_the_named_roles_see_who_it_is(desk: Desk, role: Role) -> None:
    await desk.edit(desk.admin, confidential=True)
    text = await told(await desk.as_role(role))
    assert NAME in text
    assert ADDRESS in text
    assert (NUMBER in text) == (Permission.NUMBER_SEE in ROLE_PERMISSIONS[role])


@pytest.mark.parametrize("role", roles(Permission.NUMBER_SEE, have=False))
@pytest.mark.parametrize("url", ["/api/cases", "/api/calls"])
async def test_hidden_digits_cannot_be_found_by_trying(desk: Desk, role: Role, url: str) -> None:
    client = await desk.as_role(role)
    for number in (NUMBER, "13800000000"):
        answer = await client.get(url, params={"caller": number})
        assert answer.json()["error"]["code"] in ("citizen_hidden", "forbidden")


@pytest.mark.parametrize("url", ["/api/cases", "/api/calls"])
async def test_a_confidential_case_is_not_found_by_its_number(desk: Desk, url: str) -> None:
    await desk.edit(desk.admin, confidential=True)
    operator, dispatcher = (
        await desk.as_role(Role.OPERATOR), await desk.as_role(Role.DISPATCHER),
    )  # fmt: skip
    found = {"caller": NUMBER}
    assert (await operator.get(url, params=found)).json()["items"] == []
    assert len((await dispatcher.get(url, params=found)).json()["items"]) == 1
    assert len((await operator.get(url)).json()["items"]) == 1


async def test_a_contact_number_is_found_in_any_form(desk: Desk) -> None:
    await desk.edit(desk.admin, contact_number="(021) 6123-4567")
    assert (await desk.admin.get(CASE)).json()["contact_number"] == CONTACT
    operator, analyst = await desk.as_role(Role.OPERATOR), await desk.as_role(Role.ANALYST)
    for asked in (CONTACT, "021-61234567", "+86 21 6123 4567"):
        found = (await operator.get("/api/cases", params={"contact": asked})).json()["items"]
        assert [one["number"] for one in found] == [CASE.rpartition("/")[2]], asked
    assert (await operator.get("/api/cases", params={"contact": NUMBER})).json()["items"] == []
    answer = await analyst.get("/api/cases", params={"contact": CONTACT})
    assert code(answer) == (403, "citizen_hidden")
    await desk.edit(desk.admin, confidential=True)
    assert (await operator.get("/api/cases", params={"contact": CONTACT})).json()["items"] == []
    # What is more than a number stays as it was written.
    await desk.edit(desk.admin, contact_number="女儿 13800138000")
    assert (await desk.admin.get(CASE)).json()["contact_number"] == "女儿 13800138000"


async def test_nobody_overwrites_what_he_cannot_see(desk: Desk) -> None:
    unit = await desk.as_role(Role.UNIT_USER)
    for number in ("138****8000", CONTACT):
        answer = await desk.edit(unit, contact_number=number)
        assert code(answer) == (403, "citizen_hidden")
    assert (await desk.edit(unit, title="噪音", address="中山路")).status_code == 200

    operator = await desk.as_role(Role.OPERATOR)
    assert (await desk.edit(operator, confidential=True)).status_code == 200
    for change in (
        {"confidential": False},
        {"contact_number": CONTACT},
        {"citizen_name": ""},
        {"address": ""},
    ):
        assert code(await desk.edit(operator, **change)) == (403, "citizen_hidden")
    assert (await desk.edit(operator, title="夜间噪音")).status_code == 200
    dispatcher = await desk.as_role(Role.DISPATCHER)
    assert (await desk.edit(dispatcher, confidential=False)).status_code == 200
    assert (await desk.admin.get(CASE)).json()["contact_number"] == CONTACT


@pytest.mark.parametrize(
    "url", [f"/api/recordings/{RECORDING}/audio", f"/api/voice-messages/{MESSAGE}/audio"]
)
async def test_a_confidential_voice_is_for_those_who_may_know_it(desk: Desk, url: str) -> None:
    reviewer, dispatcher = (
        await desk.as_role(Role.REVIEWER), await desk.as_role(Role.DISPATCHER),
    )  # fmt: skip
    assert code(await reviewer.get(url))[1] != "citizen_hidden"
    await desk.edit(desk.admin, confidential=True)
    assert code(await reviewer.get(url)) == (403, "citizen_hidden")
    assert code(await dispatcher.get(url))[1] != "citizen_hidden"
    assert code(await (await desk.as_role(Role.OPERATOR)).get(url)) == (403, "forbidden")


async def test_who_was_shown_a_whole_number_is_noted(desk: Desk) -> None:
    operator, analyst = await desk.as_role(Role.OPERATOR), await desk.as_role(Role.ANALYST)
    for client in (operator, analyst):
        for _ in range(3):
            await client.get(CASE)
            await client.get(f"/api/calls/{CALL}")
    assert await desk.noted("operator", "case.read") == ["case:20261124-00001"]
    assert await desk.noted("operator", "call.read") == [f"call:{CALL}"]
    assert await desk.noted("analyst", "case.read") == []
    await operator.get("/api/cases")
    assert await desk.noted("operator", "case.listed") == []
    await operator.get("/api/cases", params={"caller": NUMBER})
    assert len(await desk.noted("operator", "case.listed")) == 1
    assert await desk.noted("admin", "case.edited") == ["case:20261124-00001"]
    trail = (await desk.admin.get("/api/trail", params={"limit": 200})).text
    for secret in SECRETS:
        assert secret not in trail
    assert (await desk.running.get(Trail).verify()).problem is None


async def test_of_a_call_that_we_made_the_called_one_is_the_citizen(desk: Desk) -> None:
    async with desk.running.get(Database).writing() as session:
        session.add(
            Call(
                id="pbx1:18.1", node="pbx1", linkedid="18.1", direction="outbound",
                caller_number="8001", caller_name="", called_number=NUMBER, started_at=NOON,
                answered_at=None, ended_at=NOON, ended_by=None, outcome="not_answered",
                route="", queue="", seat="", first_seat="",
            )
        )  # fmt: skip
    analyst = await desk.as_role(Role.ANALYST)
    answer = await analyst.get("/api/calls/pbx1:18.1")
    assert answer.json()["called_number"] == "138****8000"


async def test_the_blocklist_and_its_trail_hold_no_number_for_others(desk: Desk) -> None:
    body = {"number": NUMBER, "reason": "x"}
    assert (await desk.admin.post("/api/blocklist", json=body)).json()["number"] == NUMBER
    assert NUMBER not in (await desk.admin.get("/api/trail")).text


def test_every_form_with_a_citizen_in_it_is_guarded() -> None:
    """A new answer that holds such a field and is no `AboutCitizen` would show it to everybody."""
    schema = create_app(Settings(_env_file=None, home=Path("unused")), Secrets.make()).openapi()
    guarded = {kind.__name__ for kind in heirs(AboutCitizen)}
    # Forms that are sent to us, not by us.
    sent = {"CasePatch"}
    for name, form in schema["components"]["schemas"].items():
        fields = set(form.get("properties", ()))
        if fields & (NUMBER_FIELDS | NAME_FIELDS - {"address"}) and name not in sent:
            assert name in guarded, (name, fields)


def heirs(kind: type[AboutCitizen]) -> set[type[AboutCitizen]]:
    found = {kind}
    for heir in kind.__subclasses__():
        found |= heirs(heir)
    return found
