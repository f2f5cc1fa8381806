"""Recordings over the API: lists, one recording, its audio and who listened."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import Trail
from callcenter.platform.db.engine import Database
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.calls.models import Call, Talk
from callcenter.telephony.domain.ledger import Direction, Outcome
from callcenter.telephony.recordings.endpoints import router
from callcenter.telephony.recordings.models import MediaAccess, MediaFile
from tests.unit.asking import let_in, person
from tests.unit.telephony.recordings.conftest import Build
from tests.unit.telephony.recordings.house import NOON, House, stereo

URL = "/api/recordings"


@dataclass
class Desk:
    client: httpx.AsyncClient
    house: House
    ready: str
    """The id of a finished recording."""
    data: bytes
    """Its file."""
    wakes: list[None]

    @property
    def woken(self) -> int:
        """How often the worker was told that there is work."""
        return len(self.wakes)

    @property
    def audio(self) -> str:
        return f"{URL}/{self.ready}/audio"

    async def get(self, url: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(url, headers=named)

    async def listeners(self) -> list[tuple[str, str, str]]:
        async with self.house.database.reading() as session:
            rows = await session.scalars(select(MediaAccess).order_by(MediaAccess.id))
            return [(row.media_id, row.actor, row.address) for row in rows]


@pytest.fixture
async def desk(build: Build) -> AsyncIterator[Desk]:
    house = await build(recording_keep_wav=True, recording_keep_days=30)
    ready = await house.recorded(1, seconds=3.0)
    await house.worker.drain()
    file = await house.file(ready)
    assert file.path is not None
    data = (house.settings.recordings_dir / file.path).read_bytes()

    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    shelf_of(app).put(house.database, house.settings, house.media)
    wakes: list[None] = []
    house.media.on_work(lambda: wakes.append(None))
    let_in(app, house.database, house.settings, person("desk-1"))
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        yield Desk(client, house, ready, data, wakes)


async def test_the_whole_file_with_everything_a_player_wants(desk: Desk) -> None:
    answer = await desk.get(desk.audio)
    file = await desk.house.file(desk.ready)
    assert (answer.status_code, answer.content) == (200, desk.data)
    assert answer.headers["content-type"] == "audio/ogg"
    assert answer.headers["content-length"] == str(len(desk.data))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{file.sha256}"'
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["content-disposition"] == 'inline; filename="pbx1-1795407499.1-rec1.opus"'
    assert await desk.listeners() == [(desk.ready, "desk-1", "192.0.2.7")]


async def test_the_id_may_come_with_its_slash_coded(desk: Desk) -> None:
    answer = await desk.get(f"{URL}/{desk.ready.replace('/', '%2F').replace(':', '%3A')}/audio")
    assert (answer.status_code, answer.content) == (200, desk.data)


async def test_head_tells_the_size_and_nobody_has_listened(desk: Desk) -> None:
    answer = await desk.client.head(desk.audio, headers={"Range": "bytes=0-1"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(desk.data))
    assert answer.headers["etag"] == f'"{(await desk.house.file(desk.ready)).sha256}"'
    assert await desk.listeners() == []


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=-50", -50, None)],
)
async def test_a_range_is_that_piece_of_the_file(
    desk: Desk, wanted: str, start: int, end: int | None
) -> None:
    answer = await desk.get(desk.audio, Range=wanted)
    piece = desk.data[start:end]
    first = start % len(desk.data)
    assert (answer.status_code, answer.content) == (206, piece)
    assert answer.headers["content-length"] == str(len(piece))
    assert (
        answer.headers["content-range"]
        == f"bytes {first}-{first + len(piece) - 1}/{len(desk.data)}"
    )
    assert len(await desk.listeners()) == 1


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(min_value=0, max_value=9000), max_size=4, unique=True))
async def test_pieces_in_a_row_are_the_file(desk: Desk, cuts: list[int]) -> None:
    at, joined = 0, b""
    for cut in sorted(cuts):
        if at <= cut < len(desk.data):
            joined += (await desk.get(desk.audio, Range=f"bytes={at}-{cut}")).content
            at = cut + 1
    if at < len(desk.data):
        joined += (await desk.get(desk.audio, Range=f"bytes={at}-")).content
    assert joined == desk.data


async def test_a_range_behind_the_end_is_refused_with_the_size(desk: Desk) -> None:
    answer = await desk.get(desk.audio, Range=f"bytes={len(desk.data)}-")
    assert (answer.status_code, answer.json()["error"]["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(desk.data)}"
    assert await desk.listeners() == []


async def test_if_range_and_if_none_match(desk: Desk) -> None:
    etag = f'"{(await desk.house.file(desk.ready)).sha256}"'
    piece = await desk.get(desk.audio, Range="bytes=0-9", If_Range=etag)
    whole = await desk.get(desk.audio, Range="bytes=0-9", If_Range='"other"')
    known = await desk.get(desk.audio, If_None_Match=etag)
    assert [one.status_code for one in (piece, whole, known)] == [206, 200, 304]
    assert (known.content, known.headers["etag"]) == (b"", etag)
    # Who has it and asks again, listens again.
    assert len(await desk.listeners()) == 3


async def test_the_kept_wav(desk: Desk) -> None:
    answer = await desk.get(f"{desk.audio}?wav=true")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    assert answer.content[:4] == b"RIFF"
    assert answer.content.endswith(stereo(3.0))
    assert answer.headers["etag"] != (await desk.get(desk.audio)).headers["etag"]
    assert answer.headers["content-disposition"].endswith('rec1.wav"')


async def test_no_wav_was_kept(desk: Desk) -> None:
    async with desk.house.database.writing() as session:
        row = await session.get(MediaFile, desk.ready)
        assert row is not None
        row.wav_kept = False
    answer = await desk.get(f"{desk.audio}?wav=true")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "wav_not_kept")


async def test_what_cannot_be_heard_says_why(desk: Desk) -> None:
    house = desk.house
    waiting = house.recording(2, 60.0)
    await house.hear(waiting)
    answer = await desk.get(f"{URL}/{waiting.id}/audio")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "recording_not_ready")
    assert error["details"]["status"] == "pending"

    await house.wait_through()
    answer = await desk.get(f"{URL}/{waiting.id}/audio")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "recording_missing")
    assert error["details"]["status"] == "missing"

    house.later(days=31)
    await house.retention().once()
    answer = await desk.get(desk.audio)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "gone")
    for url in (f"{URL}/pbx1:9.9/rec1/audio", f"{URL}/pbx1:9.9/rec1"):
        answer = await desk.get(url)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "recording_not_found")
    assert await desk.listeners() == []


async def test_a_file_that_is_not_as_it_was_finished_is_not_served(desk: Desk) -> None:
    path = (await desk.house.file(desk.ready)).path
    assert path is not None
    file = desk.house.settings.recordings_dir / path
    file.write_bytes(desk.data[:-1])
    for _ in range(2):
        answer = await desk.get(desk.audio)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "recording_missing")
        file.unlink(missing_ok=True)
    assert desk.house.media.lost == 2
    assert await desk.listeners() == []


async def test_no_path_in_the_database_leads_out_of_the_folder(desk: Desk) -> None:
    secret = desk.house.settings.home / "secret.opus"
    secret.write_bytes(desk.data)
    link = desk.house.settings.recordings_dir / "link.opus"
    link.symlink_to(secret)
    for path in ("../secret.opus", str(secret), "link.opus", "2026"):
        async with desk.house.database.writing() as session:
            row = await session.get(MediaFile, desk.ready)
            assert row is not None
            row.path = path
        answer = await desk.get(desk.audio)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "recording_missing")


@pytest.mark.parametrize("made", ["..%2F..%2Fetc%2Fpasswd", "x", "pbx1:1.1/rec", "pbx1:1.1/rec1/x"])
async def test_what_is_no_id_is_bad_input(desk: Desk, made: str) -> None:
    answer = await desk.get(f"{URL}/{made}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")


async def test_the_row_that_says_who_listens_is_there_before_the_first_byte(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.pread
    seen: list[int] = []
    loop = asyncio.get_running_loop()

    def watched(descriptor: int, wanted: int, at: int) -> bytes:
        rows = asyncio.run_coroutine_threadsafe(desk.listeners(), loop).result(30)
        seen.append(len(rows))
        return read(descriptor, wanted, at)

    monkeypatch.setattr(os, "pread", watched)
    assert (await desk.get(desk.audio)).content == desk.data
    assert seen == [1]


async def test_without_that_row_nothing_is_served(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(os.listdir("/proc/self/fd"))

    def broken(_database: Database) -> Any:
        raise RuntimeError("no database")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "writing", broken)
        with pytest.raises(RuntimeError, match="no database"):
            await desk.get(desk.audio)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_no_descriptor_stays_open_whatever_is_asked(desk: Desk) -> None:
    await desk.get(desk.audio)
    before = len(os.listdir("/proc/self/fd"))
    for wanted in ("bytes=0-5", "bytes=99999999-", "x"):
        await desk.get(desk.audio, Range=wanted)
        await desk.get(desk.audio, Range=wanted, If_None_Match="*")
        await desk.client.head(desk.audio)
    assert len(os.listdir("/proc/self/fd")) == before


# -- lists -------------------------------------------------------------------------------------


async def test_the_list_is_newest_first_and_its_pages_join(desk: Desk) -> None:
    rows = [desk.house.recording(serial, 5.0) for serial in range(2, 8)]
    same = desk.house.recording(7, 5.0)
    await desk.house.hear(*rows)
    await desk.house.hear(
        type(same)(f"{same.call_id}/rec2", same.call_id, "x.raw", same.started_at, same.ended_at, 1)
    )
    await desk.house.hear(desk.house.message(9))
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        page = (await desk.client.get(URL, params=params)).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    expected = [f"pbx1:1795407499.{n}/rec1" for n in range(7, 0, -1)]
    assert seen == ["pbx1:1795407499.7/rec2", *expected]


async def test_every_filter_narrows(desk: Desk) -> None:
    await desk.house.hear(desk.house.recording(2, 60.0), desk.house.recording(3, 60.0))

    async def found(**filters: str) -> list[str]:
        answer = await desk.client.get(URL, params=filters)
        assert answer.status_code == 200, answer.text
        return [item["id"].split(".")[1][0] for item in answer.json()["items"]]

    assert await found() == ["3", "2", "1"]
    assert await found(status="pending") == ["3", "2"]
    assert await found(status="ready") == ["1"]
    assert await found(call_id="pbx1:1795407499.2") == ["2"]
    second = (NOON + timedelta(minutes=2)).isoformat()
    assert await found(started_from=second) == ["3", "2"]
    assert await found(started_to=second) == ["1"]


async def test_what_was_missing_is_looked_for_again_once_it_is_back(desk: Desk) -> None:
    house = desk.house
    lost = await house.recorded(7, seconds=3.0)
    source = house.path((await house.file(lost)).source_path)
    kept = source.read_bytes()
    source.unlink()
    for _ in range(10):
        await house.worker.drain()
        house.later(hours=2)
    assert (await desk.get(f"{URL}/{lost}")).json()["status"] == "missing"

    source.write_bytes(kept)
    answer = await desk.client.post(f"{URL}/{lost}/retry")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert desk.woken == 1
    await house.worker.drain()
    assert (await desk.get(f"{URL}/{lost}/audio")).status_code == 200
    noted = await Trail(house.database).page(
        TrailFilter(action="recording.retried"), before=None, limit=9
    )
    assert [(one.actor, one.subject, one.data) for one in noted] == [
        ("desk-1", f"recording:{lost}", {"was": "missing"})
    ]


async def test_what_was_given_up_is_tried_again_with_all_its_attempts(desk: Desk) -> None:
    house = desk.house
    broken = await house.recorded(8, seconds=3.0)
    async with house.database.writing() as session:
        values = {"status": "failed", "attempts": 20, "error": "the disk was full"}
        await session.execute(update(MediaFile).where(MediaFile.id == broken).values(values))
    assert (await desk.client.post(f"{URL}/{broken}/retry")).status_code == 202
    file = await house.file(broken)
    assert (file.status, file.attempts, file.error) == ("pending", 0, None)
    await house.worker.drain()
    assert (await house.file(broken)).status == "ready"


async def test_where_there_is_nothing_to_retry_it_is_said(desk: Desk) -> None:
    for media_id, expected in (
        (desk.ready, (409, "nothing_to_retry")),
        ("pbx1:99.9/rec1", (404, "recording_not_found")),
    ):
        answer = await desk.client.post(f"{URL}/{media_id}/retry")
        assert (answer.status_code, answer.json()["error"]["code"]) == expected
    assert desk.woken == 0


async def test_recordings_of_a_seat_are_those_in_which_it_talked(desk: Desk) -> None:
    house = desk.house
    sent_on, made = await house.recorded(5, seconds=2.0), await house.recorded(6, seconds=2.0)
    async with house.database.writing() as session:
        for number, (media_id, direction, caller, seats) in enumerate(
            (
                (desk.ready, Direction.INBOUND, "139", ["8001"]),
                (sent_on, Direction.INBOUND, "139", ["8001", "8002"]),
                (made, Direction.OUTBOUND, "8002", ["02161234567"]),
            )
        ):
            call_id = media_id.partition("/")[0]
            session.add(
                Call(
                    id=call_id, node="pbx1", linkedid="1", direction=direction.value,
                    caller_number=caller, caller_name="", called_number="", started_at=NOON,
                    answered_at=NOON, ended_at=NOON, ended_by=None, outcome="answered", route="",
                    queue="", seat=seats[-1], first_seat=seats[0],
                )
            )  # fmt: skip
            for serial, seat in enumerate(seats, 1):
                session.add(
                    Talk(
                        id=f"{call_id}/t{serial}", call_id=call_id, seat=seat,
                        channel=f"{number}.{serial}", channel_name="", via="queue",
                        started_at=NOON, ended_at=NOON, ended_by=None,
                    )
                )  # fmt: skip

    async def of(seat: str) -> set[str]:
        answer = await desk.client.get(URL, params={"seat": seat})
        return {item["id"] for item in answer.json()["items"]}

    assert await of("8001") == {desk.ready, sent_on}
    assert await of("8002") == {sent_on, made}
    assert await of("8003") == set()


async def test_one_recording_with_its_call(desk: Desk) -> None:
    async with desk.house.database.writing() as session:
        session.add(
            Call(
                id="pbx1:1795407499.1",
                node="pbx1",
                linkedid="1795407499.1",
                direction=Direction.INBOUND,
                caller_number="13800138000",
                caller_name="",
                called_number="12345",
                started_at=NOON,
                answered_at=NOON,
                ended_at=NOON,
                ended_by="caller",
                outcome=Outcome.ANSWERED,
                route="queue",
                queue="12345",
                seat="8002",
                first_seat="8001",
            )
        )
    item = (await desk.get(f"{URL}/{desk.ready}")).json()
    assert (item["caller_number"], item["queue"], item["seat"]) == ("13800138000", "12345", "8002")
    assert (item["status"], item["duration_ms"], item["expected_ms"]) == ("ready", 3000, 3000)
    assert item["audio"] == desk.audio
    assert (await desk.get(URL)).json()["items"] == [item]


async def test_the_log_of_removals_is_paged(desk: Desk) -> None:
    for serial in (2, 3):
        await desk.house.recorded(serial)
    await desk.house.worker.drain()
    desk.house.later(days=31)
    await desk.house.retention().once()
    first = (await desk.client.get(f"{URL}/removals", params={"limit": 2})).json()
    rest = (
        await desk.client.get(f"{URL}/removals", params={"limit": 2, "cursor": first["next"]})
    ).json()
    items = [*first["items"], *rest["items"]]
    assert [item["media_id"][-6] for item in items] == ["3", "2", "1"]
    assert {item["reason"] for item in items} == {"age"}
    assert rest["next"] is None


@pytest.mark.parametrize("cursor", ["x", "WzFd", "WyJhIiwgMV0", "WyIyMDI2IiwgImEiXQ"])
async def test_a_cursor_of_something_else_is_bad(desk: Desk, cursor: str) -> None:
    answer = await desk.client.get(URL, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_cursor")
