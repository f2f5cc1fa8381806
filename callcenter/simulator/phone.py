"""A SIP phone (RFC 3261 user agent) on a socket of its own: UDP, TCP, TLS or a WebSocket.

It registers from the port it listens on, as phones do, answers what a phone must answer, and gives
calls to whoever drives it: a test, the demo, a benchmark. Hundreds live in one event loop.

    async with Phone("127.0.0.1", 5060, "8001", "secret") as phone:
        await phone.register()
        call = await phone.next_call(timeout=10)
        await call.answer()
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from callcenter.simulator import digest
from callcenter.simulator.call import Call
from callcenter.simulator.message import (
    Headers,
    MessageError,
    Request,
    Response,
    copy_headers,
    parameter,
    parse_message,
    quoted,
)
from callcenter.simulator.sdp import CODECS
from callcenter.simulator.transactions import (
    Address,
    SipTimeout,
    Timers,
    Transactions,
    new_branch,
    new_tag,
)
from callcenter.simulator.wires import PBX_DOOR, Door, Wire, open_wire

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, INFO, UPDATE"
INCOMING = 64
"""Calls that may wait to be taken by `next_call`; more are refused as busy."""


class RegistrationRefused(Exception):
    """The registrar said no; `status` is its answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status} {response.reason}")
        self.status = response.status


class Phone:
    """One phone. `host` and `port` are the PBX; `user` is also the name in From."""

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        password: str = "",
        *,
        display: str = "",
        local_address: str = "127.0.0.1",
        codecs: tuple[str, ...] = ("alaw", "ulaw"),
        transport: str = "udp",
        srtp: bool = False,
        srtp_only: bool = False,
        events: bool = True,
        timers: Timers | None = None,
        door: Door = PBX_DOOR,
    ) -> None:
        self.server: Address = (host, port)
        self.user = user
        self.password = password
        self.display = display
        self.local_address = local_address
        self.local_port = 0
        self.transport = transport
        """One of `wires.TRANSPORTS`. Over a WebSocket a phone registers and is found; it has no
        sound, which would be a browser's (DTLS, ICE)."""
        self.door = door
        """Of a WebSocket."""
        self.srtp = srtp
        """Whether it encrypts its sound: always when it calls, and whenever a caller offers to."""
        self.srtp_only = srtp_only
        """Whether it refuses (488) every offer but RTP/SAVP."""
        self.events = events
        """Whether it takes telephone events (RFC 4733) and presses its keys so; else as tones."""
        self.payloads = tuple(CODECS[name] for name in codecs)
        self.refuse_with = 0
        """Answer every new call at once with this status, e.g. 486; 0 lets them ring."""
        self.forward_to = ""
        """Send every new call to this number or URI (302); '' takes them here."""
        self.first_sequence: int | None = None
        """Of the RTP packets of its next call; None: any."""
        self.drop: Callable[[bytes], bool] = lambda _data: False
        """For tests: a datagram going out for which this is true is lost."""
        self.log: list[str] = []
        """First lines of what went out (>) and came in (<), newest last, 200 at most."""
        self.transactions = Transactions(self.send, timers or Timers())
        self.timers = timers or Timers()
        self._wire: Wire | None = None
        self._calls: dict[str, Call] = {}
        self._incoming: asyncio.Queue[Call] = asyncio.Queue(INCOMING)
        self._tasks: set[asyncio.Task[object]] = set()
        self._registration = (secrets.token_hex(8), new_tag())
        self._register_sequence = 0
        self._registered = False

    # -- life ---------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        local = (self.local_address, self.local_port)
        self._wire = await open_wire(
            self.transport, local, self.server, self.received, door=self.door
        )
        self.local_port = self._wire.local[1]
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up, sign off, and be gone; never waits long for a PBX that is not there."""
        with contextlib.suppress(TimeoutError, SipTimeout, RegistrationRefused):
            async with asyncio.timeout(3):
                await asyncio.gather(*(call.hang_up() for call in list(self._calls.values())))
                if self._registered:
                    await self.unregister()
        self.vanish()

    def vanish(self) -> None:
        """Like a phone whose plug is pulled: nothing is said to anybody."""
        for task in self._tasks:
            task.cancel()
        for call in list(self._calls.values()):
            call.end("gone")
        self._registered = False
        if self._wire is not None:
            self._wire.close()

    def spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Run `work` as long as the phone lives."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- what the driver asks for -------------------------------------------------------------

    async def register(self, expires: int = 300) -> None:
        """Register for `expires` seconds; `RegistrationRefused` or `SipTimeout` if it fails."""
        await self._register((("Contact", f"<{self.contact}>"), ("Expires", str(expires))))
        self._registered = expires > 0

    async def bindings(self) -> list[str]:
        """Where this user is registered now, whoever did it (RFC 3261 10.2.3); errors as above."""
        return (await self._register(())).headers.all("Contact")

    async def _register(self, extra: tuple[tuple[str, str], ...]) -> Response:
        call_id, tag = self._registration
        uri = f"sip:{self.server[0]}:{self.server[1]}"

        def request(authorization: tuple[str, str] | None) -> Request:
            self._register_sequence += 1
            headers = self.headers(call_id, f"{self._register_sequence} REGISTER")
            headers.add("From", f"<sip:{self.user}@{self.server[0]}>;tag={tag}")
            headers.add("To", f"<sip:{self.user}@{self.server[0]}>")
            headers.lines += list(extra)
            if authorization:
                headers.add(*authorization)
            return Request("REGISTER", uri, headers)

        response = await self.ask(request)
        if response.status != 200:
            raise RegistrationRefused(response)
        return response

    async def unregister(self) -> None:
        """Sign off."""
        await self.register(0)

    async def dial(
        self,
        number: str,
        *,
        caller: str | None = None,
        to: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Call:
        """Call `number`, or a whole URI; comes back once the INVITE is on its way.

        `caller` replaces the From value as it stands (a name-addr without tag), and `to` that of
        To, so that a test can send what no phone would.
        """
        uri = number if ":" in number else f"sip:{number}@{self.server[0]}:{self.server[1]}"
        call = Call(self, secrets.token_hex(12), local=f"{caller or self.identity};tag={new_tag()}")
        call.remote = to or f"<{uri}>"
        self._calls[call.call_id] = call
        await call.invite(uri, headers)
        return call

    async def next_call(self, timeout: float = 30) -> Call:
        """The next call that rings here; `TimeoutError` if none does within `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while True:
                call = await self._incoming.get()
                if not call.over:
                    return call

    @property
    def identity(self) -> str:
        """Our From value without tag."""
        name = quoted(self.display) + " " if self.display else ""
        return f"{name}<sip:{self.user}@{self.local_address}:{self.local_port}>"

    @property
    def contact(self) -> str:
        """The URI we can be reached at."""
        uri = f"sip:{self.user}@{self.local_address}:{self.local_port}"
        # wss is no URI parameter: a browser says ws either way (RFC 7118, section 5.2.4).
        transport = "ws" if self.transport == "wss" else self.transport
        return uri if transport == "udp" else f"{uri};transport={transport}"

    # -- for Call -----------------------------------------------------------------------------

    def headers(self, call_id: str, sequence: str) -> Headers:
        """The headers that every request begins with; a fresh branch, and rport (RFC 3581)."""
        way = f"SIP/2.0/{self.transport.upper()} {self.local_address}:{self.local_port}"
        via = f"{way};rport;branch={new_branch()}"
        return Headers(
            [
                ("Via", via),
                ("Max-Forwards", "70"),
                ("Call-ID", call_id),
                ("CSeq", sequence),
                ("User-Agent", "callcenter-simulator"),
            ]
        )

    async def ask(
        self,
        request: Callable[[tuple[str, str] | None], Request],
        *,
        on_sent: Callable[[Request], None] = lambda _request: None,
        on_provisional: Callable[[Response], None] = lambda _response: None,
        address: Address | None = None,
    ) -> Response:
        """The final response to a request; a challenge is answered once.

        `request` makes it, first without, then with an Authorization line.
        """
        authorization = None
        while True:
            made = request(authorization)
            on_sent(made)
            transaction = self.transactions.begin(made, address or self.server)
            response = await self.transactions.run(transaction, on_provisional)
            if response.status not in (401, 407) or authorization or not self.password:
                return response
            asked, answered = (
                ("WWW-Authenticate", "Authorization")
                if response.status == 401
                else ("Proxy-Authenticate", "Proxy-Authorization")
            )
            value = digest.answer(
                digest.strongest(response.headers.all(asked)),
                username=self.user,
                password=self.password,
                method=made.method,
                uri=made.uri,
                cnonce=secrets.token_hex(8),
            )
            authorization = (answered, value)

    def send(self, data: bytes, address: Address) -> None:
        """Put bytes on the wire."""
        self._note(">", data)
        if self._wire is not None and not self.drop(data):
            self._wire.send(data, address)

    def forget(self, call: Call) -> None:
        """`call` is over."""
        self._calls.pop(call.call_id, None)

    def response_to(
        self, request: Request, status: int, reason: str, tag: str | None = None
    ) -> Response:
        """An answer with what must be copied (8.2.6.2); `tag` completes To."""
        names = ("Via", "From", "Call-ID", "CSeq", "Record-Route")
        headers = copy_headers(request.headers, names)
        to = request.headers.get("To")
        if tag and parameter(to, "tag") is None:
            to += f";tag={tag}"
        headers.add("To", to)
        headers.add("Allow", ALLOW)
        return Response(status, reason, headers)

    # -- the wire -----------------------------------------------------------------------------

    def received(self, data: bytes, addr: Address) -> None:
        """Read one message; what is no SIP (keep-alives too) is dropped."""
        self._note("<", data)
        try:
            message = parse_message(data)
        except MessageError:
            return
        if isinstance(message, Response):
            self._on_response(message)
        elif not self.transactions.is_repeated(message):
            self._on_request(message, addr)

    def _note(self, direction: str, data: bytes) -> None:
        first = data.partition(b"\r")[0].decode("utf-8", "replace")
        self.log.append(f"{direction} {first}")
        del self.log[:-200]

    def _on_response(self, response: Response) -> None:
        if self.transactions.on_response(response) or response.cseq_method != "INVITE":
            return
        call = self._calls.get(response.headers.get("Call-ID"))
        if call is not None and response.status < 300 and response.final:
            call.acknowledge()

    def _on_request(self, request: Request, address: Address) -> None:
        call = self._calls.get(request.headers.get("Call-ID"))
        if request.method == "ACK":
            self.transactions.on_ack(request)
        elif call is not None:
            call.on_request(request, address)
        elif request.method == "OPTIONS" or request.method == "NOTIFY":
            self._answer(request, 200, "OK", address)
        elif request.method == "INVITE" and parameter(request.headers.get("To"), "tag") is None:
            self._on_new_call(request, address)
        else:
            self._answer(request, 481, "Call/Transaction Does Not Exist", address)

    def _answer(self, request: Request, status: int, reason: str, address: Address) -> None:
        self.transactions.respond(
            request, self.response_to(request, status, reason, new_tag()), address
        )

    def _on_new_call(self, request: Request, address: Address) -> None:
        call = Call.incoming(self, request, address)
        self._calls[call.call_id] = call
        call.trying()
        if self.refuse_with or self._incoming.full():
            self.spawn(call.reject(self.refuse_with or 486))
            return
        if self.forward_to:
            self.spawn(call.forward(self.forward_to))
            return
        call.ring()
        self._incoming.put_nowait(call)
