"""panoramisk's protocol and manager, with their faults shut off (panoramisk 1.4).

What is theirs: the message's headers, the action's form on the wire, the dispatch of events.
What is ours: framing on bytes, one connection per manager, exactly one outcome per action, and
nothing that is ever sent twice.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from panoramisk.actions import Action as WireAction
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager
from panoramisk.message import Message

from callcenter.telephony.pbx.ami.actions import Action
from callcenter.telephony.pbx.ami.fields import Headers, text
from callcenter.telephony.pbx.ami.wire import (
    BadStream,
    Fields,
    Framer,
    Repeated,
    check_fields,
    fields_of,
    repeated,
)

_log = logging.getLogger(__name__)

EVENT = "Event: "
TEST_EVENT = "Event: TestEvent\r\n"
ACTION_ID_PREFIX = f"cc-{secrets.token_hex(8)}-"
"""Not to be guessed: a caller whose number holds line breaks can write messages into the stream
(see `wire.repeated`), and must not be able to answer an action in the PBX's place."""
MAX_PENDING = 1000
"""Actions under way at once. The reconciler sends a few, people fewer; above it something hangs."""
MAX_UNSENT_BYTES = 1_048_576
"""What the PBX has not taken yet; above it the PBX does not read."""
MAX_LIST_ITEMS = 100_000
MAX_LIST_BYTES = 67_108_864
"""A list longer than any PBX's is an attack on memory; 2,000 channels are 1 MiB."""

_SUCCESS = frozenset({"Success", "Goodbye", "Follows"})


class Gone(Exception):
    """The connection ended before the answer."""


class Busy(Exception):
    """Too much is under way; the action was not sent."""


@dataclass(slots=True)
class Counters:
    """What happened on the link since the process began; read by health and metrics."""

    events: int = 0
    unknown_events: int = 0
    malformed: int = 0
    """Messages that could not be read."""
    late_answers: int = 0
    """Answers to an action that had timed out already."""
    timeouts: int = 0
    overflows: int = 0
    """Times the queue of events was full and the view was taken afresh."""
    connections: int = 0
    losses: int = 0
    refusals: int = 0
    hook_failures: int = 0
    listener_failures: int = 0


class PendingAction(WireAction):  # type: ignore[misc]
    """One action on its way. Its list-ness is told, its end is recognised, nothing is guessed."""

    _serial = itertools.count(1)

    def __init__(self, action: Action[Any]) -> None:
        fields = action.headers()
        check_fields(fields)
        action_id = f"{ACTION_ID_PREFIX}{next(self._serial)}"
        super().__init__(
            {"Action": action.name, "ActionID": action_id, **fields}, as_list=action.as_list
        )
        self.size = 0
        """Characters of the answer so far."""

    def add_message(self, message: Message) -> bool:
        """Take one message of the answer; True if the answer is whole."""
        self.responses.append(message)
        if not self._whole(message):
            return False
        if not self.future.done():
            self.future.set_result(self.responses)
        return True

    def _whole(self, message: Message) -> bool:
        if "Response" in message and "Event" not in message:
            return not self.as_list or text(message, "Response") not in _SUCCESS
        # By its name too: an item holds what a caller chose, and that could be any header.
        return text(message, "EventList") == "Complete" and message.event.endswith("Complete")


class Connection(AMIProtocol):  # type: ignore[misc]
    """One TCP connection to the PBX."""

    closed: bool = True
    responses: dict[str, PendingAction]
    transport: asyncio.Transport
    factory: OneConnection

    def __init__(
        self, manager: OneConnection, counters: Counters, monotonic: Callable[[], float]
    ) -> None:
        self._manager = manager
        self._counters = counters
        self._monotonic = monotonic
        self._framer = Framer()
        self.last_heard = monotonic()
        self.problem = ""
        """Why we dropped it ourselves, or ''."""

    @property
    def pending(self) -> int:
        """Actions under way."""
        return len(self.responses)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.factory = self._manager  # panoramisk sets it later, when bytes may have come already
        self.last_heard = self._monotonic()

    def data_received(self, data: bytes) -> None:
        """Never raises: an exception here would end the connection without a word."""
        self.last_heard = self._monotonic()
        if self.closed:
            return
        try:
            frames = self._framer.feed(data)
        except BadStream as error:
            self.drop(str(error))
            return
        for frame in frames:
            if self.closed:
                return
            try:
                self._take(frame)
            except Exception:
                self._counters.malformed += 1
                _log.exception("AMI message could not be read: %r", frame[:200])

    def _take(self, frame: str) -> None:
        if frame.startswith(EVENT) and self._took_event(frame):
            return
        message = Message.from_line(frame)
        if message is None:
            self._counters.malformed += 1
            _log.warning("AMI message without Event or Response: %r", frame[:200])
            return
        if message.event == "TestEvent":
            return  # Debian builds Asterisk with its test framework.
        twice = repeated(frame)
        if twice:
            self._counters.malformed += 1
            _log.warning("AMI message says %s twice, so it is not trusted: %r", twice, frame[:200])
            return
        action_id = text(message, "ActionID")
        pending = self.responses.get(action_id)
        # What an Originate came to may be said before the answer to it, under the same ActionID.
        if pending is not None and (pending.as_list or "Event" not in message):
            pending.size += len(frame)
            if len(pending.responses) >= MAX_LIST_ITEMS or pending.size > MAX_LIST_BYTES:
                self.drop("a list longer than any PBX's")
            elif pending.add_message(message):
                self.responses.pop(action_id, None)
        elif action_id.startswith(ACTION_ID_PREFIX) and message.event != "OriginateResponse":
            # An item of a list that nobody waits for any more is old news, not an event.
            self._counters.late_answers += 1
        elif "Event" in message:
            self.factory.dispatch(message)
        else:
            self._counters.malformed += 1
            _log.warning("AMI response that belongs to no action: %r", frame[:200])

    def _took_event(self, frame: str) -> bool:
        """Take what nobody asked for, as nearly everything is; False: it belongs to an action."""
        if frame.startswith(TEST_EVENT):
            return True  # Debian builds Asterisk with its test framework.
        try:
            fields = fields_of(frame)
        except Repeated as twice:
            self._counters.malformed += 1
            _log.warning("AMI message says %s twice, so it is not trusted: %r", twice, frame[:200])
            return True
        if "actionid" in fields:
            return False
        self.factory.event(fields)
        return True

    def send(self, data: Any, as_list: bool = False) -> asyncio.Future[list[Message]]:
        """Send a `PendingAction`; `Busy` if it was not sent."""
        action: PendingAction = data
        if self.closed:
            raise Gone(self.problem or "closed")
        if (
            len(self.responses) >= MAX_PENDING
            or self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES
        ):
            raise Busy("too many actions under way")
        self.responses[action.id] = action
        self.transport.write(str(action).encode())
        future: asyncio.Future[list[Message]] = action.future
        return future

    def forget(self, action: PendingAction) -> None:
        """Nobody waits for the answer to `action` any more."""
        self.responses.pop(action.id, None)

    def drop(self, problem: str) -> None:
        """End the connection at once, without waiting for what is not yet written."""
        if not self.closed:
            self.problem = problem
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()
        self.factory.connection_lost(exc)

    def close(self) -> None:
        """End it; every pending action gets its outcome now, and none is kept for later."""
        if self.closed:
            return
        self.closed = True
        self.transport.abort()
        pending, self.responses = self.responses, {}
        for action in pending.values():
            if not action.future.done():
                action.future.set_exception(Gone(self.problem or "the PBX closed the link"))


class OneConnection(Manager):  # type: ignore[misc]
    """panoramisk's manager for exactly one connection: it never reconnects and never re-sends."""

    def __init__(
        self,
        *,
        counters: Counters,
        monotonic: Callable[[], float],
        on_event: Callable[[Headers], None],
    ) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.lost = asyncio.Event()
        self._make = lambda: Connection(self, counters, monotonic)
        self._on_event = on_event
        self.register_event("*", self._enqueue)

    def _enqueue(self, _manager: Manager, event: Message) -> None:
        self._on_event(event)

    def event(self, fields: Fields) -> None:
        """One that belongs to no action of ours; panoramisk's search for callbacks is spared."""
        self._on_event(fields)

    async def open(self, host: str, port: int) -> Connection:
        """Connect; raises `OSError`."""
        connection: Connection
        _transport, connection = await self.loop.create_connection(self._make, host, port)
        self.protocol = connection
        return connection

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so, and nothing else: whether and when to come back is the link's business."""
        self.lost.set()

    async def send_awaiting_actions(self, *_: Any) -> None:
        """Nothing is ever sent again: a transfer that comes late is worse than one that failed."""
