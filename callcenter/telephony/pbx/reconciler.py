"""Makes the PBX have what the database says: seats, queues and who is a member of which.

At each login, when asked, and in between. A round reads what the PBX has, has it load its queues
(`queue_config`), takes the difference (`domain.reconcile`) and carries its steps out
(`reconcile_work`). It may be run at any time, ended at any moment and begun again. Nothing that
goes wrong ends `run`: it is counted, shown, and tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.errors import CallcenterError, PbxRefused
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.queues import PbxQueues
from callcenter.telephony.domain.reconcile import (
    WantedPlace,
    WantedSeat,
    Working,
    difference,
    pbx_name,
)
from callcenter.telephony.domain.seating import DesiredMember, DesiredSeat
from callcenter.telephony.pbx.ami.link import AmiLink, LinkState
from callcenter.telephony.pbx.ari import AriClient
from callcenter.telephony.pbx.queue_config import OldQueues, QueueConfig
from callcenter.telephony.pbx.reconcile_work import ReconcilerCounters, SeatWork, read_lists
from callcenter.telephony.pbx.route_facts import RouteFacts
from callcenter.telephony.pbx.seat_contests import SeatContests
from callcenter.telephony.pbx.seat_objects import SeatObjects, SoundRules, seat_objects
from callcenter.telephony.pbx.seat_sound import SeatSounds

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
"""After a round that failed; doubles up to the setting `reconcile_seconds`."""

Desired = Callable[[], Awaitable[Sequence[DesiredSeat]]]
Members = Callable[[], Awaitable[Sequence[DesiredMember]]]
Queues = Callable[[], Awaitable[PbxQueues]]


class Reconciler:
    """For one PBX; `run` it as a task for as long as the process lives.

    `members` says who is a member of which queue, and how; without it every seat with `in_queue` is
    a member of the main queue, and a break or penalty that the PBX has stays. `queues` says which
    queues there are; without it the PBX's configuration is left as it was written at set-up.
    `sounds` knows which sound a seat's phone takes, `contests` which seats keep their phone.
    `facts` is what the dialplan decides by while our server for that gives no answer.
    """

    def __init__(
        self,
        link: AmiLink,
        ari: AriClient,
        desired: Desired,
        settings: Settings,
        *,
        members: Members | None = None,
        queues: Queues | None = None,
        facts: RouteFacts | None = None,
        sounds: SeatSounds | None = None,
        contests: SeatContests | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._link = link
        self._ari = ari
        self._desired = desired
        self._members = members
        self._queues = queues
        self._facts = facts
        self._sounds = sounds
        self._contests = contests
        self._config = QueueConfig(link, settings.asterisk_dir / "etc")
        self._main = settings.hotline_number
        self._language = settings.language
        self._sound = SoundRules.of(settings)
        self._seconds = settings.reconcile_seconds
        self._clock = clock
        self._wake = asyncio.Event()
        self._wake.set()
        self._matched = False
        self._failures = 0
        self._round_over = asyncio.Event()
        self.last_round_at: datetime | None = None
        """When the last round ended, well or not."""
        self.problem = "no round yet"
        """Why the PBX may not have what it should, one sentence; '' when it has."""
        self.counters = ReconcilerCounters()
        link.on_login(self._on_login)

    @property
    def in_step(self) -> bool:
        """Whether the PBX has what the database says, as far as is known."""
        return self._matched and not self._wake.is_set() and self._link.state is LinkState.UP

    def request(self) -> None:
        """Something changed: a round as soon as possible."""
        self._wake.set()

    async def run(self) -> None:
        """Rounds, one at a time, until cancelled."""
        pause = self._seconds
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            if self._wake.is_set():
                self._wake.clear()
                self._matched = False  # Until the round that was asked for is over.
            if self._link.state is LinkState.UP:
                pause = await self._attempt()

    async def wait_round(self) -> None:
        """Wait until the next round is over."""
        over = self._round_over
        await over.wait()

    async def _on_login(self) -> None:
        # It may be another PBX than before, or one that lost its memory.
        self._config.forget()
        if self._facts is not None:
            self._facts.forget()
        if self._sounds is not None:
            self._sounds.forget_kept()
        self._wake.set()

    async def _attempt(self) -> float:
        """One round; then the seconds until the next."""
        self.counters.rounds += 1
        try:
            problems = await self._round()
        except CallcenterError as error:
            problems = [error.message]
        except Exception as error:
            _log.exception("reconciler: the round failed")
            problems = [f"{type(error).__name__}: {error}"]
        self._matched = not problems
        self.last_round_at = self._clock()
        if problems:
            self.counters.failed_rounds += 1
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self.problem = f"{problems[0]}{more}"
            _log.warning("reconciler: %s; trying again", self.problem)
            pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 16), self._seconds)
            self._failures += 1
        else:
            self.problem, self._failures, pause = "", 0, self._seconds
        over, self._round_over = self._round_over, asyncio.Event()
        over.set()
        return pause

    def _sound_of(self, extension: Extension) -> SoundRules:
        """As the settings say, but for what its phone has refused."""
        if self._sounds is None:
            return self._sound
        return replace(self._sound, srtp=self._sounds.kind(extension))

    async def _round(self) -> list[str]:
        """Match once; what went wrong, one sentence each."""
        problems: list[str] = []
        if self._sounds is not None:
            try:
                await self._sounds.match(self._link)
            except PbxRefused as error:
                problems.append(error.message)
        objects: dict[Extension, SeatObjects] = {}
        seats: list[WantedSeat] = []
        desired = await self._desired()
        kept = frozenset() if self._contests is None else self._contests.kept
        for seat in desired:
            made = objects[seat.extension] = seat_objects(
                seat,
                self._language,
                self._sound_of(seat.extension),
                keep_phone=seat.extension in kept,
            )
            seats.append(WantedSeat(seat.extension, made.fingerprint()))
        lists = await read_lists(self._link)
        # After the lists: an agent's pause that was set in between must not be taken back.
        members = None if self._members is None else await self._members()
        if self._facts is not None:
            try:
                await self._facts.match()
            except PbxRefused as error:
                problems.append(error.message)
        known, old = frozenset({self._main}), OldQueues()
        if self._queues is not None:
            plan = await self._queues()
            try:
                old = await self._config.match(plan, lists.with_members)
                known = plan.codes
            except (PbxRefused, OSError) as error:
                # The seats can be matched all the same, and the main queue is always there.
                problems.append(f"queues: {error}")
        there = known | old.serving
        places = [
            place for place in _wanted_places(desired, members, self._main) if place.queue in there
        ]
        actual = lists.actual(there | old.ending)
        steps = difference(seats, places, actual, emptying=old.serving)
        if steps:
            work = SeatWork(self._link, self._ari, objects, lists)
            problems += await work.carry_out(steps, self.counters)
        if self._contests is not None and not problems:
            self._contests.held(kept)
        if steps:
            _log.info("reconciler: %d steps, %d problems", len(steps), len(problems))
        if old.ending and not problems:
            self._wake.set()  # Without members now, they go in the next round.
        return problems


def _wanted_places(
    seats: Iterable[DesiredSeat], members: Iterable[DesiredMember] | None, main: str
) -> list[WantedPlace]:
    # app_queue would call a member without a name by its interface.
    if members is None:
        return [
            WantedPlace(main, seat.extension, pbx_name(seat.name) or seat.extension)
            for seat in seats
            if seat.in_queue
        ]
    return [
        WantedPlace(
            member.queue,
            member.extension,
            pbx_name(member.name) or member.extension,
            Working(
                penalty=max(0, member.level - 1),
                paused=member.paused,
                reason=pbx_name(member.reason) if member.paused else "",
            ),
        )
        for member in members
    ]
