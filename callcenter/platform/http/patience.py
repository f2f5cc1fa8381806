"""How long we wait for a request that has begun, and how many such one address may have open.

uvicorn waits for ever for the rest of a request (its keep-alive limit is for the time between two),
so whoever sends half of one holds a connection, and a thousand of them the service. Here a request
has a deadline for its head and one for its body, counted from its beginning, so that a byte now and
then does not help; and above a number of unfinished connections of one address the oldest is ended,
so that the newest, who may be somebody honest, is served.

What is being answered, such as a stream that goes on for hours, is nobody's wait and not counted.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from callcenter.platform.config import Settings
from callcenter.platform.health import PartHealth, degraded, well

SLOW_HEAD = "slow_head"
SLOW_BODY = "slow_body"
TOO_MANY = "too_many"
REASONS = (SLOW_HEAD, SLOW_BODY, TOO_MANY)

ALARMING = 50
ALARM_SECONDS = 300.0
"""Lines break off now and then; so many within five minutes are no accident."""

_TIMED_OUT = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n"
    b"cache-control: no-store\r\n\r\n"
)
"""RFC 9110, section 15.5.9."""


class Strangers:
    """Connections that have not sent a whole request yet, and what became of those before."""

    def __init__(self) -> None:
        self._open: defaultdict[str, OrderedDict[PatientProtocol, None]] = defaultdict(OrderedDict)
        self.ended: Counter[str] = Counter()
        """How many were ended, by reason."""
        self._recent: deque[float] = deque(maxlen=ALARMING)

    @property
    def unfinished(self) -> int:
        """How many there are now, of all addresses."""
        return sum(len(of_one) for of_one in self._open.values())

    def note(self, reason: str, now: float) -> None:
        """One was ended, at `now`, monotonic seconds."""
        self.ended[reason] += 1
        self._recent.append(now)

    def alarming(self, now: float) -> bool:
        """Whether `ALARMING` were ended within `ALARM_SECONDS`."""
        return len(self._recent) == ALARMING and now - self._recent[0] <= ALARM_SECONDS

    def begins(self, protocol: PatientProtocol, address: str, limit: int) -> None:
        """`protocol` waits for a request; above `limit` of one address the oldest is ended."""
        waiting = self._open[address]
        waiting[protocol] = None
        if len(waiting) > limit:
            oldest, _ = waiting.popitem(last=False)
            oldest.give_up(TOO_MANY)

    def is_over(self, protocol: PatientProtocol, address: str) -> None:
        """The request is whole, or the connection gone."""
        waiting = self._open.get(address)
        if waiting is not None:
            waiting.pop(protocol, None)
            if not waiting:
                del self._open[address]


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol with deadlines; made by `patient`."""

    strangers: Strangers
    head_seconds: float
    body_seconds: float
    unfinished_limit: int

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._address = ""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is awaited from here on."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._await(SLOW_HEAD, self.head_seconds)
        self.strangers.begins(self, self._address, self.unfinished_limit)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins; of a connection's later ones only now anything is awaited."""
        super().on_message_begin()
        if self._deadline is None:
            self._await(SLOW_HEAD, self.head_seconds)
            self.strangers.begins(self, self._address, self.unfinished_limit)

    def on_headers_complete(self) -> None:
        """Its body is awaited."""
        super().on_headers_complete()
        self._await(SLOW_BODY, self.body_seconds)

    def on_message_complete(self) -> None:
        """It is whole."""
        self._arrived()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Another protocol goes on with it."""
        self._arrived()
        super().handle_websocket_upgrade()

    def give_up(self, reason: str) -> None:
        """End the connection; who was still to be told that it took too long is told."""
        self.strangers.note(reason, self.loop.time())
        self._arrived()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_TIMED_OUT)
        self.transport.close()

    def _await(self, what: str, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self.give_up, what)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self.strangers.is_over(self, self._address)


def patient(settings: Settings, strangers: Strangers) -> type[PatientProtocol]:
    """The protocol for uvicorn, with the limits of `settings`."""

    class Patient(PatientProtocol):
        pass

    Patient.strangers = strangers
    Patient.head_seconds = settings.http_head_seconds
    Patient.body_seconds = settings.http_body_seconds
    Patient.unfinished_limit = settings.http_unfinished_max
    return Patient


async def strangers_health(strangers: Strangers) -> PartHealth:
    """Whether somebody opens connections and sends no request on them."""
    name = "strangers"
    if strangers.alarming(time.monotonic()):
        return degraded(
            name,
            f"{ALARMING} connections or more were ended within {ALARM_SECONDS / 60:.0f} minutes"
            " because no whole request came; see who is at CALLCENTER_API_PORT",
        )
    return well(name, f"{strangers.unfinished} connections without a request yet")
