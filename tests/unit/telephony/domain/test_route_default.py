"""What the PBX keeps says the same as the services do, for every number and every minute."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.domain.numbers import normalise
from callcenter.telephony.domain.route_default import (
    DAYS_AHEAD,
    FOR_GOOD,
    BlockedUntil,
    OpenHours,
    blocked_entries,
    opening_entries,
)
from callcenter.workforce.domain.opening import Span, is_open, spans_of

TODAY = date(2026, 11, 27)
SPANS = st.lists(st.integers(0, 1440), min_size=2, max_size=6, unique=True).map(
    lambda ends: tuple(
        Span(opens, closes)
        for opens, closes in zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False)
    )
)
WEEKS = st.lists(SPANS | st.just(()), min_size=7, max_size=7)
DAYS = st.dictionaries(
    st.integers(0, DAYS_AHEAD).map(lambda days: TODAY + timedelta(days=days)), SPANS | st.just(())
)


def dialplan_is_open(entries: dict[str, str], at: datetime) -> bool:
    """As ``route-default`` of dialplan/extensions_inbound.conf reckons."""
    hours = entries.get(f"{at:%Y%m%d}") or entries.get(f"{at:%u}") or ""
    if not hours:
        return True
    minute = at.hour * 60 + at.minute
    for span in hours.split("&"):
        found = re.fullmatch("([0-9]+)-([0-9]+)", span)
        if found is None:
            return False
        if int(found[1]) <= minute < int(found[2]):
            return True
    return False


@given(WEEKS, DAYS, st.integers(0, DAYS_AHEAD), st.integers(0, 1439))
def test_the_pbx_is_open_when_the_calendar_is(week, days, ahead, minute) -> None:  # type: ignore[no-untyped-def]
    usual = [
        [(span.opens, span.closes) for span in spans_of(date(2024, 1, day), week, {})]
        for day in range(1, 8)
    ]
    differing = {
        day: [(span.opens, span.closes) for span in spans_of(day, week, days)] for day in days
    }
    entries = opening_entries(OpenHours(usual, differing), TODAY)
    day = TODAY + timedelta(days=ahead)
    at = datetime.combine(day, time(minute // 60, minute % 60))
    assert dialplan_is_open(entries, at) == is_open(at, week, days)


def test_days_that_are_over_or_far_away_are_not_kept() -> None:
    days: dict[date, list[tuple[int, int]]] = {
        TODAY - timedelta(days=1): [],
        TODAY + timedelta(days=DAYS_AHEAD + 1): [],
    }
    entries = opening_entries(OpenHours([[(0, 1440)]] * 7, days), TODAY)
    assert set(entries) == set("1234567")


def test_a_blocked_number_is_known_under_every_writing_until_its_end() -> None:
    until = datetime(2026, 11, 27, 12, 0, 0, 500_000, tzinfo=UTC)
    entries = blocked_entries(
        [BlockedUntil("13800138000", None), BlockedUntil("02161234567", until)]
    )
    assert {normalise(key) for key in entries} == {"13800138000", "02161234567"}
    for way in ("13800138000", "+8613800138000", "8613800138000", "008613800138000"):
        assert entries[way] == FOR_GOOD
    # Not a part of a second too early.
    assert int(entries["862161234567"]) >= until.timestamp()


def test_a_blocked_name_is_known_as_the_dialplan_leaves_it() -> None:
    assert blocked_entries([BlockedUntil("alice.b", None)]) == {"alice.b": FOR_GOOD}
    assert blocked_entries([BlockedUntil("张三", None)]) == {}


def test_spans_are_written_as_the_dialplan_reads_them() -> None:
    usual = [[(480, 720), (780, 1080)], *[[]] * 6]
    days = {
        TODAY: [(0, 1440)],
        TODAY + timedelta(days=DAYS_AHEAD): [],
        TODAY + timedelta(days=1): [(60, 120), (180, 240)],
    }
    entries = opening_entries(OpenHours(usual, days), TODAY)
    assert entries["1"] == "480-720&780-1080"
    assert entries[f"{TODAY:%Y%m%d}"] == "0-1440"
    assert entries[f"{TODAY + timedelta(days=1):%Y%m%d}"] == "60-120&180-240"
    closed = entries["7"]
    assert closed == entries[f"{TODAY + timedelta(days=DAYS_AHEAD):%Y%m%d}"]
    assert re.search("[0-9]+-[0-9]+", closed) is None
    assert len(entries) == 10
