"""A side of the comparison: a PBX that takes calls, its seats, and what it uses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.plan import HOTLINE, BenchFailed
from benchmarks.usage import Usage
from callcenter.simulator.sipp import SippProcess

READY_SECONDS = 60.0
POLL_SECONDS = 0.5
FREE = "(Not in use)"
"""A queue member that can be reached and has no call (Asterisk's CLI)."""


class Side(Protocol):
    """What a load needs of a side that runs."""

    name: str
    sip: tuple[str, int]
    queue_log: Path

    @property
    def farm(self) -> SippProcess:
        """Its seats."""

    def usage(self) -> dict[str, Usage]:
        """What each of its programs has used."""

    async def settled(self) -> None:
        """Returns when all work that the calls caused has been done."""


async def pbx_says(command: Sequence[str], configuration: Path, words: str) -> str:
    """The answer of a running PBX's command line, empty if it does not answer."""
    process = await asyncio.create_subprocess_exec(
        *(*command, "-C", str(configuration), "-rx", words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return output.decode("utf-8", "replace") if process.returncode == 0 else ""


async def seats_free(command: Sequence[str], configuration: Path, seats: int, side: str) -> None:
    """Wait until all `seats` are in the queue, reachable and free; `BenchFailed` if they stay away.

    After a load this says too that no call is left.
    """
    text = ""
    try:
        async with asyncio.timeout(READY_SECONDS):
            while text.count(FREE) != seats:
                text = await pbx_says(command, configuration, f"queue show {HOTLINE}")
                if text.count(FREE) != seats:
                    await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        shown = "\n".join(text.splitlines()[:8])
        raise BenchFailed(
            f"{side}: {text.count(FREE)} of {seats} seats are free after {READY_SECONDS:.0f} s;"
            f" the PBX shows:\n{shown}"
        ) from None
