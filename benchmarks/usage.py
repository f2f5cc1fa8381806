"""CPU and memory of processes with all they started.

CPU is user and system time, children included, also those that have ended. Memory is the
proportional set size (PSS): shared pages are counted once, so processes may be added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """What one program has used; seconds since its start, bytes now."""

    cpu_seconds: float
    memory_bytes: int


def usage_of(pid: int, *, alone: bool = False) -> Usage:
    """Of process `pid` and, unless `alone`, everything it started. What is gone uses nothing."""
    memory = 0
    for process in _tree(pid, alone=alone):
        with suppress(psutil.NoSuchProcess):
            memory += process.memory_full_info().pss
    return Usage(cpu_of(pid, alone=alone), memory)


def cpu_of(pid: int, *, alone: bool = False) -> float:
    """The same, CPU seconds only."""
    cpu = 0.0
    for process in _tree(pid, alone=alone):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            cpu += times.user + times.system
            if not alone:
                cpu += times.children_user + times.children_system
    return cpu


def _tree(pid: int, *, alone: bool) -> Iterator[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        head = psutil.Process(pid)
        yield head
        if not alone:
            yield from head.children(recursive=True)


def spent(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """CPU seconds of each program between two looks."""
    return {
        name: now.cpu_seconds - before[name].cpu_seconds
        for name, now in after.items()
        if name in before
    }
