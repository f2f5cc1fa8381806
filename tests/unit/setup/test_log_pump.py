"""Logs may be lost, and nothing else: a disk that refuses, a rotation, words without a reader."""

from __future__ import annotations

import os
from pathlib import Path

from callcenter.platform.room.rules import Floors, Free
from callcenter.setup.keeper import open_pipe
from callcenter.setup.log_pump import Log, Pump, masked

FLOORS = Floors(no_new=400, none=300, logs=200, reserve=100)


def test_what_is_said_is_in_the_log(tmp_path: Path) -> None:
    pipe = open_pipe(tmp_path / "said" / "agi")
    pump = Pump({"agi": pipe}, tmp_path / "log", FLOORS, free=lambda _place: Free(10**9))
    talker = open_pipe(tmp_path / "said" / "agi")
    os.write(talker, b"one\n")
    pump.step(5)
    assert (tmp_path / "log" / "agi.log").read_bytes() == b"one\n"


def test_who_talks_to_nobody_never_waits(tmp_path: Path) -> None:
    pipe = open_pipe(tmp_path / "said")
    said = 0
    try:
        while True:
            said += os.write(pipe, b"x" * 4096)
    except BlockingIOError:
        pass
    assert said >= 4096


def test_below_the_floor_words_are_dropped_and_counted(tmp_path: Path) -> None:
    free, now = [100], [0.0]
    pipe = open_pipe(tmp_path / "said")
    pump = Pump(
        {"agi": pipe}, tmp_path, FLOORS, free=lambda _place: Free(free[0]), clock=lambda: now[0]
    )
    for amount, text in ((100, b"lost\n"), (240, b"lost too\n"), (250, b"kept\n")):
        free[0] = amount
        now[0] += 2
        os.write(pipe, text)
        pump.step(5)
    assert (tmp_path / "agi.log").read_bytes() == (
        b"[14 bytes were dropped: the disk was full]\nkept\n"
    )


def test_a_disk_that_refuses_is_tried_again_a_second_later(tmp_path: Path) -> None:
    log = Log(tmp_path / "folder" / "x.log")
    (tmp_path / "folder").write_text("in the way")
    log.take(b"lost\n", kept=True, now=10.0)
    (tmp_path / "folder").unlink()
    log.take(b"lost\n", kept=True, now=10.5)
    log.take(b"kept\n", kept=True, now=11.5)
    assert (tmp_path / "folder" / "x.log").read_bytes().endswith(b"kept\n")
    assert log.dropped == 0


def test_a_log_is_rotated_and_no_more_are_kept_than_said(tmp_path: Path) -> None:
    log = Log(tmp_path / "x.log", limit=8, backups=2)
    for number in range(6):
        log.take(b"line %d\n\n" % number, kept=True, now=0.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", "x.log.1", "x.log.2"]
    assert (tmp_path / "x.log").read_bytes() == b"line 5\n\n"
    assert (tmp_path / "x.log.1").read_bytes() == b"line 4\n\n"


def test_no_number_stands_in_a_log_in_clear(tmp_path: Path) -> None:
    """Whoever says it, and however the pipe cuts it; what is no number stays to be read."""
    pipe = open_pipe(tmp_path / "said")
    pump = Pump({"agi": pipe}, tmp_path, FLOORS, free=lambda _place: Free(10**9))
    moment = b"2026-11-27 18:35:48,339 INFO callcenter.server: "
    plain = b"call pbx1:1795407499.12 case 20261127-00017 at 192.0.2.7:5060 took 12.5 ms"
    said = [
        moment + b"from 138-0013-8000\n",
        b"[parameters: ('13800138000', 1)]\n",
        b"NOTICE[123]: Call from '8001' to extension '02166660001' rejected\n",
        moment + plain + b"\n",
    ]
    whole = b"".join(said) + b"no end 13900139000"
    for start in range(0, len(whole), 7):
        os.write(pipe, whole[start : start + 7])
        pump.step(5)
    pump.step(0)
    written = (tmp_path / "agi.log").read_bytes()
    for digits in (b"0013-8000", b"13800138000", b"02166660001", b"13900139000"):
        assert digits not in written
    assert moment + plain in written
    assert written.count(b"\n") == len(said)


def test_what_is_no_text_is_written_as_it_is(tmp_path: Path) -> None:
    assert masked(b"\xff\xfe 1 \x80") == b"\xff\xfe 1 \x80"
