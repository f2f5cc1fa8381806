"""Cases on their ways through the loop, and what is refused on them."""

from __future__ import annotations

from datetime import timedelta

from callcenter.casework.domain.folded import Bounds, FoldedCase
from callcenter.casework.domain.states import Act, CaseState, ClockKind, OrderState, Review
from tests.unit.casework.domain.stories import (
    ANALYST,
    DISPATCHER,
    LEADER,
    NORTH,
    OPERATOR,
    PARKS,
    REPLY,
    RETURN,
    REVIEWER,
    ROADS,
    SERVICE,
    SUPERVISOR,
    WATER,
    Story,
    refused,
    running,
    user_of,
)

S = CaseState


def test_from_the_call_to_the_verdict() -> None:
    story = Story().opened()
    assert (story.case.state, running(story.case)) == (S.INTAKE, {"citizen"})
    assert story.case.took_in == ("zhang",)
    story.do(Act.ACCEPT, OPERATOR, kind="help", category="water.leak", urgency="urgent")
    assert (story.case.state, story.case.kind, story.case.category, story.case.urgency) == (
        S.DISPATCHING, "help", "water.leak", "urgent")  # fmt: skip
    assert running(story.case) == {"citizen", "dispatch"}
    story.do(Act.DISPATCH, DISPATCHER, unit="water", assisting=("roads",))
    assert (story.case.state, story.case.main) == (S.DISPATCHED, "water")
    assert story.case.orders == (("roads", OrderState.SENT),)
    assert running(story.case) == {"citizen", "sign_for", "return", "contact", "handling"}
    assert story.case.clocks[-1].unit == "water"
    story.do(Act.SIGN_FOR, WATER)
    assert story.case.state is S.IN_HAND
    assert running(story.case) == {"citizen", "return", "contact", "handling"}
    story.do(Act.CONTACT, WATER, text="电话联系")
    assert running(story.case) == {"citizen", "return", "handling"}
    assert refused(story, Act.REPLY, WATER, **REPLY) == ("assisting_open", "roads")
    story.do(Act.ASSIST_SIGN, ROADS, unit="roads")
    story.do(Act.ASSIST_REPLY, ROADS, unit="roads", measure="开挖", text="完成")
    story.do(Act.REPLY, WATER, **REPLY)
    assert (story.case.state, running(story.case)) == (S.REPLIED, {"citizen", "review"})
    story.do(Act.BEGIN_REVIEW, REVIEWER)
    story.heard(resolved=True)
    assert (story.case.review, story.case.reviewer) == (Review.RESOLVED, "zhao")
    story.do(Act.CLOSE, REVIEWER)
    assert (story.case.state, running(story.case)) == (S.CLOSED, set())


def test_what_needs_no_unit_ends_at_intake() -> None:
    story = Story().opened()
    assert refused(story, Act.ROUTE, OPERATOR, way="court", told=False) == ("missing", "told")
    assert story.do(Act.ROUTE, OPERATOR, way="court", told=True).state is S.ROUTED
    assert Story().opened().do(Act.ANSWER, OPERATOR, text="已解答").state is S.ANSWERED
    story = Story().opened()
    assert refused(story, Act.LEAVE_AREA, OPERATOR, text="邻市", told=False) == ("missing", "told")
    assert story.do(Act.LEAVE_AREA, OPERATOR, text="邻市", told=True).state is S.OUT_OF_AREA


def test_an_emergency_says_whom_it_told_and_when() -> None:
    story = Story().in_hand()
    late = (story.context.now + timedelta(seconds=1)).isoformat()
    assert refused(story, Act.PASS_ON, OPERATOR, service="119", told_at=late) == (
        "not_ahead", "told_at")  # fmt: skip
    assert refused(story, Act.PASS_ON, OPERATOR, service="911", told_at="09:00") == (
        "malformed", "service", "told_at")  # fmt: skip
    story.do(Act.PASS_ON, OPERATOR, service="119", told_at=story.context.now.isoformat())
    assert (story.case.state, running(story.case)) == (S.EMERGENCY, set())


def test_a_return_that_is_right_lets_the_unit_go_for_good() -> None:
    story = Story().in_hand()
    story.do(Act.RETURN, WATER, **RETURN)
    assert (story.case.state, story.case.back) == (S.RETURNED, (S.IN_HAND,))
    # The unit's time does not stand still: what was returned wrongly is late all the same.
    assert {"handling", "judgement"} <= running(story.case)
    assert not story.case.paused
    story.do(Act.ACCEPT_RETURN, DISPATCHER)
    assert (story.case.state, story.case.main, story.case.back) == (S.DISPATCHING, "", ())
    assert running(story.case) == {"citizen", "dispatch"}
    assert refused(story, Act.DISPATCH, DISPATCHER, unit="water") == ("unit_was_released", "unit")
    assert story.do(Act.DISPATCH, DISPATCHER, unit="roads").main == "roads"


def test_a_return_that_is_wrong_goes_back_and_the_second_one_to_a_consultation() -> None:
    story = Story().in_hand()
    story.do(Act.RETURN, WATER, **RETURN)
    story.do(Act.REFUSE_RETURN, DISPATCHER, reason="职责明确")
    assert (story.case.state, story.case.main, story.case.refusals) == (S.IN_HAND, "water", 1)
    assert "judgement" not in running(story.case)
    assert refused(story, Act.RETURN, WATER, **RETURN) == ("returned_before",)
    story.do(Act.HAND_DOWN, WATER, unit="water-north")
    assert (story.case.state, story.case.main) == (S.DISPATCHED, "water-north")
    story.do(Act.RETURN, NORTH, **RETURN)
    assert story.case.back == (S.DISPATCHED,)
    story.do(Act.REFUSE_RETURN, DISPATCHER, reason="职责明确")
    assert (story.case.state, story.case.main) == (S.CONSULTING, "")
    assert running(story.case) == {"citizen", "dispatch"}
    story.do(Act.FIX_UNITS, DISPATCHER, unit="water", text="会商纪要", assisting=("roads",))
    assert (story.case.state, story.case.main, story.case.fixed) == (S.DISPATCHED, "water", True)
    assert running(story.case) == {"citizen", "sign_for", "contact", "handling"}
    story.do(Act.SIGN_FOR, WATER)
    assert refused(story, Act.RETURN, WATER, **RETURN) == ("units_are_fixed",)
    no = {key: value for key, value in RETURN.items() if key != "unit"}
    assert refused(story, Act.ASSIST_RETURN, ROADS, **no, unit="roads") == ("units_are_fixed",)


def test_a_return_says_why_by_what_law_and_whose_it_is_and_comes_in_time() -> None:
    story = Story().dispatched()
    assert refused(story, Act.RETURN, WATER) == (
        "missing", "return_reason", "legal_basis", "unit", "text")  # fmt: skip
    assert refused(story, Act.RETURN, WATER, **{**RETURN, "unit": "nobody"}) == (
        "unknown_unit", "unit")  # fmt: skip
    now = story.context.now
    story.having(deadlines={ClockKind.RETURN: now - timedelta(seconds=1)})
    assert refused(story, Act.RETURN, WATER, **RETURN) == ("return_too_late",)
    story.having(deadlines={ClockKind.RETURN: now, ClockKind.HANDLING: now - timedelta(days=1)})
    assert story.do(Act.RETURN, WATER, **RETURN).state is S.RETURNED


def test_only_the_unit_that_holds_it_and_those_above_act_for_it() -> None:
    story = Story().dispatched("water-north")
    assert refused(story, Act.SIGN_FOR, ROADS) == ("other_unit",)
    assert refused(story, Act.SIGN_FOR, DISPATCHER) == ("wrong_role",)
    assert refused(story, Act.NOTE, ROADS, text="看一看") == ("other_unit",)
    assert story.do(Act.SIGN_FOR, WATER).state is S.IN_HAND
    story.do(Act.NOTE, user_of("city"), text="关注")
    story.do(Act.NOTE, DISPATCHER, text="关注")
    assert refused(story, Act.NOTE, ANALYST, text="关注") == ("wrong_role",)
    story = Story().dispatched("water")
    assert refused(story, Act.SIGN_FOR, NORTH) == ("other_unit",)


def test_units_are_named_once_and_exist() -> None:
    story = Story().accepted()
    dispatch = Act.DISPATCH
    assert refused(story, dispatch, DISPATCHER, unit="moon") == ("unknown_unit", "unit")
    assert refused(story, dispatch, DISPATCHER, unit="water", assisting=("roads", "moon")) == (
        "unknown_unit", "assisting")  # fmt: skip
    for twice in (("water",), ("roads", "roads")):
        assert refused(story, dispatch, DISPATCHER, unit="water", assisting=twice) == (
            "same_unit", "assisting")  # fmt: skip
    story.do(dispatch, DISPATCHER, unit="water", assisting=("roads",))
    for taken in ("water", "roads"):
        assert refused(story, Act.ADD_ASSISTING, DISPATCHER, unit=taken) == ("same_unit", "unit")
    story.do(Act.ADD_ASSISTING, DISPATCHER, unit="parks")
    assert story.case.orders == (("roads", OrderState.SENT), ("parks", OrderState.SENT))


def test_handed_down_is_below_and_takes_no_time_away() -> None:
    story = Story().in_hand("water", "water-north", "roads")
    for unit in ("water", "roads", "city"):
        assert refused(story, Act.HAND_DOWN, WATER, unit=unit) == ("not_below", "unit")
    handling = story.case.running(ClockKind.HANDLING)
    story.do(Act.HAND_DOWN, WATER, unit="water-north")
    assert story.case.running(ClockKind.HANDLING) == handling
    assert story.case.orders == (("roads", OrderState.SENT),)
    assert "sign_for" in running(story.case)
    # The clock of the return that ran for the unit above has ended; one for the other runs.
    assert [c.runs for c in story.case.clocks if c.kind is ClockKind.RETURN] == [False, True]


def test_who_assists_signs_replies_or_is_let_go() -> None:
    story = Story().in_hand("water", "roads", "parks")
    no = {"return_reason": "not_our_area", "legal_basis": "区划", "text": "不在辖区"}
    assert refused(story, Act.ASSIST_SIGN, PARKS, unit="roads") == ("other_unit",)
    assert refused(story, Act.ASSIST_SIGN, user_of("city"), unit="county") == (
        "not_assisting", "unit")  # fmt: skip
    assert refused(story, Act.ASSIST_REPLY, ROADS, unit="roads", measure="-", text="-") == (
        "order_state", "unit")  # fmt: skip
    story.do(Act.ASSIST_SIGN, ROADS, unit="roads")
    assert refused(story, Act.ASSIST_SIGN, ROADS, unit="roads") == ("order_state", "unit")
    story.do(Act.ASSIST_RETURN, PARKS, unit="parks", **no)
    assert dict(story.case.orders) == {"roads": "in_hand", "parks": "returned"}
    story.do(Act.ASSIST_KEEP, DISPATCHER, unit="parks", reason="有绿化带")
    assert dict(story.case.orders)["parks"] is OrderState.IN_HAND
    story.do(Act.ASSIST_RETURN, PARKS, unit="parks", **no)
    story.do(Act.ASSIST_RELEASE, DISPATCHER, unit="parks", reason="属实")
    assert refused(story, Act.REPLY, WATER, **REPLY) == ("assisting_open", "roads")
    story.do(Act.ASSIST_REPLY, ROADS, unit="roads", measure="开挖", text="完成")
    assert dict(story.case.orders) == {"roads": "replied", "parks": "released"}
    assert story.do(Act.REPLY, WATER, **REPLY).state is S.REPLIED


def test_an_extension_is_asked_before_the_deadline_and_granted_within_bounds() -> None:
    story = Story().in_hand()
    ask, grant = Act.ASK_EXTENSION, Act.GRANT_EXTENSION
    told = {"public_text": "延期告知"}
    assert refused(story, grant, DISPATCHER, days=3, **told) == ("extension_not_asked",)
    assert refused(story, ask, WATER, reason="备料", days=11) == ("extension_too_long", "days")
    assert refused(story, ask, WATER, reason="备料", days=0) == ("malformed", "days")
    story.having(deadlines={ClockKind.HANDLING: story.context.now - timedelta(seconds=1)})
    assert refused(story, ask, WATER, reason="备料", days=5) == ("extension_too_late",)
    story.having(deadlines={ClockKind.HANDLING: story.context.now})
    story.do(ask, WATER, reason="备料", days=5)
    assert refused(story, ask, WATER, reason="备料", days=5) == ("extension_asked",)
    story.do(Act.REFUSE_EXTENSION, DISPATCHER, reason="理由不足")
    assert (story.case.extension_asked, story.case.extensions) == (0, 0)
    story.having(deadlines={})
    story.do(ask, WATER, reason="备料", days=5)
    assert refused(story, grant, DISPATCHER, days=6, **told) == ("extension_too_long", "days")
    story.do(grant, DISPATCHER, days=4, **told)
    clock = story.case.running(ClockKind.HANDLING)
    assert clock is not None
    assert (clock.extended, story.case.extensions, story.case.extension_asked) == (4, 1, 0)
    assert refused(story, ask, WATER, reason="备料", days=5) == ("extension_limit",)


def test_a_pause_has_a_reason_and_a_long_one_somebody_else_who_approves_it() -> None:
    story = Story().in_hand()
    assert refused(story, Act.RESUME, WATER) == ("not_paused",)
    long = {"reason": "等待鉴定", "hours": 25}
    for nobody in ({}, {"approved_by": DISPATCHER.person}):
        assert refused(story, Act.PAUSE, DISPATCHER, **long, **nobody) == (
            "approver_needed", "approved_by")  # fmt: skip
    story.do(Act.PAUSE, DISPATCHER, **long, approved_by="wang")
    began = story.steps[-1].at
    assert story.case.paused
    for act, by, given in (
        (Act.PAUSE, DISPATCHER, {"reason": "-", "hours": 24}),
        (Act.RETURN, WATER, RETURN),
        (Act.HAND_DOWN, WATER, {"unit": "water-north"}),
    ):
        assert refused(story, act, by, **given) == ("paused",)
    assert refused(story, Act.RESUME, ROADS) == ("other_unit",)
    story.later(hours=5)
    story.do(Act.RESUME, SERVICE)
    clock = story.case.running(ClockKind.HANDLING)
    assert clock is not None
    assert [(p.starts, p.ends) for p in clock.pauses] == [(began, story.steps[-1].at)]
    story.do(Act.PAUSE, DISPATCHER, reason="-", hours=24)
    # A reply ends the pause with the clock.
    story.do(Act.REPLY, WATER, **REPLY)
    assert not story.case.paused
    (clock,) = (one for one in story.case.clocks if one.kind is ClockKind.HANDLING)
    assert clock.pauses[-1].ends == clock.stopped is not None


def test_merged_follows_a_case_that_follows_none() -> None:
    story = Story().in_hand()
    reason = {"reason": "同一事项"}
    for into, code in (
        ("20261124-00001", "merge_into_itself"),
        ("20261124-00003", "merge_into_merged"),
        ("20261124-00004", "unknown_case"),
    ):
        assert refused(story, Act.MERGE, DISPATCHER, into=into, **reason) == (code, "into")
    story.having(followed=True)
    assert refused(story, Act.MERGE, DISPATCHER, into="20261124-00002", **reason) == (
        "others_follow",)  # fmt: skip
    story.having(followed=False)
    story.do(Act.MERGE, DISPATCHER, into="20261124-00002", **reason)
    assert (story.case.state, story.case.into) == (S.MERGED, "20261124-00002")
    assert refused(story, Act.REPLY, WATER, **REPLY) == ("wrong_state",)
    assert story.do(Act.UNMERGE, DISPATCHER, **reason).state is S.IN_HAND
    assert story.case.into == ""


def test_urged_three_times_supervised_signed_off() -> None:
    story = Story().dispatched()
    for number in (1, 2, 3):
        assert story.do(Act.URGE, SERVICE if number == 1 else DISPATCHER).urged == number
    assert refused(story, Act.URGE, DISPATCHER) == ("urged_enough",)
    due = {"reason": "逾期", "due": story.context.now.isoformat()}
    assert refused(story, Act.SUPERVISE, DISPATCHER, **due) == ("not_ahead", "due")
    due["due"] = (story.context.now + timedelta(days=1)).isoformat()
    story.do(Act.SUPERVISE, SERVICE, **due)
    assert refused(story, Act.CIRCULATE, SERVICE, text="通报") == ("wrong_role",)
    story.do(Act.CIRCULATE, SUPERVISOR, text="通报")
    story.do(Act.INSTRUCT, LEADER, text="限期办结")
    assert story.case.signed
    assert "supervision" in running(story.case)
    story.do(Act.INSTRUCT, LEADER, text="再次批示")
    kinds = [c.runs for c in story.case.clocks if c.kind is ClockKind.SUPERVISION]
    assert kinds == [False, True]


def test_a_correction_is_a_step_and_says_what_was() -> None:
    story = Story().accepted()
    assert refused(story, Act.CORRECT, OPERATOR, reason="-") == (
        "missing", "kind", "category", "urgency")  # fmt: skip
    story.do(Act.CORRECT, OPERATOR, reason="听错", kind="complaint")
    assert (story.case.kind, story.case.category) == ("complaint", "water.leak")
    assert (story.steps[-1].before, story.steps[-1].after) == (
        {"kind": "help"}, {"kind": "complaint"})  # fmt: skip
    assert story.steps[-1].words == {"reason": "听错"}
    assert story.steps[-1].given == {"kind": "complaint"}
    assert story.steps[-1].roles == ("operator",)


def extended_and_urged() -> Story:
    story = Story().in_hand()
    story.do(Act.ASK_EXTENSION, WATER, reason="备料", days=5)
    story.do(Act.GRANT_EXTENSION, DISPATCHER, days=5, public_text="延期告知")
    story.do(Act.URGE, DISPATCHER)
    story.having(bounds=Bounds(extensions=2))
    story.do(Act.ASK_EXTENSION, WATER, reason="备料", days=5)
    return story


def counts(case: FoldedCase) -> tuple[int, int, int]:
    return case.extension_asked, case.extensions, case.urged


def test_what_was_granted_to_one_unit_is_not_held_against_the_next() -> None:
    story = extended_and_urged()
    assert counts(story.case) == (5, 1, 1)
    assert counts(story.do(Act.RECALL, DISPATCHER, reason="派错")) == (0, 0, 0)
    assert counts(story.do(Act.DISPATCH, DISPATCHER, unit="roads")) == (0, 0, 0)
    # What is handed down runs on by the same clock, and so with what was granted on it.
    story = extended_and_urged()
    assert counts(story.do(Act.HAND_DOWN, WATER, unit="water-north")) == (0, 1, 1)
    story = extended_and_urged()
    assert counts(story.do(Act.REPLY, WATER, **REPLY)) == (0, 1, 1)


def test_bounds_are_the_offices_own() -> None:
    story = Story().in_hand()
    story.having(bounds=Bounds(refusals=1, extensions=0, redos=0, urgings=0, pause_hours=1))
    assert refused(story, Act.URGE, DISPATCHER) == ("urged_enough",)
    assert refused(story, Act.ASK_EXTENSION, WATER, reason="-", days=1) == ("extension_limit",)
    story.do(Act.RETURN, WATER, **RETURN)
    assert story.do(Act.REFUSE_RETURN, DISPATCHER, reason="-").state is S.CONSULTING


def test_what_is_not_of_its_kind_or_not_known_is_refused_by_name() -> None:
    story = Story().opened()
    assert refused(story, Act.ACCEPT, OPERATOR, kind="help", category="a", colour="red") == (
        "unknown_field", "colour")  # fmt: skip
    for given, wrong in (
        ({"kind": "wish", "category": "a"}, "kind"),
        ({"kind": "help", "category": "a", "text": "  "}, "text"),
        ({"kind": "help", "category": 7}, "category"),
    ):
        assert refused(story, Act.ACCEPT, OPERATOR, **given) == ("malformed", wrong)
    assert refused(story, Act.ROUTE, OPERATOR, way="court", told=1) == ("malformed", "told")
    story = Story().accepted()
    for units in (("",), "roads", (7,)):
        assert refused(story, Act.DISPATCH, DISPATCHER, unit="water", assisting=units) == (
            "malformed", "assisting")  # fmt: skip
    story = Story().in_hand()
    for days in (True, "3", -1):
        assert refused(story, Act.ASK_EXTENSION, WATER, reason="-", days=days) == (
            "malformed", "days")  # fmt: skip
    naive = "2027-01-01T00:00:00"
    assert refused(story, Act.PARK, LEADER, reason="-", next_look=naive) == (
        "malformed", "next_look")  # fmt: skip
    assert refused(story, Act.REPLY, DISPATCHER, **REPLY) == ("wrong_role",)
