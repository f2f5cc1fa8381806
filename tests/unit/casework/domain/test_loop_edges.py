"""The last moment and the first wrong value of each rule of the loop, and what stays for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callcenter.casework.domain.folded import (
    FACTS,
    By,
    Command,
    Context,
    FoldedCase,
    moment_in,
    plain,
    typed,
)
from callcenter.casework.domain.loop import decide
from callcenter.casework.domain.states import (
    Act,
    CaseState,
    ClockAct,
    ClockKind,
    Field,
    OrderState,
    Review,
)
from callcenter.casework.domain.steps import (
    ClockChange,
    Step,
    chained,
    step_as_json,
    step_from_json,
    words_hash,
)
from tests.unit.casework.domain.stories import (
    CITY,
    DISPATCHER,
    LEADER,
    OPERATOR,
    REVIEWER,
    UNITS,
    WATER,
    Story,
    refused,
)

NOW = datetime(2026, 11, 24, 1, tzinfo=UTC)

WRITTEN = Step(
    number=2,
    act=Act.PAUSE,
    at=datetime(2026, 11, 24, 9, 5, 0, 120, tzinfo=CITY),
    person="王",
    unit="water",
    roles=("supervisor", "unit_user"),
    given={"hours": 5, "assisting": ["roads"], "told": True},
    before={"state": "in_hand"},
    after={"state": "in_hand", "orders": [["roads", "sent"]]},
    clocks=(ClockChange(ClockKind.HANDLING, ClockAct.EXTEND, 3),),
    words={"text": "电话13800000000", "reason": "检测"},
    salt="salt",
    words_sha256=words_hash({"reason": "检测", "text": "电话13800000000"}, "salt"),
    previous="0" * 64,
)

WORDS_SHA256 = "8864c3e9fe2b45648ce30fa706e96dd1faae6d06119b5768f37462d9bc081217"
STEP_SHA256 = "12bf674dc0c33f71df459e6879a5a1d22bc3d2c8362b9d9ebc11a01133fdf374"


def test_a_hash_is_reckoned_by_every_version_as_by_this_one() -> None:
    """Chains outlive programs: these two never change."""
    assert WRITTEN.words_sha256 == WORDS_SHA256
    assert chained(WRITTEN).sha256 == STEP_SHA256
    in_utc = replace(WRITTEN, at=WRITTEN.at.astimezone(UTC))
    assert chained(in_utc).sha256 == STEP_SHA256, "a moment is the same in every zone"


def test_a_step_is_written_with_all_that_it_says() -> None:
    written = step_as_json(WRITTEN)
    assert written == {
        "number": 2,
        "act": "pause",
        "at": "2026-11-24T01:05:00.000120+00:00",
        "person": "王",
        "unit": "water",
        "roles": ["supervisor", "unit_user"],
        "given": {"hours": 5, "assisting": ["roads"], "told": True},
        "before": {"state": "in_hand"},
        "after": {"state": "in_hand", "orders": [["roads", "sent"]]},
        "clocks": [["handling", "extend", 3]],
        "words": {"text": "电话13800000000", "reason": "检测"},
        "salt": "salt",
        "words_sha256": WORDS_SHA256,
        "previous": "0" * 64,
        "sha256": "",
    }
    assert step_from_json(written) == replace(WRITTEN, at=WRITTEN.at.astimezone(UTC))
    assert step_as_json(replace(WRITTEN, words=None))["words"] is None


@pytest.mark.parametrize(
    ("act", "by", "given", "wrong"),
    [
        (Act.NOTE, OPERATOR, {"text": "-"}, {"text": ["", "  ", 1, True, ("x",), ()]}),
        (
            Act.DISPATCH, DISPATCHER, {"unit": "water", "assisting": ("roads",)},
            {"unit": ["", " ", 1, ("water",)], "assisting": ["roads", ("roads", ""), (1,), 0]},
        ),
        (Act.ACCEPT, OPERATOR, {"kind": "help", "category": "water"},
         {"kind": ["nonsense", "", 1, ("help",)], "category": [1, ("water",)]}),
    ],
)  # fmt: skip
def test_what_is_not_of_its_kind_is_named(
    act: Act, by: By, given: dict[str, Any], wrong: dict[str, list[Any]]
) -> None:
    story = Story().opened() if act is not Act.DISPATCH else Story().accepted()
    for name, values in wrong.items():
        for value in values:
            assert refused(story, act, by, **{**given, name: value}) == ("malformed", name), value
    every = {name: values[-1] for name, values in wrong.items()}
    assert refused(story, act, by, **{**given, **every}) == ("malformed", *sorted(every))
    story.do(act, by, **given)


@pytest.mark.parametrize("hours", [True, 0, -1, "24", 1.5, (24,)])
def test_a_count_is_a_whole_number_from_1(hours: Any) -> None:
    story = Story().in_hand()
    assert refused(story, Act.PAUSE, DISPATCHER, reason="-", hours=hours) == ("malformed", "hours")


def test_bounds_hold_to_the_last_one() -> None:
    story = Story().in_hand()
    story.do(Act.PAUSE, DISPATCHER, reason="-", hours=24)
    story.do(Act.RESUME, WATER)
    story.do(Act.PAUSE, DISPATCHER, reason="-", hours=1)
    story.do(Act.RESUME, WATER)
    story.do(Act.ASK_EXTENSION, WATER, reason="-", days=10)
    story.do(Act.GRANT_EXTENSION, DISPATCHER, days=10, public_text="-")
    for number in (1, 2, 3):
        assert story.do(Act.URGE, DISPATCHER, text="-").urged == number
    assert refused(story, Act.URGE, DISPATCHER, text="-") == ("urged_enough",)


@pytest.mark.parametrize(
    ("seconds", "found"), [(-1, None), (0, None), (1, ("not_ahead", "told_at"))]
)
def test_an_emergency_service_was_told_before_or_now(
    seconds: int, found: tuple[str, ...] | None
) -> None:
    story = Story().opened()
    at = (story.context.now + timedelta(seconds=seconds)).isoformat()
    given = {"service": "119", "told_at": at}
    if found is None:
        story.do(Act.PASS_ON, OPERATOR, **given)
    else:
        assert refused(story, Act.PASS_ON, OPERATOR, **given) == found


@pytest.mark.parametrize(("seconds", "over"), [(-1, False), (0, False), (1, True)])
def test_a_deadline_is_over_when_it_has_passed(seconds: int, over: bool) -> None:
    now = NOW + timedelta(seconds=seconds)
    context = Context(now, CITY, deadlines={ClockKind.RETURN: NOW})
    assert context.is_over(ClockKind.RETURN) is over
    assert context.is_over(ClockKind.HANDLING) is False


@pytest.mark.parametrize(
    ("unit", "above", "within"),
    [
        ("water", "water", True), ("water-north", "water", True), ("water-north", "city", True),
        ("water", "water-north", False), ("roads", "water", False), ("moon", "city", False),
        ("moon", "moon", True), ("", "city", False), ("", "", False), ("water", "", False),
        ("ring", "city", False), ("ring", "gnir", True),
    ],
)  # fmt: skip
def test_a_unit_is_within_those_above_it(unit: str, above: str, within: bool) -> None:
    """Units whose tree is a ring, which an import could bring, end too."""
    context = Context(NOW, CITY, {**UNITS, "ring": "gnir", "gnir": "ring"})
    assert context.within(unit, above) is within


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T09:00:00+08:00", NOW),
        ("2026-11-24T01:00:00Z", NOW),
        ("2026-11-24T09:00:00", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_a_moment_has_its_offset(text: str, moment: datetime | None) -> None:
    found = moment_in(text)
    assert found == moment
    assert found is None or found.tzinfo is UTC


def test_what_was_not_said_is_nothing_of_its_kind() -> None:
    silent, other = Command("note", By()), Command("note", By(), {"days": "3", "assisting": "x"})
    for command in (silent, other):
        assert command.number(Field.DAYS) == 0
        assert command.units(Field.ASSISTING) == ()
        assert command.words(Field.TEXT) == ""
        assert command.says_yes(Field.TOLD) is False
    said = Command("note", By(), {"days": 3, "assisting": ("a", "b"), "text": "x", "told": True})
    assert (said.number(Field.DAYS), said.units(Field.ASSISTING)) == (3, ("a", "b"))
    assert (said.words(Field.TEXT), said.says_yes(Field.TOLD)) == ("x", True)
    assert not Command("note", By(), {"told": 1}).says_yes(Field.TOLD)


def test_every_fact_is_written_plain_and_read_as_it_was() -> None:
    case = FoldedCase(
        state=CaseState.PARKED, back=(CaseState.IN_HAND, CaseState.REDO), kind="help",
        category="water", urgency="danger", main="water",
        orders=(("roads", OrderState.SENT), ("parks", OrderState.REPLIED)), fixed=True,
        returned=("a", "b"), released=("a",), refusals=1, extension_asked=2, extensions=3, redos=4,
        raised=5, urged=6, signed=True, took_in=("zhang",), reviewer="zhao",
        review=Review.UNREACHED, tries=("t",), next_look="n", into="x",
    )  # fmt: skip
    for name in FACTS:
        value = getattr(case, name)
        assert value != getattr(FoldedCase(), name), name
        read = typed(name, plain(value))
        assert read == value
        assert type(read) is type(value)
        if isinstance(value, tuple):
            assert [type(one) for one in read] == [type(one) for one in value]  # type: ignore[attr-defined]


def test_a_step_names_only_what_it_was_told_and_what_it_changed() -> None:
    story = Story().opened()
    by = replace(OPERATOR, roles=OPERATOR.roles | DISPATCHER.roles, unit="city")
    found = decide(
        story.case,
        Command(Act.ACCEPT, by, {"kind": "help", "category": "water", "text": "漏水"}),
        story.context,
    )
    assert isinstance(found, tuple)
    (step,) = found
    assert (step.number, step.act, step.at) == (2, Act.ACCEPT, story.context.now)
    assert (step.person, step.unit) == ("zhang", "city")
    assert set(step.roles) <= {"operator", "dispatcher"}
    assert list(step.roles) == sorted(step.roles)
    assert step.given == {"kind": "help", "category": "water"}
    assert step.words == {"text": "漏水"}
    assert step.before == {"state": "intake", "kind": "", "category": ""}
    assert step.after == {"state": "dispatching", "kind": "help", "category": "water"}
    assert list(step.before) == list(step.after) == ["state", "kind", "category"]
    assert (step.salt, step.previous) == ("salt", story.steps[0].sha256)


def test_a_try_is_kept_with_its_moment_and_counted_on_the_citys_clock() -> None:
    """Tries at 11 and 17 o'clock in UTC are on one day there and on two in the city."""
    story = Story().reviewing()
    for hour in (11, 12, 17):
        story.having(now=datetime(2026, 11, 25, hour, tzinfo=UTC))
        story.do(Act.REVIEW, REVIEWER, reached=False)
    assert story.case.tries == (
        "2026-11-25T11:00:00+00:00", "2026-11-25T12:00:00+00:00", "2026-11-25T17:00:00+00:00",
    )  # fmt: skip
    assert story.do(Act.CLOSE, REVIEWER).state is CaseState.CLOSED


def test_what_was_parked_and_comes_back_has_no_day_to_look_again() -> None:
    story = Story().in_hand()
    ahead = (story.context.now + timedelta(days=30)).isoformat()
    story.do(Act.PARK, LEADER, reason="-", next_look=ahead)
    story.do(Act.WITHDRAW, OPERATOR, text="-")
    assert story.do(Act.REOPEN, DISPATCHER, reason="-").next_look == ""
