"""Agents: who sits where and does what; the machine's memory, its commands and its facts.

- One process holds everybody who is logged in; each step is committed before it is shown. A step
  that cannot be committed did not happen, and is taken again: floor and timer tell what *is*, the
  ledger's facts wait in a table of their own, and a person gets an error.
- But for the pause after a talk: it is sent to the PBX before anything is written, since the next
  caller would be faster. If we die in between, the floor tells of the ended talk again.
- The ledger's facts are written in the ledger's own transaction, so none is lost, and taken right
  after it. Taken twice they are taken once (`domain.agents`).
- A seat to which nobody is logged in takes calls of the main queue as the seat itself says, unless
  the setting `agents_required` is on. As soon as somebody logs in there, his skills decide.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.trail.service import SYSTEM, Entry, record
from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, Conflict, NotFound
from callcenter.platform.versions import check_version, version_of
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.telephony.domain.seat_seen import Activity, SeatSeen
from callcenter.telephony.domain.seating import DesiredMember
from callcenter.telephony.seats.service import SeatService
from callcenter.workforce.agents import repository
from callcenter.workforce.agents.facts import fact_of, facts_in
from callcenter.workforce.agents.ports import OneQueue, PbxSeats, People, Person, Queues
from callcenter.workforce.agents.roll import Roll
from callcenter.workforce.domain.agents import (
    NOT_AN_AGENT,
    Agent,
    Command,
    LogIn,
    LogOut,
    Refusal,
    TakeBreak,
    Tick,
    apply,
    refusal,
)

_log = logging.getLogger(__name__)

FACTS_AT_ONCE = 500
LONGEST_REST_SECONDS = 5.0
"""A fact whose wake-up was lost, by another process say, is taken so much later at most."""
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """An agent as he is now."""

    person: Person
    agent: Agent


class AgentService:
    """The agents of one PBX; `run` it as a task."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        people: People,
        seats: SeatService,
        pbx: PbxSeats,
        queues: Queues | None = None,
        publish: Callable[[Change], None] = lambda _change: None,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._settings = settings
        self._people = people
        self._seats = seats
        self._pbx = pbx
        self._queues = queues or OneQueue(settings.hotline_number)
        self._clock = clock
        self._wake = asyncio.Event()
        self._facts_came = False
        """The last batch of the ledger had facts of ours."""
        self._changed_users: set[int] = set()
        self._leaving: set[int] = set()
        """Who is no agent any more, and talks still."""
        self._check_seats = True
        """A seat may have been disabled or removed; at the beginning, while we were not there."""
        self._roll = Roll(
            database, settings, pbx=pbx, publish=publish, stepped=self._wake.set, clock=clock
        )

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that changed what `memberships` says."""
        self._roll.on_change(listener)

    # -- life ---------------------------------------------------------------------------------

    async def load(self) -> None:
        """Everybody as the last process left him. Called once; later calls do nothing."""
        await self._roll.load()

    async def run(self) -> None:
        """Take the ledger's facts and what time brings, until cancelled."""
        while True:
            self._wake.clear()
            rest = RETRY_SECONDS
            try:
                await self.load()
                await self.take_due()
                rest = self._rest()
            except SQLAlchemyError as error:
                _log.error("agents: not written, trying again: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._wake.wait()

    def wake(self) -> None:
        """The ledger may hold facts of ours, or a clock was set."""
        self._wake.set()

    def ledger_grew(self) -> None:
        """What `on_ledger` heard last is committed."""
        if self._facts_came:
            self._facts_came = False
            self.wake()

    def user_changed(self, user_id: int) -> None:
        """What the user may do has changed: who is no agent any more is logged out soon."""
        self._changed_users.add(user_id)
        self._wake.set()

    def seats_changed(self) -> None:
        """A seat was changed: who sits at one that is disabled or gone is logged out soon, once
        his call is over. The call itself goes on, so nobody is refused to disable a seat."""
        self._check_seats = True
        self._wake.set()

    async def take_due(self) -> None:
        """Take every fact that waits, and whatever is due by itself."""
        self._changed_users |= self._leaving
        while self._changed_users:
            await self._check_person(next(iter(self._changed_users)))
        while await self._take_facts() == FACTS_AT_ONCE:
            pass
        await self._leave_lost_seats()
        now = self._clock()
        due = [
            (user_id, Tick())
            for user_id, agent in self._roll.agents.items()
            if agent.deadline is not None and agent.deadline <= now
        ]
        if due:
            async with self._roll.turn:
                await self._roll.take(due)

    async def _check_person(self, user_id: int) -> None:
        self._changed_users.discard(user_id)  # First: he may be changed again meanwhile.
        self._leaving.discard(user_id)
        try:
            if user_id not in self._roll.agents or await self._people.agent(user_id) is not None:
                return
            if not await self.leave_after_call(user_id, NOT_AN_AGENT):
                self._leaving.add(user_id)  # The end of his call wakes us.
        except SQLAlchemyError:
            self._changed_users.add(user_id)
            raise

    async def _leave_lost_seats(self) -> None:
        if not self._check_seats:
            return
        self._check_seats = False  # First: one may be changed again meanwhile.
        try:
            made = {one.extension: one.created_at for one in await self._seats.all() if one.enabled}
            lost = [one for one in self._roll.by_seat.items() if self._is_lost(*one, made)]
            for seat, user_id in lost:
                if self._roll.agents[user_id].activity is not Activity.IDLE:
                    self._check_seats = True  # The end of his call wakes us.
                    continue
                reason = await self._why_lost(seat)
                await self.log_out(user_id, forced=True, actor=SYSTEM, reason=reason)
        except SQLAlchemyError:
            self._check_seats = True
            raise

    def _is_lost(self, seat: Extension, user_id: int, made: Mapping[Extension, datetime]) -> bool:
        """Whether the agent's seat is disabled or gone; one that was made anew under the same
        extension since he logged in is not the seat that he logged in to."""
        since = self._roll.agents[user_id].logged_in_at
        return seat not in made or (since is not None and since < made[seat])

    async def _why_lost(self, seat: Extension) -> str:
        try:
            found = await self._seats.get(seat)
        except NotFound:
            return "seat_removed"
        return "seat_removed" if found.enabled else "seat_disabled"

    def _rest(self) -> float:
        deadlines = [agent.deadline for agent in self._roll.agents.values()]
        first = min((one for one in deadlines if one is not None), default=None)
        if first is None:
            return LONGEST_REST_SECONDS
        left = (first - self._clock()).total_seconds()
        return min(max(left, 0.0), LONGEST_REST_SECONDS)

    # -- what the PBX should have -------------------------------------------------------------

    async def memberships(self) -> Sequence[DesiredMember]:
        """Every seat's place in queues, as the PBX should have it.

        Also in queues that are disabled or removed: whether callers still wait there the PBX alone
        knows, and the reconciler leaves out those that are not in the PBX any more.
        """
        await self.load()
        seats = await self._seats.desired()
        taken = dict(self._roll.by_seat)
        async with self._database.reading() as session:
            skills = await repository.skills(session, set(taken.values()))
        names = {person.user_id: person.name for person in await self._people.agents()}
        main, members = self._settings.hotline_number, list[DesiredMember]()
        for seat in seats:
            user_id = taken.get(seat.extension)
            agent = self._roll.agents.get(user_id) if user_id is not None else None
            if user_id is None or agent is None:
                if seat.in_queue and not self._settings.agents_required:
                    members.append(DesiredMember(main, seat.extension, seat.name))
                continue
            name = names.get(user_id, seat.name)
            # Whoever has no skill at all takes the calls that anybody can take.
            levels = skills.get(user_id) or {main: 1}
            members += [
                DesiredMember(
                    queue,
                    seat.extension,
                    name,
                    level,
                    paused=bool(agent.pause),
                    reason=agent.pause,
                    user_id=user_id,
                )
                for queue, level in levels.items()
            ]
        return members

    # -- reading ------------------------------------------------------------------------------

    async def all(self) -> Sequence[AgentInfo]:
        """Everybody who may be an agent, by name; who is not logged in is offline."""
        await self.load()
        return [self._info(person) for person in await self._people.agents()]

    async def get(self, user_id: int) -> AgentInfo:
        """One; `NotFound` ``agent_unknown``."""
        await self.load()
        return self._info(await self._person(user_id))

    def at(self, seat: Extension) -> int | None:
        """Whose seat it is now, his user id; None if nobody is logged in there."""
        return self._roll.by_seat.get(seat)

    def _info(self, person: Person) -> AgentInfo:
        agent = self._roll.agents.get(person.user_id)
        return AgentInfo(person, agent or Agent(since=self._clock()))

    async def _person(self, user_id: int) -> Person:
        person = await self._people.agent(user_id)
        if person is None:
            raise NotFound(f"there is no agent {user_id}", code="agent_unknown", user_id=user_id)
        return person

    # -- commands -----------------------------------------------------------------------------

    async def log_in(self, user_id: int, seat: str, *, actor: str) -> AgentInfo:
        """Take `seat`, ready for calls.

        `NotFound` ``agent_unknown``, ``seat_unknown`` (or disabled); `Conflict` ``seat_taken``,
        ``agent_elsewhere``. The same again changes nothing.
        """
        await self.load()
        person = await self._person(user_id)
        extension = await self._usable(seat)
        async with self._roll.turn:
            owner = self._roll.by_seat.get(extension)
            if owner is not None and owner != user_id:
                raise await self._seat_taken(extension, owner)
            command = LogIn(extension, self._pbx.look(extension))
            self._refuse(user_id, command)
            try:
                await self._roll.take([(user_id, command)], by=actor)
            except IntegrityError as error:  # Another process was faster.
                raise Conflict(
                    f"seat {extension} has just been taken", code="seat_taken", seat=extension
                ) from error
        self.seats_changed()  # It may have been disabled since we looked.
        _log.info("agent %s logged in at seat %s by=%s", person.login, extension, actor)
        return self._info(person)

    async def command(self, user_id: int, command: Command, *, actor: str) -> AgentInfo:
        """Any other command; `NotFound` ``agent_unknown``, `Conflict` with the refusal's code."""
        await self.load()
        person = await self._person(user_id)
        async with self._roll.turn:
            self._refuse(user_id, command)
            await self._roll.take([(user_id, command)], by=actor)
        _log.info("agent %s: %s by=%s", person.login, type(command).__name__, actor)
        return self._info(person)

    async def log_out(self, user_id: int, *, forced: bool, actor: str, reason: str = "") -> None:
        """Leave the seat, if there is one; also for somebody who is no agent any more.

        `reason`: a code, if it is not his own wish. `Conflict` ``agent_talking`` unless `forced`.
        """
        await self.load()
        command = LogOut(forced, reason)
        async with self._roll.turn:
            self._refuse(user_id, command)
            await self._roll.take([(user_id, command)], by=actor)
        _log.info("agent %d logged out by=%s", user_id, actor)

    async def leave_after_call(self, user_id: int, reason: str, *, stay: bool = False) -> bool:
        """Have somebody off his seat as soon as he is in no call, and offered none until then;
        whether he is off it. With `stay` he keeps the seat and is on a break instead."""
        await self.load()
        async with self._roll.turn:
            agent = self._roll.agents.get(user_id)
            if agent is None or agent.seat is None:
                return True
            if agent.activity is Activity.IDLE and not stay:
                await self._roll.take([(user_id, LogOut(forced=True, reason=reason))], by=SYSTEM)
            elif agent.on_break is None:
                await self._roll.take([(user_id, TakeBreak(reason))], by=SYSTEM)
            else:
                return False
        _log.info("agent %d is taken off: %s", user_id, reason)
        return agent.activity is Activity.IDLE and not stay

    def seated_since(self) -> Mapping[int, datetime]:
        """Who is logged in to a seat, and since when."""
        return {
            user_id: self._roll.agents[user_id].logged_in_at
            for user_id in self._roll.by_seat.values()
        }

    def _refuse(self, user_id: int, command: Command) -> None:
        agent = self._roll.agents.get(user_id) or Agent(since=self._clock())
        why = refusal(agent, command)
        if why is not None:
            raise _refused(why, agent)

    async def _usable(self, seat: str) -> Extension:
        try:
            found = await self._seats.get(seat)
        except NotFound:
            found = None
        if found is None or not found.enabled:
            raise NotFound(f"there is no seat {seat} to log in to", code="seat_unknown", seat=seat)
        return found.extension

    async def _seat_taken(self, seat: Extension, owner: int) -> Conflict:
        person = await self._people.agent(owner)
        name = person.name if person else str(owner)
        return Conflict(
            f"{name} is logged in at seat {seat}", code="seat_taken", seat=seat, user_id=owner
        )

    # -- the floor (see `asterisk.agent_link.SeatWatcher`) ------------------------------------

    def seated(self) -> Collection[Extension]:
        """Seats that somebody is logged in to."""
        return self._roll.by_seat.keys()

    def seats_if_known(self) -> Collection[Extension] | None:
        """The same; None until everybody was read."""
        return self.seated() if self._roll.loaded else None

    async def seats_seen(self, seen: Mapping[Extension, SeatSeen]) -> bool:
        """Take what the live floor shows; whether it is written. False: tell it again."""
        now = self._clock()
        for seat, fact in seen.items():
            user_id = self._roll.by_seat.get(seat)
            agent = self._roll.agents.get(user_id) if user_id is not None else None
            if agent is not None:  # Before waiting for anything: the next caller does not.
                self._roll.pause(apply(agent, fact, now, self._roll.rules).effects)
        try:
            async with self._roll.turn:
                await self._roll.take(
                    [
                        (self._roll.by_seat[seat], fact)
                        for seat, fact in seen.items()
                        if seat in self._roll.by_seat
                    ]
                )
        except SQLAlchemyError as error:
            _log.error("agents: the floor was not written, trying again: %s", error)
            return False
        return True

    # -- the ledger ---------------------------------------------------------------------------

    def wants(self, changes: LedgerChanges) -> bool:
        """Whether `on_ledger` may have something to keep."""
        return any(
            one.ended_at is not None and self._may_sit(one.seat) for one in changes.rings
        ) or any(one.ended_at is not None and self._may_sit(one.seat) for one in changes.talks)

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        """Keep what the ledger says of agents' seats until it is taken (`LedgerListener`)."""
        facts = await facts_in(session, changes, self._may_sit)
        self._facts_came = self._facts_came or bool(facts)
        await repository.add_facts(session, facts)
        return ()

    def _may_sit(self, seat: str) -> bool:
        """Whether somebody is logged in there; all that are seats, as long as that is unknown."""
        return seat in self._roll.by_seat if self._roll.loaded else len(seat) <= 16

    async def _take_facts(self) -> int:
        """Take the oldest facts; how many there were."""
        async with self._database.reading() as session:
            waiting = await repository.facts(session, FACTS_AT_ONCE)
        if not waiting:
            return 0
        async with self._roll.turn:
            facts = [
                (user_id, fact_of(row))
                for row in waiting
                if (user_id := self._roll.by_seat.get(Extension(row.seat))) is not None
            ]
            await self._roll.take(facts, taken=[row.id for row in waiting])
        return len(waiting)

    # -- rules --------------------------------------------------------------------------------

    async def wrap_up_times(self) -> Mapping[str, int]:
        """Seconds by queue; a queue that is not there has the setting's."""
        async with self._database.reading() as session:
            return await repository.wrap_up_times(session)

    async def set_wrap_up_times(self, seconds: Mapping[str, int], *, actor: str) -> None:
        """In place of what there was; `BadInput` ``queue_unknown``. For talks that end later."""
        await self._known(seconds)
        async with self._database.writing() as session:
            present = await repository.wrap_up_times(session)
            check_version(version_of(present), "wrap-up by queue", empty=not present)
            await repository.set_wrap_up_times(session, seconds)
            entry = Entry("agent.wrap_up_times", "agents", {"seconds": dict(seconds)}, actor)
            await record(session, entry, now=self._clock())
        self._roll.set_rules(seconds)
        _log.info("wrap-up times %s by=%s", dict(seconds), actor)

    async def skills(self, user_id: int) -> Mapping[str, int]:
        """Levels by queue; `NotFound` ``agent_unknown``."""
        await self._person(user_id)
        async with self._database.reading() as session:
            return (await repository.skills(session, [user_id])).get(user_id, {})

    async def set_skills(self, user_id: int, levels: Mapping[str, int], *, actor: str) -> None:
        """In place of what there was; in the PBX within a second if he is logged in.

        `NotFound` ``agent_unknown``, `BadInput` ``queue_unknown``.
        """
        person = await self._person(user_id)
        await self._known(levels)
        async with self._database.writing() as session:
            present = (await repository.skills(session, [user_id])).get(user_id, {})
            check_version(version_of(present), f"what {person.login} can do", empty=not present)
            await repository.set_skills(session, user_id, levels)
            entry = Entry("agent.skills", f"agent:{user_id}", {"levels": dict(levels)}, actor)
            await record(session, entry, now=self._clock())
        _log.info("agent %s has skills %s by=%s", person.login, dict(levels), actor)
        self._roll.tell()

    async def _known(self, queues: Iterable[str]) -> None:
        codes = set(await self._queues.codes())
        for queue in queues:
            if queue not in codes:
                raise BadInput(f"there is no queue {queue!r}", code="queue_unknown", queue=queue)


def _refused(why: Refusal, agent: Agent) -> Conflict:
    facts = {"seat": agent.seat, "state": agent.state.value}
    match why:
        case Refusal.AGENT_ELSEWHERE:
            return Conflict(
                f"logged in at seat {agent.seat}: log out there first",
                code="agent_elsewhere",
                **facts,
            )
        case Refusal.AGENT_TALKING:
            return Conflict("in a call: end it first", code="agent_talking", **facts)
        case Refusal.NOT_LOGGED_IN:
            return Conflict("not logged in to a seat", code="not_logged_in", **facts)
        case Refusal.NOT_IN_WRAP_UP:
            return Conflict("there is no wrap-up to be ended", code="not_in_wrap_up", **facts)
