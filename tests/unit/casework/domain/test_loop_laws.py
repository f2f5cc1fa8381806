"""Every command at every moment: the machine never leaves its table, and a case is its steps."""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from callcenter.casework.domain.changes import CHANGES
from callcenter.casework.domain.folded import OF_THE_CHAIN, Command, FoldedCase, Refusal
from callcenter.casework.domain.guards import GUARDS
from callcenter.casework.domain.loop import StepDoesNotFit, apply, decide, fold, possible
from callcenter.casework.domain.states import (
    FIELDS,
    REFUSALS,
    Act,
    CaseState,
    ClockAct,
    ClockKind,
    Field,
    FieldKind,
    OrderState,
    RefusalCode,
)
from callcenter.casework.domain.steps import (
    chained,
    fault,
    step_as_json,
    step_from_json,
    tombstone,
)
from callcenter.casework.domain.table import (
    ORDERS,
    TABLE,
    UNIT,
    Guard,
    Row,
    Side,
    To,
    rows_of,
    targets,
)
from callcenter.people.domain.permissions import Role
from tests.unit.casework.domain.stories import (
    DISPATCHER,
    EVERYBODY,
    OPERATOR,
    UNITS,
    WATER,
    Story,
    user_of,
)

S = CaseState
HELD = {S.DISPATCHED, S.IN_HAND, S.RETURNED, S.REDO, S.REPLIED, S.REVIEWING}
RUNNING: dict[ClockKind, set[CaseState]] = {
    ClockKind.CITIZEN: {state for state in S if not state.ended and state is not S.NEW},
    ClockKind.DISPATCH: {S.DISPATCHING, S.CONSULTING},
    ClockKind.HANDLING: {S.DISPATCHED, S.IN_HAND, S.RETURNED},
    ClockKind.JUDGEMENT: {S.RETURNED},
    ClockKind.REDO: {S.REDO},
    ClockKind.REVIEW: {S.REPLIED, S.REVIEWING},
}
"""In which states a clock runs, and in no other; told apart from the table."""


def value_of(name: Field, dice: random.Random, story: Story) -> Any:
    rule = FIELDS[name]
    now = story.context.now
    match rule.kind:
        case FieldKind.WORDS | FieldKind.PERSON:
            return dice.choice(("市民说了", "wang"))
        case FieldKind.CODE:
            return dice.choice(sorted(rule.codes) or ["water.leak"])
        case FieldKind.UNIT:
            return dice.choice(sorted(UNITS))
        case FieldKind.UNITS:
            return tuple(dice.sample(sorted(UNITS), dice.randrange(3)))
        case FieldKind.CASE:
            return "20261124-00002"
        case FieldKind.COUNT:
            return dice.randrange(1, 12)
        case FieldKind.YES_NO:
            return dice.random() < 0.6
        case FieldKind.MOMENT:
            return (now + timedelta(days=-1 if name is Field.TOLD_AT else 1)).isoformat()


def filled(row: Row, dice: random.Random, story: Story) -> dict[str, Any]:
    may = [name for name in row.may if dice.random() < 0.8]
    return {name: value_of(name, dice, story) for name in (*row.needs, *may)}


def weight(row: Row) -> float:
    """What ends a case is rarer than what goes on, or nothing long would be told."""
    if row.to is To.SAME:
        return 0.5 if row.act in (Act.NOTE, Act.CORRECT, Act.INSTRUCT, Act.CIRCULATE) else 2
    if row.act is Act.CLOSE:
        return 2
    return 0.3 if row.to is S.MERGED or (isinstance(row.to, S) and row.to.ended) else 6


def comparable(case: FoldedCase) -> FoldedCase:
    return replace(case, steps=0, head="", at=None)


def held_by(case: FoldedCase) -> CaseState:
    """The state that counts for its clocks: what is parked or merged is where it was."""
    waiting = [*case.back, case.state]
    while waiting[-1] in (S.MERGED, S.PARKED):
        waiting.pop()
    return waiting[-1]


class EveryCommandAtEveryMoment(RuleBasedStateMachine):
    """A case, acted on by everybody with everything."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story()

    def tell(self, act: str, by: Any, given: dict[str, Any]) -> None:
        case, context = self.story.case, self.story.context
        found = decide(case, Command(act, by, given), context)
        assert decide(case, Command(act, by, given), context) == found
        if isinstance(found, Refusal):
            assert found.code in REFUSALS
            return
        for step in found:
            self.story.case = apply(self.story.case, step)
            self.story.steps.append(step)
        now = self.story.case.state
        # The table has this arrow, for one of these roles (or the service).
        rows = rows_of(act, case.state)
        assert any(
            now in targets(row) and (row.who & by.roles or (row.system and not by.person))
            for row in rows
        )
        assert found[0].after.get("state", case.state) == now
        assert found[0].at >= (case.at or found[0].at)
        changed = {
            name for name in found[0].after if getattr(case, name) == getattr(self.story.case, name)
        }
        assert not changed

    def move(self, dice: random.Random, done: Collection[str] = ()) -> str:
        """Somebody does what he may, with what it needs, rather what is not among `done`; what it
        did, or ''."""
        case = self.story.case
        self.story.having(review_due=dice.random() < 0.8)
        rows = [row for row in TABLE if case.state in row.states]
        (row,) = dice.choices(rows, [weight(row) * (1 if row.act in done else 8) for row in rows])
        fits = [by for by in EVERYBODY if row.who & by.roles or (row.system and not by.person)]
        if row.who == UNIT:
            fits = [user_of(case.main)]
        by = dice.choice(fits)
        given = filled(row, dice, self.story)
        units = {
            Act.HAND_DOWN: [unit for unit, above in UNITS.items() if above == case.main],
            Act.RAISE: [UNITS.get(case.main, "")],
        }.get(row.act, [unit for unit, _ in case.orders] if row.act in ORDERS else [])
        if units:
            given["unit"] = dice.choice(units)
        if row.act is Act.GRANT_EXTENSION:
            given["days"] = case.extension_asked
        if row.side is Side.ASSISTING:
            by = user_of(given["unit"])
        steps = len(self.story.steps)
        self.tell(row.act, by, given)
        return str(row.act) if len(self.story.steps) > steps else ""

    @rule(seed=st.integers(0, 2**32), hours=st.sampled_from((-2, 0, 0.5, 30)))
    def people_do_what_they_may(self, seed: int, hours: float) -> None:
        dice = random.Random(seed)
        self.story.later(hours=hours)
        for _ in range(4):
            self.move(dice)

    @rule(seed=st.integers(0, 2**32), by=st.sampled_from(EVERYBODY), act=st.sampled_from(Act))
    def anybody_tries_anything(self, seed: int, by: Any, act: Act) -> None:
        dice = random.Random(seed)
        row = dice.choice([row for row in TABLE if row.act is act])
        given = filled(row, dice, self.story)
        if dice.random() < 0.3:
            given[dice.choice(list(Field))] = dice.choice(("", 0, "x", True, ("water",)))
        self.tell(act, by, given)

    @rule(seed=st.integers(0, 2**32))
    def merged_and_unmerged_it_is_as_it_was(self, seed: int) -> None:
        before = self.story.case
        self.tell(Act.MERGE, DISPATCHER, {"into": "20261124-00002", "reason": "同一事项"})
        if before.state is not S.MERGED and self.story.case.state is S.MERGED:
            self.tell(Act.UNMERGE, DISPATCHER, {"reason": "不是同一事项"})
            assert comparable(self.story.case) == comparable(before)

    @invariant()
    def it_is_the_fold_of_its_steps(self) -> None:
        written = json.loads(json.dumps([step_as_json(step) for step in self.story.steps]))
        steps = [step_from_json(data) for data in written]
        assert fault(steps) is None
        assert fold(steps) == self.story.case
        assert fold(map(tombstone, steps)) == self.story.case
        assert fault(map(tombstone, steps)) is None

    @invariant()
    def clocks_run_where_they_should(self) -> None:
        case = self.story.case
        for kind in ClockKind:
            assert sum(clock.kind is kind and clock.runs for clock in case.clocks) <= 1
        for kind, states in RUNNING.items():
            assert (case.running(kind) is not None) == (held_by(case) in states), kind
        if case.state.ended:
            assert not any(clock.runs for clock in case.clocks)
        for clock in case.clocks:
            if clock.kind is ClockKind.CITIZEN:
                assert not clock.pauses
            if not clock.runs:
                assert not clock.paused
                assert clock.stopped is not None
                assert clock.stopped >= clock.started
        if case.paused:
            waited = {*case.back, case.state}
            assert waited & {S.IN_HAND, S.REDO, S.PARKED}

    @invariant()
    def its_fields_agree(self) -> None:
        case, bounds = self.story.case, self.story.context.bounds
        assert bool(case.back) == (case.state in (S.RETURNED, S.PARKED, S.MERGED))
        assert case.back.count(S.MERGED) == 0
        if held_by(case) in HELD:
            assert case.main in UNITS
        if held_by(case) in (S.INTAKE, S.DISPATCHING, S.CONSULTING):
            assert case.main == ""
            assert case.orders == ()
        units = [case.main, *(unit for unit, _ in case.orders)]
        assert len(set(units)) == len(units)
        assert case.redos <= bounds.redos
        assert case.extensions <= bounds.extensions
        assert case.urged <= bounds.urgings
        assert case.refusals <= bounds.refusals
        assert set(case.released) <= set(case.returned)
        assert (case.into != "") == (case.state is S.MERGED)
        assert (case.state is S.PARKED) <= (case.next_look != "")
        if case.extension_asked:
            assert held_by(case) in (S.IN_HAND, S.RETURNED) or case.state.ended

    @invariant()
    def buttons_are_what_is_not_refused_by_state_role_or_unit(self) -> None:
        case, context = self.story.case, self.story.context
        dice = random.Random(len(self.story.steps))
        by = dice.choice(EVERYBODY)
        shown = {row.act for row in possible(case, by, context)}
        assert len(shown) == len(possible(case, by, context))
        for act in Act:
            given: dict[str, Any] = {}
            rows = rows_of(act, case.state)
            if rows:
                given = filled(rows[0], dice, self.story)
            if rows and rows[0].side is Side.ASSISTING:
                continue
            found = decide(case, Command(act, by, given), context)
            if isinstance(found, Refusal) and found.code in (
                RefusalCode.WRONG_STATE, RefusalCode.WRONG_ROLE, RefusalCode.OTHER_UNIT,
            ):  # fmt: skip
                assert act not in shown
            elif not isinstance(found, Refusal):
                assert act in shown


EveryCommandAtEveryMoment.TestCase.settings = settings(
    max_examples=15, stateful_step_count=15, deadline=None
)
test_every_command_at_every_moment = EveryCommandAtEveryMoment.TestCase


def test_long_ways_through_the_loop_do_everything_there_is() -> None:
    dice, done = random.Random(12345), {""}
    begun = (Story, lambda: Story().in_hand("water", "roads"), lambda: Story().reviewing())
    for number in range(300):
        if number > 20 and {*map(str, Act)} <= done:
            break
        machine = EveryCommandAtEveryMoment()
        machine.story = begun[number % 3]()
        for _ in range(40):
            machine.story.later(hours=dice.choice((0, 1, 7, 20)))
            done.add(machine.move(dice, done))
            machine.clocks_run_where_they_should()
            machine.its_fields_agree()
        machine.buttons_are_what_is_not_refused_by_state_role_or_unit()
        machine.it_is_the_fold_of_its_steps()
    assert {*map(str, Act)} - done == set()


def test_what_the_table_does_not_have_is_refused_whoever_asks() -> None:
    everybody = replace(DISPATCHER, roles=frozenset(Role), unit="city")
    for state in S:
        for act in Act:
            if not rows_of(act, state):
                case = FoldedCase(state=state)
                found = decide(case, Command(act, everybody), Story().context)
                assert found == Refusal(RefusalCode.WRONG_STATE), (state, act)
    assert decide(FoldedCase(), Command("fly", everybody), Story().context) == Refusal(
        RefusalCode.WRONG_STATE
    )


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.act}-{row.to}")
def test_no_row_can_be_done_by_a_role_that_it_does_not_name(row: Row) -> None:
    for state in row.states:
        case = FoldedCase(state=state, main="water", back=(S.IN_HAND,))
        for role in set(Role) - set().union(*(r.who for r in rows_of(row.act, state))):
            by = replace(DISPATCHER, roles=frozenset({role}))
            found = decide(case, Command(row.act, by), Story().context)
            assert found == Refusal(RefusalCode.WRONG_ROLE), (state, role)
        if not row.system:
            found = decide(case, Command(row.act, EVERYBODY[6]), Story().context)
            assert found == Refusal(RefusalCode.WRONG_ROLE)


def test_the_table_is_whole() -> None:
    assert set(GUARDS) == set(Guard) == {guard for row in TABLE for guard in row.guards}
    assert {row.act for row in TABLE} == set(Act)
    assert set(FIELDS) == set(Field) == {f for row in TABLE for f in (*row.needs, *row.may)}
    assert set(REFUSALS) == set(RefusalCode)
    assert set(CHANGES) <= set(Act)
    assert set(ORDERS) == {row.act for row in TABLE if Guard.ORDER_FITS in row.guards}
    for row in TABLE:
        assert row.who
        assert len(set(row.states)) == len(row.states)
        assert not set(row.needs) & set(row.may)
        # Only the last of an act's rows in a state is without a condition.
        for state in row.states:
            rows = rows_of(row.act, state)
            assert [one.only is None for one in rows] == [False] * (len(rows) - 1) + [True]
    # The citizen's clock is neither paused nor extended, and begins where a case does.
    for row in TABLE:
        assert ClockKind.CITIZEN not in (*row.pauses, *row.resumes, *row.extends)
        assert (ClockKind.CITIZEN in row.starts) == (row.act in (Act.OPEN, Act.REOPEN))


def test_every_state_is_reached_and_left() -> None:
    reached, more = {S.NEW}, True
    while more:
        now = reached | {
            state for row in TABLE if set(row.states) & reached for state in targets(row)
        }
        more, reached = now != reached, now
    assert reached == set(S)
    for state in S:
        assert any(targets(row) - {state} for row in TABLE if state in row.states), state
    returned = next(row for row in TABLE if row.act is Act.UNPARK)
    assert returned.to is To.BACK
    assert targets(returned) == {S.IN_HAND, S.REDO, S.REPLIED, S.REVIEWING}


def test_a_step_that_does_not_follow_is_never_applied() -> None:
    story = Story().in_hand()
    first, second, *_ = story.steps
    with pytest.raises(StepDoesNotFit):
        apply(FoldedCase(), second)
    with pytest.raises(StepDoesNotFit):
        apply(story.case, first)
    other = Story().opened().case
    for forged in (
        replace(second, previous="1" * 64),
        replace(second, number=3),
        replace(second, before={**second.before, "kind": "complaint"}),
        replace(second, before={**second.before, "colour": "red"}),
    ):
        with pytest.raises(StepDoesNotFit):
            apply(other, forged)
    assert apply(other, second).state is S.DISPATCHING


def test_a_chain_shows_whatever_was_done_to_it() -> None:
    steps = Story().in_hand().steps
    assert fault(steps) is None
    one = steps[1]
    words = dict(one.words or {})
    changed = [
        replace(one, person="other"), replace(one, unit="roads"), replace(one, roles=()),
        replace(one, at=one.at + timedelta(microseconds=1)), replace(one, act=Act.NOTE),
        replace(one, given={}), replace(one, before={}), replace(one, after={}),
        replace(one, clocks=()), replace(one, words_sha256="0" * 64),
        replace(one, words={**words, "text": "另"}), replace(one, salt="other"),
        replace(one, previous="0" * 64), replace(one, number=1),
        chained(replace(one, previous="0" * 64)), chained(replace(one, words={"text": "另"})),
    ]  # fmt: skip
    for forged in changed:
        assert fault([steps[0], forged, *steps[2:]]), forged
    # What is written anew, hash and all, no longer holds what comes after it.
    rewritten = chained(replace(one, person="other"))
    assert fault([steps[0], rewritten]) is None
    assert fault([steps[0], rewritten, *steps[2:]]) == "step 3 does not follow on the one before it"
    assert fault([steps[0], *steps[2:]]) == "step 2 is missing"
    assert fault(steps[1:]) == "step 1 is missing"
    assert fault([]) is None


def test_a_tombstone_says_nothing_and_proves_the_chain() -> None:
    story = Story().opened()
    story.do(Act.NOTE, OPERATOR, text="电话13800000000")
    note = story.steps[-1]
    gone = tombstone(note)
    assert note.words == {"text": "电话13800000000"}
    assert not note.is_tombstone
    assert gone.is_tombstone
    assert "13800000000" not in json.dumps(step_as_json(gone))
    assert gone.salt == ""
    assert fault([story.steps[0], gone]) is None
    # Without the salt nobody can try which words they were.
    other = Story()
    other.having(salt="another")
    other.opened().do(Act.NOTE, OPERATOR, text="电话13800000000")
    assert other.steps[-1].words_sha256 != note.words_sha256


def test_only_free_text_is_taken_away() -> None:
    for row in TABLE:
        for name in (*row.needs, *row.may):
            assert (FIELDS[name].kind is FieldKind.WORDS) == (
                name in {"reason", "text", "public_text", "measure", "legal_basis"}
            )
    assert not {"words", "reason", "text"} & set(FoldedCase.__slots__)
    assert {"steps", "head", "at", "clocks"} == OF_THE_CHAIN


def test_buttons_of_a_unit() -> None:
    story = Story().dispatched("water", "roads")
    acts = {row.act for row in possible(story.case, WATER, story.context)}
    assert acts == {Act.NOTE, Act.SIGN_FOR, Act.RETURN}
    roads = {row.act for row in possible(story.case, EVERYBODY[9], story.context)}
    assert roads == {Act.ASSIST_SIGN, Act.ASSIST_RETURN, Act.ASSIST_REPLY}
    assert possible(story.case, EVERYBODY[10], story.context) == ()


def test_a_clock_set_back_makes_no_step_before_the_last() -> None:
    story = Story().opened()
    story.later(days=-3)
    story.do(Act.NOTE, OPERATOR, text="-")
    assert story.steps[1].at == story.steps[0].at


def test_what_a_row_says_of_clocks_is_what_the_step_says() -> None:
    story = Story().dispatched()
    said = [(c.kind, c.act) for c in story.steps[-1].clocks]
    assert said == [
        (ClockKind.DISPATCH, ClockAct.STOP),
        (ClockKind.SIGN_FOR, ClockAct.START),
        (ClockKind.RETURN, ClockAct.START),
        (ClockKind.CONTACT, ClockAct.START),
        (ClockKind.HANDLING, ClockAct.START),
    ]
    assert OrderState.REPLIED.done
    assert OrderState.RELEASED.done
    assert not OrderState.RETURNED.done


def test_the_order_in_which_a_database_gives_keys_back_is_no_change() -> None:
    steps = Story().dispatched("water", "roads").steps
    turned = []
    for step in steps:
        data = step_as_json(step)
        for name in ("given", "before", "after", "words"):
            data[name] = dict(reversed(data[name].items()))
        turned.append(step_from_json(data))
    assert [list(step.after) for step in turned] != [list(step.after) for step in steps]
    assert fault(turned) is None
    assert fold(turned) == fold(steps)
