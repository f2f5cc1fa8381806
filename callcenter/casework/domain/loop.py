"""The closed loop: a command is decided by the table, and a case is the fold of its steps.

`decide` says what follows from a command, `apply` what a case is after a step. Neither has a clock
or a memory. What `decide` found stands in the step, so a case folds to the same however the table
reads later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from callcenter.casework.domain.changes import changed_by
from callcenter.casework.domain.folded import (
    FACTS,
    By,
    CaseClock,
    Command,
    Context,
    FoldedCase,
    Plain,
    Refusal,
    Value,
    facts_of,
    moment_in,
    plain,
    typed,
)
from callcenter.casework.domain.guards import holds, refusal
from callcenter.casework.domain.states import (
    FIELDS,
    CaseState,
    ClockAct,
    Field,
    FieldKind,
    RefusalCode,
)
from callcenter.casework.domain.steps import ClockChange, Step, chained, words_hash
from callcenter.casework.domain.table import TABLE, Row, Side, To, rows_of
from callcenter.casework.domain.working_time import Pause
from callcenter.people.domain.permissions import Role


class StepDoesNotFit(ValueError):
    """A step does not follow on the case that it is applied to."""


def decide(case: FoldedCase, command: Command, context: Context) -> tuple[Step, ...] | Refusal:
    """The steps that `command` makes of `case`, or why it makes none."""
    rows = rows_of(command.act, case.state)
    row = next((row for row in rows if holds(row.only, case, context)), None)
    if row is None:
        return Refusal(RefusalCode.WRONG_STATE)
    found = (
        _wrong_role(row, command.by)
        or _wrong_fields(row, command)
        or _wrong_unit(row, case, command, context)
    )
    if found is not None:
        return found
    for guard in row.guards:
        if (found := refusal(guard, case, command, context)) is not None:
            return found
    return (_step(row, case, command, context),)


def apply(case: FoldedCase, step: Step) -> FoldedCase:
    """`case` after `step`; `StepDoesNotFit` if it does not follow on it."""
    if step.number != case.steps + 1 or step.previous != case.head:
        raise StepDoesNotFit(f"step {step.number} does not follow on step {case.steps}")
    if any(
        name not in FACTS or plain(getattr(case, name)) != was for name, was in step.before.items()
    ):
        raise StepDoesNotFit(f"before step {step.number} the case was another")
    changed: dict[str, Any] = {name: typed(name, now) for name, now in step.after.items()}
    clocks = case.clocks
    unit = changed.get("main", case.main)
    for change in step.clocks:
        clocks = _moved(clocks, change, step.at, unit)
    return replace(case, **changed, steps=step.number, head=step.sha256, at=step.at, clocks=clocks)


def fold(steps: Iterable[Step], case: FoldedCase | None = None) -> FoldedCase:
    """The case that `steps` tell, from `case` on or from nothing."""
    case = FoldedCase() if case is None else case
    for step in steps:
        case = apply(case, step)
    return case


def possible(case: FoldedCase, by: By, context: Context) -> tuple[Row, ...]:
    """What `by` may do now: a screen's buttons. What must be said is still to be said."""
    found = []
    for row in _rows_now(case, context):
        mine = _wrong_role(row, by) is None
        if mine and row.side is not Side.ASSISTING:
            mine = _wrong_unit(row, case, Command(row.act, by), context) is None
        if mine and row.side is Side.ASSISTING:
            mine = any(context.within(unit, by.unit) for unit, _ in case.orders)
        if mine:
            found.append(row)
    return tuple(found)


def _rows_now(case: FoldedCase, context: Context) -> Iterator[Row]:
    seen = set()
    for row in TABLE:
        if row.act not in seen and case.state in row.states and holds(row.only, case, context):
            seen.add(row.act)
            yield row


def _wrong_role(row: Row, by: By) -> Refusal | None:
    if not by.person:
        return None if row.system else Refusal(RefusalCode.WRONG_ROLE)
    return None if row.who & by.roles else Refusal(RefusalCode.WRONG_ROLE)


def _wrong_fields(row: Row, command: Command) -> Refusal | None:
    known = {*row.needs, *row.may}
    unknown = sorted(name for name in command.given if name not in known)
    if unknown:
        return Refusal(RefusalCode.UNKNOWN_FIELD, tuple(unknown))
    missing = [str(name) for name in row.needs if name not in command.given]
    if missing:
        return Refusal(RefusalCode.MISSING, tuple(missing))
    malformed = [name for name, value in command.given.items() if not _fits(Field(name), value)]
    if malformed:
        return Refusal(RefusalCode.MALFORMED, tuple(sorted(malformed)))
    return None


def _fits(name: Field, value: Value) -> bool:
    rule = FIELDS[name]
    match rule.kind:
        case FieldKind.YES_NO:
            return isinstance(value, bool)
        case FieldKind.COUNT:
            return isinstance(value, int) and not isinstance(value, bool) and value >= 1
        case FieldKind.UNITS:
            return isinstance(value, tuple) and all(
                isinstance(unit, str) and unit.strip() for unit in value
            )
        case FieldKind.MOMENT:
            return isinstance(value, str) and moment_in(value) is not None
        case FieldKind.CODE:
            return isinstance(value, str) and (value in rule.codes or not rule.codes)
        case FieldKind.WORDS | FieldKind.UNIT | FieldKind.PERSON | FieldKind.CASE:
            return isinstance(value, str) and bool(value.strip())


def _wrong_unit(row: Row, case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    by = command.by
    if row.side is Side.OFFICE or not by.person:
        return None
    if row.side is Side.EITHER and row.who & by.roles != {Role.UNIT_USER}:
        return None
    held = command.words(Field.UNIT) if row.side is Side.ASSISTING else case.main
    return None if context.within(held, by.unit) else Refusal(RefusalCode.OTHER_UNIT)


def _step(row: Row, case: FoldedCase, command: Command, context: Context) -> Step:
    after: dict[str, object] = dict(changed_by(case, command, context))
    after["state"], after["back"] = _way(row, case)
    was = facts_of(case)
    now = {name: plain(value) for name, value in after.items() if plain(value) != was[name]}
    words = {
        str(name): str(value)
        for name, value in command.given.items()
        if FIELDS[Field(name)].kind is FieldKind.WORDS
    }
    given: dict[str, Plain] = {
        str(name): plain(value) for name, value in command.given.items() if name not in words
    }
    return chained(
        Step(
            number=case.steps + 1,
            act=row.act,
            # The service's clock may be set back; a case's time is not.
            at=context.now if case.at is None else max(context.now, case.at),
            person=command.by.person,
            unit=command.by.unit,
            roles=tuple(sorted(row.who & command.by.roles)),
            given=given,
            before={name: was[name] for name in FACTS if name in now},
            after={name: now[name] for name in FACTS if name in now},
            clocks=tuple(_clock_changes(row, case, command)),
            words=words,
            salt=context.salt,
            words_sha256=words_hash(words, context.salt),
            previous=case.head,
        )
    )


def _way(row: Row, case: FoldedCase) -> tuple[CaseState, tuple[CaseState, ...]]:
    """(the state after, where it goes back to from there)."""
    if row.to is To.SAME:
        return case.state, case.back
    if row.to is To.BACK:
        return case.back[-1], case.back[:-1]
    assert isinstance(row.to, CaseState)  # noqa: S101
    if row.to in (CaseState.RETURNED, CaseState.PARKED, CaseState.MERGED):
        return row.to, (*case.back, case.state)
    return row.to, ()


def _clock_changes(row: Row, case: FoldedCase, command: Command) -> Iterator[ClockChange]:
    """What of the row concerns clocks that run."""
    for kind in row.stops:
        if case.running(kind) is not None:
            yield ClockChange(kind, ClockAct.STOP)
    for kind in row.pauses:
        clock = case.running(kind)
        if clock is not None and not clock.paused:
            yield ClockChange(kind, ClockAct.PAUSE)
    for kind in row.resumes:
        clock = case.running(kind)
        if clock is not None and clock.paused:
            yield ClockChange(kind, ClockAct.RESUME)
    for kind in row.extends:
        if case.running(kind) is not None:
            yield ClockChange(kind, ClockAct.EXTEND, command.number(Field.DAYS))
    for kind in row.starts:
        if kind not in row.stops and case.running(kind) is not None:
            yield ClockChange(kind, ClockAct.STOP)
        yield ClockChange(kind, ClockAct.START)


def _moved(
    clocks: tuple[CaseClock, ...], change: ClockChange, at: datetime, unit: str
) -> tuple[CaseClock, ...]:
    if change.act is ClockAct.START:
        count = 1 + sum(clock.kind is change.kind for clock in clocks)
        return (*clocks, CaseClock(change.kind, count, unit, at))
    return tuple(
        _turned(clock, change, at) if clock.kind is change.kind and clock.runs else clock
        for clock in clocks
    )


def _turned(clock: CaseClock, change: ClockChange, at: datetime) -> CaseClock:
    match change.act:
        case ClockAct.PAUSE:
            return replace(clock, pauses=(*clock.pauses, Pause(at)))
        case ClockAct.EXTEND:
            return replace(clock, extended=clock.extended + change.amount)
    pauses = clock.pauses
    if clock.paused:
        pauses = (*pauses[:-1], replace(pauses[-1], ends=at))
    return replace(clock, pauses=pauses, stopped=at if change.act is ClockAct.STOP else None)
