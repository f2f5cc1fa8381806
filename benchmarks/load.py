"""One load on one side: the calls, what became of them, what they cost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Spread, spread
from benchmarks.plan import Plan
from benchmarks.queue_log import read_from, read_queue_log, size_of
from benchmarks.side import Side
from benchmarks.usage import Usage, cpu_of, spent
from callcenter.simulator.sipp import Sipp, SippProcess
from callcenter.simulator.sound import Samples

SLACK_SECONDS = 90.0
"""After the last call begins; a SIP transaction gives up after 32 s."""
SAMPLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """What one load came to."""

    side: str
    rate: int
    """Wanted, calls a second."""
    real_rate: float
    """Reached: less when the callers' own process came short of CPU."""
    calls: int
    failed: int
    """Callers that no seat answered, or whose SIP dialogue failed."""
    sip_failed: int
    retransmissions: int
    abandoned: int
    not_answered: int
    """Offers that a seat let ring; seats of this run never do."""
    ring_ms: Spread
    """From a caller's INVITE to that of the seat which he reached first, milliseconds."""
    wait_mean_s: float
    wait_longest_s: int
    """From queue_log, whole seconds."""
    cpu_ms: dict[str, float]
    """Per call, by program, until all work for the calls was done."""
    memory_mib: dict[str, float]
    """By program, when the last call ended."""
    sipp_cpu_ms: float
    """Per call, of callers and seats together; on the same cores, but nobody's cost."""
    settle_seconds: float
    """From the end of the last call until all work for the calls was done."""

    @property
    def cpu_total_ms(self) -> float:
        """Per call, all programs of the side."""
        return sum(self.cpu_ms.values())

    @property
    def memory_total_mib(self) -> float:
        """All programs of the side."""
        return sum(self.memory_mib.values())


class LoadMaker:
    """Makes loads by a `plan`; callers' files are in `folder`."""

    def __init__(self, plan: Plan, command: Sequence[str], folder: Path, speech: Samples) -> None:
        self._plan = plan
        self._command = command
        self._folder = folder
        self._speech = speech

    async def run(self, side: Side, rate: int, numbers: Sequence[str]) -> Load:
        """`numbers` call `side`, `rate` a second; returns when all work for them was done."""
        ports = self._plan.ports
        sipp = Sipp(self._command, self._folder, side.sip)
        log_start = size_of(side.queue_log)
        farm_before = cpu_of(side.farm.pid)
        before = side.usage()
        callers = await sipp.call(
            numbers,
            self._speech,
            rate=rate,
            talk_ms=1000 * self._plan.talk_seconds,
            port=ports.callers,
            rtp_ports=ports.callers_rtp,
        )
        sampling = asyncio.create_task(_cpu_until_end(callers))
        try:
            counts = await callers.wait(
                len(numbers) / rate + self._plan.talk_seconds + SLACK_SECONDS
            )
            at_end = side.usage()
            loop = asyncio.get_running_loop()
            ended = loop.time()
            await side.settled()
            settle_seconds = loop.time() - ended
        finally:
            await callers.stop()
            callers_cpu = await sampling
        cpu = spent(before, side.usage())
        sipp_cpu = callers_cpu + cpu_of(side.farm.pid) - farm_before
        queue = read_queue_log(read_from(side.queue_log, log_start).decode("utf-8", "replace"))
        called, rang = callers.moments(), side.farm.moments()
        span = max(called.values()) - min(called.values())
        n = len(numbers)
        return Load(
            side=side.name,
            rate=rate,
            real_rate=(n - 1) / span if span else float(rate),
            calls=n,
            failed=max(n - queue.connected, counts.failed),
            sip_failed=counts.failed,
            retransmissions=counts.retransmissions,
            abandoned=queue.abandoned,
            not_answered=queue.not_answered,
            ring_ms=spread(1000 * (rang[who] - at) for who, at in called.items() if who in rang),
            wait_mean_s=sum(queue.waits) / len(queue.waits) if queue.waits else 0.0,
            wait_longest_s=max(queue.waits, default=0),
            cpu_ms={name: 1000 * seconds / n for name, seconds in cpu.items()},
            memory_mib={name: _mib(usage) for name, usage in at_end.items()},
            sipp_cpu_ms=1000 * sipp_cpu / n,
            settle_seconds=settle_seconds,
        )


def _mib(usage: Usage) -> float:
    return usage.memory_bytes / (1 << 20)


async def _cpu_until_end(process: SippProcess) -> float:
    """CPU seconds of `process` at the last look before its end."""
    cpu = 0.0
    while process.running:
        cpu = max(cpu, cpu_of(process.pid, alone=True))
        await asyncio.sleep(SAMPLE_SECONDS)
    return cpu
