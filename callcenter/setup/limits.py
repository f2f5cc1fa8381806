"""How many files the programs may have open, and how many calls that is enough for.

A PBX without descriptors refuses nobody: it takes the call, and then can open neither its journal
nor its recording (`cel_custom` opens, appends and closes for each event). So it is told to refuse
before that.
"""

from __future__ import annotations

import resource

OPEN_FILES = 65536
"""Wanted by the PBX; else what the system allows."""
FILES_PER_CALL = 11
"""Measured on 22.10.1: two legs of two sockets, a timer, two pipes or events each, and the
recording (tests/live/measure_room.py)."""
FILES_BESIDE = 500
"""Modules, transports, AMI and ARI, one TCP or TLS connection for each of some hundred phones."""


def open_files() -> int:
    """How many our programs may have open each."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)


def calls_for(files: int, wanted: int) -> int:
    """How many of `wanted` calls a PBX with `files` descriptors may take at once."""
    return max(1, min(wanted, (files - FILES_BESIDE) // FILES_PER_CALL))
