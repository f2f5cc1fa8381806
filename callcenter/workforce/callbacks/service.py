"""Call-backs: offered to free agents in order, dialled for them, their outcome kept.

Every step is one transaction that reads the task, asks the rules (`domain.callbacks`) and writes;
two agents who want the same task get one yes and one ``callback_taken``. Dialling writes the
attempt first and asks the PBX then: an attempt that the PBX surely did not begin is taken back, one
of which nobody knows counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.domain.numbers import normalise
from callcenter.platform.errors import BadInput, Conflict, NotFound, PbxRefused, PbxUnavailable
from callcenter.telephony.domain.floor import FloorView
from callcenter.telephony.domain.ids import CallId
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.telephony.domain.transfer_target import allowed
from callcenter.workforce.agents.sitting import Sitting
from callcenter.workforce.callbacks import intake, repository
from callcenter.workforce.callbacks.models import CallbackAttempt, CallbackTask
from callcenter.workforce.callbacks.repository import QueueCount, TaskFilter
from callcenter.workforce.domain.callbacks import (
    CallbackLimits,
    CallbackOutcome,
    CallbackRefusal,
    CallbackResult,
    CallbackStatus,
    choose,
    finish,
    give_back,
    refuse_dialling,
    refuse_holding,
    refuse_taking,
)
from callcenter.workforce.domain.callbacks import CallbackTask as Rules
from callcenter.workforce.ports import CaseLookup

_log = logging.getLogger(__name__)


class Dialler(Protocol):
    """The PBX's side of a call-back; `asterisk.callback_dial`."""

    def new_call(self) -> CallId:
        """The id of a call that is going to be dialled."""
        ...

    async def dial(self, call: CallId, seat: str, number: str, case: str) -> None:
        """Ring `seat`, then `number`, about `case` if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Agent:
    """Who acts."""

    name: str
    user_id: int | None = None
    """None for a machine, which names the seat itself."""


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """A task with what hangs on it."""

    task: CallbackTask
    attempts: Sequence[CallbackAttempt]
    missed_calls: Sequence[str]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a free agent is offered, and what else there is."""

    task: TaskDetail | None
    open: int
    """Tasks still to be called back, this one with them; those not due yet too."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """A call-back that the PBX has begun: the seat's phone rings."""

    task: TaskDetail
    call_id: str
    seat: str


class CallbackService:
    """Reads and changes tasks; also a `calls.listener.LedgerListener` that makes them."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        dialler: Dialler,
        live: FloorView,
        *,
        seats: Sitting | None = None,
        cases: CaseLookup | None = None,
        publish: Callable[[Change], None] = lambda _change: None,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._limits = CallbackLimits(
            settings.callback_attempts,
            timedelta(minutes=settings.callback_retry_minutes),
            timedelta(minutes=settings.callback_taken_minutes),
        )
        # The dialplan's own rule, said earlier so that the agent hears it in words.
        self._patterns = settings.outbound_patterns if settings.trunk_host else ()
        self._dialler = dialler
        self._live = live
        self._seats = seats
        self._cases = cases
        self._publish = publish
        self._clock = clock

    # -- the ledger ---------------------------------------------------------------------------

    @staticmethod
    def wants(changes: LedgerChanges) -> bool:
        """Whether `on_ledger` may have something to do."""
        return intake.concerned(changes)

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        """See `calls.listener.LedgerListener`."""
        return await intake.take(session, changes)

    # -- reading ------------------------------------------------------------------------------

    async def page(
        self, wanted: TaskFilter, *, before: tuple[datetime, int] | None, limit: int
    ) -> Sequence[CallbackTask]:
        """Up to `limit` tasks, last missed first, behind the key `before`."""
        if wanted.number is not None:
            number = normalise(wanted.number)
            wanted = TaskFilter(
                wanted.status, wanted.open, wanted.queue, number, wanted.reason,
                wanted.missed_from, wanted.missed_to,
            )  # fmt: skip
        async with self._database.reading() as session:
            return await repository.newest_first(session, wanted, before=before, limit=limit)

    async def get(self, task_id: int) -> TaskDetail:
        """One task; `NotFound` ``callback_not_found``."""
        async with self._database.reading() as session:
            return await _detail(session, await _found(session, task_id))

    async def mine(self, agent: Agent) -> Sequence[TaskDetail]:
        """What the agent has taken."""
        async with self._database.reading() as session:
            tasks = await repository.taken_by(session, agent.name)
            return [await _detail(session, task) for task in tasks]

    async def counts(
        self, *, missed_from: datetime | None = None, missed_to: datetime | None = None
    ) -> Sequence[QueueCount]:
        """Tasks still to be called back, by queue."""
        async with self._database.reading() as session:
            return await repository.counts(session, missed_from=missed_from, missed_to=missed_to)

    # -- steps of an agent --------------------------------------------------------------------

    async def next(self, agent: Agent) -> Offer:
        """Take the task that is due first, if any; what the agent holds already comes before it.

        Two agents who ask at once get two tasks, or one of them none. `Conflict` ``agent_busy``
        while the agent works on a call: tasks are for who is free.
        """
        if (
            agent.user_id is not None
            and self._seats is not None
            and await self._seats.is_busy(agent.user_id)
        ):
            raise Conflict("finish the call first, then ask for a call-back", code="agent_busy")
        now = self._clock()
        waiting = self._waiting()
        async with self._database.writing() as session:
            held = await repository.taken_by(session, agent.name)
            mine = next((t for t in held if _rules(t).holder(self._limits, now)), None)
            if mine is None:
                tasks = {task.id: task for task in await repository.candidates(session)}
                rules = (_rules(task) for task in tasks.values())
                chosen = choose(rules, waiting, self._limits, now)
                mine = tasks[chosen.id] if chosen is not None else None
                if mine is not None:
                    _take(mine, agent, now)
            left = await repository.counts(session, missed_from=None, missed_to=None)
            detail = await _detail(session, mine) if mine is not None else None
        if mine is not None:
            self._tell(mine, "taken", agent)
        return Offer(detail, sum(one.count for one in left))

    async def take(self, task_id: int, agent: Agent) -> TaskDetail:
        """Take one task, whether or not it is due.

        Errors: `NotFound` ``callback_not_found``; `Conflict` ``callback_taken``,
        ``callback_closed``.
        """
        now = self._clock()
        async with self._database.writing() as session:
            task = await _found(session, task_id)
            _check(refuse_taking(_rules(task), agent.name, self._limits, now), task)
            _take(task, agent, now)
            detail = await _detail(session, task)
        self._tell(task, "taken", agent)
        return detail

    async def release(self, task_id: int, agent: Agent) -> TaskDetail:
        """Give a task back untried; it keeps its place. Errors as of `finish`."""
        async with self._database.writing() as session:
            task = await _found(session, task_id)
            _check(refuse_holding(_rules(task), agent.name), task)
            _settle(task, give_back(_rules(task)), self._clock())
            await session.flush()
            detail = await _detail(session, task)
        self._tell(task, "given back", agent)
        return detail

    async def dial(self, task_id: int, agent: Agent, seat: str | None) -> Dialled:
        """Ring the agent's seat, then the citizen. `seat` is for machines, and for agents who are
        not logged in to one.

        Errors: `NotFound` ``callback_not_found``; `Conflict` ``callback_not_taken``,
        ``callback_taken``, ``callback_closed``, ``callback_no_attempts``, ``outbound_off``,
        ``number_not_allowed``, ``no_seat``, ``seat_unreachable``, ``seat_busy``; and what the PBX
        says.
        """
        place = await self._seat(agent, seat)
        now = self._clock()
        call = self._dialler.new_call()
        async with self._database.writing() as session:
            task = await _found(session, task_id)
            _check(refuse_dialling(_rules(task), agent.name, self._limits), task)
            self._must_be_allowed(task.number)
            self._must_be_free(place)
            task.attempts += 1
            task.taken_at = now
            session.add(
                CallbackAttempt(
                    call_id=call,
                    task_id=task.id,
                    serial=task.attempts,
                    agent=agent.name,
                    seat=place,
                    dialled_at=now,
                    answered_at=None,
                    ended_at=None,
                    outcome=None,
                    note="",
                )
            )
            number, case = task.number, task.case_number or ""
        try:
            await self._dialler.dial(call, place, number, case)
        except (PbxUnavailable, PbxRefused):
            async with self._database.writing() as session:
                await repository.forget_attempt(session, call)
            raise
        self._tell(task, f"dialled from {place}", agent)
        return Dialled(await self.get(task_id), call, place)

    async def finish(
        self,
        task_id: int,
        agent: Agent,
        *,
        result: CallbackResult,
        outcome: CallbackOutcome,
        note: str = "",
        not_before: datetime | None = None,
        case_number: str | None = None,
    ) -> TaskDetail:
        """Say what came of it: done, failed, or to be tried again later.

        Errors: `NotFound` ``callback_not_found``, ``case_not_found``; `Conflict`
        ``callback_not_taken``, ``callback_taken``, ``callback_closed``; `BadInput`
        ``not_before_in_the_past``.
        """
        now = self._clock()
        if not_before is not None and not_before <= now:
            raise BadInput(
                "not_before: give a moment to come, or none for the usual time",
                code="not_before_in_the_past",
            )
        if case_number is not None and self._cases is not None:
            await self._cases.get(case_number)
        async with self._database.writing() as session:
            task = await _found(session, task_id)
            _check(refuse_holding(_rules(task), agent.name), task)
            made = finish(_rules(task), result, not_before=not_before, limits=self._limits, now=now)
            attempt = await repository.last_attempt(session, task_id)
            if attempt is not None and attempt.outcome is None:
                attempt.outcome, attempt.note = outcome.value, note
            task.outcome, task.note = outcome.value, note
            task.case_number = case_number or task.case_number
            task.not_before = made.not_before
            _settle(task, made.status, now)
            await session.flush()
            detail = await _detail(session, task)
        self._tell(task, f"{result} ({outcome})", agent)
        return detail

    # -- the checks ---------------------------------------------------------------------------

    def _waiting(self) -> Mapping[str, datetime]:
        """Since when the first of each queue has waited. Without a picture of the PBX nobody is
        known to wait, and the agents who are free are better used than not."""
        floor = self._live.floor
        if floor is None:
            return {}
        return {
            queue: datetime.fromtimestamp(min(caller.since for caller in line), UTC)
            for queue, line in floor.waiting.items()
        }

    async def _seat(self, agent: Agent, seat: str | None) -> str:
        own = None
        if agent.user_id is not None and self._seats is not None:
            own = await self._seats.seat_of(agent.user_id)
        if own is not None and seat is not None and seat != own:
            raise Conflict(
                f"you are logged in to seat {own}; leave `seat` out", code="not_your_seat", seat=own
            )
        found = own or seat
        if found is None:
            raise Conflict("log in to a seat first, so that it can ring", code="no_seat")
        return found

    def _must_be_allowed(self, number: str) -> None:
        if not self._patterns:
            raise Conflict(
                "no outside number may be called: set CALLCENTER_OUTBOUND_PATTERNS and"
                " CALLCENTER_TRUNK_HOST",
                code="outbound_off",
            )
        if not allowed(self._patterns, number):
            raise Conflict(
                "this number is not among those that CALLCENTER_OUTBOUND_PATTERNS allows",
                code="number_not_allowed",
            )

    def _must_be_free(self, extension: str) -> None:
        floor = self._live.floor
        if floor is None:
            raise PbxUnavailable("there is no link to the PBX now; nothing was done")
        seat = next((one for one in floor.seats() if one.extension == extension), None)
        if seat is None or not seat.reachable:
            raise Conflict(
                f"the phone of seat {extension} is not registered",
                code="seat_unreachable",
                seat=extension,
            )
        if seat.channels:
            raise Conflict(
                f"seat {extension} is in a call; end that first", code="seat_busy", seat=extension
            )

    def _tell(self, task: CallbackTask, what: str, agent: Agent) -> None:
        _log.info("call-back %d %s by=%s", task.id, what, agent.name)
        self._publish(intake.changed(task))


def _rules(task: CallbackTask) -> Rules:
    return Rules(
        id=task.id,
        queue=task.queue,
        status=CallbackStatus(task.status),
        requested=task.requested,
        joined_at=task.joined_at,
        attempts=task.attempts,
        not_before=task.not_before,
        taken_by=task.taken_by,
        taken_at=task.taken_at,
        got_through=task.got_through_call_id is not None,
    )


def _take(task: CallbackTask, agent: Agent, now: datetime) -> None:
    task.status = CallbackStatus.TAKEN.value
    task.taken_by = agent.name
    task.taken_at = now


def _settle(task: CallbackTask, status: CallbackStatus, now: datetime) -> None:
    """Out of the agent's hand, as `status`."""
    task.status = status.value
    if status.is_open:
        task.taken_by, task.taken_at = "", None
    else:
        task.open_number, task.closed_at = None, now


def _check(refusal: CallbackRefusal | None, task: CallbackTask) -> None:
    match refusal:
        case None:
            return
        case CallbackRefusal.TAKEN:
            raise Conflict(
                f"{task.taken_by} has call-back {task.id}; ask for the next one",
                code="callback_taken",
                by=task.taken_by,
            )
        case CallbackRefusal.NOT_TAKEN:
            raise Conflict(f"take call-back {task.id} first", code="callback_not_taken")
        case CallbackRefusal.CLOSED:
            raise Conflict(
                f"call-back {task.id} is over: {task.status}",
                code="callback_closed",
                status=task.status,
            )
        case CallbackRefusal.NO_ATTEMPTS:
            raise Conflict(
                f"call-back {task.id} was dialled {task.attempts} times; say what came of it",
                code="callback_no_attempts",
                attempts=task.attempts,
            )


async def _found(session: AsyncSession, task_id: int) -> CallbackTask:
    task = await repository.by_id(session, task_id)
    if task is None:
        raise NotFound(f"there is no call-back {task_id}", code="callback_not_found", id=task_id)
    return task


async def _detail(session: AsyncSession, task: CallbackTask) -> TaskDetail:
    attempts = await repository.attempts_of(session, [task.id])
    return TaskDetail(task, attempts[task.id], await repository.calls_of(session, task.id))
