"""Starts the PBX, and says so in the journal first: ``… JOURNAL -- COMMAND ARGUMENTS``.

A PBX that was killed wrote no end of its calls. The row ``PBX_START``, written before the new one
runs and so before anything it writes, says where the old one's calls ended at the latest. The row
is one append, as the PBX's own rows are; this process then *becomes* the PBX.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

EVENT = "PBX_START"
_EMPTY_FIELDS = 8
"""number, name, exten, context, channel, app, appdata, peer."""


def start_row(now: float) -> bytes:
    """The journal's row for a start at `now`, POSIX seconds."""
    fields = [EVENT, f"{now:.6f}", "pbx", "pbx", *[""] * _EMPTY_FIELDS, EVENT, ""]
    return (",".join(f'"{field}"' for field in fields) + "\n").encode("ascii")


def append_start(journal: Path, now: float) -> None:
    """Write the row; the end of a row that the old PBX left torn stays on a line of its own."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    row = start_row(now)
    descriptor = os.open(journal, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            row = b"\n" + row
        os.write(descriptor, row)
    finally:
        os.close(descriptor)


def main(arguments: list[str]) -> None:
    """Write the row and become the PBX. A journal that cannot be written stops no call."""
    journal, _, *command = arguments
    try:
        append_start(Path(journal), time.time())
    except OSError as error:
        sys.stderr.write(f"{journal} cannot be written ({error.strerror})\n")
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
