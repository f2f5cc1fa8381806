"""From the end of a call to a finished file, or to the name of what is wrong with it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pytest
import soundfile

from callcenter.platform.broadcast import Change
from callcenter.simulator.sound import CALLER_HZ, RATE, SEAT_HZ, power_at
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.telephony.domain.media import MediaKind, MediaStatus
from callcenter.telephony.recordings import finishing
from callcenter.telephony.recordings.samples import blocks, find_samples
from callcenter.telephony.recordings.verdicts import LOOKS
from tests.unit.telephony.recordings.conftest import Build
from tests.unit.telephony.recordings.house import HOUR, House, sides, stereo, wav


@pytest.mark.parametrize("coding", ["opus", "flac"])
async def test_a_recording_is_as_long_as_it_was_and_left_stays_left(
    build: Build, coding: str
) -> None:
    house = await build(recording_format=coding)
    media_id = await house.recorded(1, seconds=12.34)
    assert await house.worker.drain() == 1

    file = await house.file(media_id)
    assert (file.status, file.format, file.channels) == ("ready", coding, 2)
    assert file.path == f"{HOUR}/pbx1-1795407499.1.{coding}"
    assert (file.duration_ms, file.attempts, file.error) == (12_340, 1, None)
    data = house.path(file.path).read_bytes()
    assert file.bytes == len(data)
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert house.on_disk() == [f"recordings/{file.path}"]
    assert not file.source_left

    left, right = sides(house.path(file.path))
    assert abs(len(left) / 8 - 12_340) < 20
    assert power_at(left, CALLER_HZ) > 0.08
    assert power_at(right, SEAT_HZ) > 0.08
    assert power_at(left, SEAT_HZ) < 0.005
    assert power_at(right, CALLER_HZ) < 0.005


async def test_flac_is_the_very_sound_of_the_pbx(build: Build) -> None:
    house = await build(recording_format="flac")
    noise = np.random.default_rng(7).integers(-32768, 32767, (20_001, 2)).astype("<i2")
    row = house.recording(1, 2.5)
    house.put(row.path, noise.tobytes() + b"\x01")  # a killed PBX: half a frame at the end
    await house.hear(row)
    await house.worker.drain()
    file = await house.file(row.id)
    assert file.path is not None
    found, _ = soundfile.read(house.path(file.path), dtype="int16")
    assert np.array_equal(found, noise)


async def test_the_case_and_whoever_watches_are_told(house: House) -> None:
    media_id = await house.recorded(1)
    await house.worker.drain()
    assert house.notes == [(media_id, "ready")]
    facts = {"id": media_id, "call_id": "pbx1:1795407499.1", "kind": "recording", "status": "ready"}
    assert house.published == [
        Change("media.finished", facts),
        Change("case.recording", {"media_id": media_id}),
    ]
    assert house.worker.finished == {MediaStatus.READY: 1}


async def test_a_file_is_not_touched_before_the_pbx_has_had_time_to_close_it(house: House) -> None:
    await house.recorded(1)
    house.later(milliseconds=-1)
    assert await house.worker.drain() == 0
    house.later(milliseconds=1)
    assert await house.worker.drain() == 1


@pytest.mark.parametrize(
    ("sent", "silent", "status"),
    [
        ((9500, 9500), 0, "ready"),
        ((9500, 9500), 1, "one_sided"),
        ((9500, 9500), -1, "one_sided"),
        ((9500, 4000), 1, "ready"),
        ((None, None), 1, "ready"),
    ],
    ids=["both heard", "right lost", "left lost", "right was silent", "nothing known"],
)
async def test_a_side_is_judged_against_what_was_sent(
    house: House, sent: tuple[int | None, int | None], silent: int, status: str
) -> None:
    row = replace(house.recording(1, 10.0), left_sent_ms=sent[0], right_sent_ms=sent[1])
    sound = np.frombuffer(stereo(10.0), dtype="<i2").reshape(-1, 2).copy()
    if silent:
        sound[4 * RATE :, (silent + 1) // 2] = 0
    house.put(row.path, sound.tobytes())
    await house.hear(row)
    await house.wait_through()
    file = await house.file(row.id)
    assert file.status == status
    assert (file.expected_left_ms, file.expected_right_ms) == sent
    found = [10_000, 10_000]
    if silent:
        found[(silent + 1) // 2] = 4000
    assert [file.left_ms, file.right_ms] == found
    assert house.notes == [(row.id, status)]
    if status == "one_sided":
        assert file.attempts == LOOKS
        assert file.error == (
            f"left {found[0]} of {sent[0]} ms that were sent, right {found[1]} of {sent[1]} ms"
        )
        assert house.on_disk() == [f"recordings/{file.path}"]


async def test_where_it_was_begun_anew_a_little_may_be_missing(house: House) -> None:
    row = replace(house.recording(1, 10.0), renewed=8)
    house.put(row.path, stereo(7.0))
    await house.hear(row)
    await house.wait_through()
    file = await house.file(row.id)
    assert (file.expected_ms, file.status) == (8000, "ready")


async def test_a_short_file_is_named_so_after_some_looks_and_can_be_heard(house: House) -> None:
    row = house.recording(1, 10.0)
    house.put(row.path, stereo(4.0))
    await house.hear(row)
    await house.worker.drain()
    file = await house.file(row.id)
    assert (file.status, file.error, house.notes) == ("pending", "short so far", [])
    await house.wait_through()
    file = await house.file(row.id)
    assert (file.status, file.attempts, file.duration_ms) == ("short", LOOKS, 4000)
    assert house.notes == [(row.id, "short")]
    assert house.on_disk() == [f"recordings/{file.path}"]


async def test_what_the_pbx_writes_late_is_not_lost(house: House) -> None:
    row = house.recording(1, 3.0)
    house.put(row.path, stereo(1.0))
    await house.hear(row)
    await house.worker.drain()
    house.put(row.path, stereo(3.0))
    await house.wait_through()
    file = await house.file(row.id)
    assert (file.status, file.duration_ms, file.attempts) == ("ready", 3000, 2)


@pytest.mark.parametrize("present", [True, False])
async def test_missing_is_a_state_and_not_a_silence(house: House, *, present: bool) -> None:
    row = house.recording(1, 60.0)
    if present:
        house.put(row.path)
    await house.hear(row)
    await house.wait_through()
    file = await house.file(row.id)
    assert (file.status, file.path, file.sha256) == ("missing", None, None)
    assert file.error
    assert house.notes == [(row.id, "missing")]
    assert house.on_disk() == []


async def test_empty_is_right_where_nobody_was_bridged(house: House) -> None:
    row = house.recording(1, 0.0)
    house.put(row.path)
    await house.hear(row)
    await house.wait_through()
    file = await house.file(row.id)
    assert (file.status, file.error) == ("empty", None)
    assert house.on_disk() == []


async def test_sound_that_comes_after_the_verdict_is_kept_for_a_person(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = house.recording(1, 60.0)
    house.put(row.path)
    await house.hear(row)
    judged = finishing.finish

    def late(*given: Any, **named: Any) -> finishing.Outcome:
        outcome = judged(*given, **named)
        house.put(row.path, stereo(2.0))
        return outcome

    for _ in range(LOOKS - 1):
        await house.worker.drain()
        house.later(hours=1)
    monkeypatch.setattr("callcenter.telephony.recordings.worker.finish", late)
    await house.worker.drain()
    assert (await house.file(row.id)).status == "missing"
    assert house.on_disk() == [f"recordings/{row.path}"]
    house.later(days=3650)  # the file's own time is the real one
    await house.sweeper.sweep()
    assert house.sweeper.orphaned == 1
    assert house.on_disk() == [f"recordings/{row.path}"]


@pytest.mark.parametrize("finished", [True, False])
async def test_a_voice_message_is_whole_also_when_the_pbx_was_killed_in_it(
    house: House, *, finished: bool
) -> None:
    row = house.message(1)
    house.put(row.path, wav(5.5, finished=finished))
    await house.hear(row)
    await house.worker.drain()
    file = await house.file(row.id)
    assert (file.status, file.channels, file.duration_ms) == ("ready", 1, 5500)
    assert file.path == "2026/11/24/pbx1-1795407499.1.opus"
    assert house.on_disk() == [f"voice-messages/{file.path}"]
    left, _ = sides(house.settings.voice_messages_dir / file.path)
    assert power_at(left, CALLER_HZ) > 0.08


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (wav(2.9), "too_short"),
        (wav(0), "missing"),
        (b"", "missing"),
        (b"RIFF", "missing"),
        (b"GARBAGE " * 100, "failed"),
        (wav(4).replace(b"\x10\x00data", b"\x18\x00data"), "failed"),
    ],
)
async def test_every_kind_of_voice_message_has_its_name(
    house: House, data: bytes, status: str
) -> None:
    row = house.message(1)
    house.put(row.path, data)
    await house.hear(row)
    await house.wait_through()
    assert (await house.file(row.id)).status == status
    kept = [] if status == "missing" else [f"voice-messages/{row.path}"]
    if status == "too_short":
        kept = [f"voice-messages/{row.path}".replace(".wav", ".opus")]
    assert house.on_disk() == kept


async def test_the_wav_is_kept_by_setting_with_a_right_header(build: Build) -> None:
    house = await build(recording_keep_wav=True)
    row = house.message(2)
    house.put(row.path, wav(4.0, finished=False))
    await house.hear(row)
    media_id = await house.recorded(1, seconds=2.0)
    await house.worker.drain()
    assert house.on_disk() == [
        f"recordings/{HOUR}/pbx1-1795407499.1.opus",
        f"recordings/{HOUR}/pbx1-1795407499.1.wav",
        "voice-messages/2026/11/24/pbx1-1795407499.2.opus",
        "voice-messages/2026/11/24/pbx1-1795407499.2.wav",
    ]
    assert (await house.file(media_id)).wav_kept
    kept = house.settings.recordings_dir / HOUR / "pbx1-1795407499.1.wav"
    assert soundfile.read(kept, dtype="int16")[0].astype("<i2").tobytes() == stereo(2.0)
    told = soundfile.info(house.settings.voice_messages_dir / row.path)
    assert (told.frames, told.channels, told.samplerate) == (32_000, 1, 8000)


@pytest.mark.parametrize(
    "path",
    [
        "../../secrets.raw",
        "/etc/passwd",
        "/etc/passwd.raw",
        "2026/link/secrets.raw",
        "2026/secrets.env",
        "2026/a.opus",
        "2026/\0.raw",
        ".raw",
        "2026/pipe.raw",
        "2026/folder.raw",
    ],
)
async def test_a_hostile_path_leads_nowhere(house: House, path: str) -> None:
    secret = house.settings.home / "secrets.raw"
    secret.write_bytes(stereo(2.0))
    day = house.settings.recordings_dir / "2026"
    (day / "folder.raw").mkdir(parents=True)
    (day / "link").symlink_to(house.settings.home)
    (day / "a.opus").write_bytes(b"another's")
    os.mkfifo(day / "pipe.raw")
    row = house.recording(1, 2.0, path=path)
    await house.hear(row)
    await house.wait_through()
    file = await house.file(row.id)
    assert file.status in ("failed", "missing")
    assert file.error
    assert secret.read_bytes() == stereo(2.0)
    assert (day / "a.opus").read_bytes() == b"another's"
    assert not list(house.settings.home.rglob("*.part"))


async def test_a_full_disk_is_waited_for_with_growing_patience(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_id = await house.recorded(1)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        waits = []
        for _ in range(4):
            await house.worker.drain()
            file = await house.file(media_id)
            assert (file.status, "No space" in (file.error or "")) == ("pending", True)
            waits.append(file.due_at - house.now)
            house.now = file.due_at
    assert waits == [timedelta(seconds=seconds) for seconds in (5, 10, 20, 40)]
    assert house.on_disk() == [f"recordings/{file.source_path}"]
    await house.worker.drain()
    file = await house.file(media_id)
    assert (file.status, file.error, file.attempts) == ("ready", None, 5)


async def test_the_disks_error_is_seen_though_the_encoder_swallows_it(house: House) -> None:
    class Full:
        def write(self, _data: bytes) -> int:
            raise OSError(28, "No space left on device")

        def seek(self, offset: int, _whence: int = 0) -> int:
            return offset

        def tell(self) -> int:
            return 0

    path = house.put("x.raw", stereo(1.0))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        samples = find_samples(descriptor, MediaKind.RECORDING)
        for coding in ("opus", "flac", "wav"):
            with pytest.raises(OSError, match="No space"):
                finishing._encode(
                    descriptor, samples, cast(BinaryIO, Full()), coding, house.worker._stop
                )
    finally:
        os.close(descriptor)


async def test_what_cannot_be_finished_is_given_up_and_kept(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await build(recording_attempts=3)
    media_id = await house.recorded(1)

    def broken(_path: Path, _target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", broken)
    await house.wait_through()
    file = await house.file(media_id)
    assert (file.status, file.attempts) == ("failed", 3)
    assert "Permission denied" in (file.error or "")
    assert house.worker.failed == 1
    assert house.notes == [(media_id, "failed")]
    assert house.on_disk() == [f"recordings/{file.source_path}"]


async def test_a_disk_that_is_not_mounted_is_not_a_missing_recording(house: House) -> None:
    media_id = await house.recorded(1)
    away = house.settings.home / "away"
    house.settings.recordings_dir.rename(away)
    for _ in range(LOOKS + 1):
        await house.worker.drain()
        house.later(hours=1)
    assert (await house.file(media_id)).status == "pending"
    away.rename(house.settings.recordings_dir)
    await house.wait_through()
    assert (await house.file(media_id)).status == "ready"


async def test_a_file_that_grows_while_it_is_read_is_read_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = house.recording(1, 1.0)
    source = house.put(row.path, stereo(1.0))
    await house.hear(row)

    def growing(*given: Any) -> Any:
        for block in blocks(*given):
            with source.open("ab") as file:
                file.write(stereo(0.5))
            yield block

    with monkeypatch.context() as patched:
        patched.setattr("callcenter.telephony.recordings.finishing.blocks", growing)
        await house.worker.drain()
    file = await house.file(row.id)
    assert (file.status, house.on_disk()) == ("pending", [f"recordings/{row.path}"])
    assert "wrote on" in (file.error or "")
    await house.wait_through()
    assert (await house.file(row.id)).duration_ms == 1500


async def test_one_bad_file_holds_up_no_other(house: House) -> None:
    bad = house.recording(1, 5.0, path="../outside.raw")
    await house.hear(bad)
    good = await house.recorded(2)
    await house.worker.drain()
    assert [file.status for file in await house.files()] == ["failed", "ready"]
    assert good == (await house.files())[1].id


async def test_files_of_another_node_are_left_to_it(house: House) -> None:
    row = replace(house.recording(1, 5.0), id="pbx2:1.1/rec1", call_id="pbx2:1.1")
    like = replace(house.recording(2, 5.0), id="pbx10:1.1/rec1", call_id="pbx10:1.1")
    await house.hear(row, like)
    house.later(days=1)
    assert await house.worker.drain() == 0


async def test_a_finished_file_without_its_source_is_taken_as_it_is(house: House) -> None:
    """A power cut took the transaction back, but not the removal of the PBX's file."""
    media_id = await house.recorded(1, seconds=2.0)
    await house.worker.drain()
    was = await house.file(media_id)
    async with house.database.writing() as session:
        row = await session.get(type(was), media_id)
        assert row is not None
        row.status, row.path, row.sha256, row.attempts = "pending", None, None, 0
    await house.worker.drain()
    now = await house.file(media_id)
    for name in ("status", "path", "sha256", "bytes", "duration_ms", "format", "channels"):
        assert getattr(now, name) == getattr(was, name), name


# -- the ledger --------------------------------------------------------------------------------


async def test_a_rebuild_does_no_finished_work_again(house: House) -> None:
    media_id = await house.recorded(1)
    await house.worker.drain()
    before = vars(await house.file(media_id)).copy()
    going_on = house.recording(1, 0.0, over=False)
    await house.hear(going_on)
    await house.hear(house.recording(1, 99.0))
    assert await house.worker.drain() == 0
    after = vars(await house.file(media_id)).copy()
    for each in (before, after):
        each.pop("_sa_instance_state")
    assert after == before


async def test_the_ledgers_newest_word_counts_while_a_file_waits(house: House) -> None:
    await house.hear(house.recording(1, 60.0))
    await house.worker.drain()
    await house.hear(house.recording(1, 2.0))
    house.put(house.recording(1, 2.0).path, stereo(2.0))
    await house.wait_through()
    (file,) = await house.files()
    assert (file.status, file.expected_ms) == ("ready", 2000)


async def test_a_call_that_goes_on_has_no_file_yet(house: House) -> None:
    await house.hear(house.recording(1, 5.0, over=False))
    await house.hear(replace(house.message(2), ended_at=None))
    assert await house.files() == []
    assert await house.media.pending_count() == 0


async def test_what_is_rolled_back_with_the_ledger_is_not_there(house: House) -> None:
    async def crash() -> None:
        async with house.database.writing() as session:
            changes = LedgerChanges(recordings=(house.recording(1, 5.0),))
            await house.media.on_ledger(session, changes)
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        await crash()
    assert await house.files() == []


async def test_a_large_batch_is_one_insert_and_can_come_twice(house: House) -> None:
    rows = [house.recording(serial, 5.0) for serial in range(1, 1201)]
    await house.hear(*rows)
    await house.hear(*rows)
    assert len(await house.files()) == await house.media.pending_count() == 1200


# -- the running task --------------------------------------------------------------------------


async def test_the_worker_sleeps_until_it_is_woken(build: Build) -> None:
    house = await build(recording_workers=3, recording_settle_ms=0)
    task = asyncio.create_task(house.worker.run())
    try:
        for serial in range(1, 8):
            await house.recorded(serial)
        house.worker.wake()
        await house.until_told(7)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert sorted(house.notes) == [(f"pbx1:1795407499.{n}/rec1", "ready") for n in range(1, 8)]
    await house.worker.drain()
    assert all(not file.source_left for file in await house.files())


async def test_stopped_in_the_middle_of_a_long_file_it_leaves_nothing_half_done(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_id = await house.recorded(1, seconds=60.0)
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def watched(*given: Any) -> Any:
        for block in blocks(*given):
            loop.call_soon_threadsafe(begun.set)
            house.worker._stop.wait(30)
            yield block

    monkeypatch.setattr("callcenter.telephony.recordings.finishing.blocks", watched)
    task = asyncio.create_task(house.worker.run())
    async with asyncio.timeout(60):
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await house.file(media_id)).status == "pending"
    assert house.on_disk() == [f"recordings/{HOUR}/pbx1-1795407499.1.raw"]
    monkeypatch.undo()
    await house.worker.drain()
    assert (await house.file(media_id)).status == "ready"


async def test_a_file_due_later_is_taken_when_its_time_comes(build: Build) -> None:
    house = await build(recording_settle_ms=0)
    row = house.recording(1, 1.0)
    await house.hear(row)
    await house.worker.drain()
    assert (await house.file(row.id)).due_at > house.now
    house.put(row.path, stereo(1.0))
    task = asyncio.create_task(house.worker.run())
    try:
        house.later(hours=1)
        house.worker.wake()
        await house.until_told(1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await house.file(row.id)).status == "ready"
