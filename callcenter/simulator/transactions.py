"""Transactions over UDP (RFC 3261 section 17): who repeats what until when.

The client side repeats a request until a response comes; the server side answers a repeated
request with the same response, and repeats a final answer to INVITE until it is acknowledged.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from callcenter.simulator.message import (
    Headers,
    Request,
    Response,
    copy_headers,
    parameter,
)

Address = tuple[str, int]
SERVER_TRANSACTIONS = 4096
"""Remembered for repeated requests; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class Timers:
    """RFC 3261 table 4, in seconds."""

    t1: float = 0.5
    t2: float = 4.0
    rounds: int = 64
    """So many T1 until a request is given up."""

    @property
    def limit(self) -> float:
        """Timers B, F and H."""
        return self.rounds * self.t1


class SipTimeout(Exception):
    """Nobody answered a request in time."""


def new_branch() -> str:
    """A fresh branch with RFC 3261's cookie."""
    return "z9hG4bK" + secrets.token_hex(8)


def new_tag() -> str:
    """A fresh From or To tag."""
    return secrets.token_hex(6)


def branch_of(headers: Headers) -> str:
    """The branch of the topmost Via."""
    return parameter(headers.get("Via"), "branch") or ""


@dataclass(slots=True)
class ClientTransaction:
    """One request of ours and the responses to it."""

    request: Request
    address: Address
    responses: asyncio.Queue[Response] = field(default_factory=lambda: asyncio.Queue(64))
    answered: bool = False
    acknowledgement: bytes | None = None
    """The ACK of a refused INVITE, sent again for each repeated refusal."""


class Transactions:
    """All transactions of one socket. `send` puts bytes on the wire."""

    def __init__(self, send: Callable[[bytes, Address], None], timers: Timers) -> None:
        self._send = send
        self._timers = timers
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: OrderedDict[tuple[str, str], tuple[bytes, Address] | None] = OrderedDict()
        self._acknowledged: dict[str, asyncio.Event] = {}

    # -- client -------------------------------------------------------------------------------

    def begin(self, request: Request, address: Address) -> ClientTransaction:
        """Register `request`; `run` then sends it."""
        transaction = ClientTransaction(request, address)
        self._clients[branch_of(request.headers), request.method] = transaction
        return transaction

    async def run(
        self,
        transaction: ClientTransaction,
        on_provisional: Callable[[Response], None] = lambda _response: None,
    ) -> Response:
        """The final response; `SipTimeout` after 64 T1 without any.

        An INVITE is not repeated once a provisional response came, and then waits for as long as
        the caller lets it; another request goes on at T2 (17.1.2.2). A final answer to INVITE
        other than 2xx is acknowledged here, in the same transaction (17.1.1.3).
        """
        invite = transaction.request.method == "INVITE"
        repeater = asyncio.create_task(self._repeat(transaction, invite))
        deadline: float | None = self._timers.limit
        try:
            while True:
                async with asyncio.timeout(deadline):
                    response = await transaction.responses.get()
                if response.final:
                    break
                on_provisional(response)
                if invite:
                    deadline = None
        except TimeoutError:
            self._clients.pop(self._key(transaction), None)
            raise SipTimeout(f"{transaction.request.method}: no answer") from None
        finally:
            repeater.cancel()
        if invite and response.status >= 300:
            transaction.acknowledgement = _acknowledgement(transaction, response)
            self._send(transaction.acknowledgement, transaction.address)
            # Timer D: long enough for every repetition of the refusal.
            loop = asyncio.get_running_loop()
            loop.call_later(self._timers.limit, self._clients.pop, self._key(transaction), None)
        else:
            self._clients.pop(self._key(transaction), None)
        return response

    def _key(self, transaction: ClientTransaction) -> tuple[str, str]:
        return branch_of(transaction.request.headers), transaction.request.method

    async def _repeat(self, transaction: ClientTransaction, invite: bool) -> None:
        data = transaction.request.encode()
        wait = self._timers.t1
        while not (invite and transaction.answered):
            self._send(data, transaction.address)
            await asyncio.sleep(wait)
            wait *= 2
            if not invite:
                wait = min(wait, self._timers.t2)

    def on_response(self, response: Response) -> bool:
        """Give `response` to its transaction; False if there is none."""
        transaction = self._clients.get((branch_of(response.headers), response.cseq_method))
        if transaction is None:
            return False
        transaction.answered = True
        if transaction.acknowledgement is not None:
            self._send(transaction.acknowledgement, transaction.address)
            return True
        if not transaction.responses.full():
            transaction.responses.put_nowait(response)
        return True

    # -- server -------------------------------------------------------------------------------

    def is_repeated(self, request: Request) -> bool:
        """Whether `request` was seen before; then the answer it got is sent once more."""
        key = branch_of(request.headers), request.method
        if request.method == "ACK":
            return False
        if key in self._servers:
            if (answer := self._servers[key]) is not None:
                self._send(*answer)
            return True
        self._servers[key] = None
        if len(self._servers) > SERVER_TRANSACTIONS:
            self._servers.popitem(last=False)
        return False

    def respond(self, request: Request, response: Response, address: Address) -> None:
        """Send `response` and remember it for repeated requests."""
        data = response.encode()
        self._servers[branch_of(request.headers), request.method] = (data, address)
        self._send(data, address)

    async def respond_until_acknowledged(
        self, request: Request, response: Response, address: Address
    ) -> bool:
        """A final answer to INVITE, repeated until its ACK; False if none came in 64 T1."""
        key = acknowledgement_key(request)
        event = self._acknowledged.setdefault(key, asyncio.Event())
        data = response.encode()
        self._servers[branch_of(request.headers), request.method] = (data, address)
        wait, loop = self._timers.t1, asyncio.get_running_loop()
        end = loop.time() + self._timers.limit
        try:
            while loop.time() < end:
                self._send(data, address)
                try:
                    async with asyncio.timeout(wait):
                        await event.wait()
                        return True
                except TimeoutError:
                    wait = min(2 * wait, self._timers.t2)
            return False
        finally:
            self._acknowledged.pop(key, None)

    def on_ack(self, request: Request) -> None:
        """An ACK came."""
        if event := self._acknowledged.get(acknowledgement_key(request)):
            event.set()


def _acknowledgement(transaction: ClientTransaction, response: Response) -> bytes:
    """The ACK of a refused INVITE (17.1.1.3)."""
    sent = transaction.request
    headers = Headers([("Via", sent.headers.get("Via")), ("Max-Forwards", "70")])
    headers.lines += copy_headers(sent.headers, ("From", "Call-ID", "Route")).lines
    headers.add("To", response.headers.get("To"))
    headers.add("CSeq", sent.headers.get("CSeq").split()[0] + " ACK")
    return Request("ACK", sent.uri, headers).encode()


def acknowledgement_key(request: Request) -> str:
    """What an INVITE and its ACK have in common, also after a 2xx: call and sequence number."""
    return request.headers.get("Call-ID") + " " + request.headers.get("CSeq").split()[0]
