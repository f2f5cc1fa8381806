"""The words of the closed loop: states, acts, clocks, what an act is told, why it is refused.

All values are stable: they stand in steps, which are never rewritten, and in answers of the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CaseState(StrEnum):
    """Where a case stands in the loop."""

    NEW = "new"
    """Nothing is written of it yet."""
    INTAKE = "intake"
    ANSWERED = "answered"
    """On the spot."""
    ROUTED = "routed"
    """Court, arbitration, review, disclosure or petition: the citizen was told the way."""
    EMERGENCY = "emergency"
    """Passed on at once."""
    OUT_OF_AREA = "out_of_area"
    DISPATCHING = "dispatching"
    """Waits for somebody to say whose it is."""
    DISPATCHED = "dispatched"
    """A unit has it and has not signed for it."""
    IN_HAND = "in_hand"
    RETURNED = "returned"
    """Waits for a judgement of the unit's objection."""
    CONSULTING = "consulting"
    """Several units and the office fix who does it."""
    REPLIED = "replied"
    REVIEWING = "reviewing"
    REDO = "redo"
    PARKED = "parked"
    """Cannot be solved now; has a day on which it is looked at again."""
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"
    """Follows another case."""

    @property
    def ended(self) -> bool:
        """Whether nobody has to do anything for it."""
        return self in _ENDED


_ENDED = frozenset(
    {
        CaseState.ANSWERED, CaseState.ROUTED, CaseState.EMERGENCY, CaseState.OUT_OF_AREA,
        CaseState.CLOSED, CaseState.WITHDRAWN,
    }
)  # fmt: skip


class OrderState(StrEnum):
    """Where an assisting unit's own order stands."""

    SENT = "sent"
    IN_HAND = "in_hand"
    RETURNED = "returned"
    REPLIED = "replied"
    RELEASED = "released"
    """The office let the unit go."""

    @property
    def done(self) -> bool:
        """Whether the main unit waits for it no more."""
        return self in (OrderState.REPLIED, OrderState.RELEASED)


class Act(StrEnum):
    """What somebody does to a case."""

    OPEN = "open"
    CORRECT = "correct"
    NOTE = "note"
    ANSWER = "answer"
    ROUTE = "route"
    PASS_ON = "pass_on"  # noqa: S105
    LEAVE_AREA = "leave_area"
    ACCEPT = "accept"
    CONSULT = "consult"
    DISPATCH = "dispatch"
    FIX_UNITS = "fix_units"
    RECALL = "recall"
    ADD_ASSISTING = "add_assisting"
    SIGN_FOR = "sign_for"
    CONTACT = "contact"
    RETURN = "return"
    ACCEPT_RETURN = "accept_return"
    REFUSE_RETURN = "refuse_return"
    HAND_DOWN = "hand_down"
    PAUSE = "pause"
    RESUME = "resume"
    ASK_EXTENSION = "ask_extension"
    GRANT_EXTENSION = "grant_extension"
    REFUSE_EXTENSION = "refuse_extension"
    ASSIST_SIGN = "assist_sign"
    ASSIST_RETURN = "assist_return"
    ASSIST_REPLY = "assist_reply"
    ASSIST_RELEASE = "assist_release"
    ASSIST_KEEP = "assist_keep"
    REPLY = "reply"
    BEGIN_REVIEW = "begin_review"
    REVIEW = "review"
    REDO = "redo"
    RAISE = "raise"
    PARK = "park"
    LOOK_AGAIN = "look_again"
    UNPARK = "unpark"
    CLOSE = "close"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    MERGE = "merge"
    UNMERGE = "unmerge"
    INSTRUCT = "instruct"
    """A leader signs it off with what is to be done."""
    URGE = "urge"
    SUPERVISE = "supervise"
    CIRCULATE = "circulate"


class ClockKind(StrEnum):
    """What a time limit is set on."""

    CITIZEN = "citizen"
    """From intake to the end; neither paused nor begun anew but by a reopening."""
    DISPATCH = "dispatch"
    SIGN_FOR = "sign_for"
    RETURN = "return"
    """How long a unit may object."""
    CONTACT = "contact"
    HANDLING = "handling"
    JUDGEMENT = "judgement"
    """Of a return."""
    REVIEW = "review"
    REDO = "redo"
    SUPERVISION = "supervision"
    """Of what a leader signed off."""


class ClockAct(StrEnum):
    """What happens to a clock."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    EXTEND = "extend"


class Review(StrEnum):
    """What the review has found."""

    NONE = ""
    UNREACHED = "unreached"
    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"


class FieldKind(StrEnum):
    """What may stand in a field of a command."""

    WORDS = "words"
    """Free text; may be taken away later by law."""
    CODE = "code"
    UNIT = "unit"
    UNITS = "units"
    PERSON = "person"
    CASE = "case"
    COUNT = "count"
    """A whole number from 1."""
    YES_NO = "yes_no"
    MOMENT = "moment"
    """ISO 8601 with the offset from UTC."""


class Field(StrEnum):
    """What a command can be told."""

    REASON = "reason"
    TEXT = "text"
    PUBLIC_TEXT = "public_text"
    MEASURE = "measure"
    """What the unit did."""
    LEGAL_BASIS = "legal_basis"
    KIND = "kind"
    CATEGORY = "category"
    URGENCY = "urgency"
    WAY = "way"
    """The statutory one."""
    SERVICE = "service"
    """Which emergency service was told."""
    TOLD_AT = "told_at"
    TOLD = "told"
    """Whether the citizen was."""
    UNIT = "unit"
    ASSISTING = "assisting"
    RETURN_REASON = "return_reason"
    DAYS = "days"
    HOURS = "hours"
    APPROVED_BY = "approved_by"
    FINDING = "finding"
    RESULT = "result"
    REACHED = "reached"
    RESPONDED = "responded"
    RESOLVED = "resolved"
    SATISFIED = "satisfied"
    NEXT_LOOK = "next_look"
    DUE = "due"
    INTO = "into"
    """The case that another one follows."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a field takes."""

    kind: FieldKind
    codes: frozenset[str] = frozenset()
    """Of `FieldKind.CODE`; none: any."""


def _codes(*codes: str) -> FieldRule:
    return FieldRule(FieldKind.CODE, frozenset(codes))


FIELDS: dict[Field, FieldRule] = {
    **dict.fromkeys(
        (Field.REASON, Field.TEXT, Field.PUBLIC_TEXT, Field.MEASURE, Field.LEGAL_BASIS),
        FieldRule(FieldKind.WORDS),
    ),
    **dict.fromkeys(
        (Field.TOLD, Field.REACHED, Field.RESPONDED, Field.RESOLVED), FieldRule(FieldKind.YES_NO)
    ),
    **dict.fromkeys((Field.TOLD_AT, Field.NEXT_LOOK, Field.DUE), FieldRule(FieldKind.MOMENT)),
    **dict.fromkeys((Field.DAYS, Field.HOURS), FieldRule(FieldKind.COUNT)),
    Field.CATEGORY: _codes(),
    Field.KIND: _codes(
        "consultation", "help", "complaint", "report", "suggestion", "praise", "other"
    ),
    Field.URGENCY: _codes("ordinary", "urgent", "danger"),
    Field.WAY: _codes("court", "arbitration", "review", "disclosure", "petition"),
    Field.SERVICE: _codes("110", "119", "120", "122"),
    Field.UNIT: FieldRule(FieldKind.UNIT),
    Field.ASSISTING: FieldRule(FieldKind.UNITS),
    Field.RETURN_REASON: _codes("not_our_duty", "not_our_area", "wrong_level", "already_handled"),
    Field.APPROVED_BY: FieldRule(FieldKind.PERSON),
    Field.FINDING: _codes("true", "partly", "untrue"),
    Field.RESULT: _codes("resolved", "partly", "explained", "not_possible"),
    Field.SATISFIED: _codes("very", "satisfied", "basically", "dissatisfied", "no_answer"),
    Field.INTO: FieldRule(FieldKind.CASE),
}
"""Every field. What is no free text stays when texts must go: it names nobody."""


class RefusalCode(StrEnum):
    """Why an act is not done."""

    WRONG_STATE = "wrong_state"
    WRONG_ROLE = "wrong_role"
    OTHER_UNIT = "other_unit"
    MISSING = "missing"
    UNKNOWN_FIELD = "unknown_field"
    MALFORMED = "malformed"
    UNKNOWN_UNIT = "unknown_unit"
    SAME_UNIT = "same_unit"
    UNIT_WAS_RELEASED = "unit_was_released"
    NOT_BELOW = "not_below"
    NOT_ABOVE = "not_above"
    RETURN_TOO_LATE = "return_too_late"
    RETURNED_BEFORE = "returned_before"
    UNITS_ARE_FIXED = "units_are_fixed"
    EXTENSION_TOO_LATE = "extension_too_late"
    EXTENSION_ASKED = "extension_asked"
    EXTENSION_NOT_ASKED = "extension_not_asked"
    EXTENSION_LIMIT = "extension_limit"
    EXTENSION_TOO_LONG = "extension_too_long"
    PAUSED = "paused"
    NOT_PAUSED = "not_paused"
    APPROVER_NEEDED = "approver_needed"
    NOT_ASSISTING = "not_assisting"
    ORDER_STATE = "order_state"
    ASSISTING_OPEN = "assisting_open"
    TOOK_PART = "took_part"
    REVIEW_DUE = "review_due"
    REVIEW_MISSING = "review_missing"
    SECOND_PERSON_NEEDED = "second_person_needed"
    TOO_FEW_TRIES = "too_few_tries"
    REDO_LIMIT = "redo_limit"
    NOT_AHEAD = "not_ahead"
    UNKNOWN_CASE = "unknown_case"
    MERGE_INTO_ITSELF = "merge_into_itself"
    MERGE_INTO_MERGED = "merge_into_merged"
    OTHERS_FOLLOW = "others_follow"
    URGED_ENOUGH = "urged_enough"


REFUSALS: dict[RefusalCode, str] = {
    RefusalCode.WRONG_STATE: "The table has no such act in the state that the case is in.",
    RefusalCode.WRONG_ROLE: "Whoever asks has none of the roles that may.",
    RefusalCode.OTHER_UNIT: "Another unit holds it, and it is not below that of who asks.",
    RefusalCode.MISSING: "`fields` names what was not said.",
    RefusalCode.UNKNOWN_FIELD: "`fields` names what the act cannot be told.",
    RefusalCode.MALFORMED: "`fields` names what is not of its kind.",
    RefusalCode.UNKNOWN_UNIT: "`fields` names a unit that there is not.",
    RefusalCode.SAME_UNIT: "A unit is main or assisting unit, and once.",
    RefusalCode.UNIT_WAS_RELEASED: "The unit returned this case and was right.",
    RefusalCode.NOT_BELOW: "A case is handed down to a unit below the one that holds it.",
    RefusalCode.NOT_ABOVE: "A case is raised to a unit above the one that held it.",
    RefusalCode.RETURN_TOO_LATE: "The time to return it is over.",
    RefusalCode.RETURNED_BEFORE: "A unit returns a case once.",
    RefusalCode.UNITS_ARE_FIXED: "A consultation has fixed the units.",
    RefusalCode.EXTENSION_TOO_LATE: "An extension is asked for before the deadline.",
    RefusalCode.EXTENSION_ASKED: "An extension is asked for already.",
    RefusalCode.EXTENSION_NOT_ASKED: "No extension is asked for.",
    RefusalCode.EXTENSION_LIMIT: "It was extended as often as is allowed.",
    RefusalCode.EXTENSION_TOO_LONG: "That is longer than is allowed, or than was asked for.",
    RefusalCode.PAUSED: "It is paused: resume it first.",
    RefusalCode.NOT_PAUSED: "It is not paused.",
    RefusalCode.APPROVER_NEEDED: "So long a pause needs somebody else who approves it.",
    RefusalCode.NOT_ASSISTING: "That unit does not assist.",
    RefusalCode.ORDER_STATE: "The assisting unit's order is not in a state for that.",
    RefusalCode.ASSISTING_OPEN: "`fields` names assisting units that have not replied.",
    RefusalCode.TOOK_PART: "Who took it in does not review it.",
    RefusalCode.REVIEW_DUE: "It must be reviewed before it is closed.",
    RefusalCode.REVIEW_MISSING: "The review has not said yet what was found.",
    RefusalCode.SECOND_PERSON_NEEDED: "What is not resolved is closed by another one than the"
    " reviewer.",
    RefusalCode.TOO_FEW_TRIES: "Try again: on other days and in other parts of the day.",
    RefusalCode.REDO_LIMIT: "It was done anew as often as is allowed: raise it.",
    RefusalCode.NOT_AHEAD: "`fields` names a moment that is over, or that is still to come.",
    RefusalCode.UNKNOWN_CASE: "There is no such case.",
    RefusalCode.MERGE_INTO_ITSELF: "A case does not follow itself.",
    RefusalCode.MERGE_INTO_MERGED: "That case follows another one: name that one.",
    RefusalCode.OTHERS_FOLLOW: "Other cases follow this one: unmerge them first.",
    RefusalCode.URGED_ENOUGH: "It was urged as often as there are degrees: supervise it.",
}
"""Each in a sentence, for people."""
