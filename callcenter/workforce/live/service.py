"""The live floor for screens: one view, a frame when it changes, any number of watchers.

- The view is made anew from what is known now (the PBX's floor, the ledger's day, the agents, the
  call-backs) and compared with the one before; the difference is the frame. So no event can be
  forgotten, and snapshot + frames = fresh snapshot by construction.
- Changes are gathered for a tick: the first one after a silence is told at once, then there are at
  most ten frames a second, however much happens.
- A frame is written once and handed to all by the `Broadcast`. A watcher who does not take his
  frames loses his subscription and his stream ends; he comes back with Last-Event-ID. He slows
  nobody.
- Without a link to the PBX the view says so, and shows nobody waiting and no seats: an old picture
  that looks live is worse than none. What the ledger knows is shown on.
- The seats' clocks are kept every few seconds and as the service ends, so that they go on in its
  next process (`live.clocks`). A ledger that another process derived anew is read again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable
from datetime import date, datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from callcenter.platform.broadcast import Broadcast, Change, Lagged
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.telephony.domain.floor import Floor, FloorView
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.workforce.figures.measure import OpenCallbacks, ThresholdsNow, no_thresholds
from callcenter.workforce.figures.schemas import DayOut
from callcenter.workforce.live import repository
from callcenter.workforce.live.book import LiveBook
from callcenter.workforce.live.clocks import SeatClocks
from callcenter.workforce.live.frames import Frame, Ring, Snapshot
from callcenter.workforce.live.ports import (
    AgentItems,
    ConfidentialCalls,
    no_agents,
    none_confidential,
)
from callcenter.workforce.live.seats import SeatsInView
from callcenter.workforce.live.view import (
    Item,
    Items,
    Sight,
    call_items,
    difference,
    empty_view,
    moment,
    waiting_items,
)

_log = logging.getLogger(__name__)

TOPIC = "live.frame"
TICK_SECONDS = 0.1
"""Between two frames. With the journal's 50 ms a change is on the screens within a blink."""
UNWATCHED_SECONDS = 0.5
"""Between two looks while nobody watches: nobody misses a frame, and a seat's clock is right to
half a second until the ledger says it to the microsecond. Whoever asks is shown that moment."""
IDLE_SECONDS = 1.0
"""Without any sign the view is made anew so often: the day turns, the link is lost."""
REFRESH_SECONDS = 30.0
"""What is read from the database is read again so often even if nobody said that it changed."""

GENERATION_SECONDS = 1.0
"""How late a rebuilt ledger may be noticed; the look costs a tenth of a millisecond."""
CLOCKS_SECONDS = 5.0
"""So much of the clocks is lost at most if the process is killed, and one small write so often is
nothing beside the journal's."""

_NO_FLOOR = Floor()
_FROM_DATABASE = frozenset({"agents", "callbacks", "confidential", "thresholds"})


class LiveService:
    """The view of one process; `run` it as a task."""

    def __init__(
        self,
        live: FloorView,
        book: LiveBook,
        broadcast: Broadcast,
        database: Database,
        *,
        node: str,
        callbacks: OpenCallbacks,
        agents: AgentItems = no_agents,
        confidential: ConfidentialCalls = none_confidential,
        thresholds: ThresholdsNow = no_thresholds,
        tick_seconds: float = TICK_SECONDS,
        unwatched_seconds: float = UNWATCHED_SECONDS,
        clock: Clock = utc_now,
    ) -> None:
        self._live = live
        self._book = book
        self._broadcast = broadcast
        self._database = database
        self._node = node
        self._callbacks = callbacks
        self._agents = agents
        self._confidential = confidential
        self._thresholds = thresholds
        self._tick = tick_seconds
        self._unwatched = unwatched_seconds
        self._clock = clock
        self._wake = asyncio.Event()
        self._clocks = SeatClocks()
        self._seats = SeatsInView(node, self._clocks)
        self._stale = set(_FROM_DATABASE)
        """What must be read from the database again."""
        self._unread: set[str] = set()
        """What could not be read the last time."""
        self._seen: dict[str, tuple[Any, ...]] = {}
        """What each part was made of."""
        self._hidden: frozenset[str] = frozenset()
        self._missed: dict[str, int] = {}
        self._day: date | None = None
        self._view: dict[str, Items] = empty_view()
        self._epoch = secrets.token_hex(4)
        self._ring = Ring(self._epoch)
        self._number = 0
        self._snapshot: Snapshot | None = None
        self._at = moment(clock())
        self._unrestored = self._behind = False
        """The ledger must be read again: what it has become could not be followed."""
        self._turn = asyncio.Lock()
        """Of two who make the view anew, one after the other."""
        self.watchers = 0
        self.cut_off = 0
        """Watchers that were too slow."""

    # -- what wakes it ------------------------------------------------------------------------

    def touch(self) -> None:
        """Something may have changed; costs nothing to say too often."""
        self._wake.set()

    def take(self, changes: LedgerChanges) -> None:
        """The ledger has grown by `changes`, which are committed."""
        try:
            self._book.take(changes)
            self._told(changes)
        except Exception:
            # The ledger has them: what could not be followed is read.
            _log.exception("the floor could not follow the ledger: reading it again")
            self._behind = True
        self._wake.set()

    def queues_changed(self) -> None:
        """A queue was made, changed or removed: its threshold may be another."""
        self._stale.add("thresholds")
        self._wake.set()

    def note(self, change: Change) -> None:
        """Something that others published."""
        kind = change.topic.partition(".")[0]
        if kind in ("agent", "user"):
            self._stale.add("agents")
        elif kind == "callback":
            self._stale.add("callbacks")
        elif kind == "case":
            self._stale.add("confidential")
        elif kind != "seat":
            return
        self._wake.set()

    async def run(self) -> None:
        """Read the ledger and the kept clocks, then keep the view until cancelled. The floor itself
        is shown without a database, with what was read last beside it."""
        try:
            await self.restore()
        except SQLAlchemyError as error:
            _log.error("the floor begins without the ledger, which is read later: %s", error)
            self._unrestored = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                group.create_task(self._refresh())
                group.create_task(self._watch_ledger())
                group.create_task(self._keep_clocks())
                await self._keep()
        finally:
            await self.save_clocks()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        told_at = 0.0
        while True:
            self._wake.clear()
            if await self.step():
                told_at = loop.time()
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue
            tick = self._tick if self.watchers else self._unwatched
            await asyncio.sleep(max(0.0, told_at + tick - loop.time()))

    async def _listen(self) -> None:
        while True:
            try:
                async with self._broadcast.subscribe() as changes:
                    async for change in changes:
                        self.note(change)
            except Lagged:
                self._all_stale()

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            self._all_stale()

    async def restore(self) -> None:
        """Read what the database says: the ledger, and the clocks of the process before."""
        async with self._database.reading() as session:
            self._clocks.restore(await repository.seat_clocks(session))
        await self._load()

    async def _watch_ledger(self) -> None:
        while True:
            await asyncio.sleep(GENERATION_SECONDS)
            await self.look_at_ledger()

    async def look_at_ledger(self) -> None:
        """Read the ledger again if another process has derived it anew; while the database is
        away, what is shown stays."""
        try:
            if self._unrestored:
                await self.restore()
                self._unrestored = self._behind = False
                self._all_stale()
            elif await self._book.rebuilt() or self._behind:
                _log.info("the ledger was rebuilt, or not followed: reading it again")
                self._behind = True  # Until it is read.
                await self._load()
                self._behind = False
                self._all_stale()
        except SQLAlchemyError as error:
            _log.warning("whether the ledger was rebuilt is not known: %s", error)

    async def _load(self) -> None:
        self._told(await self._book.load())

    def _told(self, changes: LedgerChanges) -> None:
        if self._clocks.told(changes):
            self._seats.forget()
            self._seen.pop("seats", None)

    async def _keep_clocks(self) -> None:
        while True:
            await asyncio.sleep(CLOCKS_SECONDS)
            await self.save_clocks()

    async def save_clocks(self) -> None:
        """Write the seats' clocks that have changed; what cannot be written is tried again."""
        clocks = self._clocks.take_unsaved()
        if not clocks:
            return
        try:
            async with self._database.writing() as session:
                await repository.keep_seat_clocks(session, clocks)
        except SQLAlchemyError as error:
            self._clocks.not_saved(clocks)
            _log.error("the seats' clocks were not written: %s", error)

    def _all_stale(self) -> None:
        self._stale |= _FROM_DATABASE
        self._wake.set()

    # -- the view -----------------------------------------------------------------------------

    async def step(self) -> bool:
        """Make the view anew; whether it has changed, and a frame was published."""
        async with self._turn:
            return await self._step()

    async def _step(self) -> bool:
        view = dict(self._view)
        await self._from_database(view)
        # Nothing is awaited from here on, so all parts are of one moment.
        now = self._clock()
        floor = self._live.floor
        self._part(view, "pbx", (floor is not None,), lambda: _pbx(floor is not None, now))
        shown = floor if floor is not None else _NO_FLOOR
        self._part(
            view,
            "waiting",
            (shown.waiting, self._hidden),
            lambda: waiting_items(shown, self._node, self._hidden),
        )
        self._part(
            view,
            "seats",
            (
                shown.devices,
                shown.members,
                shown.channels,
                shown.refusing,
                shown.usurped,
                self._hidden,
            ),
            lambda: self._seats.items(shown, self._hidden, now),
        )
        self._from_book(view)
        changes = difference(self._view, view)
        if not changes:
            return False
        self._view = view
        self._number += 1
        self._at = moment(now)
        self._snapshot = None
        frame = Frame(self._epoch, self._number, self._at, changes)
        self._ring.add(frame)
        self._broadcast.publish(Change(TOPIC, {"frame": frame}))
        return True

    def _part(
        self, view: dict[str, Items], kind: str, of: tuple[Any, ...], make: Callable[[], Items]
    ) -> None:
        """Make one part, unless it would be made of the very same things again."""
        before = self._seen.get(kind)
        # A floor that has not changed holds the very same things: nothing need be compared.
        if before is not None and all(one is two for one, two in zip(before, of, strict=True)):
            return
        self._seen[kind] = of
        view[kind] = make()

    def _from_book(self, view: dict[str, Items]) -> None:
        book, day = self._book, self._book.today()
        if day != self._day:
            self._day = day
            book.turn_to(day)
        made_of = (book.version, day, self._missed)
        if self._seen.get("today") != made_of:
            self._seen["today"] = made_of
            told = DayOut.of(book.figures(day), self._missed).model_dump(mode="json")
            view["today"] = {"total": {"day": told["day"], **told["total"]}}
            view["queues"] = told["queues"]
        if self._seen.get("calls") != (book.version, self._hidden):
            self._seen["calls"] = (book.version, self._hidden)
            view["calls"] = call_items(book.open_calls(), self._hidden)

    async def _from_database(self, view: dict[str, Items]) -> None:
        """Read again what is stale. What cannot be read stays as it was and is read soon: nothing
        that the database does holds the floor up."""
        stale, self._stale = self._stale, set()
        if self._book.today() != self._day:
            stale.add("callbacks")
        for kind in sorted(stale):
            try:
                await self._read(kind, view)
            except asyncio.CancelledError:
                self._stale |= stale
                raise
            except Exception as error:
                self._stale.add(kind)
                if kind == "confidential":  # Whose citizen is hidden is not known: all are.
                    self._hidden = frozenset(one.call.id for one in self._book.open_calls())
                if kind not in self._unread:
                    self._unread.add(kind)
                    known = isinstance(error, SQLAlchemyError)
                    _log.error("floor: %s cannot be read: %s", kind, error, exc_info=not known)
            else:
                self._unread.discard(kind)

    async def _read(self, kind: str, view: dict[str, Items]) -> None:
        match kind:
            case "agents":
                view["agents"] = await self._agents()
            case "thresholds":
                self._book.set_thresholds(await self._thresholds())
            case "callbacks":
                await self._read_callbacks(view)
            case "confidential":
                ids = frozenset(one.call.id for one in self._book.open_calls())
                self._hidden = frozenset(await self._confidential(ids)) if ids else frozenset()

    async def _read_callbacks(self, view: dict[str, Items]) -> None:
        start, end = self._book.span(self._book.today())
        every = await self._callbacks.counts()
        today = await self._callbacks.counts(missed_from=start, missed_to=end)
        self._missed = {one.queue: one.count for one in today}
        oldest = min((one.oldest for one in every), default=None)
        now: Item = {
            "open": sum(one.count for one in every),
            "oldest_since": moment(oldest) if oldest is not None else None,
            "queues": {one.queue: one.count for one in every},
        }
        view["callbacks"] = {"now": now}

    # -- watchers -----------------------------------------------------------------------------

    async def current(self) -> Snapshot:
        """The whole view of this moment."""
        if self._wake.is_set():
            await self.step()
        return self.snapshot()

    def snapshot(self) -> Snapshot:
        """The whole view as it was last made."""
        if self._snapshot is None:
            self._snapshot = Snapshot(self._epoch, self._number, self._at, self._view)
        return self._snapshot

    async def watch(
        self, sight: Sight, last_event_id: str | None, seconds: float
    ) -> AsyncGenerator[bytes, None]:
        """SSE events: what was missed since `last_event_id` or else a snapshot, then every frame.

        Ends after `seconds`, so that whoever may not watch any more is asked again who he is; and
        when the watcher does not take his frames.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        self.watchers += 1
        try:
            # Subscribed before the snapshot: a frame comes in one of them, and is known by its
            # number if it comes in both.
            async with self._broadcast.subscribe() as changes:
                await self.current()
                missed = self._ring.after(last_event_id, self._number) if last_event_id else None
                number = self._number
                if missed is None:
                    yield self.snapshot().text(sight)
                else:
                    for frame in missed:
                        yield frame.text(sight)
                while True:
                    async with asyncio.timeout_at(ends_at):
                        change = await anext(changes)
                    if change.topic == TOPIC:
                        frame = change.data["frame"]
                        if frame.number > number:
                            number = frame.number
                            yield frame.text(sight)
        except TimeoutError:
            return
        except Lagged:
            self.cut_off += 1
            _log.warning("a watcher of the live floor was too slow and has been cut off")
        finally:
            self.watchers -= 1


def _pbx(up: bool, now: datetime) -> Items:
    return {"link": {"up": up, "since": moment(now)}}
