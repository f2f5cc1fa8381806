"""Starts the PBX, and says so in the journal first: ``… JOURNAL -- COMMAND ARGUMENTS``.

A PBX that was killed wrote no end of its calls. The row ``PBX_START``, written before the new one
runs and so before anything it writes, says where the old one's calls ended at the latest. The row
is one append, as the PBX's own rows are; this process then *becomes* the PBX.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from callcenter.platform.private import keep_private

EVENT = "PBX_START"
_EMPTY_FIELDS = 8
"""number, name, exten, context, channel, app, appdata, peer."""


def start_row(now: float) -> bytes:
    """The journal's row for a start at `now`, POSIX seconds."""
    return own_row(EVENT, now, {})


def own_row(event: str, now: float, facts: Mapping[str, str]) -> bytes:
    """A row of our own at `now`, POSIX seconds, as the PBX would write a user event of no call.

    `facts` are plain words: ASCII without quotes and backslashes.
    """
    extra = json.dumps({"extra": json.dumps(facts)}) if facts else ""
    fields = [event, f"{now:.6f}", "pbx", "pbx", *[""] * _EMPTY_FIELDS, event, extra]
    quoted = ('"' + field.replace('"', '""') + '"' for field in fields)
    return (",".join(quoted) + "\n").encode("ascii")


def append_start(journal: Path, now: float) -> None:
    """Write the row; the end of a row that the old PBX left torn stays on a line of its own."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    append_own(journal, EVENT, now, {})


def append_own(journal: Path, event: str, now: float, facts: Mapping[str, str]) -> None:
    """Append a row of our own. The PBX opens, appends and closes for each event, so another writer
    of whole rows does no harm."""
    row = own_row(event, now, facts)
    descriptor = os.open(journal, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            row = b"\n" + row
        if os.write(descriptor, row) != len(row):
            raise OSError(28, "the row was not written whole")
    finally:
        os.close(descriptor)


def main(arguments: list[str]) -> None:
    """Write the row and become the PBX. A journal that cannot be written stops no call."""
    keep_private()
    journal, _, *command = arguments
    try:
        append_start(Path(journal), time.time())
    except OSError as error:
        sys.stderr.write(f"{journal} cannot be written ({error.strerror})\n")
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
