"""What an act changes in a case besides its state and its clocks.

Each function says the fields that are other afterwards; what it does not name stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from callcenter.casework.domain.folded import Command, Context, FoldedCase
from callcenter.casework.domain.states import Act, Field, OrderState, Review
from callcenter.casework.domain.table import ORDERS

Changed = Mapping[str, object]
Change = Callable[[FoldedCase, Command, Context], Changed]


def changed_by(case: FoldedCase, command: Command, context: Context) -> Changed:
    """The fields that `command` changes, and what they are then."""
    change = CHANGES.get(Act(command.act))
    return {} if change is None else change(case, command, context)


def _taken_in(case: FoldedCase, command: Command, context: Context) -> Changed:
    person = command.by.person
    known = () if not person or person in case.took_in else (person,)
    return {**_corrected(case, command, context), "took_in": (*case.took_in, *known)}


def _corrected(case: FoldedCase, command: Command, context: Context) -> Changed:
    names = (Field.KIND, Field.CATEGORY, Field.URGENCY)
    return {str(name): command.words(name) for name in names if name in command.given}


def _given_to(case: FoldedCase, command: Command, context: Context) -> Changed:
    assisting = command.units(Field.ASSISTING)
    return {
        "main": command.words(Field.UNIT),
        "orders": tuple((unit, OrderState.SENT) for unit in assisting),
        "extension_asked": 0,
        "extensions": 0,
        "urged": 0,
    }


def _fixed(case: FoldedCase, command: Command, context: Context) -> Changed:
    return {**_given_to(case, command, context), "fixed": True}


def _taken_away(case: FoldedCase, command: Command, context: Context) -> Changed:
    return {"main": "", "orders": (), "extension_asked": 0, "extensions": 0, "urged": 0}


def _return_accepted(case: FoldedCase, command: Command, context: Context) -> Changed:
    return {**_taken_away(case, command, context), "released": (*case.released, case.main)}


def _return_refused(case: FoldedCase, command: Command, context: Context) -> Changed:
    refusals = case.refusals + 1
    if refusals < context.bounds.refusals:
        return {"refusals": refusals}
    return {**_taken_away(case, command, context), "refusals": refusals}


def _assisted(case: FoldedCase, command: Command, context: Context) -> Changed:
    return {"orders": (*case.orders, (command.words(Field.UNIT), OrderState.SENT))}


def _order_moved(case: FoldedCase, command: Command, context: Context) -> Changed:
    named, state = command.words(Field.UNIT), ORDERS[Act(command.act)][1]
    return {"orders": tuple((unit, state if unit == named else was) for unit, was in case.orders)}


def _handed_down(case: FoldedCase, command: Command, context: Context) -> Changed:
    unit = command.words(Field.UNIT)
    orders = tuple(order for order in case.orders if order[0] != unit)
    return {"main": unit, "orders": orders, "extension_asked": 0}


def _reviewed(case: FoldedCase, command: Command, context: Context) -> Changed:
    if command.says_yes(Field.REACHED):
        found = Review.RESOLVED if command.says_yes(Field.RESOLVED) else Review.UNRESOLVED
        return {"reviewer": command.by.person, "review": found}
    tries = (*case.tries, context.now.isoformat(timespec="seconds"))
    # What a citizen has once said is not lost because he is not reached another time.
    found = Review.UNREACHED if case.review is Review.NONE else case.review
    return {"reviewer": command.by.person, "review": found, "tries": tries}


_NO_REVIEW: Changed = {"reviewer": "", "review": Review.NONE, "tries": ()}


def _raised(case: FoldedCase, command: Command, context: Context) -> Changed:
    # What was raised is not given back: the level above has it because those below did not do it.
    given = _given_to(case, command, context)
    return {**given, **_NO_REVIEW, "fixed": True, "redos": 0, "raised": case.raised + 1}


def _reopened(case: FoldedCase, command: Command, context: Context) -> Changed:
    taken = _taken_away(case, command, context)
    return {
        **taken, **_NO_REVIEW, "fixed": False, "refusals": 0, "redos": 0,
        "next_look": "", "signed": False,
    }  # fmt: skip


CHANGES: dict[Act, Change] = {
    Act.OPEN: _taken_in,
    Act.ACCEPT: _taken_in,
    Act.ANSWER: _taken_in,
    Act.CORRECT: _corrected,
    Act.DISPATCH: _given_to,
    Act.FIX_UNITS: _fixed,
    Act.RECALL: _taken_away,
    Act.ADD_ASSISTING: _assisted,
    Act.RETURN: lambda case, command, context: {"returned": (*case.returned, case.main)},
    Act.ACCEPT_RETURN: _return_accepted,
    Act.REFUSE_RETURN: _return_refused,
    Act.HAND_DOWN: _handed_down,
    Act.ASK_EXTENSION: lambda case, command, context: {
        "extension_asked": command.number(Field.DAYS)
    },
    Act.GRANT_EXTENSION: lambda case, command, context: {
        "extension_asked": 0,
        "extensions": case.extensions + 1,
    },
    Act.REFUSE_EXTENSION: lambda case, command, context: {"extension_asked": 0},
    Act.ASSIST_SIGN: _order_moved,
    Act.ASSIST_RETURN: _order_moved,
    Act.ASSIST_REPLY: _order_moved,
    Act.ASSIST_RELEASE: _order_moved,
    Act.ASSIST_KEEP: _order_moved,
    Act.REPLY: lambda case, command, context: {"extension_asked": 0},
    Act.REVIEW: _reviewed,
    Act.REDO: lambda case, command, context: {**_NO_REVIEW, "redos": case.redos + 1},
    Act.RAISE: _raised,
    Act.REOPEN: _reopened,
    Act.PARK: lambda case, command, context: {"next_look": command.words(Field.NEXT_LOOK)},
    Act.LOOK_AGAIN: lambda case, command, context: {"next_look": command.words(Field.NEXT_LOOK)},
    Act.UNPARK: lambda case, command, context: {"next_look": ""},
    Act.MERGE: lambda case, command, context: {"into": command.words(Field.INTO)},
    Act.UNMERGE: lambda case, command, context: {"into": ""},
    Act.INSTRUCT: lambda case, command, context: {"signed": True},
    Act.URGE: lambda case, command, context: {"urged": case.urged + 1},
}
