"""JSON forms of leave and swaps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from callcenter.platform.moments import CityDay
from callcenter.platform.texts import BLOCK
from callcenter.workforce.domain.requests import LeaveKind, RequestState
from callcenter.workforce.shifts.models import LeaveRequest, SwapRequest
from callcenter.workforce.shifts.pattern_schemas import UserId
from callcenter.workforce.shifts.requests import NewSwap

Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), BLOCK]
EntryId = Annotated[int, Field(strict=True, ge=1, lt=2**31)]


class LeaveIn(BaseModel):
    """Ask for leave."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "first_day": "2026-12-07",
                    "last_day": "2026-12-08",
                    "kind": "annual",
                    "reason": "探亲",
                }
            ]
        },
    )

    first_day: CityDay
    last_day: CityDay = Field(description="Included.")
    kind: LeaveKind
    reason: Words = ""
    user_id: UserId | None = Field(None, description="For somebody else, as a planner.")


class LeaveOut(BaseModel):
    """Leave."""

    id: int
    user_id: int
    name: str
    first_day: date
    last_day: date
    kind: LeaveKind
    reason: str
    state: RequestState
    asked_by: str
    asked_at: AwareDatetime
    decided_by: str | None
    decided_at: AwareDatetime | None
    answer: str

    @staticmethod
    def from_row(row: LeaveRequest, names: Mapping[int, str]) -> LeaveOut:
        """As the service gives it."""
        return LeaveOut(
            id=row.id,
            user_id=row.user_id,
            name=names.get(row.user_id, ""),
            first_day=row.first_day,
            last_day=row.last_day,
            kind=LeaveKind(row.kind),
            reason=row.reason,
            state=RequestState(row.state),
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            decided_by=row.decided_by,
            decided_at=row.decided_at,
            answer=row.answer,
        )


class DecisionBody(BaseModel):
    """Words to the one who asked."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"answer": "同意"}]})

    answer: Words = ""


class SwapIn(BaseModel):
    """Ask a colleague to work a shift in one's place."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"entry_id": 512, "partner_id": 8, "partner_entry_id": 530, "reason": "家中有事"}
            ]
        },
    )

    entry_id: EntryId = Field(description="One's own shift.")
    partner_id: UserId
    partner_entry_id: EntryId | None = Field(
        None, description="The colleague's shift that one works instead; null: given away."
    )
    reason: Words = ""

    def to_domain(self) -> NewSwap:
        """As the service takes it."""
        return NewSwap(self.entry_id, self.partner_id, self.partner_entry_id, self.reason)


class SwapOut(BaseModel):
    """A swap."""

    id: int
    user_id: int
    name: str
    entry_id: int
    day: date
    shift_id: int
    partner_id: int
    partner_name: str
    partner_entry_id: int | None
    partner_day: date | None
    partner_shift_id: int | None
    reason: str
    state: RequestState
    asked_at: AwareDatetime
    answered_at: AwareDatetime | None
    decided_by: str | None
    decided_at: AwareDatetime | None
    answer: str

    @staticmethod
    def from_row(row: SwapRequest, names: Mapping[int, str]) -> SwapOut:
        """As the service gives it."""
        return SwapOut(
            id=row.id,
            user_id=row.user_id,
            name=names.get(row.user_id, ""),
            entry_id=row.entry_id,
            day=row.day,
            shift_id=row.shift_id,
            partner_id=row.partner_id,
            partner_name=names.get(row.partner_id, ""),
            partner_entry_id=row.partner_entry_id,
            partner_day=row.partner_day,
            partner_shift_id=row.partner_shift_id,
            reason=row.reason,
            state=RequestState(row.state),
            asked_at=row.asked_at,
            answered_at=row.answered_at,
            decided_by=row.decided_by,
            decided_at=row.decided_at,
            answer=row.answer,
        )
