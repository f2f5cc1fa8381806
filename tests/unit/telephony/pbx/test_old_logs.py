"""The PBX's own logs are put aside, kept for a while, and read again in their order."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callcenter.telephony.pbx.old_logs import put_aside, remove_old, with_old
from callcenter.telephony.pbx.queue_log import read_queue_log

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def line(at: int) -> str:
    return f"{at}|{at}.1|12345|NONE|ENTERQUEUE||139|1\n"


def test_below_the_limit_nothing_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "queue_log"
    assert put_aside(log, 1, NOW) is None
    log.write_text(line(1))
    assert put_aside(log, 1000, NOW) is None
    assert with_old(log) == [log]


def test_what_was_put_aside_is_read_first(tmp_path: Path) -> None:
    log = tmp_path / "queue_log"
    for hour in range(3):
        log.write_text(line(hour + 1))
        assert put_aside(log, 1, NOW + timedelta(hours=hour)) is not None
    log.write_text(line(4))
    assert [entry.at for entry in read_queue_log(log)] == [1, 2, 3, 4]
    cdr = tmp_path / "Master.csv"
    cdr.write_text("a\n")
    aside = put_aside(cdr, 1, NOW)
    assert aside == tmp_path / "Master-20261124T030000000000.csv"
    assert with_old(cdr) == [aside, cdr]
    assert [entry.at for entry in read_queue_log(log)] == [1, 2, 3, 4]


def test_what_is_older_than_it_is_kept_goes_and_the_present_one_stays(tmp_path: Path) -> None:
    log = tmp_path / "queue_log"
    for day in (1, 2):
        log.write_text(line(day))
        aside = put_aside(log, 1, NOW + timedelta(days=day))
        assert aside is not None
        written = (NOW + timedelta(days=day)).timestamp()
        os.utime(aside, (written, written))
    log.write_text(line(3))
    os.utime(log, (0, 0))
    remove_old(log, NOW + timedelta(days=2))
    assert [entry.at for entry in read_queue_log(log)] == [2, 3]
