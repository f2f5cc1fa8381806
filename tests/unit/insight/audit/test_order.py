"""The rule of order: it names who was overtaken, and nobody who was not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.insight.audit.order import LAST_LEVEL, NAMED, Offer, Stay, overtakings
from callcenter.telephony.domain.ledger import PRIORITY_FRONT

T0 = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)
LATER = T0 + timedelta(hours=1)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def offer(rang: float, ended: float | None = None, seat: str = "8001") -> Offer:
    return Offer(seat, at(rang), None if ended is None else at(ended))


def stay(
    name: str, came: float, left: float | None, *offers: Offer, joined: float | None = None,
    priority: int = 0, queue: str = "12345",
) -> Stay:  # fmt: skip
    return Stay(
        name, queue, priority, at(came), at(came if joined is None else joined),
        None if left is None else at(left), offers,
    )  # fmt: skip


def told(*stays: Stay, since: datetime = T0, until: datetime = LATER) -> list[str]:
    return [difference.about for difference in overtakings(stays, since, until)]


FIRST = stay("first", 0, 40, offer(39, 40))
SECOND = stay("second", 1, 20, offer(19, 20))


def test_who_was_served_after_a_later_one_was_overtaken() -> None:
    (found,) = overtakings([FIRST, SECOND], T0, LATER)
    assert found.about == "first"
    assert found.facts == (
        "in 12345, waiting since 04:00:00.000000, by second at 04:00:19.000000 (8001)"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (replace(FIRST, left_at=at(20), offers=(offer(18, 20),)), SECOND),
        (replace(FIRST, offers=(offer(18, 25), offer(39, 40))), SECOND),
        (replace(FIRST, offers=(offer(3, 17.5), offer(39, 40))), SECOND),
        (replace(FIRST, offers=(offer(20.9, None),)), SECOND),
        (replace(FIRST, left_at=at(20.5), offers=()), SECOND),
        (replace(FIRST, joined_at=at(19.1)), SECOND),
        (replace(FIRST, queue="english"), SECOND),
        (FIRST, replace(SECOND, priority=1)),
        (FIRST, replace(SECOND, priority=PRIORITY_FRONT)),
        (replace(FIRST, came_at=at(1.5)), SECOND),
        (FIRST, replace(SECOND, offers=())),
    ],
    ids=[
        "served before", "a seat rang for him just then", "a seat had just given up on him",
        "within the tolerance", "gone within the tolerance", "not in line yet", "another queue",
        "the other has priority", "the other was moved to the front", "came later",
        "nobody rang for the other",
    ],
)  # fmt: skip
def test_who_was_not_overtaken(first: Stay, second: Stay) -> None:
    assert told(first, second) == []


def test_he_is_overtaken_also_if_he_gives_up_or_waits_still() -> None:
    assert told(replace(FIRST, offers=()), SECOND) == ["first"]
    assert told(replace(FIRST, left_at=None, offers=()), SECOND) == ["first"]


def test_priority_goes_before_coming() -> None:
    late = replace(FIRST, came_at=at(10), joined_at=at(10), priority=5)
    assert told(late, replace(SECOND, joined_at=at(10))) == ["first"]


def test_a_seat_of_a_level_that_is_not_his_yet_is_not_held_against_it() -> None:
    """He came back from a talk: by his coming he is first, but he has only just joined."""
    back = stay("back", 0, 60, joined=30)
    taken = stay("taken", 5, 41, offer(40, 41, "8009"))
    assert told(back, taken) == []
    anybody = stay("anybody", 100, 103, offer(101, 103, "8009"))
    assert told(back, taken, anybody) == ["back"], "the seat is everybody's"
    long_since = 30 + LAST_LEVEL.total_seconds()
    late = stay("late", 5, long_since + 2, offer(long_since + 1, None, "8009"))
    assert told(replace(back, left_at=None), late) == ["back"], "every level is his by now"


def test_only_rings_of_the_stretch_are_looked_at() -> None:
    assert told(FIRST, SECOND, since=at(19), until=at(19.5)) == ["first"]
    assert told(FIRST, SECOND, since=at(19.5)) == []
    assert told(FIRST, SECOND, until=at(19)) == []


def test_of_many_only_some_are_named() -> None:
    many = [stay(f"n{index}", 1, 30, offer(10, 11)) for index in range(NAMED + 3)]
    (found,) = overtakings([replace(FIRST, offers=()), *many], T0, LATER)
    assert found.facts.endswith("and 3 more")


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 30), st.integers(0, 2)),
        min_size=1,
        max_size=12,
    )
)
def test_a_line_that_is_served_in_order_has_no_difference(
    callers: list[tuple[int, int, int]],
) -> None:
    """One seat, each caller offered when it is free and he is the next of those in line."""
    waiting = [(*caller, index) for index, caller in enumerate(callers)]
    now, stays = 0.0, []
    while waiting:
        inside = [one for one in waiting if one[0] <= now]
        if not inside:
            now = float(min(one[0] for one in waiting))
            continue
        came, talk, priority, index = min(inside, key=lambda one: (-one[2], one[0], one[3]))
        waiting.remove((came, talk, priority, index))
        moment = came + index / 1000
        stays.append(
            stay(str(index), moment, now + 1, offer(max(now, moment), now + 1), priority=priority)
        )
        now += talk
    assert told(*stays) == []
