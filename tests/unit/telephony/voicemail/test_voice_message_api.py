"""Voice messages over the API: the ledger's rows with what became of their audio."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, text
from sqlalchemy.dialects import sqlite

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.calls.audio_rows import VoiceMessageFilter, voice_message_statement
from callcenter.telephony.calls.models import Call, VoiceMessage
from callcenter.telephony.domain.ledger import LedgerChanges, VoiceMessageRow
from callcenter.telephony.recordings.models import MediaFile
from callcenter.telephony.recordings.service import MediaService
from callcenter.telephony.voicemail import service as voicemail
from callcenter.telephony.voicemail.endpoints import router
from callcenter.telephony.voicemail.service import VoiceMessageService
from tests.unit.asking import let_in

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
URL = "/api/voice-messages"


@dataclass(frozen=True)
class Desk:
    client: httpx.AsyncClient
    database: Database
    media: MediaService
    folder: Path

    async def left(self, serial: int, *, reason: str = "closed", sound: bytes = b"") -> str:
        """A caller left message `serial`; with `sound` its file is finished. Its id."""
        call_id = f"pbx1:17.{serial}"
        at = NOON + timedelta(minutes=serial)
        row = VoiceMessageRow(
            f"{call_id}/vm1", call_id, f"{serial}.wav", reason, at, at + timedelta(seconds=9)
        )
        async with self.database.writing() as session:
            session.add(
                Call(
                    id=call_id,
                    node="pbx1",
                    linkedid=f"17.{serial}",
                    direction="inbound",
                    caller_number=f"1380013800{serial % 10}",
                    caller_name="",
                    called_number="12345",
                    started_at=at,
                    outcome="voice_message",
                    route=reason,
                    queue="",
                    seat="",
                    first_seat="",
                )
            )
            session.add(VoiceMessage(**{name: getattr(row, name) for name in row.__slots__}))
            await self.media.on_ledger(session, LedgerChanges(voice_messages=(row,)))
        if sound:
            (self.folder / f"{serial}.flac").write_bytes(sound)
            async with self.database.writing() as session:
                file = await session.get(MediaFile, row.id)
                assert file is not None
                file.status, file.path, file.format = "ready", f"{serial}.flac", "flac"
                file.bytes, file.duration_ms = len(sound), 9000
                file.sha256 = hashlib.sha256(sound).hexdigest()
        return row.id

    async def numbers(self, **params: Any) -> list[str]:
        """Serials on one page."""
        answer = await self.client.get(URL, params=params)
        assert answer.status_code == 200, answer.text
        return [item["call_id"].split(".")[1] for item in answer.json()["items"]]

    async def walk(self, **params: Any) -> list[str]:
        """Serials on all pages."""
        seen: list[str] = []
        while True:
            page = (await self.client.get(URL, params=params)).json()
            assert len(page["items"]) <= params["limit"]
            seen += [item["call_id"].split(".")[1] for item in page["items"]]
            if page["next"] is None:
                return seen
            params["cursor"] = page["next"]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings = Settings(_env_file=None, home=tmp_path)
    settings.voice_messages_dir.mkdir()
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    media = MediaService(database, settings)
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    shelf_of(app).put(database, settings, media, VoiceMessageService(database, media))
    let_in(app, database, settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        yield Desk(client, database, media, settings.voice_messages_dir)
    await database.close()


async def test_a_message_shows_who_left_it_why_and_what_became_of_it(desk: Desk) -> None:
    message_id = await desk.left(1, reason="exit_key", sound=b"fLaC")
    item = (await desk.client.get(f"{URL}/{message_id}")).json()
    shown = {name: item[name] for name in ("reason", "caller_number", "status", "duration_ms")}
    assert shown == {
        "reason": "exit_key",
        "caller_number": "13800138001",
        "status": "ready",
        "duration_ms": 9000,
    }
    assert item["audio"] == f"{URL}/{message_id}/audio"
    assert (await desk.client.get(URL)).json()["items"] == [item]


async def test_its_audio_and_ranges_of_it(desk: Desk) -> None:
    message_id = await desk.left(1, sound=b"0123456789")
    url = f"{URL}/{message_id}/audio"
    whole = await desk.client.get(url)
    piece = await desk.client.get(url, headers={"Range": "bytes=-3"})
    facts = await desk.client.head(url)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert (whole.headers["content-type"], facts.headers["content-length"]) == ("audio/flac", "10")
    assert (piece.status_code, piece.content) == (206, b"789")


async def test_a_message_is_no_recording_and_the_reverse(desk: Desk) -> None:
    message_id = await desk.left(1)
    waiting = await desk.client.get(f"{URL}/{message_id}/audio")
    assert (waiting.status_code, waiting.json()["error"]["code"]) == (409, "recording_not_ready")
    async with desk.database.writing() as session:
        file = await session.get(MediaFile, message_id)
        assert file is not None
        file.kind = "recording"
    for url in (f"{URL}/{message_id}", f"{URL}/{message_id}/audio"):
        answer = await desk.client.get(url)
        code = answer.json()["error"]["code"]
        assert (answer.status_code, code) == (404, "voice_message_not_found")


async def test_while_the_ledger_is_rebuilt_the_audio_is_still_there(desk: Desk) -> None:
    message_id = await desk.left(1, sound=b"0123456789")
    async with desk.database.writing() as session:
        await session.execute(delete(VoiceMessage))
        await session.execute(delete(Call))
    item = (await desk.client.get(f"{URL}/{message_id}")).json()
    assert (item["reason"], item["caller_number"], item["status"]) == (None, None, "ready")
    assert (await desk.client.get(item["audio"])).content == b"0123456789"
    assert (await desk.client.get(URL)).json() == {"items": [], "next": None}


async def test_every_filter_narrows_and_pages_join(desk: Desk) -> None:
    for serial in range(1, 8):
        sound = b"x" if serial % 3 == 0 else b""
        await desk.left(serial, reason="full" if serial % 2 else "closed", sound=sound)
    everything = ["7", "6", "5", "4", "3", "2", "1"]
    for limit in (1, 2, 3, 7, 8):
        assert await desk.walk(limit=limit) == everything
        assert await desk.walk(limit=limit, status="ready") == ["6", "3"]
        assert await desk.walk(limit=limit, status="pending") == ["7", "5", "4", "2", "1"]
        assert await desk.walk(limit=limit, reason="closed") == ["6", "4", "2"]
    assert await desk.numbers(call_id="pbx1:17.4") == ["4"]
    third = (NOON + timedelta(minutes=3)).isoformat()
    assert await desk.numbers(started_from=third) == ["7", "6", "5", "4", "3"]
    assert await desk.numbers(started_to=third) == ["2", "1"]


async def test_a_rare_state_is_found_over_pages_that_end_early(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voicemail, "LOOKED_AT", 4)
    monkeypatch.setattr(voicemail, "_STEP", 2)
    for serial in range(1, 13):
        await desk.left(serial, sound=b"x" if serial in (1, 7) else b"")
    first = (await desk.client.get(URL, params={"status": "ready", "limit": 5})).json()
    assert first["items"] == []
    assert first["next"] is not None
    assert await desk.walk(limit=5, status="ready") == ["7", "1"]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (VoiceMessageFilter(), "ix_voice_message_started_at_id"),
        (VoiceMessageFilter(started_from=NOON), "ix_voice_message_started_at_id"),
        (VoiceMessageFilter(call_id="pbx1:1.1"), "ix_voice_message_call_id"),
    ],
)
async def test_every_list_is_in_an_index(
    desk: Desk, wanted: VoiceMessageFilter, index: str
) -> None:
    for before in (None, (NOON, "x")):
        statement = voice_message_statement(wanted, before=before, limit=50)
        compiled = statement.compile(
            dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
        )
        query = str(compiled).replace(":", r"\:")
        async with desk.database.reading() as session:
            plan = await session.execute(text(f"EXPLAIN QUERY PLAN {query}"))
            assert any(index in row.detail for row in plan)
