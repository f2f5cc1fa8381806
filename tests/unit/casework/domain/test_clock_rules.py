"""Which rule a clock runs by, when it is over, and what it signals on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from callcenter.casework.domain.clock_rules import (
    SHANDONG,
    ClockRule,
    deadlines,
    reckoned,
    red_at,
    rule_for,
    warns_at,
)
from callcenter.casework.domain.folded import CaseClock, FoldedCase
from callcenter.casework.domain.signals import LADDER, SignalKind, next_signal, signals
from callcenter.casework.domain.states import Act, CaseState, ClockKind
from callcenter.casework.domain.working_time import Limit, Measure, Office, Pause, Start
from callcenter.people.domain.permissions import Role
from callcenter.workforce.domain.workdays import Workdays
from callcenter.workforce.opening.official import published
from tests.unit.casework.domain.stories import CITY, DISPATCHER, LEADER, REPLY, WATER, Story

OFFICE = Office(Workdays(published()), CITY)
HANDLING = ClockKind.HANDLING


def city(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY)


DAY = timedelta(days=1)
START = city("2026-11-24T09:00")


def rule(version: int = 1, days: int = 5, **names: object) -> ClockRule:
    limit = Limit(days, Measure.WORKING_DAYS, Start.NEXT_WORKING_DAY)
    return replace(ClockRule(HANDLING, limit, version, START), **names)  # type: ignore[arg-type]


def chosen(*rules: ClockRule, at: datetime = START, **case: Any) -> ClockRule | None:
    return rule_for(rules, HANDLING, replace(FoldedCase(), **case), at)


def test_a_category_is_it_and_what_is_below_it() -> None:
    water = rule(category="water")
    assert chosen(water, category="water") is water
    assert chosen(water, category="water.leak.road") is water
    assert chosen(water, category="waterway") is None
    assert chosen(water, category="") is None
    assert chosen(rule(category="water.leak"), category="water") is None


def test_urgency_then_category_then_kind_then_signature_then_version() -> None:
    case: dict[str, Any] = {
        "category": "water.leak",
        "kind": "help",
        "urgency": "danger",
        "signed": True,
    }
    order = [
        rule(),
        rule(version=2),
        rule(signed=True),
        rule(kind="help"),
        rule(kind="help", signed=True),
        rule(category="water", version=9),
        rule(category="water.leak"),
        rule(category="water.leak", kind="help"),
        rule(urgency="danger"),
        rule(urgency="danger", version=2),
    ]
    for lower, higher in pairwise(order):
        assert chosen(lower, higher, **case) is higher
        assert chosen(higher, lower, **case) is higher
    others: dict[str, Any] = {
        "category": "roads",
        "kind": "complaint",
        "urgency": "ordinary",
        "signed": False,
    }
    for one in order[2:]:
        assert chosen(one, **others) is None
    assert chosen(rule(signed=False), signed=True) is None
    assert chosen(replace(rule(), clock=ClockKind.REDO), **case) is None


def test_a_new_version_is_for_what_starts_from_then_on() -> None:
    old, new = rule(), rule(version=2, days=3, valid_from=START + DAY)
    assert chosen(old, new, at=START) is old
    assert chosen(old, new, at=START + DAY) is new
    assert chosen(old, new, at=START - DAY) is None
    retired = rule(signed=True, valid_until=START + DAY)
    assert chosen(old, retired, signed=True, at=START) is retired
    assert chosen(old, retired, signed=True, at=START + DAY) is old


@pytest.mark.parametrize(
    ("urgency", "signed", "days", "minutes"),
    [("ordinary", False, 5, 0), ("ordinary", True, 7, 0), ("danger", True, 0, 120),
     ("urgent", False, 0, 1440)],
)  # fmt: skip
def test_shandong_handling(urgency: str, signed: bool, days: int, minutes: int) -> None:
    case = FoldedCase(urgency=urgency, signed=signed)
    found = rule_for(SHANDONG, HANDLING, case, START)
    assert found is not None
    expected = (
        Limit(days, Measure.WORKING_DAYS, Start.NEXT_WORKING_DAY)
        if days
        else Limit(minutes, Measure.MINUTES)
    )
    assert found.limit == expected
    assert (found.alarm is Start.NOW) == (minutes > 0)


def test_every_clock_but_the_citizens_has_a_rule_for_everybody_and_no_two_are_for_the_same() -> (
    None
):
    for kind in set(ClockKind) - {ClockKind.CITIZEN}:
        for urgency in ("ordinary", "urgent", "danger"):
            case = FoldedCase(urgency=urgency)
            assert rule_for(SHANDONG, kind, case, START) is not None, kind
    assert rule_for(SHANDONG, ClockKind.CITIZEN, FoldedCase(), START) is None
    names = [(r.clock, r.category, r.kind, r.urgency, r.signed, r.version) for r in SHANDONG]
    assert len(set(names)) == len(names)
    for one in SHANDONG:
        assert one.warn < one.limit.amount


def test_an_extension_and_a_pause_move_the_deadline_and_the_warning() -> None:
    (five,) = (one for one in SHANDONG if one.clock is HANDLING and one.limit.amount == 5)
    clock = CaseClock(HANDLING, 1, "water", START)  # a Tuesday
    bare = reckoned(clock, five, OFFICE)
    assert bare.deadline == city("2026-12-02T00:00")
    assert warns_at(clock, five, OFFICE) == city("2026-12-01T00:00")
    assert red_at(bare, five, OFFICE) == city("2026-12-02T00:00")
    longer = replace(clock, extended=3)
    assert reckoned(longer, five, OFFICE).deadline == city("2026-12-05T00:00")
    # Friday's midnight: the red card is Monday's.
    assert red_at(reckoned(longer, five, OFFICE), five, OFFICE) == city("2026-12-07T00:00")
    paused = replace(clock, pauses=(Pause(city("2026-11-26T00:00"), city("2026-11-27T00:00")),))
    assert warns_at(paused, five, OFFICE) == city("2026-12-02T00:00")
    standing = replace(clock, pauses=(Pause(city("2026-11-26T00:00")),))
    still = reckoned(standing, five, OFFICE)
    assert still.deadline is warns_at(standing, five, OFFICE) is red_at(still, five, OFFICE) is None
    assert warns_at(clock, replace(five, warn=0), OFFICE) is None
    at_once = replace(five, alarm=Start.NOW)
    assert red_at(reckoned(longer, five, OFFICE), at_once, OFFICE) == city("2026-12-05T00:00")


def late() -> Story:
    story = Story()
    story.having(now=START)
    return story.in_hand()


def told(story: Story, now: str) -> list[str]:
    found = signals(story.case, SHANDONG, OFFICE, city(now))
    return [s.key for s in found if s.clock is HANDLING]


def test_the_ladder_of_a_unit_that_does_nothing() -> None:
    story = late()
    yellow = ["handling/1/urging/1", "handling/1/yellow/1"]
    assert told(story, "2026-11-30T23:59") == []
    assert told(story, "2026-12-01T00:00") == yellow
    red = [f"handling/1/{s}" for s in ("overdue/1", "red/1", "supervision_slip/1", "urging/2")]
    assert told(story, "2026-12-01T23:59") == yellow
    assert told(story, "2026-12-02T00:00") == [*yellow, *red]
    assert told(story, "2026-12-04T23:59") == [*yellow, *red]
    third = [*yellow, *red, "handling/1/urging/3"]
    assert told(story, "2026-12-05T00:00") == third
    assert told(story, "2026-12-08T23:59") == third
    assert told(story, "2026-12-09T00:00") == [*third, "handling/1/circular/1"]
    story.do(Act.REPLY, WATER, **REPLY)
    assert told(story, "2026-12-09T00:00") == []


def test_signals_are_never_taken_back_and_the_next_one_is_known() -> None:
    story = late()
    story.do(Act.INSTRUCT, LEADER, text="限期办结")
    moment, seen, many = story.context.now, set[str](), 0
    while (coming := next_signal(story.case, SHANDONG, OFFICE, moment)) is not None:
        before = signals(story.case, SHANDONG, OFFICE, coming - timedelta(microseconds=1))
        assert {signal.key for signal in before} == seen
        now = signals(story.case, SHANDONG, OFFICE, coming)
        keys = [signal.key for signal in now]
        assert len(set(keys)) == len(keys)
        assert seen < set(keys)
        assert [s.since for s in now] == sorted(s.since for s in now)
        moment, seen, many = coming, set(keys), many + 1
    assert many >= 5
    assert {f"handling/1/{rung.kind}/{rung.level}" for rung in LADDER} < seen


def test_who_is_told_and_which_unit() -> None:
    story = late()
    by_key = {s.key: s for s in signals(story.case, SHANDONG, OFFICE, city("2027-01-10T00:00"))}
    red = by_key["handling/1/red/1"]
    assert (red.kind, red.unit, red.tell) == (SignalKind.RED, "water", Role.SUPERVISOR)
    assert by_key["handling/1/overdue/1"].tell is Role.SUPERVISOR
    assert by_key["handling/1/yellow/1"].tell is None
    assert by_key["contact/1/overdue/1"].since == city("2026-11-26T00:00")
    # Who has not contacted the citizen is told so, not urged; whose right to return has ended has
    # missed nothing.
    assert "contact/1/urging/1" not in by_key
    assert not {key for key in by_key if key.startswith("return")}


def test_what_is_merged_says_nothing_and_what_has_no_limit_neither() -> None:
    story = late()
    story.do(Act.MERGE, DISPATCHER, into="20261124-00002", reason="同一事项")
    end = city("2027-01-10T00:00")
    assert story.case.state is CaseState.MERGED
    assert signals(story.case, SHANDONG, OFFICE, end) == ()
    assert next_signal(story.case, SHANDONG, OFFICE, START) is None
    story.do(Act.UNMERGE, DISPATCHER, reason="-")
    assert len(signals(story.case, SHANDONG, OFFICE, end)) > 5
    assert signals(story.case, (), OFFICE, end) == ()
    assert deadlines(story.case, (), OFFICE) == {}


def test_a_decision_is_told_the_deadlines_of_what_runs() -> None:
    story = late()
    assert deadlines(story.case, SHANDONG, OFFICE) == {
        HANDLING: city("2026-12-02T00:00"),
        ClockKind.RETURN: city("2026-11-27T00:00"),
        ClockKind.CONTACT: city("2026-11-26T00:00"),
    }
    story.do(Act.PAUSE, DISPATCHER, reason="-", hours=3)
    assert HANDLING not in deadlines(story.case, SHANDONG, OFFICE)
