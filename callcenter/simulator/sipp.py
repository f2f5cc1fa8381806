"""SIPp as callers and as seats: scenarios as text made here, its processes, what they counted.

One SIPp process is hundreds of phones for a few per cent of a core, so load is made with it. A
story that needs a phone with a mind of its own uses `phone` instead.

- A caller sends speech (RTP, A-law) from the answer on, and hangs up after a fixed time. It cannot
  know when a seat takes part, since the PBX answers before the queue.
- All seats are one process on one port, told apart by their user names alone. A seat rings,
  answers, sends the caller's own sound back, and waits for the end.
- Nothing needs root rights: sound goes through ordinary sockets (`rtp_stream`, ``-rtp_echo``), not
  through raw ones as SIPp's pcap player does.
- Times are logged where things happen, so that caller and seat can be put together by the caller's
  number (`read_moments`).

SIPp 3.6 or newer.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from callcenter.simulator.sound import Samples, encode_g711
from callcenter.telephony.domain.seating import DesiredSeat

ALAW = 8
PTIME_MS = 20
GIVE_UP_MS = 30_000
"""A message that has not come by then never will: SIP itself gives up after 32 s (64 * T1)."""
SPEECH_FILE = "speech.alaw"
EXPIRES_SECONDS = 7200
"""The registrar's own most, so that no seat has to register again during a run."""
REGISTER_RATE = 50
REGISTER_SECONDS = 60.0
STOP_SECONDS = 5.0

_SAFE = re.compile(r"[^\s;\[\]\"<>]+")
_MOMENT = re.compile(r"^\S+\s+\S+\s+(\d+\.\d+)\s+(\S+)$", re.MULTILINE)
"""SIPp's ``[timestamp]``: the day, the time, and both as seconds since 1970."""


class SippFailed(Exception):
    """SIPp did not do its work: what it said is in the message."""


# -- scenarios --------------------------------------------------------------------------------

_SDP = """v=0
o={who} 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [{port}] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
"""
"""Keys as events, as every phone offers them: else a PBX listens for their tones in all sound."""


def _scenario(name: str, *steps: str) -> str:
    body = "\n".join(steps)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="{name}">\n{body}\n</scenario>\n'
    )


def _send(message: str, *, retrans: bool = False, next_label: int | None = None) -> str:
    """A send step; SIPp itself writes CRLF for every line's end."""
    attributes = ' retrans="500"' if retrans else ""
    attributes += f' next="{next_label}"' if next_label is not None else ""
    return f"<send{attributes}><![CDATA[\n{message.strip()}\n\n]]></send>"


def _send_sdp(message: str, who: str, port: str, *, retrans: bool = True) -> str:
    head = f"{message.strip()}\nContent-Type: application/sdp\nContent-Length: [len]\n\n"
    attributes = ' retrans="500"' if retrans else ""
    body = _SDP.format(who=who, port=port)
    return f"<send{attributes}><![CDATA[\n{head}{body}\n]]></send>"


def _request(method: str, sequence: int, *, answered: bool) -> str:
    """A caller's request: who calls is the first field of the injection file."""
    to_tag = "[peer_tag_param]" if answered else ""
    return (
        f"{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0\n"
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
        "From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]c[call_number]\n"
        f"To: <sip:[service]@[remote_ip]:[remote_port]>{to_tag}\n"
        "Call-ID: [call_id]\n"
        f"CSeq: {sequence} {method}\n"
        "Contact: <sip:[field0]@[local_ip]:[local_port]>\n"
        "Max-Forwards: 70\n"
    )


def _response(status: str, *, tag: bool) -> str:
    to_tag = ";tag=[pid]s[call_number]" if tag else ""
    return (
        f"SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n[last_To:]{to_tag}\n[last_Call-ID:]\n"
        "[last_CSeq:]\nContact: <sip:[local_ip]:[local_port]>\n"
    )


_NO_BODY = "Content-Length: 0\n"


def caller_scenario(talk_ms: int) -> str:
    """Callers: dial, speak `SPEECH_FILE` over and over for `talk_ms` from the answer, hang up.

    A call that is refused, or ended by the other side, counts as failed.
    """
    if talk_ms <= 0:
        raise ValueError("talk_ms must be positive")
    play = quoteattr(f"{SPEECH_FILE},-1,{ALAW},PCMA/8000")
    return _scenario(
        "callers",
        '<nop><action><log message="[timestamp] [field0]"/></action></nop>',
        _send_sdp(_request("INVITE", 1, answered=False), "caller", "rtpstream_audio_port"),
        *(f'<recv response="{status}" optional="true"/>' for status in (100, 180, 183)),
        '<recv response="200"/>',
        _send(_request("ACK", 1, answered=True) + _NO_BODY),
        f"<nop><action><exec rtp_stream={play}/></action></nop>",
        f'<pause milliseconds="{talk_ms}"/>',
        _send(_request("BYE", 2, answered=True) + _NO_BODY, retrans=True),
        '<recv response="200"/>',
    )


def seat_scenario(ring_ms: int) -> str:
    """Seats: ring for `ring_ms`, answer, and stay until the other side hangs up.

    A PBX asks now and then whether a phone is there (OPTIONS): it is.
    """
    if ring_ms <= 0:
        raise ValueError("ring_ms must be positive")
    options, end = 1, 2
    caller = (
        '<ereg regexp="sips?:([^@;>]+)@" search_in="hdr" header="From:" assign_to="all,caller"/>'
        '<log message="[timestamp] [$caller]"/>'
    )
    return _scenario(
        "seats",
        f'<recv request="OPTIONS" optional="true" next="{options}"/>',
        f'<recv request="INVITE"><action>{caller}</action></recv>',
        _send(_response("180 Ringing", tag=True) + _NO_BODY),
        f'<pause milliseconds="{ring_ms}"/>',
        _send_sdp(_response("200 OK", tag=True), "seat", "media_port"),
        '<recv request="ACK"/>',
        '<recv request="BYE"/>',
        _send(_response("200 OK", tag=False) + _NO_BODY, next_label=end),
        f'<label id="{options}"/>',
        _send(_response("200 OK", tag=True) + _NO_BODY),
        f'<label id="{end}"/>',
        '<nop><action><assignstr assign_to="all" value=""/></action></nop>',
    )


def register_scenario(expires: int = EXPIRES_SECONDS) -> str:
    """Registers one seat after the other for `expires` seconds, from the port it listens on.

    Fields: extension; SIPp's own `[authentication …]` keyword.
    """
    head = (
        "REGISTER sip:[remote_ip]:[remote_port] SIP/2.0\n"
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
        "From: <sip:[field0]@[remote_ip]:[remote_port]>;tag=[pid]r[call_number]\n"
        "To: <sip:[field0]@[remote_ip]:[remote_port]>\n"
        "Call-ID: [call_id]\n"
        "CSeq: {sequence} REGISTER\n"
        "Contact: <sip:[field0]@[local_ip]:[local_port]>\n"
        "Max-Forwards: 70\n"
        f"Expires: {expires}\n"
    )
    return _scenario(
        "register",
        _send(head.format(sequence=1) + _NO_BODY, retrans=True),
        '<recv response="100" optional="true"/>',
        '<recv response="401" auth="true"/>',
        _send(head.format(sequence=2) + "[field1]\n" + _NO_BODY, retrans=True),
        '<recv response="100" optional="true"/>',
        '<recv response="200"/>',
    )


def _checked(value: str, what: str) -> str:
    """`value` as a field: nothing in it may end the field, the line or a keyword."""
    if not _SAFE.fullmatch(value):
        raise ValueError(f"{what} {value!r} cannot stand in an injection file")
    return value


def callers_file(numbers: Iterable[str]) -> str:
    """An injection file of who calls, each once, in this order."""
    return "SEQUENTIAL\n" + "".join(f"{_checked(number, 'number')};\n" for number in numbers)


def seats_file(seats: Iterable[DesiredSeat]) -> str:
    """An injection file of seats that are to register."""
    lines = ["SEQUENTIAL\n"]
    for seat in seats:
        extension = _checked(str(seat.extension), "extension")
        secret = _checked(seat.secret, "secret of")
        lines.append(f"{extension};[authentication username={extension} password={secret}];\n")
    return "".join(lines)


# -- what came of it --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SippCounts:
    """What a SIPp process counted until its end."""

    created: int
    succeeded: int
    failed: int
    retransmissions: int
    """Messages sent again because no answer came within T1 (500 ms)."""


def read_counts(text: str) -> SippCounts:
    """The last row of a ``-trace_stat`` file; `SippFailed` if there is none."""
    rows = list(csv.DictReader(text.splitlines(), delimiter=";"))
    if not rows:
        raise SippFailed("SIPp has written no statistics")
    last = rows[-1]
    try:
        return SippCounts(
            created=int(last["TotalCallCreated"]),
            succeeded=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmissions=int(last["Retransmissions(C)"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SippFailed(f"SIPp's statistics cannot be read: {error}") from error


def read_moments(text: str) -> Mapping[str, float]:
    """When each number was first logged, in seconds on this machine's clock.

    Of callers that is the sending of the INVITE, of seats its arrival.
    """
    found: dict[str, float] = {}
    for moment, number in _MOMENT.findall(text):
        found.setdefault(number, float(moment))
    return found


# -- processes --------------------------------------------------------------------------------


class SippProcess:
    """A running SIPp; its files begin with `name` in `folder`."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, name: str) -> None:
        self._process = process
        self._folder = folder
        self._name = name

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Not ended yet."""
        return self._process.returncode is None

    async def wait(self, seconds: float) -> SippCounts:
        """Until all calls are over; `SippFailed` if they are not after `seconds`, or if SIPp ended
        for another reason than that its calls did."""
        try:
            async with asyncio.timeout(seconds):
                code = await self._process.wait()
        except TimeoutError:
            await self.stop()
            raise SippFailed(f"{self._name}: calls were not over after {seconds:.0f} s") from None
        if code not in (0, 1):  # 1: a call failed, which is counted
            raise SippFailed(f"{self._name}: SIPp ended with {code}\n{self.said()}")
        return read_counts(self._text("stat.csv"))

    async def stop(self) -> None:
        """End it, calls or not."""
        if not self.running:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def moments(self) -> Mapping[str, float]:
        """See `read_moments`."""
        return read_moments(self._text("moments.log"))

    def said(self, lines: int = 12) -> str:
        """What went wrong first, or else its last lines; for people."""
        errors = [line for line in self._text("errors.log").splitlines() if line.strip()]
        if errors:
            return "\n".join(errors[:lines])
        return "\n".join(self._text("out.log").splitlines()[-lines:])

    def _text(self, what: str) -> str:
        path = self._folder / f"{self._name}-{what}"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


class Sipp:
    """Runs SIPp on loopback against the PBX at `server`; its files are in `folder`."""

    def __init__(self, command: Sequence[str], folder: Path, server: tuple[str, int]) -> None:
        self._command = list(command)
        self._folder = folder
        self._server = f"{server[0]}:{server[1]}"
        folder.mkdir(parents=True, exist_ok=True)

    async def call(
        self,
        numbers: Sequence[str],
        speech: Samples,
        *,
        rate: float,
        talk_ms: int,
        port: int,
        rtp_ports: tuple[int, int],
        dial: str = "12345",
        name: str = "callers",
    ) -> SippProcess:
        """Every one of `numbers` calls `dial` once, `rate` a second, each with `speech`.

        `rtp_ports` are the first and last port of their sound: two for each call at a time.
        """
        if not numbers or rate <= 0:
            raise ValueError("there must be callers, and a rate above 0")
        (self._folder / SPEECH_FILE).write_bytes(encode_g711(speech, ALAW))
        self._write(f"{name}.csv", callers_file(numbers))
        # A rate below one a second is a call every so many milliseconds.
        period_ms = 1000 if float(rate).is_integer() else 10_000
        calls = max(1, round(rate * period_ms / 1000))
        return await self._start(
            name,
            caller_scenario(talk_ms),
            self._server,
            *("-inf", f"{name}.csv", "-s", dial, "-m", str(len(numbers))),
            *("-r", str(calls), "-rp", str(period_ms), "-l", str(len(numbers))),
            *("-p", str(port), "-recv_timeout", str(GIVE_UP_MS)),
            *("-min_rtp_port", str(rtp_ports[0]), "-max_rtp_port", str(rtp_ports[1])),
            *("-trace_stat", "-stf", f"{name}-stat.csv", "-fd", "1"),
        )

    async def seats(
        self, *, port: int, echo_port: int, ring_ms: int = 200, name: str = "seats"
    ) -> SippProcess:
        """Seats on `port`, under whatever names they are called; sound is sent back from
        `echo_port` (the three after it are taken too)."""
        return await self._start(
            name,
            seat_scenario(ring_ms),
            *("-p", str(port), "-rtp_echo", "-rtp_payload", str(ALAW)),
            *("-min_rtp_port", str(echo_port), "-max_rtp_port", str(echo_port + 3)),
        )

    async def register(
        self,
        seats: Sequence[DesiredSeat],
        *,
        port: int,
        expires: int = EXPIRES_SECONDS,
        name: str = "register",
    ) -> None:
        """Register `seats` at `port`, where `seats` begins next; `SippFailed` if one cannot.

        With `expires` 0 they sign off.
        """
        self._write(f"{name}.csv", seats_file(seats))
        process = await self._start(
            name,
            register_scenario(expires),
            self._server,
            *("-inf", f"{name}.csv", "-m", str(len(seats)), "-r", str(REGISTER_RATE)),
            *("-p", str(port), "-recv_timeout", str(GIVE_UP_MS), "-aa"),
            *("-trace_stat", "-stf", f"{name}-stat.csv", "-fd", "1"),
        )
        counts = await process.wait(REGISTER_SECONDS + len(seats) / REGISTER_RATE)
        if counts.succeeded != len(seats):
            raise SippFailed(
                f"{len(seats) - counts.succeeded} of {len(seats)} seats were not registered:\n"
                f"{process.said()}"
            )

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, encoding="utf-8")

    async def _start(self, name: str, scenario: str, *arguments: str) -> SippProcess:
        self._write(f"{name}.xml", scenario)
        for old in self._folder.glob(f"{name}-*"):
            old.unlink()
        with (self._folder / f"{name}-out.log").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *arguments,
                *("-sf", f"{name}.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin"),
                *("-trace_err", "-error_file", f"{name}-errors.log"),
                *("-trace_logs", "-log_file", f"{name}-moments.log"),
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        return SippProcess(process, self._folder, name)
