"""Asking the AGI server from our own side: health, `doctor`, tests and the benchmark.

Speaks to it as Asterisk does, so that what is measured is what a call meets.
"""

from __future__ import annotations

import asyncio
import re
import time

from agi.stats import AgiStats, parse_stats, stats_file
from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.platform.secrets import load_secrets

_GET_SECRET = b"GET VARIABLE CC_AGI_SECRET\n"
_SET = re.compile(rb'SET VARIABLE ([A-Z0-9_]+) "((?:[^"\\]|\\.)*)"\n')


class AgiUnanswered(Exception):
    """The server cannot be reached, or closed without a complete answer."""


def request_bytes(
    question: str,
    *args: str,
    caller: str = "unknown",
    uniqueid: str = "1795407499.0",
    port: int = 4573,
) -> bytes:
    """A request as Asterisk 22 writes it."""
    lines = [
        "agi_network: yes",
        f"agi_network_script: {question}",
        f"agi_request: agi://127.0.0.1:{port}/{question}",
        "agi_channel: PJSIP/trunk-00000000",
        "agi_language: zh",
        "agi_type: PJSIP",
        f"agi_uniqueid: {uniqueid}",
        "agi_version: 22.10.1",
        f"agi_callerid: {caller}",
        "agi_calleridname: unknown",
        "agi_callingpres: 0",
        "agi_callingani2: 0",
        "agi_callington: 0",
        "agi_callingtns: 0",
        "agi_dnid: unknown",
        "agi_rdnis: unknown",
        "agi_context: from-pstn",
        "agi_extension: 12345",
        "agi_priority: 5",
        "agi_enhanced: 0.0",
        "agi_accountcode: ",
        "agi_threadid: 140000000000000",
        *(f"agi_arg_{index}: {value}" for index, value in enumerate(args, 1)),
    ]
    return "\n".join([*lines, "", ""]).encode()


async def ask(
    port: int,
    question: str,
    *args: str,
    caller: str = "unknown",
    uniqueid: str = "1795407499.0",
    secret: str = "",
) -> dict[str, str]:
    """Ask as a call from `caller` would; the variables of a complete answer.

    `AgiUnanswered` if the server refuses, closes early, or says something else. Without a
    deadline of its own, as Asterisk is.
    """
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as error:
        raise AgiUnanswered(f"port {port}: {error.strerror or error}") from error
    variables: dict[str, str] = {}
    try:
        writer.write(request_bytes(question, *args, caller=caller, uniqueid=uniqueid, port=port))
        while line := await reader.readline():
            if line == _GET_SECRET:
                writer.write(f"200 result=1 ({secret})\n".encode())
                continue
            match = _SET.fullmatch(line)
            if match is None:
                raise AgiUnanswered(f"unexpected: {line!r}")
            variables[match[1].decode()] = re.sub(rb"\\(.)", rb"\1", match[2]).decode()
            writer.write(b"200 result=1\n")
    except OSError as error:
        raise AgiUnanswered(str(error)) from error
    finally:
        writer.transport.abort()
    if variables.pop("CC_ANSWER", None) != "ok":
        raise AgiUnanswered("closed without a complete answer")
    return variables


async def probe_agi(settings: Settings) -> float:
    """One `ping`, as a call would ask it: the round trip in seconds.

    `AgiUnanswered` if there is no answer within the deadline and the time to connect, or the
    secret cannot be read.
    """
    try:
        secret = (await asyncio.to_thread(load_secrets, settings.secrets_file)).agi_secret
    except SetupError as error:
        raise AgiUnanswered(error.message) from error
    limit = settings.agi_deadline_ms / 1000 + settings.agi_header_seconds
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(limit):
            await ask(settings.agi_port, "ping", secret=secret)
    except TimeoutError as error:
        raise AgiUnanswered(f"no answer within {limit:.1f} s") from error
    return time.perf_counter() - begun


def read_agi_stats(settings: Settings) -> AgiStats | None:
    """The server's counters, at most about a second old; None if there are none to read.

    Reads a small file: fit for a thread, or for a command that may block.
    """
    try:
        return parse_stats(stats_file(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
