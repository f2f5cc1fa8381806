"""One call of a phone: the dialog (RFC 3261 section 12), its sound, and what a user does with it.

States only go forward: calling → ringing → talking → over. `status` is the final answer, `ended_by`
who ended it: ``us``, ``them``, ``refused`` or ``gone``.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import urllib.parse
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from callcenter.simulator.message import (
    Request,
    Response,
    address_uri,
    copy_headers,
    parameter,
    split_authority,
)
from callcenter.simulator.rtp import Stream
from callcenter.simulator.sdp import TELEPHONE_EVENT, Sdp, SdpError, answer_to
from callcenter.simulator.sound import FRAME, Samples, is_marked, read_wav, rms
from callcenter.simulator.transactions import Address, SipTimeout, new_tag

if TYPE_CHECKING:
    from callcenter.simulator.phone import Phone

REASONS = {
    100: "Trying", 180: "Ringing", 200: "OK", 302: "Moved Temporarily", 404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 503: "Unavailable",
    603: "Decline",
}  # fmt: skip


HALF_SECOND = 25
"""Frames."""


class CallState(StrEnum):
    """How far a call is."""

    CALLING = "calling"
    RINGING = "ringing"
    TALKING = "talking"
    OVER = "over"


class CallRefused(Exception):
    """The call ended before it was answered; `status` is the answer, 0 if it simply ended."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}".strip())
        self.status = status


class Call:
    """A call from or to a `Phone`."""

    def __init__(self, phone: Phone, call_id: str, *, local: str) -> None:
        self.phone = phone
        self.call_id = call_id
        self.local = local
        """From of our requests, with our tag."""
        self.remote = ""
        """To of our requests; carries the other side's tag once it is known."""
        self.target = ""
        """Where requests go: the other side's Contact."""
        self.state = CallState.CALLING
        self.status = 0
        self.reason = ""
        self.ended_by = ""
        self.invited: Request | None = None
        """The INVITE that came in; None for a call we made."""
        self._address: Address = phone.server
        self._routes: list[str] = []
        self._sequence = 0
        self._invite: Request | None = None
        self._stream: Stream | None = None
        self._sdp_version = 0
        self._cancelled = False
        self._ringing = asyncio.Event()
        self._answered = asyncio.Event()
        self._over = asyncio.Event()
        self._referred: asyncio.Queue[int] = asyncio.Queue(16)

    @classmethod
    def incoming(cls, phone: Phone, request: Request, address: Address) -> Call:
        """The call that an INVITE begins."""
        local = f"{request.headers.get('To')};tag={new_tag()}"
        call = cls(phone, request.headers.get("Call-ID"), local=local)
        call.remote = request.headers.get("From")
        call.target = address_uri(request.headers.get("Contact"))
        call.invited = request
        call._address = address
        call._routes = request.headers.all("Record-Route")
        return call

    # -- what is known ------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state is CallState.OVER

    @property
    def caller(self) -> str:
        """The number that calls us, as the PBX shows it."""
        return urllib.parse.unquote(address_uri(self.remote)[4:].partition("@")[0])

    @property
    def stream(self) -> Stream:
        """The sound; only once it has begun."""
        if self._stream is None:
            raise RuntimeError("the call has no sound yet")
        return self._stream

    def heard(self) -> Samples:
        """Everything heard so far."""
        return self.stream.heard()

    async def hears(self, frequency: float, level: float = 0.02, timeout: float = 10) -> None:
        """Wait until a tone of `frequency` Hz is heard, at `level` for half a second."""
        await self.stream.until(lambda: is_marked(self._half_second(), frequency, level), timeout)

    async def stops_hearing(
        self, frequency: float, level: float = 0.02, timeout: float = 10
    ) -> None:
        """Wait until half a second passes without that tone."""
        await self.stream.until(
            lambda: not is_marked(self._half_second(), frequency, level), timeout
        )

    async def hears_sound(self, level: float = 0.01, timeout: float = 10) -> None:
        """Wait until half a second of sound of at least `level` (RMS) is heard."""
        await self.stream.until(lambda: rms(self._half_second()) >= level, timeout)

    def _half_second(self) -> Samples:
        """The last half second heard; nothing before there is that much."""
        samples = self.stream.heard(last_frames=HALF_SECOND)
        return samples if samples.size >= HALF_SECOND * FRAME else samples[:0]

    async def ringing(self, timeout: float = 10) -> None:
        """Wait until it rings at the other side."""
        await self._wait(self._ringing, timeout)

    async def answered(self, timeout: float = 10) -> None:
        """Wait for the answer; `CallRefused` if there is none, `TimeoutError` if it takes long."""
        await self._wait(self._answered, timeout)

    async def ended(self, timeout: float = 10) -> None:
        """Wait until it is over."""
        async with asyncio.timeout(timeout):
            await self._over.wait()

    async def _wait(self, event: asyncio.Event, timeout: float) -> None:
        waits = [asyncio.create_task(event.wait()), asyncio.create_task(self._over.wait())]
        try:
            async with asyncio.timeout(timeout):
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not event.is_set():
            raise CallRefused(self.status, self.reason)

    # -- what a user does ---------------------------------------------------------------------

    def say(self, sound: Samples | Path, *, repeat: bool = False) -> asyncio.Event:
        """Speak; the event is set once all is said. A path is a sound file."""
        samples = read_wav(sound) if isinstance(sound, Path) else sound
        return self.stream.say(samples, repeat=repeat)

    async def dtmf(self, keys: str) -> None:
        """Press `keys` (RFC 4733, or tones: `Phone.events`), 100 ms each; comes back when the last
        one is out."""
        await self.stream.press(keys).wait()

    async def dtmf_info(self, keys: str, *, relay: bool = True) -> None:
        """Press `keys` by INFO requests (application/dtmf-relay, or application/dtmf alone)."""
        for key in keys:
            kind = "application/dtmf-relay" if relay else "application/dtmf"
            body = f"Signal={key}\r\nDuration=160\r\n" if relay else key
            await self._request("INFO", (("Content-Type", kind),), body.encode())

    async def answer(self, *, sound: bool = True) -> None:
        """Take an incoming call; comes back once the other side has acknowledged.

        Without `sound` nothing is said of where sound could go: what no sane phone does.
        """
        request = self._incoming_request()
        self._stream = await Stream.open(self.phone.local_address, self.phone.first_sequence)
        response = self._respond_with_sdp(request) if sound else self._response(request, 200)
        if response.status != 200:
            await self._finish(request, response)
            return
        self.state = CallState.TALKING
        self._answered.set()
        if not await self._until_acknowledged(request, response):
            await self.hang_up()

    async def reject(self, status: int = 486) -> None:
        """Refuse an incoming call."""
        request = self._incoming_request()
        await self._finish(request, self._response(request, status))

    async def forward(self, target: str) -> None:
        """Send an incoming call elsewhere (302): `target` is a number or URI."""
        request = self._incoming_request()
        response = self._response(request, 302)
        host, port = self.phone.server
        uri = target if ":" in target else f"sip:{target}@{host}:{port}"
        response.headers.lines = [
            (name, f"<{uri}>" if name == "Contact" else value)
            for name, value in response.headers.lines
        ]
        await self._finish(request, response)

    async def hang_up(self, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """End it, whatever its state: BYE (with `headers`), CANCEL or a refusal."""
        if self.over:
            return
        if self.state is CallState.TALKING:
            self.end("us")
            with contextlib.suppress(SipTimeout):
                await self._request("BYE", headers)
        elif self.invited is not None:
            await self.reject(480)
        else:
            await self._cancel()

    async def hold(self) -> int:
        """Put the other side on hold (re-INVITE, sendonly); the answer's status."""
        return await self._reinvite("sendonly")

    async def resume(self) -> int:
        """Take it off hold."""
        return await self._reinvite("sendrecv")

    async def refer(self, target: str, *, stay: bool = False) -> int:
        """Send the other side to `target`, a number or URI, without asking there (RFC 3515).

        It hangs up when that is done, as a phone does, unless it shall `stay`.
        Returns how it ended, as the other side reports it: 200 when it is done, 4xx and above
        when it was refused or failed, 0 if nothing was reported before the call ended.
        """
        host, port = self.phone.server
        uri = target if ":" in target else f"sip:{target}@{host}:{port}"
        return await self._refer(f"<{uri}>", stay)

    async def refer_to_call(self, other: Call, *, stay: bool = False) -> int:
        """Join this call's other side with `other`'s (RFC 3891), as after a consultation."""
        tags = parameter(other.remote, "tag"), parameter(other.local, "tag")
        replaces = f"{other.call_id};to-tag={tags[0]};from-tag={tags[1]}"
        uri = f"{other.target}?Replaces={urllib.parse.quote(replaces, safe='')}"
        return await self._refer(f"<{uri}>", stay)

    async def _refer(self, value: str, stay: bool) -> int:
        while not self._referred.empty():
            self._referred.get_nowait()
        lines = (("Refer-To", value), ("Referred-By", self.local.partition(";tag")[0]))
        response = await self._request("REFER", lines)
        if response.status >= 300:
            return response.status
        over = asyncio.create_task(self._over.wait())
        try:
            while True:
                report = asyncio.create_task(self._referred.get())
                await asyncio.wait((report, over), return_when=asyncio.FIRST_COMPLETED)
                if not report.done():
                    report.cancel()
                    return 0
                if report.result() >= 200:
                    break
        finally:
            over.cancel()
        if report.result() < 300 and not stay:
            # The other side has somebody else now; the PBX leaves it to the phone to hang up.
            await self.hang_up()
        return report.result()

    # -- outgoing -----------------------------------------------------------------------------

    async def invite(self, uri: str, extra: tuple[tuple[str, str], ...]) -> None:
        """Send the INVITE; the answer is taken in the background."""
        self.target = uri
        self._stream = await Stream.open(self.phone.local_address, self.phone.first_sequence)
        self.phone.spawn(self._dialling(uri, extra))
        await asyncio.sleep(0)

    async def _dialling(self, uri: str, extra: tuple[tuple[str, str], ...]) -> None:
        def request(authorization: tuple[str, str] | None) -> Request:
            lines = extra if authorization is None else (*extra, authorization)
            return self._make_invite(uri, lines, "sendrecv")

        def sent(made: Request) -> None:
            self._invite = made

        try:
            response = await self.phone.ask(
                request, on_sent=sent, on_provisional=self._on_provisional
            )
        except SipTimeout as error:
            self.status, self.reason = 408, str(error)
            self.end("gone")
            return
        self.status, self.reason = response.status, response.reason
        if response.status >= 300:
            self.end("us" if self._cancelled else "refused")
            return
        self.remote = response.headers.get("To")
        self.target = address_uri(response.headers.get("Contact")) or uri
        self._routes = response.headers.all("Record-Route")[::-1]
        self.acknowledge()
        self._take_answer(response)
        self.state = CallState.TALKING
        self._answered.set()
        if self._cancelled:
            # The answer crossed our CANCEL (RFC 3261 9.1): it is a call, so hang up.
            await self.hang_up()

    def _make_invite(self, uri: str, extra: tuple[tuple[str, str], ...], direction: str) -> Request:
        self._sequence += 1
        headers = self.phone.headers(self.call_id, f"{self._sequence} INVITE")
        headers.lines += [("From", self.local), ("To", self.remote)]
        headers.add("Contact", f"<{self.phone.contact}>")
        headers.lines += [("Route", route) for route in self._routes]
        headers.add("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, INFO, UPDATE")
        headers.lines += list(extra)
        headers.add("Content-Type", "application/sdp")
        self._sdp_version += 1
        return Request("INVITE", uri, headers, self._mine(direction).encode(self._sdp_version))

    def _mine(self, direction: str = "sendrecv") -> Sdp:
        port = self.stream.local_port
        address = self.phone.local_address
        crypto = (1, self.stream.key) if self.phone.srtp else None
        return Sdp(
            address, port, self.phone.payloads, TELEPHONE_EVENT if self.phone.events else None,
            direction, crypto, savp=crypto is not None,
        )  # fmt: skip

    def _on_provisional(self, response: Response) -> None:
        if response.status == 180 or response.body:
            if self.state is CallState.CALLING:
                self.state = CallState.RINGING
            self._ringing.set()
        if response.body and response.headers.get("Content-Type").startswith("application/sdp"):
            self._take_answer(response)

    def _take_answer(self, response: Response) -> None:
        with contextlib.suppress(SdpError):
            peer = Sdp.parse(response.body)
            if peer.payloads:
                self.stream.start(peer if self.phone.srtp else replace(peer, crypto=None))

    def acknowledge(self) -> None:
        """ACK of a 2xx: outside of the transaction, again for each repeated 2xx (13.2.2.4)."""
        headers = self.phone.headers(self.call_id, f"{self._sequence} ACK")
        headers.lines += [("From", self.local), ("To", self.remote)]
        headers.lines += [("Route", route) for route in self._routes]
        self.phone.send(Request("ACK", self.target, headers).encode(), self._next_hop())

    async def _cancel(self) -> None:
        self._cancelled = True
        if self._invite is None:
            self.end("us")
            return
        # A CANCEL may only follow a provisional answer (9.1); on loopback it is there at once.
        names = ("Via", "From", "To", "Call-ID", "Max-Forwards", "Route")
        headers = copy_headers(self._invite.headers, names)
        headers.add("CSeq", self._invite.headers.get("CSeq").split()[0] + " CANCEL")
        cancel = Request("CANCEL", self._invite.uri, headers)
        with contextlib.suppress(SipTimeout):
            await self.phone.transactions.run(
                self.phone.transactions.begin(cancel, self.phone.server)
            )
        with contextlib.suppress(TimeoutError):
            await self.ended(self.phone.timers.limit)

    async def _reinvite(self, direction: str) -> int:
        response = await self.phone.ask(
            lambda authorization: self._make_invite(
                self.target, (authorization,) if authorization else (), direction
            ),
            address=self._next_hop(),
        )
        if response.status < 300:
            self.acknowledge()
            self._take_answer(response)
        return response.status

    async def _request(
        self, method: str, extra: tuple[tuple[str, str], ...] = (), body: bytes = b""
    ) -> Response:
        """A request within the dialog and its final answer."""

        def request(authorization: tuple[str, str] | None) -> Request:
            self._sequence += 1
            headers = self.phone.headers(self.call_id, f"{self._sequence} {method}")
            headers.lines += [("From", self.local), ("To", self.remote)]
            headers.add("Contact", f"<{self.phone.contact}>")
            headers.lines += [("Route", route) for route in self._routes]
            headers.lines += list(extra)
            if authorization:
                headers.add(*authorization)
            return Request(method, self.target, headers, body)

        return await self.phone.ask(request, address=self._next_hop())

    def _next_hop(self) -> Address:
        """First route, else the other side's Contact (12.2.1.1)."""
        return split_authority(address_uri(self._routes[0]) if self._routes else self.target)

    # -- incoming -----------------------------------------------------------------------------

    def trying(self) -> None:
        """100: stops the other side's repetitions."""
        request = self._incoming_request()
        response = self.phone.response_to(request, 100, REASONS[100])
        self.phone.transactions.respond(request, response, self._address)

    def ring(self) -> None:
        """180."""
        request = self._incoming_request()
        self.state = CallState.RINGING
        self._ringing.set()
        self.phone.transactions.respond(request, self._response(request, 180), self._address)

    def _incoming_request(self) -> Request:
        if self.invited is None:
            raise RuntimeError("this call was made here, not received")
        return self.invited

    def _response(self, request: Request, status: int) -> Response:
        tag = parameter(self.local, "tag")
        response = self.phone.response_to(request, status, REASONS.get(status, "No"), tag)
        response.headers.add("Contact", f"<{self.phone.contact}>")
        return response

    def _respond_with_sdp(self, request: Request) -> Response:
        """200 with our answer to the offer in `request`, or 488; the sound begins."""
        try:
            offer = Sdp.parse(request.body) if request.body else None
            if self.phone.srtp_only and offer is not None and not offer.savp:
                raise SdpError("encrypted or not at all")
            mine = self._mine() if offer is None else answer_to(offer, self._mine())
        except SdpError:
            return self._response(request, 488)
        self._sdp_version += 1
        response = self._response(request, 200)
        response.headers.add("Content-Type", "application/sdp")
        response.body = mine.encode(self._sdp_version)
        if offer is not None:
            key = offer.crypto if mine.crypto is not None else None
            self.stream.start(replace(offer, payloads=mine.payloads, crypto=key, event=mine.event))
        return response

    async def _until_acknowledged(self, request: Request, response: Response) -> bool:
        return await self.phone.transactions.respond_until_acknowledged(
            request, response, self._address
        )

    async def _finish(self, request: Request, response: Response) -> None:
        """Refuse with `response`."""
        self.status, self.reason = response.status, response.reason
        self.end("us")
        await self._until_acknowledged(request, response)

    def on_request(self, request: Request, address: Address) -> None:
        """A request within this call."""
        self._address = address
        if request.method == "CANCEL":
            self._plain(request, 200)
            if self.invited is not None and self.state is CallState.RINGING:
                self.end("them")
                answer = self._response(self.invited, 487)
                self.phone.spawn(self._until_acknowledged(self.invited, answer))
        elif request.method == "BYE":
            self._plain(request, 200)
            self.end("them")
        elif request.method == "INVITE":
            response = self._respond_with_sdp(request)
            self.phone.spawn(self._until_acknowledged(request, response))
        elif request.method == "NOTIFY":
            self._plain(request, 200)
            self._on_notify(request)
        elif request.method == "UPDATE" and request.body:
            response = self._respond_with_sdp(request)
            self.phone.transactions.respond(request, response, address)
        elif request.method in ("OPTIONS", "INFO", "UPDATE", "MESSAGE"):
            self._plain(request, 200)
        else:
            self._plain(request, 603)

    def _plain(self, request: Request, status: int) -> None:
        response = self._response(request, status)
        self.phone.transactions.respond(request, response, self._address)

    def _on_notify(self, request: Request) -> None:
        match = re.match(rb"SIP/2\.0 (\d{3})", request.body)
        if match and not self._referred.full():
            self._referred.put_nowait(int(match[1]))

    def end(self, by: str) -> None:
        """The call is over; only the first reason counts."""
        if self.over:
            return
        self.state = CallState.OVER
        self.ended_by = by
        if self._stream is not None:
            self._stream.close()
        self._over.set()
        self.phone.forget(self)
