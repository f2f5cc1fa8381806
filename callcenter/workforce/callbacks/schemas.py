"""JSON forms of call-backs."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)

from callcenter.people.access.rights import present_actor
from callcenter.people.domain.masking import mask_number
from callcenter.people.domain.permissions import Permission
from callcenter.platform.moments import Moment
from callcenter.platform.texts import BLOCK
from callcenter.telephony.domain.ids import CASE_NUMBER
from callcenter.workforce.callbacks.models import CallbackAttempt, CallbackTask
from callcenter.workforce.callbacks.service import Dialled, Offer, TaskDetail
from callcenter.workforce.domain.callbacks import (
    CallbackOutcome,
    CallbackResult,
    CallbackStatus,
    MissedReason,
)

ATTEMPT_EXAMPLE: dict[str, JsonValue] = {
    "serial": 1,
    "agent": "wangfang",
    "seat": "8001",
    "call_id": "pbx1:callback-1795408400.1",
    "dialled_at": "2026-11-24T04:13:20Z",
    "answered_at": None,
    "ended_at": "2026-11-24T04:13:51Z",
    "outcome": "no_answer",
    "note": "",
}
TASK_EXAMPLE: dict[str, JsonValue] = {
    "id": 17,
    "number": "13800138000",
    "queue": "12345",
    "reason": "requested",
    "requested": True,
    "joined_at": "2026-11-24T03:57:04Z",
    "first_missed_at": "2026-11-24T03:59:10Z",
    "last_missed_at": "2026-11-24T03:59:10Z",
    "last_call_id": "pbx1:1795407499.12",
    "missed_count": 1,
    "status": "taken",
    "attempts": 1,
    "not_before": None,
    "taken_by": "wangfang",
    "taken_at": "2026-11-24T04:13:20Z",
    "got_through_call_id": None,
    "outcome": None,
    "note": "",
    "case_number": None,
    "closed_at": None,
}
DETAIL_EXAMPLE: dict[str, JsonValue] = {
    **TASK_EXAMPLE,
    "tries": [ATTEMPT_EXAMPLE],
    "missed_calls": ["pbx1:1795407499.12"],
}


Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), BLOCK]
CaseNumber = Annotated[str, StringConstraints(pattern=f"^{CASE_NUMBER.pattern}$", max_length=20)]


class TaskOut(BaseModel):
    """A citizen who is to be called back, or was."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [TASK_EXAMPLE]})

    id: int
    number: str = Field(description="Masked for whoever may not see whole numbers.")
    queue: str = Field(description="That he asked for; empty if the line was closed.")
    reason: MissedReason
    requested: bool = Field(description="He pressed the call-back key; his place is kept.")
    joined_at: AwareDatetime = Field(description="His place: when he joined the queue first.")
    first_missed_at: AwareDatetime
    last_missed_at: AwareDatetime
    last_call_id: str
    missed_count: int = Field(description="Missed calls of this number that it stands for.")
    status: CallbackStatus
    attempts: int = Field(description="Times that it was dialled.")
    not_before: AwareDatetime | None
    taken_by: str
    taken_at: AwareDatetime | None
    got_through_call_id: str | None = Field(
        description="The call in which he talked with somebody by himself."
    )
    outcome: CallbackOutcome | None
    note: str
    case_number: str | None
    closed_at: AwareDatetime | None

    @model_validator(mode="after")
    def _as_allowed(self) -> Self:
        # Here and not in the endpoints, so that none of them can forget it.
        who = present_actor()
        if who is None or not who.may(Permission.NUMBER_SEE):
            self.number = mask_number(self.number)
        return self

    @classmethod
    def of(cls, task: CallbackTask) -> TaskOut:
        """As the one who asks may see it."""
        return cls.model_validate(task)


class AttemptOut(BaseModel):
    """One time that the citizen was dialled."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [ATTEMPT_EXAMPLE]}
    )

    serial: int
    agent: str
    seat: str
    call_id: str = Field(description="The call in the ledger, once the agent's phone answered.")
    dialled_at: AwareDatetime
    answered_at: AwareDatetime | None = Field(description="By the citizen.")
    ended_at: AwareDatetime | None
    outcome: CallbackOutcome | None
    note: str

    @classmethod
    def of(cls, attempt: CallbackAttempt) -> AttemptOut:
        """One attempt."""
        return cls.model_validate(attempt)


class TaskDetailOut(TaskOut):
    """A call-back with its attempts and the missed calls that it stands for."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [DETAIL_EXAMPLE]}
    )

    tries: list[AttemptOut]
    missed_calls: list[str] = Field(description="Ids of calls, in the order in which they ended.")

    @classmethod
    def with_parts(cls, detail: TaskDetail) -> TaskDetailOut:
        """As the one who asks may see it."""
        return cls(
            **TaskOut.of(detail.task).model_dump(),
            tries=[AttemptOut.of(one) for one in detail.attempts],
            missed_calls=list(detail.missed_calls),
        )


class OfferOut(BaseModel):
    """What a free agent is offered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"task": DETAIL_EXAMPLE, "open": 3}]})

    task: TaskDetailOut | None = Field(description="Taken for the agent; null: none is due now.")
    open: int = Field(description="All that are still to be called back, due or not.")

    @classmethod
    def of(cls, offer: Offer) -> OfferOut:
        """As the one who asks may see it."""
        task = TaskDetailOut.with_parts(offer.task) if offer.task is not None else None
        return cls(task=task, open=offer.open)


class DialIn(BaseModel):
    """Call the citizen back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"seat": "8001"}]})

    seat: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,16}$")] | None = Field(
        None, description="The phone that rings first; the agent's own if left out."
    )


class DialledOut(BaseModel):
    """The agent's phone rings; the citizen is dialled once it is answered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "call_id": "pbx1:callback-1795408400.1",
                    "seat": "8001",
                    "task": DETAIL_EXAMPLE,
                }
            ]
        }
    )

    call_id: str
    seat: str
    task: TaskDetailOut

    @classmethod
    def of(cls, dialled: Dialled) -> DialledOut:
        """As the one who asks may see it."""
        return cls(
            call_id=dialled.call_id,
            seat=dialled.seat,
            task=TaskDetailOut.with_parts(dialled.task),
        )


class ResultIn(BaseModel):
    """What came of it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"result": "done", "outcome": "reached", "note": "已答复", "case_number": None},
                {"result": "later", "outcome": "no_answer"},
            ]
        },
    )

    result: CallbackResult = Field(
        description="`later` is tried again, up to the setting callback_attempts; then it failed."
    )
    outcome: CallbackOutcome
    note: Note = ""
    not_before: Moment | None = Field(
        None, description="For `later`: when to try again; null: after callback_retry_minutes."
    )
    case_number: CaseNumber | None = Field(None, description="The case that it became.")
