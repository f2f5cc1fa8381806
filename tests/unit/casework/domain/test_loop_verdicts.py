"""The citizen's verdict, and what follows from it: redone, raised, parked, closed, reopened."""

from __future__ import annotations

from datetime import timedelta

import pytest

from callcenter.casework.domain.folded import By
from callcenter.casework.domain.states import Act, CaseState, ClockKind, Review
from tests.unit.casework.domain.stories import (
    DISPATCHER,
    LEADER,
    OPERATOR,
    REPLY,
    RETURN,
    REVIEWER,
    SUPERVISOR,
    WATER,
    Story,
    refused,
    running,
    user_of,
)

S = CaseState


def test_a_review_is_made_by_somebody_who_took_no_part() -> None:
    story = Story().in_hand()
    story.do(Act.REPLY, WATER, **REPLY)
    reviewing = frozenset({*REVIEWER.roles})
    theirs = [By("zhou", reviewing, unit) for unit in ("water", "city", "water-north")]
    for by in (By("zhang", reviewing), *theirs):
        assert refused(story, Act.BEGIN_REVIEW, by) == ("took_part",)
    assert refused(story, Act.CLOSE, DISPATCHER) == ("review_due",)
    story.do(Act.BEGIN_REVIEW, By("zhou", reviewing, "roads"))
    assert refused(story, Act.CLOSE, REVIEWER) == ("review_missing",)
    assert refused(story, Act.REDO, REVIEWER, reason="-") == ("review_missing",)
    assert refused(story, Act.REVIEW, REVIEWER, reached=True, resolved=True) == (
        "missing", "responded", "satisfied")  # fmt: skip
    assert story.case.review is Review.NONE


def test_what_need_not_be_reviewed_is_closed_at_once() -> None:
    story = Story().in_hand()
    story.do(Act.REPLY, WATER, **REPLY)
    story.having(review_due=False)
    assert story.do(Act.CLOSE, DISPATCHER).state is S.CLOSED


def test_what_is_not_resolved_is_closed_with_a_reason_by_a_second_person() -> None:
    story = Story().reviewing()
    story.heard(resolved=False)
    assert refused(story, Act.CLOSE, SUPERVISOR) == ("missing", "reason")
    assert refused(story, Act.CLOSE, REVIEWER, reason="-") == ("second_person_needed",)
    assert story.do(Act.CLOSE, SUPERVISOR, reason="依法不能解决").state is S.CLOSED


def test_who_is_not_reached_is_tried_on_other_days_and_in_other_parts_of_the_day() -> None:
    story = Story().reviewing()  # 9:05 in the city
    for hours in (0, 4.5, 24 - 0.1):
        story.later(hours=hours)
        assert refused(story, Act.CLOSE, REVIEWER) in (("review_missing",), ("too_few_tries",))
        story.do(Act.REVIEW, REVIEWER, reached=False)
    assert (story.case.review, len(story.case.tries)) == (Review.UNREACHED, 3)
    assert refused(story, Act.REDO, REVIEWER, reason="-") == ("review_missing",)
    assert story.do(Act.CLOSE, REVIEWER).state is S.CLOSED


@pytest.mark.parametrize("hours", [(0, 1, 24), (0, 4, 5), (0, 30)])
def test_three_tries_two_days_two_parts(hours: tuple[int, ...]) -> None:
    """One part of the day, one day, two tries: none is enough."""
    story = Story().reviewing()
    start = story.context.now
    for hour in hours:
        story.having(now=start + timedelta(hours=hour))
        story.do(Act.REVIEW, REVIEWER, reached=False)
    assert refused(story, Act.CLOSE, REVIEWER) == ("too_few_tries",)


@pytest.mark.parametrize(("hour", "part"), [(11, 0), (12, 1), (17, 1), (18, 2)])
def test_parts_of_the_day(hour: int, part: int) -> None:
    from callcenter.casework.domain.guards import part_of_day
    from tests.unit.casework.domain.stories import CITY

    story = Story()
    assert part_of_day(story.context.now.astimezone(CITY).replace(hour=hour, minute=59)) == part


def test_what_a_citizen_said_is_not_lost_when_he_is_not_reached_again() -> None:
    story = Story().reviewing()
    story.do(Act.REVIEW, REVIEWER, reached=False)
    story.heard(resolved=False)
    story.do(Act.REVIEW, REVIEWER, reached=False)
    assert (story.case.review, len(story.case.tries)) == (Review.UNRESOLVED, 2)


def test_redone_so_often_and_then_raised_a_level() -> None:
    story = Story().reviewing()
    for number in (1, 2):
        story.heard(resolved=False)
        story.do(Act.REDO, REVIEWER, reason="未解决")
        assert (story.case.state, story.case.redos) == (S.REDO, number)
        assert (story.case.review, story.case.tries, story.case.reviewer) == ("", (), "")
        assert running(story.case) == {"citizen", "redo"}
        story.do(Act.REPLY, WATER, **REPLY)
        story.do(Act.BEGIN_REVIEW, REVIEWER)
    raised = {"unit": "city", "reason": "两次重办"}
    assert refused(story, Act.RAISE, SUPERVISOR, **raised) == ("review_missing",)
    story.heard(resolved=False)
    assert refused(story, Act.REDO, REVIEWER, reason="未解决") == ("redo_limit",)
    for unit in ("roads", "water", "water-north"):
        assert refused(story, Act.RAISE, SUPERVISOR, unit=unit, reason="-") == ("not_above", "unit")
    story.do(Act.RAISE, SUPERVISOR, **raised)
    case = story.case
    assert (case.state, case.main, case.raised, case.redos) == (S.DISPATCHED, "city", 1, 0)
    assert running(case) == {"citizen", "sign_for", "contact", "handling"}
    assert (case.review, case.reviewer, case.tries, case.orders) == ("", "", (), ())
    assert refused(story, Act.RETURN, user_of("city"), **RETURN) == ("units_are_fixed",)


def test_parked_has_a_day_to_look_again_and_stands_still() -> None:
    story = Story().in_hand()
    now = story.context.now
    ahead = (now + timedelta(days=30)).isoformat()
    assert refused(story, Act.PARK, LEADER, reason="待立项", next_look=now.isoformat()) == (
        "not_ahead", "next_look")  # fmt: skip
    assert refused(story, Act.PARK, SUPERVISOR, reason="-", next_look=ahead) == ("wrong_role",)
    story.do(Act.PARK, LEADER, reason="待立项", next_look=ahead)
    assert (story.case.state, story.case.paused, story.case.next_look) == (S.PARKED, True, ahead)
    citizen = story.case.running(ClockKind.CITIZEN)
    assert citizen is not None
    assert not citizen.paused
    later = (now + timedelta(days=60)).isoformat()
    assert story.do(Act.LOOK_AGAIN, DISPATCHER, reason="-", next_look=later).next_look == later
    story.do(Act.UNPARK, DISPATCHER, reason="已立项")
    assert (story.case.state, story.case.paused, story.case.next_look) == (S.IN_HAND, False, "")


def test_recalled_withdrawn_reopened() -> None:
    story = Story().in_hand("water", "roads")
    story.do(Act.RECALL, DISPATCHER, reason="派错")
    assert (story.case.state, story.case.main, story.case.orders) == (S.DISPATCHING, "", ())
    assert running(story.case) == {"citizen", "dispatch"}
    story.do(Act.WITHDRAW, OPERATOR, text="市民来电撤单")
    assert (story.case.state, running(story.case)) == (S.WITHDRAWN, set())
    story.do(Act.REOPEN, OPERATOR, reason="又来电")
    assert (story.case.state, running(story.case)) == (S.INTAKE, {"citizen"})
    story = Story().reviewing()
    story.heard(resolved=True)
    story.do(Act.CLOSE, REVIEWER)
    assert refused(story, Act.REOPEN, OPERATOR, reason="复发") == ("wrong_role",)
    story.do(Act.REOPEN, DISPATCHER, reason="复发")
    assert (story.case.state, running(story.case)) == (S.DISPATCHING, {"citizen", "dispatch"})
    assert (story.case.main, story.case.review, story.case.reviewer) == ("", "", "")
    assert not story.case.fixed
    assert (story.case.refusals, story.case.redos, story.case.signed) == (0, 0, False)
    assert [c.count for c in story.case.clocks if c.kind is ClockKind.CITIZEN] == [1, 2]
