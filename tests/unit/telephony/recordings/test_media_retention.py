"""What is removed, when, and what is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from callcenter.telephony.domain.media import MediaKind
from callcenter.telephony.recordings import repository
from callcenter.telephony.recordings.repository import MediaFilter, list_statement
from tests.unit.telephony.recordings.conftest import Build
from tests.unit.telephony.recordings.house import HOUR, House, stereo, wav

MIB = 1024 * 1024
OLD = timedelta(hours=25)


async def states(house: House) -> list[str]:
    return [file.status for file in await house.files()]


async def test_what_is_older_than_the_setting_goes_with_a_line_in_the_log(build: Build) -> None:
    house = await build(recording_keep_days=10, recording_keep_wav=True)
    media_id = await house.recorded(1)
    message = house.message(2)
    house.put(message.path, wav(4.0))
    await house.hear(message)
    await house.worker.drain()
    was = await house.file(media_id)
    retention = house.retention()

    house.later(days=9)
    await retention.once()
    assert await states(house) == ["ready", "ready"]
    house.later(days=1, minutes=5)
    weighed = sum((house.settings.home / name).stat().st_size for name in house.on_disk())
    await retention.once()

    assert await states(house) == ["removed", "removed"]
    assert house.on_disk() == []
    assert list(house.settings.recordings_dir.iterdir()) == []
    log = await house.media.removals(before_id=None, limit=10)
    assert {(one.media_id, one.kind, one.reason) for one in log} == {
        (media_id, "recording", "age"),
        (message.id, "voice_message", "age"),
    }
    (one,) = [one for one in log if one.media_id == media_id]
    assert (one.path, one.sha256, one.at) == (was.path, was.sha256, house.now)
    assert sum(one.bytes for one in log) == weighed == retention.removed_bytes
    assert house.notes[-2:] == [(media_id, "removed"), (message.id, "removed")]
    assert retention.removed == 2
    await retention.once()
    assert len(await house.media.removals(before_id=None, limit=10)) == 2


async def test_removed_stays_removed_after_a_rebuild(build: Build) -> None:
    house = await build(recording_keep_days=1)
    await house.recorded(1)
    await house.worker.drain()
    house.later(days=3)
    await house.retention().once()
    await house.hear(house.recording(1, 1.0))
    assert await house.worker.drain() == 0
    assert await states(house) == ["removed"]


async def test_a_file_that_waits_is_never_removed(build: Build) -> None:
    house = await build(recording_keep_days=1)
    await house.recorded(1)
    house.later(days=400)
    await house.retention(free=lambda _folder: 0).once()
    assert await states(house) == ["pending"]
    assert house.on_disk() == [f"recordings/{HOUR}/pbx1-1795407499.1.raw"]


async def test_a_file_that_failed_goes_too_when_its_time_comes(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await build(recording_keep_days=1, recording_attempts=1)
    await house.recorded(1)

    def broken(_path: Path, _target: Path) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", broken)
        await house.worker.drain()
    assert await states(house) == ["failed"]
    house.later(days=3)
    await house.retention().once()
    assert await states(house) == ["removed"]
    assert house.on_disk() == []


def disk(house: House, size: int) -> Callable[[Path], int]:
    """A disk of `size` bytes that holds this house's files and nothing else."""
    return lambda _folder: (
        size - sum((house.settings.home / name).stat().st_size for name in house.on_disk())
    )


async def test_for_room_the_oldest_go_and_no_more_than_needed(build: Build) -> None:
    house = await build(recording_free_floor_mib=1, recording_format="flac")
    ids = [await house.recorded(serial, seconds=2.0) for serial in (3, 1, 2, 4)]
    await house.worker.drain()
    sizes = {file.id: file.bytes or 0 for file in await house.files()}
    total = sum(sizes.values())

    await house.retention(disk(house, total + MIB)).once()
    assert set(await states(house)) == {"ready"}
    # One byte more than the oldest file is missing: the two oldest go.
    oldest = sizes[ids[1]]
    await house.retention(disk(house, total + MIB - oldest - 1)).once()
    gone = [file.id for file in await house.files() if file.status == "removed"]
    assert sorted(gone) == sorted([ids[1], ids[2]])
    log = await house.media.removals(before_id=None, limit=10)
    assert [(one.media_id, one.reason) for one in log] == [
        (ids[2], "free_space"),
        (ids[1], "free_space"),
    ]
    assert len(house.on_disk()) == 2


async def test_a_disk_that_others_fill_costs_in_one_pass_what_is_missing(build: Build) -> None:
    house = await build(recording_free_floor_mib=1, recording_format="flac")
    for serial in range(1, 8):
        await house.recorded(serial, seconds=1.0)
    await house.worker.drain()
    one = (await house.files())[0].bytes or 0
    retention = house.retention(lambda _folder: MIB - one)  # it does not get better
    await retention.once()
    assert (await states(house)).count("removed") in (1, 2)
    before = retention.removed
    await retention.once()
    assert retention.removed > before


async def test_more_than_one_batch_goes_in_one_pass(build: Build) -> None:
    house = await build(recording_keep_days=1)
    rows = [house.recording(serial, 0.1) for serial in range(1, 121)]
    for row in rows:
        house.put(row.path, stereo(0.1))
    await house.hear(*rows)
    await house.worker.drain()
    house.later(days=3)
    await house.retention().once()
    assert set(await states(house)) == {"removed"}
    assert house.on_disk() == []


async def test_what_cannot_be_deleted_now_is_deleted_later(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await build(recording_keep_days=1)
    media_id = await house.recorded(1)
    await house.worker.drain()
    house.later(days=3)

    def refused(_path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refused)
        await house.retention().once()
        await house.worker.drain()
    file = await house.file(media_id)
    assert (file.status, file.source_left) == ("removed", True)
    assert len(house.on_disk()) == 1
    await house.wait_through()
    assert house.on_disk() == []


# -- what never began --------------------------------------------------------------------------


async def test_empty_files_of_unanswered_calls_go_and_sound_never_does(house: House) -> None:
    house.put(f"{HOUR}/pbx1-1.1.raw", age=OLD)
    house.put(f"{HOUR}/pbx1-1.2.raw", age=OLD - timedelta(hours=2))  # that call may still wait
    house.put(f"{HOUR}/pbx1-1.3.raw", stereo(1.0), age=OLD)
    house.put(f"{HOUR}/.pbx1-1.4.opus.part", b"half", age=OLD)
    house.put(f"{HOUR}/pbx1-1.5.opus", b"finished", age=OLD)
    house.put("2026/11/24/.pbx1-1.6.opus.part", b"half", age=OLD)
    house.put("2026/11/24/pbx1-1.7.wav", age=OLD)
    waiting = house.recording(8, 5.0)
    house.put(waiting.path, age=OLD)
    await house.hear(waiting)
    (house.settings.recordings_dir / "loop").symlink_to(house.settings.recordings_dir)

    await house.sweeper.sweep()
    assert house.on_disk() == [
        f"recordings/{HOUR}/pbx1-1.2.raw",
        f"recordings/{HOUR}/pbx1-1.3.raw",
        f"recordings/{HOUR}/pbx1-1.5.opus",
        f"recordings/{HOUR}/pbx1-1795407499.8.raw",
        "voice-messages/2026/11/24/pbx1-1.7.wav",
    ]
    assert (house.sweeper.removed, house.sweeper.orphaned) == (3, 1)
    await house.sweeper.sweep()
    assert (house.sweeper.removed, house.sweeper.orphaned) == (3, 1)


async def test_a_house_without_folders_is_swept_too(house: House) -> None:
    house.settings.recordings_dir.rmdir()
    house.settings.voice_messages_dir.rmdir()
    await house.sweeper.sweep()
    await house.retention().once()
    assert (house.sweeper.removed, house.sweeper.orphaned) == (0, 0)


# -- what the questions cost -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (MediaFilter(kind=MediaKind.RECORDING), "ix_media_file_started_at_id"),
        (MediaFilter(status="ready"), "ix_media_file_started_at_id"),
        (MediaFilter(status="removed"), "ix_media_file_started_at_id"),
        (MediaFilter(status="missing"), "ix_media_file_status_due_at"),
        (MediaFilter(call_id="pbx1:1.1"), "ix_media_file_call_id"),
    ],
)
async def test_every_list_is_in_an_index(house: House, wanted: MediaFilter, index: str) -> None:
    for before in (None, (house.now, "pbx1:1.1/rec1")):
        statement = list_statement(wanted, before=before, limit=50).compile(
            dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
        )
        assert index in await plan(house, str(statement))


async def test_the_workers_questions_are_in_indices(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    async with house.database.reading() as session:
        execute = session.execute

        async def listening(statement: object, **more: object) -> object:
            compiled = statement.compile(  # type: ignore[attr-defined]
                dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
            )
            asked.append(str(compiled))
            return await execute(statement, **more)  # type: ignore[call-overload]

        monkeypatch.setattr(session, "execute", listening)
        await repository.due(session, "pbx1", house.now, 5)
        await repository.oldest_on_disk(
            session, "pbx1", list(MediaKind), since=None, before=house.now, limit=5
        )
    left, waiting, oldest = [await plan(house, one) for one in asked]
    assert "ix_media_file_left" in left
    assert "ix_media_file_status_due_at" in waiting
    assert "TEMP B-TREE" not in waiting
    assert "ix_media_file_started_at_id" in oldest
    assert "TEMP B-TREE" not in oldest


async def plan(house: House, statement: str) -> str:
    async with house.database.reading() as session:
        rows = await session.execute(text("EXPLAIN QUERY PLAN " + statement.replace(":", r"\:")))
        return " / ".join(row.detail for row in rows)
