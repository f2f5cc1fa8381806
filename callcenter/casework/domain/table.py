"""The table of transitions: what may be done to a case, by whom, and what becomes of it.

Each row is one sentence that the office can read: in these states, this may be done by these
people, if they say this and if that holds; then the case is there, and these clocks start and stop.
Whatever is not in the table is refused. Where an act has several rows in one state, the first whose
`only` holds is meant.

`decide` follows the table and nothing else. The API, the buttons of the screens, the picture in
docs/casework.md and the tests are made from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from callcenter.casework.domain.states import Act, CaseState, ClockKind, Field, OrderState
from callcenter.people.domain.permissions import Role


class To(StrEnum):
    """A state that is told by the case."""

    SAME = "same"
    BACK = "back"
    """Where it was before it was returned, parked or merged."""


class Side(StrEnum):
    """Whose act it is."""

    OFFICE = "office"
    MAIN = "main"
    """Of the unit that holds the case, or one above it."""
    ASSISTING = "assisting"
    """Of the assisting unit that is named, or one above it."""
    EITHER = "either"
    """The office, or the unit that holds it."""


class Only(StrEnum):
    """When a row is meant that is not the only one."""

    LAST_REFUSAL = "last_refusal"
    """So many returns were judged wrong that a consultation must fix the units."""
    NOT_RESOLVED = "not_resolved"
    """The review has found so."""


class Guard(StrEnum):
    """What must hold besides."""

    SOMETHING_TO_CORRECT = "something_to_correct"
    UNITS_KNOWN = "units_known"
    """All units that are named exist, each once."""
    NOT_RELEASED = "not_released"
    """The main unit has not returned this case and been right."""
    BELOW_MAIN = "below_main"
    ABOVE_MAIN = "above_main"
    RETURN_IN_TIME = "return_in_time"
    FIRST_RETURN = "first_return"
    """Of this unit."""
    UNITS_OPEN = "units_open"
    """No consultation has fixed them."""
    BEFORE_DEADLINE = "before_deadline"
    """Of handling."""
    NO_EXTENSION_ASKED = "no_extension_asked"
    EXTENSION_ASKED = "extension_asked"
    EXTENSION_LEFT = "extension_left"
    EXTENSION_LENGTH = "extension_length"
    NOT_PAUSED = "not_paused"
    PAUSED = "paused"
    PAUSE_APPROVED = "pause_approved"
    NEW_ASSISTING = "new_assisting"
    ORDER_FITS = "order_fits"
    """The named unit assists, and its order is in a state for this."""
    ASSISTING_DONE = "assisting_done"
    TOOK_NO_PART = "took_no_part"
    NO_REVIEW_DUE = "no_review_due"
    REVIEW_COMPLETE = "review_complete"
    """Who was reached has said whether the unit spoke with him, solved it, and pleased him."""
    REVIEW_SAID = "review_said"
    TRIED_ENOUGH = "tried_enough"
    """Or reached."""
    SECOND_PERSON = "second_person"
    REDO_LEFT = "redo_left"
    CITIZEN_TOLD = "citizen_told"
    CITIZEN_HEARD = "citizen_heard"
    """The review has reached him."""
    TOLD_BEFORE = "told_before"
    """The moment that is named is not to come."""
    LOOK_AHEAD = "look_ahead"
    DUE_AHEAD = "due_ahead"
    URGING_LEFT = "urging_left"
    MERGE_TARGET = "merge_target"
    """There is that other case, and it follows none."""
    NOT_FOLLOWED = "not_followed"


S, C, F, R, G = CaseState, ClockKind, Field, Role, Guard
ALL_CLOCKS = tuple(ClockKind)
UNIT_CLOCKS = (C.SIGN_FOR, C.RETURN, C.CONTACT, C.HANDLING, C.REDO)
"""Of the unit that holds the case."""
DONE_CLOCKS = (C.HANDLING, C.REDO, C.REVIEW)
"""Those that a pause stops for a while."""

OFFICE = frozenset({R.DISPATCHER, R.SUPERVISOR})
INTAKE = frozenset({R.OPERATOR, R.DISPATCHER, R.SUPERVISOR})
UNIT = frozenset({R.UNIT_USER})
REVIEWERS = frozenset({R.REVIEWER, R.SUPERVISOR})
LEADERS = frozenset({R.LEADER})
ALL_HANDS = INTAKE | REVIEWERS

WITH_UNIT = (S.DISPATCHED, S.IN_HAND, S.REDO)
OPEN = (
    S.INTAKE, S.DISPATCHING, S.DISPATCHED, S.IN_HAND, S.RETURNED, S.CONSULTING, S.REPLIED,
    S.REVIEWING, S.REDO, S.PARKED,
)  # fmt: skip
"""States in which somebody has something to do."""
ENDED = tuple(state for state in CaseState if state.ended)


@dataclass(frozen=True, slots=True)
class Row:
    """One sentence of the table."""

    act: Act
    states: tuple[CaseState, ...]
    to: CaseState | To
    who: frozenset[Role]
    side: Side = Side.OFFICE
    system: bool = False
    """Whether the service may do it by itself."""
    only: Only | None = None
    needs: tuple[Field, ...] = ()
    may: tuple[Field, ...] = ()
    """What can be said besides."""
    guards: tuple[Guard, ...] = ()
    starts: tuple[ClockKind, ...] = ()
    stops: tuple[ClockKind, ...] = ()
    pauses: tuple[ClockKind, ...] = ()
    resumes: tuple[ClockKind, ...] = ()
    extends: tuple[ClockKind, ...] = ()
    """By what was said in `days`."""


TABLE: tuple[Row, ...] = (
    # Intake.
    Row(Act.OPEN, (S.NEW,), S.INTAKE, INTAKE, system=True, may=(F.KIND, F.TEXT, F.URGENCY),
        starts=(C.CITIZEN,)),
    Row(Act.CORRECT, (*OPEN, *ENDED), To.SAME, ALL_HANDS, may=(F.KIND, F.CATEGORY, F.URGENCY),
        needs=(F.REASON,), guards=(G.SOMETHING_TO_CORRECT,)),
    Row(Act.NOTE, (*OPEN, *ENDED, S.MERGED), To.SAME, ALL_HANDS | UNIT | LEADERS, Side.EITHER,
        needs=(F.TEXT,)),
    Row(Act.ANSWER, (S.INTAKE,), S.ANSWERED, INTAKE, needs=(F.TEXT,), stops=ALL_CLOCKS),
    Row(Act.ROUTE, (S.INTAKE, S.DISPATCHING, S.CONSULTING), S.ROUTED, INTAKE,
        needs=(F.WAY, F.TOLD), may=(F.TEXT,), guards=(G.CITIZEN_TOLD,), stops=ALL_CLOCKS),
    Row(Act.PASS_ON, (S.INTAKE, S.DISPATCHING, S.DISPATCHED, S.IN_HAND), S.EMERGENCY, INTAKE,
        needs=(F.SERVICE, F.TOLD_AT), may=(F.TEXT,), guards=(G.TOLD_BEFORE,), stops=ALL_CLOCKS),
    Row(Act.LEAVE_AREA, (S.INTAKE, S.DISPATCHING), S.OUT_OF_AREA, INTAKE, needs=(F.TEXT, F.TOLD),
        guards=(G.CITIZEN_TOLD,), stops=ALL_CLOCKS),
    Row(Act.ACCEPT, (S.INTAKE,), S.DISPATCHING, INTAKE, needs=(F.KIND, F.CATEGORY),
        may=(F.TEXT, F.URGENCY), starts=(C.DISPATCH,)),
    # Whose it is.
    Row(Act.DISPATCH, (S.DISPATCHING,), S.DISPATCHED, OFFICE, needs=(F.UNIT,),
        may=(F.ASSISTING, F.TEXT), guards=(G.UNITS_KNOWN, G.NOT_RELEASED), stops=(C.DISPATCH,),
        starts=(C.SIGN_FOR, C.RETURN, C.CONTACT, C.HANDLING)),
    Row(Act.CONSULT, (S.DISPATCHING,), S.CONSULTING, OFFICE, needs=(F.REASON,)),
    Row(Act.FIX_UNITS, (S.CONSULTING,), S.DISPATCHED, OFFICE, needs=(F.UNIT, F.TEXT),
        may=(F.ASSISTING,), guards=(G.UNITS_KNOWN,), stops=(C.DISPATCH,),
        starts=(C.SIGN_FOR, C.CONTACT, C.HANDLING)),
    Row(Act.RECALL, (S.DISPATCHED, S.IN_HAND), S.DISPATCHING, OFFICE, needs=(F.REASON,),
        stops=UNIT_CLOCKS, starts=(C.DISPATCH,)),
    Row(Act.ADD_ASSISTING, (S.DISPATCHED, S.IN_HAND), To.SAME, OFFICE, needs=(F.UNIT,),
        may=(F.TEXT,), guards=(G.UNITS_KNOWN, G.NEW_ASSISTING)),
    # The unit.
    Row(Act.SIGN_FOR, (S.DISPATCHED,), S.IN_HAND, UNIT, Side.MAIN, stops=(C.SIGN_FOR,)),
    Row(Act.CONTACT, (S.IN_HAND, S.REDO), To.SAME, UNIT, Side.MAIN, needs=(F.TEXT,),
        stops=(C.CONTACT,)),
    Row(Act.RETURN, (S.DISPATCHED, S.IN_HAND), S.RETURNED, UNIT, Side.MAIN,
        needs=(F.RETURN_REASON, F.LEGAL_BASIS, F.UNIT, F.TEXT),
        guards=(G.UNITS_KNOWN, G.UNITS_OPEN, G.FIRST_RETURN, G.RETURN_IN_TIME, G.NOT_PAUSED),
        starts=(C.JUDGEMENT,)),
    Row(Act.ACCEPT_RETURN, (S.RETURNED,), S.DISPATCHING, OFFICE, may=(F.TEXT,),
        stops=(*UNIT_CLOCKS, C.JUDGEMENT), starts=(C.DISPATCH,)),
    Row(Act.REFUSE_RETURN, (S.RETURNED,), S.CONSULTING, OFFICE, only=Only.LAST_REFUSAL,
        needs=(F.REASON,), stops=(*UNIT_CLOCKS, C.JUDGEMENT), starts=(C.DISPATCH,)),
    Row(Act.REFUSE_RETURN, (S.RETURNED,), To.BACK, OFFICE, needs=(F.REASON,),
        stops=(C.JUDGEMENT,)),
    Row(Act.HAND_DOWN, (S.IN_HAND,), S.DISPATCHED, UNIT, Side.MAIN, needs=(F.UNIT,),
        may=(F.TEXT,), guards=(G.UNITS_KNOWN, G.BELOW_MAIN, G.NOT_PAUSED),
        starts=(C.SIGN_FOR, C.RETURN)),
    Row(Act.PAUSE, (S.IN_HAND, S.REDO), To.SAME, OFFICE, needs=(F.REASON, F.HOURS),
        may=(F.APPROVED_BY,), guards=(G.NOT_PAUSED, G.PAUSE_APPROVED), pauses=(C.HANDLING, C.REDO)),
    Row(Act.RESUME, (S.IN_HAND, S.REDO), To.SAME, OFFICE | UNIT, Side.EITHER, system=True,
        may=(F.TEXT,), guards=(G.PAUSED,), resumes=(C.HANDLING, C.REDO)),
    Row(Act.ASK_EXTENSION, (S.IN_HAND,), To.SAME, UNIT, Side.MAIN, needs=(F.REASON, F.DAYS),
        guards=(G.NO_EXTENSION_ASKED, G.EXTENSION_LEFT, G.EXTENSION_LENGTH, G.BEFORE_DEADLINE)),
    Row(Act.GRANT_EXTENSION, (S.IN_HAND,), To.SAME, OFFICE, needs=(F.DAYS, F.PUBLIC_TEXT),
        guards=(G.EXTENSION_ASKED, G.EXTENSION_LENGTH), extends=(C.HANDLING,)),
    Row(Act.REFUSE_EXTENSION, (S.IN_HAND,), To.SAME, OFFICE, needs=(F.REASON,),
        guards=(G.EXTENSION_ASKED,)),
    Row(Act.REPLY, (S.IN_HAND, S.REDO), S.REPLIED, UNIT, Side.MAIN,
        needs=(F.FINDING, F.MEASURE, F.RESULT, F.TEXT, F.PUBLIC_TEXT), guards=(G.ASSISTING_DONE,),
        stops=UNIT_CLOCKS, starts=(C.REVIEW,)),
    # Those who assist it.
    Row(Act.ASSIST_SIGN, (*WITH_UNIT, S.RETURNED), To.SAME, UNIT, Side.ASSISTING,
        needs=(F.UNIT,), guards=(G.ORDER_FITS,)),
    Row(Act.ASSIST_RETURN, (*WITH_UNIT, S.RETURNED), To.SAME, UNIT, Side.ASSISTING,
        needs=(F.UNIT, F.RETURN_REASON, F.LEGAL_BASIS, F.TEXT),
        guards=(G.ORDER_FITS, G.UNITS_OPEN)),
    Row(Act.ASSIST_REPLY, (*WITH_UNIT, S.RETURNED), To.SAME, UNIT, Side.ASSISTING,
        needs=(F.UNIT, F.MEASURE, F.TEXT), guards=(G.ORDER_FITS,)),
    Row(Act.ASSIST_RELEASE, (*WITH_UNIT, S.RETURNED), To.SAME, OFFICE, needs=(F.UNIT, F.REASON),
        guards=(G.ORDER_FITS,)),
    Row(Act.ASSIST_KEEP, (*WITH_UNIT, S.RETURNED), To.SAME, OFFICE, needs=(F.UNIT, F.REASON),
        guards=(G.ORDER_FITS,)),
    # The citizen's verdict.
    Row(Act.BEGIN_REVIEW, (S.REPLIED,), S.REVIEWING, REVIEWERS, guards=(G.TOOK_NO_PART,)),
    Row(Act.REVIEW, (S.REVIEWING,), To.SAME, REVIEWERS, needs=(F.REACHED,),
        may=(F.RESPONDED, F.RESOLVED, F.SATISFIED, F.TEXT),
        guards=(G.TOOK_NO_PART, G.REVIEW_COMPLETE)),
    Row(Act.REDO, (S.REVIEWING,), S.REDO, REVIEWERS, needs=(F.REASON,),
        guards=(G.CITIZEN_HEARD, G.REDO_LEFT), stops=(C.REVIEW,), starts=(C.REDO,)),
    Row(Act.RAISE, (S.REVIEWING,), S.DISPATCHED, OFFICE, needs=(F.UNIT, F.REASON),
        guards=(G.UNITS_KNOWN, G.CITIZEN_HEARD, G.ABOVE_MAIN), stops=(C.REVIEW,),
        starts=(C.SIGN_FOR, C.CONTACT, C.HANDLING)),
    Row(Act.CLOSE, (S.REPLIED,), S.CLOSED, ALL_HANDS - {R.OPERATOR}, guards=(G.NO_REVIEW_DUE,),
        may=(F.TEXT,), stops=ALL_CLOCKS),
    Row(Act.CLOSE, (S.REVIEWING,), S.CLOSED, REVIEWERS, only=Only.NOT_RESOLVED,
        needs=(F.REASON,), guards=(G.SECOND_PERSON,), stops=ALL_CLOCKS),
    Row(Act.CLOSE, (S.REVIEWING,), S.CLOSED, REVIEWERS, may=(F.TEXT,),
        guards=(G.REVIEW_SAID, G.TRIED_ENOUGH), stops=ALL_CLOCKS),
    Row(Act.REOPEN, (S.CLOSED,), S.DISPATCHING, OFFICE, needs=(F.REASON,),
        starts=(C.CITIZEN, C.DISPATCH)),
    Row(Act.REOPEN, tuple(s for s in ENDED if s is not S.CLOSED), S.INTAKE, INTAKE,
        needs=(F.REASON,), starts=(C.CITIZEN,)),
    # Out of the way.
    Row(Act.PARK, (S.IN_HAND, S.REDO, S.REPLIED, S.REVIEWING), S.PARKED, LEADERS,
        needs=(F.REASON, F.NEXT_LOOK), guards=(G.LOOK_AHEAD, G.NOT_PAUSED), pauses=DONE_CLOCKS),
    Row(Act.LOOK_AGAIN, (S.PARKED,), To.SAME, OFFICE | LEADERS, needs=(F.REASON, F.NEXT_LOOK),
        guards=(G.LOOK_AHEAD,)),
    Row(Act.UNPARK, (S.PARKED,), To.BACK, OFFICE | LEADERS, needs=(F.REASON,),
        resumes=DONE_CLOCKS),
    Row(Act.WITHDRAW, OPEN, S.WITHDRAWN, ALL_HANDS, needs=(F.TEXT,), stops=ALL_CLOCKS),
    # Its clocks go on: what follows another case is as late as it is.
    Row(Act.MERGE, OPEN, S.MERGED, OFFICE, needs=(F.INTO, F.REASON),
        guards=(G.MERGE_TARGET, G.NOT_FOLLOWED)),
    Row(Act.UNMERGE, (S.MERGED,), To.BACK, OFFICE, needs=(F.REASON,)),
    # From above.
    Row(Act.INSTRUCT, OPEN, To.SAME, LEADERS, needs=(F.TEXT,), starts=(C.SUPERVISION,)),
    Row(Act.URGE, WITH_UNIT, To.SAME, OFFICE, system=True, may=(F.TEXT,),
        guards=(G.URGING_LEFT,)),
    Row(Act.SUPERVISE, (*WITH_UNIT, S.RETURNED, S.PARKED), To.SAME, OFFICE, system=True,
        needs=(F.DUE, F.REASON), guards=(G.DUE_AHEAD,)),
    Row(Act.CIRCULATE, (*WITH_UNIT, S.RETURNED, S.PARKED), To.SAME, frozenset({R.SUPERVISOR}),
        needs=(F.TEXT,)),
)  # fmt: skip
"""The whole table."""

ORDERS: dict[Act, tuple[tuple[OrderState, ...], OrderState]] = {
    Act.ASSIST_SIGN: ((OrderState.SENT,), OrderState.IN_HAND),
    Act.ASSIST_RETURN: ((OrderState.SENT, OrderState.IN_HAND), OrderState.RETURNED),
    Act.ASSIST_KEEP: ((OrderState.RETURNED,), OrderState.IN_HAND),
    Act.ASSIST_REPLY: ((OrderState.IN_HAND,), OrderState.REPLIED),
    Act.ASSIST_RELEASE: (
        (OrderState.SENT, OrderState.IN_HAND, OrderState.RETURNED),
        OrderState.RELEASED,
    ),
}
"""Of an assisting unit's order: where an act is possible, and what becomes of it."""


def rows_of(act: str, state: CaseState, table: Iterable[Row] = TABLE) -> list[Row]:
    """The rows for `act` in `state`, in their order."""
    return [row for row in table if row.act == act and state in row.states]


def targets(row: Row) -> frozenset[CaseState]:
    """Every state that `row` can lead to."""
    if isinstance(row.to, CaseState):
        return frozenset({row.to})
    if row.to is To.SAME:
        return frozenset(row.states)
    entered = {state for leading in TABLE if leading.to in row.states for state in leading.states}
    return frozenset(entered)
