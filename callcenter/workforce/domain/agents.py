"""An agent's working state as a pure machine: (agent, fact, now) -> (agent, effects).

Nothing here is stored twice. An agent is a few independent parts, each written by one source, and
the one state that everybody sees is derived from them, so it can never be two at once and does
not depend on whose fact came first:

- the seat and whether calls are wanted: the agent's own commands (or a supervisor's);
- whether the phone is reachable, rings, talks: the live floor;
- calls that were left ringing or refused: the ledger alone;
- the end of a talk: whichever of floor and ledger says it first begins the wrap-up (the floor is
  faster, the ledger is there after any outage); both name the seat's leg, so the second one begins
  nothing, and the ledger's moment is the one that counts. The wrap-up is that of the newest leg:
  what is told late of an older one is old.

Shown is the first of: talking, hold, ringing, wrap_up, break, unreachable, ready. Somebody on a
break whose phone is unplugged is on a break; when it ends he is unreachable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from callcenter.telephony.domain.ids import Extension, Uniqueid, uniqueid_key
from callcenter.telephony.domain.seat_seen import Activity, SeatSeen, Talk

RING_NO_ANSWER = "ring_no_answer"
"""The reason of the break that the machine itself sets after calls that were left ringing."""
RING_REFUSED = "ring_refused"
"""Likewise after calls that the phone refused: who declines serves nobody either."""
SESSION_ENDED = "session_ended"
"""Likewise when nobody is logged in any more who could act for the agent."""
NOT_AN_AGENT = "not_an_agent"
"""Likewise when the user is disabled, or may be no agent any more."""
WRAP_UP = "wrap_up"
"""The reason of our pause between two calls, as the PBX is told it."""
NEVER = datetime.min.replace(tzinfo=UTC)


class AgentState(StrEnum):
    """What an agent is doing; the words of the vocabulary."""

    OFFLINE = "offline"
    READY = "ready"
    RINGING = "ringing"
    TALKING = "talking"
    HOLD = "hold"
    WRAP_UP = "wrap_up"
    BREAK = "break"
    UNREACHABLE = "unreachable"

    @property
    def busy(self) -> bool:
        """Whether it is work on a call: what occupancy counts."""
        return self in _BUSY

    @property
    def available(self) -> bool:
        """Whether it is time in which calls are worked on or waited for."""
        return self in _BUSY or self is AgentState.READY


_BUSY = frozenset({AgentState.RINGING, AgentState.TALKING, AgentState.HOLD, AgentState.WRAP_UP})


@dataclass(frozen=True, slots=True)
class Rules:
    """What an administrator sets."""

    wrap_up_seconds: int
    """Of talks whose queue has no time of its own; 0: there is no wrap-up."""
    ring_no_answer_limit: int
    """So many calls left ringing or refused one after the other, and the seat is on a break."""
    wrap_up_of: Mapping[str, int] = field(default_factory=dict)
    """Seconds by queue."""

    def wrap_up(self, queue: str) -> timedelta:
        """After a talk out of `queue`; '' if it is not known."""
        return timedelta(seconds=self.wrap_up_of.get(queue, self.wrap_up_seconds))


@dataclass(frozen=True, slots=True)
class Break:
    """Calls are not wanted."""

    reason: str
    limit_seconds: int | None = None
    """How long it may last before somebody is told; None: as long as it takes."""
    begun_at: datetime | None = None
    """When it was first shown: the limit counts from there. None: a call goes on before it."""
    exceeded: bool = False
    """Somebody was told."""

    @property
    def alarm_at(self) -> datetime | None:
        """When it will have lasted too long; None if it cannot, or has."""
        if self.begun_at is None or self.limit_seconds is None or self.exceeded:
            return None
        return self.begun_at + timedelta(seconds=self.limit_seconds)


@dataclass(frozen=True, slots=True)
class WrapUp:
    """The work after the talk on `leg`."""

    leg: Uniqueid
    until: datetime


# -- facts -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogIn:
    """Take a seat, and calls; every count begins anew."""

    seat: Extension
    seen: SeatSeen | None = None
    """The seat as it is in that moment; None: that is not known, the phone is taken as gone."""


@dataclass(frozen=True, slots=True)
class LogOut:
    """Leave the seat. `forced`: also in the middle of a call, which goes on."""

    forced: bool = False
    reason: str = ""
    """Why, a code; '' if he wants it so himself."""


@dataclass(frozen=True, slots=True)
class BeReady:
    """Want calls; ends a wrap-up."""


@dataclass(frozen=True, slots=True)
class TakeBreak:
    """Want no calls; ends a wrap-up. During a call it holds from its end (and wrap-up) on."""

    reason: str
    limit_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class EndWrapUp:
    """The work after the talk is done."""


Command = LogIn | LogOut | BeReady | TakeBreak | EndWrapUp


@dataclass(frozen=True, slots=True)
class TalkEnded:
    """The ledger: the seat's leg is out of the conversation since `at`. A call was taken."""

    leg: Uniqueid
    queue: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RingEnded:
    """The ledger: a call no longer rings at the seat since `at`."""

    answered: bool
    """False: nobody took it in the ring time. A ring that the caller ended is no fact, and that one
    out of a queue was answered only becomes one with its talk: see `TalkEnded`."""
    at: datetime
    refused: bool = False
    """The phone said no: declined, set not to be disturbed, or broken."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but that time has passed."""


Fact = Command | SeatSeen | TalkEnded | RingEnded | Tick


# -- effects ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetPause:
    """No queue may offer calls to the seat, for `reason`; '' : they may."""

    seat: Extension
    reason: str


@dataclass(frozen=True, slots=True)
class SeatTaken:
    """The agent sits there from now on: its places in queues are his."""

    seat: Extension


@dataclass(frozen=True, slots=True)
class SeatLeft:
    """Nobody sits there any more."""

    seat: Extension


@dataclass(frozen=True, slots=True)
class BreakExceeded:
    """The break lasts longer than its limit; said once."""

    reason: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A state with its clock, as everybody sees it and as an interval keeps it."""

    state: AgentState
    reason: str
    """Why there is a break, its code; of a logout, why the system did it; else ''."""
    seat: Extension | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """One interval ends and the next begins, in the same moment `after.since`."""

    before: Shown
    after: Shown


Effect = SetPause | SeatTaken | SeatLeft | BreakExceeded | Changed


# -- the agent -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent; see the module for who writes which part."""

    since: datetime
    """When the state that is shown began."""
    seat: Extension | None = None
    logged_in_at: datetime = NEVER
    on_break: Break | None = None
    """None: calls are wanted."""
    wrap_up: WrapUp | None = None
    reachable: bool = False
    activity: Activity = Activity.IDLE
    talks: tuple[Talk, ...] = ()
    """That have not ended yet."""
    wrapped: Uniqueid | None = None
    """The newest leg whose talk has: what is told of it, or of an older one, is known."""
    missed: int = 0
    """Calls left ringing or refused since the last one that was taken."""
    talks_told_to: datetime = NEVER
    rings_told_to: datetime = NEVER
    """Up to where the ledger's facts were taken: after a rebuild all of them come again."""

    @property
    def state(self) -> AgentState:
        """The one state that is shown."""
        if self.seat is None:
            return AgentState.OFFLINE
        if self.activity is not Activity.IDLE:
            return AgentState(self.activity.value)
        if self.wrap_up is not None:
            return AgentState.WRAP_UP
        if self.on_break is not None:
            return AgentState.BREAK
        return AgentState.READY if self.reachable else AgentState.UNREACHABLE

    @property
    def shown(self) -> Shown:
        """The state with its clock."""
        state = self.state
        reason = self.on_break.reason if self.on_break and state is AgentState.BREAK else ""
        return Shown(state, reason, self.seat, self.since)

    @property
    def pause(self) -> str:
        """The reason for which no queue may offer calls; '' if they may.

        A talk is none: the PBX knows that the phone is busy. So nobody is left paused by a talk
        if we are not there when it ends.
        """
        if self.wrap_up is not None:
            return WRAP_UP
        return self.on_break.reason if self.on_break is not None else ""

    @property
    def deadline(self) -> datetime | None:
        """When something happens by itself; None if nothing will."""
        due = [self.wrap_up.until] if self.wrap_up is not None else []
        if self.on_break is not None and self.on_break.alarm_at is not None:
            due.append(self.on_break.alarm_at)
        return min(due, default=None)


class Refusal(StrEnum):
    """Why a command makes no sense now; a stable code."""

    AGENT_ELSEWHERE = "agent_elsewhere"
    AGENT_TALKING = "agent_talking"
    NOT_LOGGED_IN = "not_logged_in"
    NOT_IN_WRAP_UP = "not_in_wrap_up"


def refusal(agent: Agent, command: Command) -> Refusal | None:
    """Why `command` makes no sense for `agent` now; None if it does.

    What is so already is no error: a screen may send a command twice.
    """
    match command:
        case LogIn(seat, _):
            elsewhere = agent.seat is not None and agent.seat != seat
            return Refusal.AGENT_ELSEWHERE if elsewhere else None
        case LogOut(forced):
            talking = agent.state in (AgentState.TALKING, AgentState.HOLD)
            return Refusal.AGENT_TALKING if talking and not forced else None
        case EndWrapUp():
            if agent.seat is None:
                return Refusal.NOT_LOGGED_IN
            return Refusal.NOT_IN_WRAP_UP if agent.wrap_up is None else None
        case BeReady() | TakeBreak():
            return Refusal.NOT_LOGGED_IN if agent.seat is None else None


@dataclass(frozen=True, slots=True)
class Step:
    """What a fact came to."""

    agent: Agent
    effects: tuple[Effect, ...] = ()


def apply(agent: Agent, fact: Fact, now: datetime, rules: Rules) -> Step:
    """The agent after `fact`, and what must be done.

    A command that `refusal` refuses changes nothing, nor does a fact of floor or ledger about
    somebody who is not logged in. A clock that was put back makes an interval of no length.
    """
    now = max(now, agent.since)
    after = _take(_settle(agent, now), fact, now, rules)
    pause = after.on_break
    if pause is not None and pause.begun_at is None and after.state is AgentState.BREAK:
        after = replace(after, on_break=replace(pause, begun_at=now))
    return _step(agent, after, now, fact.reason if isinstance(fact, LogOut) else "")


def _take(agent: Agent, fact: Fact, now: datetime, rules: Rules) -> Agent:
    if isinstance(fact, Command) and refusal(agent, fact) is not None:
        return agent
    match fact:
        case LogIn(seat, seen):
            if agent.seat is not None:
                return agent
            # What the ledger told of the seat's former agent is not told again to the new one.
            new = Agent(
                since=agent.since,
                seat=seat,
                logged_in_at=now,
                talks_told_to=now,
                rings_told_to=now,
            )
            return new if seen is None else _seen(new, seen, now, rules)
        case LogOut():
            return Agent(since=agent.since) if agent.seat is not None else agent
        case BeReady():
            return replace(agent, wrap_up=None, missed=0, on_break=None)
        case TakeBreak(reason, limit_seconds):
            pause = agent.on_break
            if pause is None or (pause.reason, pause.limit_seconds) != (reason, limit_seconds):
                pause = Break(reason, limit_seconds)
            return replace(agent, wrap_up=None, on_break=pause)
        case EndWrapUp():
            return replace(agent, wrap_up=None)
        case SeatSeen():
            return _seen(agent, fact, now, rules) if agent.seat is not None else agent
        case TalkEnded():
            return _talk_ended(agent, fact, now, rules) if agent.seat is not None else agent
        case RingEnded():
            return _ring_ended(agent, fact, rules) if agent.seat is not None else agent
        case Tick():
            return agent


def _settle(agent: Agent, now: datetime) -> Agent:
    """What has become due by itself."""
    if agent.wrap_up is not None and agent.wrap_up.until <= now:
        agent = replace(agent, wrap_up=None)
    pause = agent.on_break
    if pause is not None and pause.alarm_at is not None and pause.alarm_at <= now:
        agent = replace(agent, on_break=replace(pause, exceeded=True))
    return agent


def _seen(agent: Agent, fact: SeatSeen, now: datetime, rules: Rules) -> Agent:
    known = {talk.leg: talk for talk in agent.talks}
    for talk in fact.talks:
        # A later look may not know any more where the caller waited.
        if _news(agent, talk.leg) and not (talk.leg in known and known[talk.leg].queue):
            known[talk.leg] = talk
    over = [talk for leg, talk in known.items() if leg not in fact.legs]
    agent = replace(
        agent,
        reachable=fact.reachable,
        activity=fact.activity,
        talks=tuple(talk for leg, talk in known.items() if leg in fact.legs),
    )
    for talk in sorted(over, key=lambda talk: uniqueid_key(talk.leg)):
        agent = _begin_wrap_up(agent, talk.leg, now + rules.wrap_up(talk.queue), now)
    return agent


def _talk_ended(agent: Agent, fact: TalkEnded, now: datetime, rules: Rules) -> Agent:
    if fact.at < agent.talks_told_to:
        return agent
    agent = replace(agent, talks_told_to=fact.at, missed=0)
    until = fact.at + rules.wrap_up(fact.queue)
    if _news(agent, fact.leg):
        return _begin_wrap_up(agent, fact.leg, until, now)
    if agent.wrap_up is None or agent.wrap_up.leg != fact.leg:
        return agent  # It is over already, or another one's.
    return replace(agent, wrap_up=WrapUp(fact.leg, until) if until > now else None)


def _news(agent: Agent, leg: Uniqueid) -> bool:
    """Whether the talk on `leg` may still end, as far as is known."""
    return agent.wrapped is None or uniqueid_key(leg) > uniqueid_key(agent.wrapped)


def _begin_wrap_up(agent: Agent, leg: Uniqueid, until: datetime, now: datetime) -> Agent:
    return replace(
        agent,
        talks=tuple(talk for talk in agent.talks if uniqueid_key(talk.leg) > uniqueid_key(leg)),
        wrapped=leg,
        wrap_up=WrapUp(leg, until) if until > now else None,
    )


def _ring_ended(agent: Agent, fact: RingEnded, rules: Rules) -> Agent:
    if fact.at <= agent.rings_told_to:
        return agent
    agent = replace(agent, rings_told_to=fact.at)
    if fact.answered:
        return replace(agent, missed=0)
    missed = agent.missed + 1
    if missed < rules.ring_no_answer_limit or agent.on_break is not None:
        return replace(agent, missed=missed)
    reason = RING_REFUSED if fact.refused else RING_NO_ANSWER
    return replace(agent, missed=0, on_break=Break(reason))


def _step(before: Agent, after: Agent, now: datetime, left_because: str) -> Step:
    """`after` with its clock, and the effects of the difference."""
    effects: list[Effect] = []
    if before.seat != after.seat:
        if before.seat is not None:
            effects.append(SeatLeft(before.seat))
        if after.seat is not None:
            effects.append(SeatTaken(after.seat))
    if after.seat is not None and (before.seat != after.seat or before.pause != after.pause):
        effects.append(SetPause(after.seat, after.pause))
    was, shall = before.shown, after.shown
    if (was.state, was.reason, was.seat) != (shall.state, shall.reason, shall.seat):
        after = replace(after, since=now)
        shown = after.shown if after.seat else replace(after.shown, reason=left_because)
        effects.append(Changed(was, shown))
    if _exceeded(after) and not _exceeded(before):
        effects.append(BreakExceeded(_exceeded(after)))
    return Step(after, tuple(effects))


def _exceeded(agent: Agent) -> str:
    """The reason of a break that lasts too long, or ''."""
    return agent.on_break.reason if agent.on_break and agent.on_break.exceeded else ""
