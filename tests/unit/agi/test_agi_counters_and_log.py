"""What the server tells about itself, and that it does not tell it a thousand times."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.client import read_agi_stats
from agi.log import LineFormatter, Sparing, first_line
from agi.stats import BUCKETS_SECONDS, Stats, parse_stats, stats_file, write_stats
from callcenter.platform.config import Settings

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@given(st.lists(st.floats(0, 10), max_size=50))
def test_counters_come_back_as_they_were_written(seconds: list[float]) -> None:
    stats = Stats(NOW, restarts=2)
    stats.lost["deadline"], stats.lost["refused"] = 3, 4
    for one in seconds:
        stats.answered("route", one)
    read = parse_stats(json_of(stats))
    assert (read.started_at, read.written_at, read.restarts) == (NOW, NOW, 2)
    assert read.answers == ({"route": len(seconds)} if seconds else {})
    assert (read.deadline_misses, read.refused) == (3, 4)
    assert read.latency_seconds == pytest.approx(sum(seconds))
    for upper, count in read.latency_buckets:
        assert count == sum(one <= upper for one in seconds)
    assert [upper for upper, _ in read.latency_buckets] == [*BUCKETS_SECONDS, float("inf")]


def json_of(stats: Stats) -> str:
    return json.dumps(stats.snapshot(NOW))


def test_the_file_is_replaced_whole_and_nothing_else_is_read_from_it(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path)
    assert read_agi_stats(settings) is None
    path = stats_file(settings)
    for restarts in range(3):
        write_stats(path, Stats(NOW, restarts).snapshot(NOW))
        stats = read_agi_stats(settings)
        assert stats is not None
        assert stats.restarts == restarts
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    for broken in ("", "{", "{}", "[]", "null", path.read_text(encoding="utf-8")[:-20]):
        path.write_text(broken, encoding="utf-8")
        assert read_agi_stats(settings) is None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_a_record_is_one_line_whatever_a_caller_sent(message: str) -> None:
    record = logging.LogRecord("agi.server", logging.ERROR, __file__, 1, "%s", (message,), None)
    record.created = NOW.timestamp()
    line = LineFormatter().format(record)
    assert line.isprintable()
    assert line.startswith("2026-11-24T04:00:00.000Z ERROR agi.server ")


def test_the_same_error_is_told_once_in_a_while_with_its_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sparing = Sparing(logging.getLogger("agi.test"), seconds=10)
    for second in range(25):
        sparing.error("failed route", "no such table", now=second)
    sparing.error("deadline route", "took too long", now=25)
    assert [record.getMessage() for record in caplog.records] == [
        "failed route: no such table",
        "failed route: no such table (and 9 more like it)",
        "failed route: no such table (and 9 more like it)",
        "deadline route: took too long",
    ]


def test_an_error_is_told_without_the_advice_below_it() -> None:
    assert first_line(RuntimeError("locked\n(Background on this error at: …)")) == "locked"
    assert first_line(None) == "None"
    assert len(first_line(RuntimeError("x" * 1000))) == 300
