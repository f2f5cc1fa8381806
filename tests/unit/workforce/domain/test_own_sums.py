"""What an agent did: sums over his intervals, and the talks that are his."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.seat_talks import SeatTalk
from callcenter.workforce.domain.agent_sums import Interval, Sums, sums
from callcenter.workforce.domain.agents import AgentState
from callcenter.workforce.domain.own_figures import OwnFigures, own_figures

NINE = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ON_CALLS = {AgentState.RINGING, AgentState.TALKING, AgentState.HOLD, AgentState.WRAP_UP}
SPANS = st.dictionaries(
    st.sampled_from(AgentState), st.integers(1, 600).map(lambda n: timedelta(seconds=n))
)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize("state", AgentState)
def test_work_on_calls_and_waiting_for_them(state: AgentState) -> None:
    assert state.busy is (state in ON_CALLS)
    assert state.available is (state in ON_CALLS or state is AgentState.READY)


@given(SPANS)
def test_occupancy_is_the_part_on_calls_of_the_time_for_calls(
    spans: dict[AgentState, timedelta],
) -> None:
    seconds = {state: span.total_seconds() for state, span in spans.items()}
    busy = sum(seconds.get(state, 0) for state in ON_CALLS)
    ready = seconds.get(AgentState.READY, 0)
    found = Sums(spans)
    assert found.logged_in == timedelta(seconds=sum(seconds.values()))
    if busy + ready == 0:
        assert found.occupancy is None
    else:
        assert found.occupancy == pytest.approx(busy / (busy + ready))


def test_sums_are_of_what_lies_within_the_day() -> None:
    def one(state: AgentState, begun: float, ended: float | None, reason: str = "") -> Interval:
        return Interval(7, "8001", state, reason, at(begun), None if ended is None else at(ended))

    intervals = [
        one(AgentState.READY, -5, 10),
        one(AgentState.BREAK, 10, 20, "lunch"),
        one(AgentState.BREAK, 20, 30, "lunch"),
        one(AgentState.BREAK, 30, 31, "training"),
        one(AgentState.READY, 31, 31),
        one(AgentState.TALKING, 31, None),
        one(AgentState.HOLD, 60, 70),
    ]
    found = sums([*intervals, *intervals[:1]], at(0), at(60), at(50))
    assert found == {
        7: Sums(
            {
                AgentState.READY: minutes(20),
                AgentState.BREAK: minutes(21),
                AgentState.TALKING: minutes(19),
            },
            {"lunch": minutes(20), "training": minutes(1)},
        )
    }
    assert sums(intervals, at(-60), at(-5), at(50)) == {}
    assert sums(intervals[:1], at(0), at(60), at(50))[7].by_reason == {}


def talk(
    call: str,
    begun: float,
    ended: float | None,
    *,
    seat: str = "8001",
    via: str = "queue",
    joined: float | None = None,
    score: int | None = None,
) -> SeatTalk:
    return SeatTalk(
        call,
        seat,
        via,
        at(begun),
        None if ended is None else at(ended),
        None if joined is None else at(joined),
        score,
    )


def sat(begun: float, ended: float | None, state: AgentState = AgentState.READY) -> Interval:
    return Interval(1, "8001", state, "", at(begun), None if ended is None else at(ended))


@pytest.mark.parametrize(
    ("one", "his"),
    [
        (talk("a", 0, 1), True),
        (talk("a", 9.9, 1), True),
        (talk("a", 10, 11), False),  # At that moment somebody else may sit down.
        (talk("a", -0.1, 1), False),
        (talk("a", 0, 1, seat="8002"), False),
        (talk("a", 25, 26), False),  # He was offline.
        (talk("a", 40, 41), True),  # Still there.
    ],
)
def test_a_talk_is_his_who_sat_there_as_it_began(one: SeatTalk, his: bool) -> None:
    spans = [sat(0, 10), sat(20, 30, AgentState.OFFLINE), sat(40, None)]
    assert own_figures([one], spans, at(60)).calls == his


def test_own_figures_of_a_morning() -> None:
    talks = [
        talk("a", 1, 3, joined=0, score=4),
        talk("a", 4, 5, joined=0, score=5),  # The same call came back: one call, one wait.
        talk("b", 6, 6.5, via="attended", joined=2),  # Put through: it did not wait for him.
        talk("c", 8, None, joined=5, score=2),
        talk("d", 9, 8, joined=10),  # The clock was set back.
        talk("e", 9.5, 9.5),  # Of no queue.
    ]
    found = own_figures(talks, [sat(0, None)], at(10))
    assert found == OwnFigures(
        calls=5,
        talk=minutes(2 + 1 + 0.5 + 2),
        waits=(minutes(1), minutes(3), minutes(0)),
        scores=(5, 2),
    )
    assert found.average_talk == minutes(5.5) / 5
    assert found.average_wait == minutes(4) / 3
    assert found.longest_wait == minutes(3)
    assert found.average_score == 3.5


def test_of_nothing_there_is_no_mean() -> None:
    none = own_figures([talk("a", 1, 2)], [], at(10))
    assert none == OwnFigures(0, timedelta(), (), ())
    assert (none.average_talk, none.average_wait, none.longest_wait, none.average_score) == (
        (None,) * 4
    )
