"""Who is logged in: the machine's memory, and its one way forward.

One process holds everybody. Each step is committed before it is shown; one that cannot be committed
did not happen. `agents.service` decides what is taken, this how.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from callcenter.people.trail.service import Entry, record
from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.telephony.domain.ids import Extension
from callcenter.workforce.agents import repository
from callcenter.workforce.agents.ports import PbxSeats
from callcenter.workforce.agents.records import decode
from callcenter.workforce.domain.agents import (
    Agent,
    BreakExceeded,
    Changed,
    Effect,
    Fact,
    Rules,
    SeatLeft,
    SeatTaken,
    SetPause,
    apply,
)

_log = logging.getLogger(__name__)


class Roll:
    """See the module. `agents` and `by_seat` are read by others, and changed by `take` alone."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        pbx: PbxSeats,
        publish: Callable[[Change], None],
        stepped: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._database = database
        self._settings = settings
        self._pbx = pbx
        self._publish = publish
        self._stepped = stepped
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []
        self.turn = asyncio.Lock()
        """One step after the other; to be held by whoever takes one."""
        self.loaded = False
        self.agents: dict[int, Agent] = {}
        """Who is logged in."""
        self.by_seat: dict[Extension, int] = {}
        self.rules = Rules(settings.wrap_up_seconds, settings.ring_no_answer_limit)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that changed who sits where."""
        self._listeners.append(listener)

    async def load(self) -> None:
        """Everybody as the last process left him. Called once; later calls do nothing."""
        async with self.turn:
            if self.loaded:
                return
            async with self._database.reading() as session:
                texts = await repository.agents(session)
                times = await repository.wrap_up_times(session)
            self.set_rules(times)
            self.agents = {user_id: decode(text) for user_id, text in texts.items()}
            self.by_seat = {
                agent.seat: user_id for user_id, agent in self.agents.items() if agent.seat
            }
            self.loaded = True
            for agent in self.agents.values():
                if agent.seat is not None:
                    self._pbx.pause(agent.seat, agent.pause)

    def set_rules(self, times: Mapping[str, int]) -> None:
        """Have the wrap-up `times` of queues hold from now on."""
        self.rules = Rules(
            self._settings.wrap_up_seconds, self._settings.ring_no_answer_limit, dict(times)
        )

    async def take(
        self, facts: Sequence[tuple[int, Fact]], *, taken: Sequence[int] = (), by: str = ""
    ) -> None:
        """Apply `facts` in their order, commit, then show it. Needs the turn.

        `taken`: rows of the ledger's facts that are done with. `by`: who commands it; that stands
        in the trail, what comes of itself does not.
        """
        now = self._clock()
        agents: dict[int, Agent] = {}
        effects: list[tuple[int, Effect]] = []
        for user_id, fact in facts:
            before = agents.get(user_id) or self.agents.get(user_id) or Agent(since=now)
            step = apply(before, fact, now, self.rules)
            if step.agent != before:
                agents[user_id] = step.agent
                effects += [(user_id, effect) for effect in step.effects]
        if agents or taken:
            async with self._database.writing() as session:
                await repository.save(session, agents, now)
                for user_id, effect in effects:
                    if isinstance(effect, Changed):
                        await repository.turn(session, user_id, effect)
                await repository.forget_facts(session, taken)
                if by:
                    entries = [_entry(user_id, effect, by) for user_id, effect in effects]
                    await record(session, *filter(None, entries), now=now)
        for user_id, agent in agents.items():
            self._remember(user_id, agent)
        if agents:
            self._stepped()  # There may be another deadline.
        self._show(effects)

    def _remember(self, user_id: int, agent: Agent) -> None:
        before = self.agents.pop(user_id, None)
        if before is not None and before.seat is not None:
            self.by_seat.pop(before.seat, None)
        if agent.seat is not None:
            self.agents[user_id] = agent
            self.by_seat[agent.seat] = user_id

    def _show(self, effects: Sequence[tuple[int, Effect]]) -> None:
        for user_id, effect in effects:
            match effect:
                case SetPause():
                    self.pause([effect])
                case SeatTaken():
                    self.tell()
                case SeatLeft(seat):
                    self._leave(seat)
                    self.tell()
                case Changed(before, after):
                    self._publish(
                        Change(
                            "agent.state",
                            {
                                "user_id": user_id,
                                "seat": after.seat,
                                "state": after.state.value,
                                "reason": after.reason,
                                "since": after.since.isoformat(),
                                "before": before.state.value,
                            },
                        )
                    )
                case BreakExceeded(reason):
                    _log.warning("agent %d: the break %s lasts too long", user_id, reason)
                    data = {"user_id": user_id, "alarm": "break_exceeded", "reason": reason}
                    self._publish(Change("agent.alarm", data))

    def pause(self, effects: Iterable[Effect]) -> None:
        """Have the PBX keep the pauses of `effects`, also before they are written."""
        for effect in effects:
            if isinstance(effect, SetPause):
                self._pbx.pause(effect.seat, effect.reason)

    def _leave(self, seat: Extension) -> None:
        """The seat without an agent: it takes calls again if seats alone do, or none until the
        reconciler has taken it out of the queues."""
        if seat in self.by_seat:
            return  # Somebody else took it in the same step.
        self._pbx.release(seat, "offline" if self._settings.agents_required else "")

    def tell(self) -> None:
        """Say that what the PBX should have is different now."""
        for listener in self._listeners:
            listener()


def _entry(user_id: int, effect: Effect, actor: str) -> Entry | None:
    if not isinstance(effect, Changed):
        return None
    after = effect.after
    data = {"state": after.state.value, "reason": after.reason, "seat": after.seat}
    return Entry("agent.state", f"agent:{user_id}", data, actor)
