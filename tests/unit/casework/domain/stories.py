"""A small city for the tests of the loop: its units, its people, and a case that they act on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from callcenter.casework.domain.folded import By, Command, Context, FoldedCase, Refusal
from callcenter.casework.domain.loop import apply, decide
from callcenter.casework.domain.states import Act, CaseState
from callcenter.casework.domain.steps import Step
from callcenter.people.domain.permissions import Role

CITY = ZoneInfo("Asia/Shanghai")
UNITS = {
    "city": "", "water": "city", "water-north": "water", "roads": "city", "county": "city",
    "town": "county", "parks": "city",
}  # fmt: skip
OPERATOR = By("zhang", frozenset({Role.OPERATOR}))
DISPATCHER = By("li", frozenset({Role.DISPATCHER}))
SUPERVISOR = By("wang", frozenset({Role.SUPERVISOR}))
REVIEWER = By("zhao", frozenset({Role.REVIEWER}))
LEADER = By("sun", frozenset({Role.LEADER}))
ANALYST = By("qian", frozenset({Role.ANALYST}))
SERVICE = By()


def user_of(unit: str) -> By:
    return By(f"user-{unit}", frozenset({Role.UNIT_USER}), unit)


WATER, NORTH, ROADS, PARKS, TOWN = map(user_of, ("water", "water-north", "roads", "parks", "town"))
EVERYBODY = (
    OPERATOR, DISPATCHER, SUPERVISOR, REVIEWER, LEADER, ANALYST, SERVICE, WATER, NORTH, ROADS,
    PARKS, TOWN,
)  # fmt: skip
RETURN = {
    "return_reason": "not_our_duty", "legal_basis": "三定方案", "unit": "roads", "text": "道路",
}  # fmt: skip
REPLY = {
    "finding": "true", "measure": "修复", "result": "resolved", "text": "内部",
    "public_text": "公开",
}  # fmt: skip


@dataclass
class Story:
    """One case, its steps, and the moment that it is."""

    case: FoldedCase = field(default_factory=FoldedCase)
    steps: list[Step] = field(default_factory=list)
    context: Context = field(
        default_factory=lambda: Context(
            datetime(2026, 11, 24, 1, tzinfo=UTC),
            CITY,
            UNITS,
            number="20261124-00001",
            cases={"20261124-00002": CaseState.IN_HAND, "20261124-00003": CaseState.MERGED},
            salt="salt",
        )
    )

    def ask(self, act: Act, by: By, **given: Any) -> tuple[Step, ...] | Refusal:
        return decide(self.case, Command(act, by, given), self.context)

    def do(self, act: Act, by: By, **given: Any) -> FoldedCase:
        found = self.ask(act, by, **given)
        assert not isinstance(found, Refusal), (act, self.case.state, found)
        for step in found:
            self.case = apply(self.case, step)
            self.steps.append(step)
        self.later(minutes=1)
        return self.case

    def later(self, **by: float) -> None:
        self.context = replace(self.context, now=self.context.now + timedelta(**by))

    def having(self, **changes: Any) -> None:
        self.context = replace(self.context, **changes)

    def opened(self) -> Story:
        self.do(Act.OPEN, OPERATOR)
        return self

    def accepted(self) -> Story:
        self.opened().do(Act.ACCEPT, OPERATOR, kind="help", category="water.leak")
        return self

    def dispatched(self, unit: str = "water", *assisting: str) -> Story:
        self.accepted().do(Act.DISPATCH, DISPATCHER, unit=unit, assisting=assisting)
        return self

    def in_hand(self, unit: str = "water", *assisting: str) -> Story:
        self.dispatched(unit, *assisting).do(Act.SIGN_FOR, user_of(unit))
        return self

    def reviewing(self) -> Story:
        self.in_hand().do(Act.REPLY, WATER, **REPLY)
        self.do(Act.BEGIN_REVIEW, REVIEWER)
        return self

    def heard(self, *, resolved: bool) -> FoldedCase:
        return self.do(
            Act.REVIEW, REVIEWER, reached=True, responded=True, resolved=resolved,
            satisfied="satisfied" if resolved else "dissatisfied",
        )  # fmt: skip


def running(case: FoldedCase) -> set[str]:
    return {str(clock.kind) for clock in case.clocks if clock.runs}


def refused(story: Story, act: Act, by: By, **given: Any) -> tuple[str, ...]:
    before = story.case
    found = story.ask(act, by, **given)
    assert isinstance(found, Refusal), (act, found)
    assert story.case is before
    return (str(found.code), *found.fields)
