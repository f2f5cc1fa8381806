"""A case's number and the day it counts for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from callcenter.casework.domain.cases import case_day, case_number
from callcenter.telephony.domain.ids import CASE_NUMBER

CITY = ZoneInfo("Asia/Shanghai")
DAYS = st.dates(date(2000, 1, 1), date(2999, 12, 31))
COUNTS = st.integers(1, 10**11 - 1)


@given(DAYS, COUNTS)
def test_a_number_tells_its_day_and_its_count(day: date, count: int) -> None:
    number = case_number(day, count)
    assert CASE_NUMBER.fullmatch(number)
    head, _, tail = number.partition("-")
    assert (datetime.strptime(f"{head}+0800", "%Y%m%d%z").date(), int(tail)) == (day, count)


@given(st.tuples(DAYS, COUNTS), st.tuples(DAYS, COUNTS))
def test_two_cases_never_share_a_number(one: tuple[date, int], other: tuple[date, int]) -> None:
    assert (case_number(*one) == case_number(*other)) == (one == other)


def test_examples() -> None:
    assert case_number(date(2026, 11, 24), 1) == "20261124-00001"
    assert case_number(date(2026, 11, 24), 100_000) == "20261124-100000"


def test_the_day_turns_at_the_citys_midnight() -> None:
    midnight = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
    assert case_day(midnight, CITY) == date(2026, 11, 25)
    assert case_day(midnight - timedelta(microseconds=1), CITY) == date(2026, 11, 24)


@given(st.integers(946_684_800, 4_070_908_800).map(lambda at: datetime.fromtimestamp(at, UTC)))
def test_the_day_is_the_same_however_the_moment_is_written(moment: datetime) -> None:
    assert case_day(moment, CITY) == case_day(moment.astimezone(ZoneInfo("America/Lima")), CITY)
    assert case_day(moment, CITY) == (moment + timedelta(hours=8)).date()
