"""Time in which nobody sent anything has its place in the recording, and its length."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.config import Settings
from callcenter.simulator.sound import RATE
from callcenter.telephony.recordings.quiet import (
    HOLD_BYTES,
    HOLD_MS,
    LEAST_MS,
    QuietWatch,
    Silence,
    Still,
    beside,
    noted,
    silences,
    with_silences,
)
from tests.unit.telephony.recordings.conftest import Build
from tests.unit.telephony.recordings.house import House, stereo

STILLS = st.lists(
    st.builds(Still, st.integers(0, 10**7), st.integers(LEAST_MS, 600_000)), max_size=6
)


@given(STILLS, st.integers(1, 3_600_000), st.integers(0, 10**7))
def test_all_that_is_missing_gets_a_place_and_no_more(
    stills: list[Still], missing: int, frames: int
) -> None:
    found = silences(sorted(stills, key=lambda still: still.size), missing, frames, RATE)
    assert sum(silence.frames for silence in found) == missing * RATE // 1000
    assert [silence.at for silence in found] == sorted(silence.at for silence in found)
    assert all(0 <= silence.at <= frames and silence.frames > 0 for silence in found)


@given(
    st.lists(st.integers(0, 50), max_size=5),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30)), max_size=4),
)
def test_the_sound_stays_whole_and_the_silences_stand_where_they_belong(
    lengths: list[int], places: list[tuple[int, int]]
) -> None:
    total = sum(lengths)
    sound = np.arange(1, 2 * total + 1, dtype=np.int16).reshape(-1, 2)
    blocks, at = [], 0
    for length in lengths:
        blocks.append(sound[at : at + length])
        at += length
    silent = [Silence(min(total, where), frames) for where, frames in sorted(places)]
    parts = list(with_silences(iter(blocks), silent, 2))
    made = np.concatenate(parts) if parts else sound[:0]
    expected = sound
    for silence in reversed(silent):
        zeros = np.zeros((silence.frames, 2), dtype=np.int16)
        expected = np.concatenate([expected[: silence.at], zeros, expected[silence.at :]])
    assert np.array_equal(made, expected)


def test_a_file_that_stands_still_in_a_talk_is_noted_when_it_grows_again(tmp_path: Path) -> None:
    path = tmp_path / "pbx1-1.5.raw"
    talking = {"1.5"}
    watch = QuietWatch(
        Settings(_env_file=None, home=tmp_path),
        lambda leg: leg in talking,
        lambda: datetime(2026, 11, 24, tzinfo=UTC),
    )
    assert watch.look({path: 0}, 500) == []
    assert watch.look({path: 0}, 60_000) == [], "he waits"
    assert watch.look({path: HOLD_BYTES}, 500) == []
    assert watch.look({path: HOLD_BYTES}, 1000) == []
    assert watch.look({path: 2 * HOLD_BYTES}, 500) == [], "so the PBX writes"
    for _ in range(10):
        assert watch.look({path: 2 * HOLD_BYTES}, 500) == []
    talking.clear()
    assert watch.look({path: 2 * HOLD_BYTES}, 60_000) == [], "with nobody: another queue"
    talking.add("1.5")
    assert watch.look({path: 3 * HOLD_BYTES}, 500) == [(path, Still(2 * HOLD_BYTES, 5000))]
    assert watch.look({}, 500) == []


def test_notes_that_nobody_can_read_are_passed_over(tmp_path: Path) -> None:
    source = tmp_path / "a.raw"
    assert noted(source) == []
    beside(source).write_bytes(b"70000 4000\n\xff\xfe nonsense\n-1 5\n32768 3000\n12\n")
    assert noted(source) == [Still(32768, 3000), Still(70000, 4000)]


async def heard(house: House, *, sent: int | None, note: bool) -> tuple[str, str]:
    """A talk of 20 s with 12 s of sound, at 5 of which it stood still for 8; its path and state."""
    row = dataclasses.replace(
        house.recording(1, 20), left_sent_ms=sent, right_sent_ms=sent, path="2026/11/24/12/a.raw"
    )
    source = house.put(row.path, stereo(12))
    if note:
        still = 5 * RATE * 4 - HOLD_BYTES // 2
        beside(source).write_text(f"{still} {8000 + HOLD_MS}\n")
    await house.hear(row)
    await house.wait_through()
    file = await house.file(row.id)
    assert not beside(source).exists()
    assert not source.exists()
    return str(file.path), file.status


@pytest.mark.parametrize("note", [True, False], ids=["noted", "nobody-looked"])
async def test_a_recording_keeps_the_time_in_which_both_were_silent(
    build: Build, *, note: bool
) -> None:
    house = await build(recording_format="flac")
    path, status = await heard(house, sent=11_500, note=note)
    assert status == "ready"
    data, rate = soundfile.read(house.path(path), dtype="int16", always_2d=True)
    assert len(data) == 20 * rate
    quiet = ~data.any(axis=1)
    begin = 5 if note else 12
    assert quiet[begin * rate : (begin + 8) * rate].all()
    assert quiet.mean() == pytest.approx(8 / 20, abs=0.01)


@pytest.mark.parametrize("sent", [19_000, None], ids=["a-voice-is-missing", "nobody-counted"])
async def test_what_is_missing_is_no_silence_unless_all_that_was_sent_is_there(
    build: Build, sent: int | None
) -> None:
    house = await build(recording_format="flac")
    path, status = await heard(house, sent=sent, note=True)
    assert status in ("short", "one_sided")
    assert len(soundfile.read(house.path(path), dtype="int16")[0]) == 12 * RATE


async def test_a_kept_wav_is_as_long(build: Build) -> None:
    house = await build(recording_format="flac", recording_keep_wav=True)
    path, status = await heard(house, sent=11_500, note=True)
    assert status == "ready"
    wav = house.path(path).with_suffix(".wav")
    assert soundfile.info(wav).frames == 20 * RATE
