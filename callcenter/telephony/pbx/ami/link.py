"""The link to one PBX: connect, log in, stay, notice when it dies, come back.

- Every action has one outcome and a deadline; nothing is ever sent twice.
- Silence for `ping_seconds` is answered by a ping, silence for `dead_seconds` ends the link.
- Events go through one bounded queue to one consumer. When it is full the view is stale anyway:
  it is thrown away, counted, and taken afresh by the resync hooks.
- At each login the hooks run: whoever keeps a picture of the PBX takes a new snapshot.
- A wrong secret is not tried again and again: that would only fill the PBX's security log and
  may get us banned. It is said loudly, shown in health, and tried again slowly.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from panoramisk.message import Message

from callcenter.platform.config import Settings
from callcenter.platform.errors import BadInput
from callcenter.telephony.pbx.ami.actions import Action, Answer, Login, Ping
from callcenter.telephony.pbx.ami.events import Event, FullyBooted, parse
from callcenter.telephony.pbx.ami.fields import Headers, Unreadable, text
from callcenter.telephony.pbx.ami.outcomes import Done, LinkLost, Outcome, Refused, TimedOut
from callcenter.telephony.pbx.ami.protocol import (
    Busy,
    Connection,
    Counters,
    Gone,
    OneConnection,
    PendingAction,
)
from callcenter.telephony.pbx.ami.wire import BadValue

_log = logging.getLogger(__name__)

R = TypeVar("R")
Hook = Callable[[], Awaitable[None]]
Listener = Callable[[Event], None]


class LinkState(StrEnum):
    """How the link stands."""

    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"
    REFUSED = "refused"
    """The PBX does not accept our user or secret; somebody must mend it."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """Addresses and limits of the link; seconds."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    action_seconds: float = 5.0
    ping_seconds: float = 5.0
    dead_seconds: float = 10.0
    backoff_first_seconds: float = 0.25
    backoff_max_seconds: float = 15.0
    refused_retry_seconds: float = 60.0
    """Slow enough for no ban list, quick enough after the secret was mended."""
    boot_seconds: float = 60.0
    """A PBX that loads for longer than this does not boot; begin again."""
    queue_events: int = 20_000

    @staticmethod
    def of(settings: Settings, secret: str) -> LinkConfig:
        """The link to this deployment's own PBX."""
        return LinkConfig(
            host="127.0.0.1",
            port=settings.ami_port,
            username="callcenter",
            secret=secret,
            action_seconds=settings.ami_action_seconds,
            ping_seconds=settings.ami_ping_seconds,
            dead_seconds=settings.ami_dead_seconds,
            backoff_max_seconds=settings.ami_backoff_max_seconds,
            queue_events=settings.ami_queue_events,
        )


class AmiLink:
    """One PBX's AMI; `run` it as a task for as long as the process lives."""

    def __init__(
        self,
        config: LinkConfig,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._monotonic = monotonic
        self._clock = clock
        self._chance = chance
        self._state = LinkState.DOWN
        self._state_changed = asyncio.Event()
        self.problem = "not started"
        """Why the link is not up, one sentence; '' when it is."""
        self.since = clock()
        """When `state` became what it is, POSIX seconds."""
        self.counters = Counters()
        self._connection: Connection | None = None
        self._events: asyncio.Queue[Event] = asyncio.Queue(config.queue_events)
        self._booted = asyncio.Event()
        self._hooks: list[Hook] = []
        self._hook_tasks: set[asyncio.Task[None]] = set()
        self._listeners: list[Listener] = []
        self._failures = 0
        self._resync_wanted = False

    # -- what others use ----------------------------------------------------------------------

    @property
    def state(self) -> LinkState:
        """How the link stands now."""
        return self._state

    @property
    def queued_events(self) -> int:
        """Events that the consumer has not taken yet."""
        return self._events.qsize()

    def on_login(self, hook: Hook) -> None:
        """Run `hook` at each login, and whenever events were lost: take a snapshot there."""
        self._hooks.append(hook)

    def subscribe(self, listener: Listener) -> None:
        """Hand every event to `listener`, in order, one at a time. It must not block."""
        self._listeners.append(listener)

    async def wait_for(self, *states: LinkState) -> LinkState:
        """Wait until the link is in one of `states`."""
        while self._state not in states:
            changed = self._state_changed
            await changed.wait()
        return self._state

    async def send(self, action: Action[R], *, timeout: float | None = None) -> Outcome[R]:
        """Send `action` now, once; its one outcome.

        `timeout` in seconds, else the setting. Raises `BadInput` ``pbx_bad_value`` if a value
        cannot be sent (control characters, too long); then nothing was sent.
        """
        connection = self._connection
        if self._state is not LinkState.UP or connection is None:
            return LinkLost(sent=False, reason=self.problem or self._state.value)
        return await self._send_on(connection, action, timeout)

    async def run(self) -> None:
        """Keep the link until cancelled; then every pending action gets its outcome."""
        consumer = asyncio.create_task(self._consume(), name="ami-consumer")
        try:
            while True:
                seconds = await self._live_once()
                await asyncio.sleep(seconds)
        finally:
            self._drop("stopped")
            self._set(LinkState.STOPPED, "stopped")
            consumer.cancel()
            with suppress(asyncio.CancelledError):
                await consumer

    # -- one connection -----------------------------------------------------------------------

    async def _live_once(self) -> float:
        """Connect, log in, stay until the end; then the seconds to wait before the next."""
        config = self._config
        if self._state is not LinkState.REFUSED:  # that stays to be seen until it is mended
            self._set(LinkState.CONNECTING, f"connecting to {config.host}:{config.port}")
        self._booted = asyncio.Event()
        self._forget_events()  # of a former connection: a new snapshot knows better
        manager = OneConnection(
            counters=self.counters, monotonic=self._monotonic, on_event=self._enqueue
        )
        connection: Connection | None = None
        try:
            async with asyncio.timeout(config.action_seconds):
                connection = await manager.open(config.host, config.port)
            self._connection = connection
            outcome = await self._send_on(connection, Login(config.username, config.secret))
            if isinstance(outcome, Refused):
                return self._refused(outcome.message)
            if not isinstance(outcome, Done):
                return self._lost(connection.problem or "no answer to the login")
            if not await self._wait_booted(connection, manager):
                return self._lost(connection.problem or "the PBX did not finish booting")
            self._up()
            await self._watch(connection, manager)
            return self._lost(connection.problem or "the PBX closed the link")
        except (OSError, TimeoutError) as error:
            reason = getattr(error, "strerror", None) or str(error) or "no answer"
            return self._lost(f"cannot connect to {config.host}:{config.port}: {reason}")
        finally:
            if connection is not None:
                connection.close()
            self._connection = None
            self._cancel_hooks()

    async def _wait_booted(self, connection: Connection, manager: OneConnection) -> bool:
        """Whether all modules of the PBX are loaded; before that it knows no queues or seats."""
        watch = asyncio.create_task(self._watch(connection, manager))
        booted = asyncio.create_task(self._booted.wait())
        try:
            await asyncio.wait(
                {watch, booted},
                timeout=self._config.boot_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            return self._booted.is_set() and not manager.lost.is_set()
        finally:
            watch.cancel()
            booted.cancel()

    async def _watch(self, connection: Connection, manager: OneConnection) -> None:
        """Return when the connection is over; end it when it has been silent for too long.

        A half-open connection takes what we write and never says a word, so only what we hear
        counts.
        """
        dead_seconds = self._config.dead_seconds
        # Whatever the settings say, nobody is given up who was not asked.
        ping_seconds = min(self._config.ping_seconds, dead_seconds / 2)
        pinged_at = -1.0
        while not manager.lost.is_set() and not connection.closed:
            silent = self._monotonic() - connection.last_heard
            if silent >= dead_seconds:
                connection.drop(f"silent for {dead_seconds:g} s")
                return
            if silent >= ping_seconds and pinged_at < connection.last_heard:
                pinged_at = self._monotonic()
                self._ping(connection)
            unpinged = pinged_at < connection.last_heard
            left = (ping_seconds if unpinged else dead_seconds) - silent
            with suppress(TimeoutError):
                # At most so long: the ping may be answered meanwhile, and silence begins anew.
                async with asyncio.timeout(min(max(left, 0.001), ping_seconds)):
                    await manager.lost.wait()

    def _ping(self, connection: Connection) -> None:
        try:
            connection.send(PendingAction(Ping())).add_done_callback(_no_complaint)
        except (Busy, Gone):
            connection.drop("the PBX takes nothing any more")

    def _up(self) -> None:
        self._failures = 0
        self.counters.connections += 1
        self._set(LinkState.UP, "")
        _log.info("AMI link up: %s:%d", self._config.host, self._config.port)
        self._start_hooks()

    def _lost(self, problem: str) -> float:
        if self._state is LinkState.UP:
            self.counters.losses += 1
            _log.warning("AMI link lost: %s", problem)
        elif self._failures == 0:
            _log.warning("AMI link: %s; trying again", problem)
        self._set(LinkState.DOWN, problem)
        self._failures += 1
        return self._backoff()

    def _refused(self, message: str) -> float:
        self.counters.refusals += 1
        problem = (
            f"the PBX refuses AMI user {self._config.username!r} ({message}): its manager.conf and"
            " our secrets.env differ; run `callcenter setup` and restart the PBX"
        )
        _log.error("AMI link: %s", problem)
        self._set(LinkState.REFUSED, problem)
        return self._config.refused_retry_seconds

    def _backoff(self) -> float:
        """Seconds before the next attempt: doubling, with jitter so that no two come together."""
        config = self._config
        exponent = min(self._failures - 1, 16)
        whole = min(config.backoff_first_seconds * 2.0**exponent, config.backoff_max_seconds)
        return whole * (0.5 + self._chance() / 2)

    def _drop(self, problem: str) -> None:
        if self._connection is not None:
            self._connection.drop(problem)

    def _set(self, state: LinkState, problem: str) -> None:
        self.problem = problem
        if state is self._state:
            return
        self._state = state
        self.since = self._clock()
        changed, self._state_changed = self._state_changed, asyncio.Event()
        changed.set()

    # -- actions ------------------------------------------------------------------------------

    async def _send_on(
        self, connection: Connection, action: Action[R], timeout: float | None = None
    ) -> Outcome[R]:
        seconds = self._config.action_seconds if timeout is None else timeout
        try:
            pending = PendingAction(action)
        except BadValue as error:
            raise BadInput(str(error), code="pbx_bad_value") from error
        try:
            future = connection.send(pending)
        except (Busy, Gone) as error:
            return LinkLost(sent=False, reason=str(error))
        try:
            async with asyncio.timeout(seconds):
                messages = await future
        except TimeoutError:
            self.counters.timeouts += 1
            return TimedOut(seconds)
        except Gone as error:
            return LinkLost(sent=True, reason=str(error))
        finally:
            connection.forget(pending)
        reason = text(messages[0], "Message").strip()
        if not (messages[0].success or (action.nothing and reason == action.nothing)):
            return Refused(reason or "no reason given")
        answer = Answer(messages, self._clock())
        try:
            result = action.result(answer)
        except Unreadable as error:
            self.counters.malformed += 1
            return Refused(f"its answer cannot be read: {error}")
        if answer.skipped:
            self.counters.malformed += len(answer.skipped)
            _log.warning("AMI %s: left out: %s", action.name, "; ".join(answer.skipped[:10]))
        return Done(result)

    # -- events -------------------------------------------------------------------------------

    def _enqueue(self, message: Headers) -> None:
        """Called for every event as its bytes arrive; only parses and puts."""
        self.counters.events += 1
        try:
            event = parse(message, self._clock())
        except KeyError:
            self.counters.unknown_events += 1
            return
        except Unreadable as error:
            self.counters.malformed += 1
            _log.warning("AMI event %s could not be read: %s", text(message, "Event"), error)
            return
        if event is None:
            return
        if isinstance(event, FullyBooted):
            self._booted.set()
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            self._overflow()

    def _overflow(self) -> None:
        self.counters.overflows += 1
        _log.error(
            "AMI: %d events were not taken in time; the view is taken afresh", self._events.qsize()
        )
        self._forget_events()
        self._resync_wanted = True
        self._events.put_nowait(FullyBooted())  # wakes the consumer

    def _forget_events(self) -> None:
        while not self._events.empty():
            self._events.get_nowait()

    async def _consume(self) -> None:
        while True:
            event = await self._events.get()
            if self._resync_wanted:
                self._resync_wanted = False
                if self._state is LinkState.UP:
                    self._start_hooks()
                continue
            for listener in self._listeners:
                try:
                    listener(event)
                except Exception:
                    self.counters.listener_failures += 1
                    _log.exception("AMI listener failed at %r", event)
            if self._events.qsize() % 64 == 0:
                await asyncio.sleep(0)  # get() of a filled queue does not yield

    def _start_hooks(self) -> None:
        self._cancel_hooks()
        for hook in self._hooks:
            task = asyncio.create_task(self._run_hook(hook), name="ami-resync")
            self._hook_tasks.add(task)
            task.add_done_callback(self._hook_tasks.discard)

    async def _run_hook(self, hook: Hook) -> None:
        try:
            await hook()
        except Exception:
            self.counters.hook_failures += 1
            _log.exception("AMI resync hook failed")

    def _cancel_hooks(self) -> None:
        for task in tuple(self._hook_tasks):
            task.cancel()


def _no_complaint(future: asyncio.Future[list[Message]]) -> None:
    """A ping's own fate is of no interest: what counts is whether anything was heard."""
    if not future.cancelled():
        future.exception()
