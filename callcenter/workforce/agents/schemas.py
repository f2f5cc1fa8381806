"""JSON forms of agents, breaks, skills and sums."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    StringConstraints,
)

from callcenter.platform.http.versions import VersionIn
from callcenter.platform.texts import LINE
from callcenter.workforce.agents.break_reasons import ReasonInfo
from callcenter.workforce.agents.service import AgentInfo
from callcenter.workforce.domain.agent_sums import Interval, Sums
from callcenter.workforce.domain.agents import AgentState
from callcenter.workforce.domain.own_figures import OwnFigures

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), LINE]
ReasonCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""The PBX is told it, so it is plain ASCII."""
QueueCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Level = Annotated[int, Field(ge=1, le=9, strict=True)]
Seconds = Annotated[int, Field(ge=0, le=3600, strict=True)]
LimitSeconds = Annotated[StrictInt, Field(ge=60, le=86_400)]

AGENT_EXAMPLE: dict[str, JsonValue] = {
    "user_id": 7,
    "login": "wangfang",
    "name": "王芳",
    "seat": "8001",
    "state": "break",
    "reason": "meal",
    "since": "2026-11-24T04:00:12.120943Z",
    "logged_in_at": "2026-11-24T00:31:02.120943Z",
    "reachable": True,
    "next": "break",
    "next_reason": "meal",
    "wrap_up_until": None,
    "break_until": "2026-11-24T05:00:12.120943Z",
    "break_exceeded": False,
    "missed": 0,
}


class AgentOut(BaseModel):
    """An agent now."""

    model_config = ConfigDict(json_schema_extra={"examples": [AGENT_EXAMPLE]})

    user_id: int
    login: str
    name: str
    seat: str | None
    state: AgentState
    reason: str = Field(description="Of a break, its code; else empty.")
    since: AwareDatetime = Field(description="When the state began; of `offline`: now.")
    logged_in_at: AwareDatetime | None
    reachable: bool = Field(description="The phone is registered and answers.")
    next: Literal["ready", "break"] | None = Field(
        description="What comes once the call and its wrap-up are over."
    )
    next_reason: str
    wrap_up_until: AwareDatetime | None
    break_until: AwareDatetime | None = Field(description="Then the alarm is raised.")
    break_exceeded: bool
    missed: int = Field(description="Calls left ringing one after the other.")

    @staticmethod
    def of(info: AgentInfo) -> AgentOut:
        """The form of `info`."""
        agent, pause = info.agent, info.agent.on_break
        here = agent.seat is not None
        return AgentOut(
            user_id=info.person.user_id,
            login=info.person.login,
            name=info.person.name,
            seat=agent.seat,
            state=agent.state,
            reason=agent.shown.reason,
            since=agent.since,
            logged_in_at=agent.logged_in_at if here else None,
            reachable=agent.reachable,
            next=("break" if pause else "ready") if here else None,
            next_reason=pause.reason if pause else "",
            wrap_up_until=agent.wrap_up.until if agent.wrap_up else None,
            break_until=pause.alarm_at if pause else None,
            break_exceeded=pause.exceeded if pause else False,
            missed=agent.missed,
        )


class LogInBody(BaseModel):
    """Take a seat."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"seat": "8001"}]})

    seat: str = Field(pattern=r"^[0-9]{1,16}$")


class BreakBody(BaseModel):
    """Be away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "meal"}]})

    reason: ReasonCode


class StateBody(BaseModel):
    """What a supervisor sets."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"state": "break", "reason": "meeting"}]},
    )

    state: Literal["ready", "break", "offline"] = Field(
        description="`offline`: logged out, also in a call, which goes on."
    )
    reason: ReasonCode | None = Field(None, description="Of a break.")
    seat: str | None = Field(
        None, pattern=r"^[0-9]{1,16}$", description="Logs in there first, if not logged in."
    )


class ReasonIn(BaseModel):
    """Make a reason for breaks."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"code": "meal", "name": "用餐", "limit_seconds": 3600}]},
    )

    code: ReasonCode
    name: Name
    limit_seconds: LimitSeconds | None = Field(None, description="Longer raises an alarm.")
    enabled: StrictBool = True


class ReasonPatch(VersionIn):
    """Change one; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"limit_seconds": 1800}]}
    )

    name: Name | None = None
    limit_seconds: LimitSeconds | None = Field(None, description="Null: as long as it takes.")
    enabled: StrictBool | None = None


class ReasonOut(BaseModel):
    """A reason for breaks."""

    code: str
    version: int
    name: str
    limit_seconds: int | None
    enabled: bool = Field(description="False: it may not be taken any more.")
    own: bool = Field(description="Set by the system itself, not by agents.")
    created_at: AwareDatetime
    updated_at: AwareDatetime

    @staticmethod
    def of(info: ReasonInfo) -> ReasonOut:
        """The form of `info`."""
        return ReasonOut(**{name: getattr(info, name) for name in ReasonOut.model_fields})


class SkillsBody(VersionIn):
    """Which queues an agent serves, and how well: 1 is asked first."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"levels": {"12345": 1, "english": 2}}]}
    )

    levels: Annotated[dict[QueueCode, Level], Field(max_length=100)] = Field(
        description="Empty: the main queue, at level 1."
    )


class WrapUpTimesBody(VersionIn):
    """Seconds of wrap-up by queue; a queue that is left out has the setting's."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"seconds": {"12345": 30, "english": 60}}]}
    )

    seconds: Annotated[dict[QueueCode, Seconds], Field(max_length=1000)]


class IntervalOut(BaseModel):
    """A state with its beginning and end."""

    seat: str
    state: AgentState
    reason: str
    begun_at: AwareDatetime
    ended_at: AwareDatetime | None = Field(description="Null: it goes on.")

    @staticmethod
    def of(one: Interval) -> IntervalOut:
        """The form of `one`."""
        return IntervalOut(**{name: getattr(one, name) for name in IntervalOut.model_fields})


class SumsOut(BaseModel):
    """One agent's day."""

    user_id: int
    name: str
    day: date
    seconds: dict[AgentState, float] = Field(description="By state; a state of no time is left out")
    break_seconds: dict[str, float] = Field(description="By reason; together `seconds.break`.")
    logged_in_seconds: float
    occupancy: float | None = Field(
        description="Ringing, talking, hold and wrap-up, over that and ready; null: neither."
    )

    @staticmethod
    def of(user_id: int, name: str, day: date, found: Sums) -> SumsOut:
        """The form of `found`."""
        return SumsOut(
            user_id=user_id,
            name=name,
            day=day,
            seconds={state: span.total_seconds() for state, span in found.by_state.items()},
            break_seconds={why: span.total_seconds() for why, span in found.by_reason.items()},
            logged_in_seconds=found.logged_in.total_seconds(),
            occupancy=found.occupancy,
        )


class OwnFiguresOut(BaseModel):
    """What one did on one day."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "day": "2026-11-24",
                    "calls": 31,
                    "talk_seconds": 5580.4,
                    "average_talk_seconds": 180.0,
                    "average_wait_seconds": 6.2,
                    "longest_wait_seconds": 48.0,
                    "scores": 12,
                    "average_score": 4.75,
                }
            ]
        }
    )

    day: date
    calls: int = Field(description="Each once, however often it came back.")
    talk_seconds: float
    average_talk_seconds: float | None = Field(description="Null: no call.")
    average_wait_seconds: float | None = Field(
        description="Of callers who came out of a queue, from their first queue to the answer."
    )
    longest_wait_seconds: float | None
    scores: int = Field(description="How many callers gave one.")
    average_score: float | None

    @staticmethod
    def of(day: date, own: OwnFigures) -> OwnFiguresOut:
        """As the service gives it."""
        return OwnFiguresOut(
            day=day,
            calls=own.calls,
            talk_seconds=own.talk.total_seconds(),
            average_talk_seconds=_seconds(own.average_talk),
            average_wait_seconds=_seconds(own.average_wait),
            longest_wait_seconds=_seconds(own.longest_wait),
            scores=len(own.scores),
            average_score=own.average_score,
        )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
