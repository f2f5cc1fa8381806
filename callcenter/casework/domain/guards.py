"""What must hold besides state, role and fields: one small function for each guard of the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from callcenter.casework.domain.folded import Command, Context, FoldedCase, Refusal, moment_in
from callcenter.casework.domain.states import (
    Act,
    CaseState,
    ClockKind,
    Field,
    RefusalCode,
    Review,
)
from callcenter.casework.domain.table import ORDERS, Guard, Only

Check = Callable[[FoldedCase, Command, Context], Refusal | None]
Code = RefusalCode
NOON, EVENING = 12, 18
"""Hours that part the day."""


def refusal(guard: Guard, case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    """Why `guard` does not hold, or None."""
    return GUARDS[guard](case, command, context)


def holds(only: Only | None, case: FoldedCase, context: Context) -> bool:
    """Whether the row is meant whose condition is `only`."""
    match only:
        case Only.LAST_REFUSAL:
            return case.refusals + 1 >= context.bounds.refusals
        case Only.NOT_RESOLVED:
            return case.review is Review.UNRESOLVED
        case None:
            return True


def _said(condition: bool, code: RefusalCode, *fields: str) -> Refusal | None:
    return None if condition else Refusal(code, tuple(fields))


def _something_to_correct(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    names = (Field.KIND, Field.CATEGORY, Field.URGENCY)
    return _said(any(name in command.given for name in names), Code.MISSING, *names)


def _units_known(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    assisting = command.units(Field.ASSISTING)
    named = (command.words(Field.UNIT), *assisting)
    unknown = [
        name
        for name, units in ((Field.UNIT, named[:1]), (Field.ASSISTING, assisting))
        if any(unit not in context.units for unit in units)
    ]
    if unknown:
        return Refusal(Code.UNKNOWN_UNIT, tuple(unknown))
    return _said(len(set(named)) == len(named), Code.SAME_UNIT, Field.ASSISTING)


def _not_released(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    unit = command.words(Field.UNIT)
    return _said(unit not in case.released, Code.UNIT_WAS_RELEASED, Field.UNIT)


def _below_main(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    unit = command.words(Field.UNIT)
    below = unit != case.main and context.within(unit, case.main)
    return _said(below, Code.NOT_BELOW, Field.UNIT)


def _above_main(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    unit = command.words(Field.UNIT)
    above = unit != case.main and context.within(case.main, unit)
    return _said(above, Code.NOT_ABOVE, Field.UNIT)


def _return_in_time(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(not context.is_over(ClockKind.RETURN), Code.RETURN_TOO_LATE)


def _first_return(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(case.main not in case.returned, Code.RETURNED_BEFORE)


def _units_open(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(not case.fixed, Code.UNITS_ARE_FIXED)


def _before_deadline(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(not context.is_over(ClockKind.HANDLING), Code.EXTENSION_TOO_LATE)


def _no_extension_asked(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(not case.extension_asked, Code.EXTENSION_ASKED)


def _extension_asked(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(case.extension_asked > 0, Code.EXTENSION_NOT_ASKED)


def _extension_left(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(case.extensions < context.bounds.extensions, Code.EXTENSION_LIMIT)


def _extension_length(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    most = context.bounds.extension
    if command.act == Act.GRANT_EXTENSION:
        most = min(most, case.extension_asked)
    return _said(command.number(Field.DAYS) <= most, Code.EXTENSION_TOO_LONG, Field.DAYS)


def _not_paused(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(not case.paused, Code.PAUSED)


def _paused(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(case.paused, Code.NOT_PAUSED)


def _pause_approved(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    approver = command.words(Field.APPROVED_BY)
    short = command.number(Field.HOURS) <= context.bounds.pause_hours
    approved = approver not in ("", command.by.person)
    return _said(short or approved, Code.APPROVER_NEEDED, Field.APPROVED_BY)


def _new_assisting(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    taken = {case.main, *(unit for unit, _ in case.orders)}
    return _said(command.words(Field.UNIT) not in taken, Code.SAME_UNIT, Field.UNIT)


def _order_fits(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    state = dict(case.orders).get(command.words(Field.UNIT))
    if state is None:
        return Refusal(Code.NOT_ASSISTING, (Field.UNIT,))
    return _said(state in ORDERS[Act(command.act)][0], Code.ORDER_STATE, Field.UNIT)


def _assisting_done(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    waited_for = [unit for unit, state in case.orders if not state.done]
    return _said(not waited_for, Code.ASSISTING_OPEN, *waited_for)


def _took_no_part(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    by = command.by
    of_unit = any(
        context.within(unit, by.unit) or context.within(by.unit, unit)
        for unit in (case.main, *(unit for unit, _ in case.orders))
    )
    return _said(by.person not in case.took_in and not of_unit, Code.TOOK_PART)


def _no_review_due(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(not context.review_due, Code.REVIEW_DUE)


def _review_complete(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    names = (Field.RESPONDED, Field.RESOLVED, Field.SATISFIED)
    missing = [name for name in names if name not in command.given]
    return _said(not (command.says_yes(Field.REACHED) and missing), Code.MISSING, *missing)


def _review_said(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(case.review is not Review.NONE, Code.REVIEW_MISSING)


def _citizen_heard(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    heard = case.review in (Review.RESOLVED, Review.UNRESOLVED)
    return _said(heard, Code.REVIEW_MISSING)


def _tried_enough(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    if case.review is not Review.UNREACHED:
        return None
    tries = [datetime.fromisoformat(text).astimezone(context.zone) for text in case.tries]
    bounds = context.bounds
    enough = (
        len(tries) >= bounds.tries
        and len({moment.date() for moment in tries}) >= bounds.try_days
        and len({part_of_day(moment) for moment in tries}) >= bounds.try_parts
    )
    return _said(enough, Code.TOO_FEW_TRIES)


def part_of_day(local: datetime) -> int:
    """0 morning, 1 afternoon, 2 evening, on the city's clock."""
    return (local.hour >= NOON) + (local.hour >= EVENING)


def _second_person(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(command.by.person != case.reviewer, Code.SECOND_PERSON_NEEDED)


def _redo_left(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(case.redos < context.bounds.redos, Code.REDO_LIMIT)


def _citizen_told(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(command.says_yes(Field.TOLD), Code.MISSING, Field.TOLD)


def _told_before(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(not _is_ahead(Field.TOLD_AT, command, context), Code.NOT_AHEAD, Field.TOLD_AT)


def _look_ahead(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(_is_ahead(Field.NEXT_LOOK, command, context), Code.NOT_AHEAD, Field.NEXT_LOOK)


def _due_ahead(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(_is_ahead(Field.DUE, command, context), Code.NOT_AHEAD, Field.DUE)


def _is_ahead(name: Field, command: Command, context: Context) -> bool:
    moment = moment_in(command.words(name))
    return moment is not None and moment > context.now


def _urging_left(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(case.urged < context.bounds.urgings, Code.URGED_ENOUGH)


def _merge_target(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    into = command.words(Field.INTO)
    if into == context.number:
        return Refusal(Code.MERGE_INTO_ITSELF, (Field.INTO,))
    state = context.cases.get(into, CaseState.NEW)
    if state is CaseState.NEW:
        return Refusal(Code.UNKNOWN_CASE, (Field.INTO,))
    return _said(state is not CaseState.MERGED, Code.MERGE_INTO_MERGED, Field.INTO)


def _not_followed(case: FoldedCase, command: Command, context: Context) -> Refusal | None:
    return _said(not context.followed, Code.OTHERS_FOLLOW)


GUARDS: dict[Guard, Check] = {
    Guard.SOMETHING_TO_CORRECT: _something_to_correct,
    Guard.UNITS_KNOWN: _units_known,
    Guard.NOT_RELEASED: _not_released,
    Guard.BELOW_MAIN: _below_main,
    Guard.ABOVE_MAIN: _above_main,
    Guard.RETURN_IN_TIME: _return_in_time,
    Guard.FIRST_RETURN: _first_return,
    Guard.UNITS_OPEN: _units_open,
    Guard.BEFORE_DEADLINE: _before_deadline,
    Guard.NO_EXTENSION_ASKED: _no_extension_asked,
    Guard.EXTENSION_ASKED: _extension_asked,
    Guard.EXTENSION_LEFT: _extension_left,
    Guard.EXTENSION_LENGTH: _extension_length,
    Guard.NOT_PAUSED: _not_paused,
    Guard.PAUSED: _paused,
    Guard.PAUSE_APPROVED: _pause_approved,
    Guard.NEW_ASSISTING: _new_assisting,
    Guard.ORDER_FITS: _order_fits,
    Guard.ASSISTING_DONE: _assisting_done,
    Guard.TOOK_NO_PART: _took_no_part,
    Guard.NO_REVIEW_DUE: _no_review_due,
    Guard.REVIEW_COMPLETE: _review_complete,
    Guard.REVIEW_SAID: _review_said,
    Guard.CITIZEN_HEARD: _citizen_heard,
    Guard.TRIED_ENOUGH: _tried_enough,
    Guard.SECOND_PERSON: _second_person,
    Guard.REDO_LEFT: _redo_left,
    Guard.CITIZEN_TOLD: _citizen_told,
    Guard.TOLD_BEFORE: _told_before,
    Guard.LOOK_AHEAD: _look_ahead,
    Guard.DUE_AHEAD: _due_ahead,
    Guard.URGING_LEFT: _urging_left,
    Guard.MERGE_TARGET: _merge_target,
    Guard.NOT_FOLLOWED: _not_followed,
}
"""Every guard; a test holds it to the table's."""
