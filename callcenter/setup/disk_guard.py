"""Watches the disks, and says who goes without: ``… HOME``. See `room.rules` for who does.

Every look, for each disk by itself:

1. recordings and voice messages: the PBX is told by a name in a folder (`room.state`), and the
   journal by a row ROOM, so that a call whose recording was left out or ended is known by the
   journal alone;
2. the journal, the database and the PBX's own files get the room that is theirs, ahead of need;
3. the reserve file is given free, or made again; rotated logs are deleted.

It holds nothing that it could lose: it may be killed at any moment, and the next one looks anew.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from callcenter.platform.private import keep_private
from callcenter.platform.room.disks import (
    CannotKeepAhead,
    ahead_of,
    device_of,
    free_of,
    give_back,
    keep_ahead,
    make_reserve,
)
from callcenter.platform.room.plan import Plan, read_plan
from callcenter.platform.room.rules import Free, Recording, Reserve, logs_kept, recording, reserve
from callcenter.platform.room.state import Flag, RoomState, read_state, set_flag, write_state
from callcenter.platform.room.usage import memory, open_files
from callcenter.setup.keeper import die_with_parent, find, is_program, open_pipe, pipe_of
from callcenter.telephony.pbx.journal.start import append_own

LOOK_SECONDS = 0.5
"""500 recordings write 8 MB meanwhile; the floors are hundreds apart."""
COUNT_SECONDS = 15.0
"""Between two looks at memory and at what the programs have open, which cost the most."""
TIDY_SECONDS = 60.0
"""What a rotated journal owns behind its end is given back so late at the latest."""
SETTLED_SECONDS = 10.0
"""A rotated journal that was not written to for so long never is again."""
RESERVE_NAME = "reserve"
EVENT = "ROOM"


class Guard:
    """One instance's disks."""

    def __init__(
        self,
        plan: Plan,
        *,
        free: Callable[[Path], Free] = free_of,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._plan = plan
        self._free = free
        self._clock = clock
        before = read_state(plan.state)
        self._said = before or RoomState(at=0.0)
        self._told = _told(before) if before is not None else None
        """What the journal was told last."""
        self._cannot: set[Path] = set()
        """Files on a file system that keeps nothing ahead."""
        self._tidied_at = 0.0
        self._counted_at = 0.0
        self._pids: dict[str, int] = {}
        self._files: dict[str, tuple[int, int]] = {}
        self._memory: tuple[int, int] | None = None
        self._problems: list[str] = []

    def look(self) -> RoomState:
        """One look at everything; what cannot be done is said in the state, and done next time."""
        plan, was, now = self._plan, self._said, self._clock()
        self._problems = []
        free: dict[str, int] = {}
        recordings = self._recording(Flag.RECORDINGS, plan.recordings, was.recordings, free)
        messages = self._recording(
            Flag.VOICE_MESSAGES, plan.voice_messages, was.voice_messages, free
        )
        kept = self._logs(was.logs_kept, free)
        self._measure("journal", plan.journal.parent, free)
        # The reserve first: what it gives free may be what the others take now.
        reserves = {str(folder): self._reserve(folder) for folder in self._reserve_folders()}
        ahead = self._ahead()
        if now - self._tidied_at >= TIDY_SECONDS:
            self._tidied_at = now
            self._tidy(now)
        if now - self._counted_at >= COUNT_SECONDS:
            self._counted_at = now
            self._files, self._memory = self._count(), memory()
        self._said = RoomState(
            at=now,
            recordings=recordings,
            voice_messages=messages,
            logs_kept=kept,
            reserves=reserves,
            ahead=ahead,
            free=free,
            files=self._files,
            memory=self._memory,
            problems=tuple(self._problems[:4]),
            since=was.since if recordings is was.recordings and was.since else now,
        )
        self._tell(self._said)
        self._try("state", lambda: write_state(plan.state, self._said))
        return self._said

    # -- recordings and voice messages ----------------------------------------------------------

    def _recording(
        self, flag: Flag, place: Path, was: Recording, free: dict[str, int]
    ) -> Recording:
        found = self._measure(flag.other.replace("-", "_"), place, free)
        if found is None:
            return was
        now = recording(was, found, self._plan.floors)
        self._try(flag.value, lambda: set_flag(self._plan.flags, flag, now.left_out))
        return now

    def _tell(self, state: RoomState) -> None:
        """Say in the journal what became of recordings and messages; again at the next look if that
        fails."""
        now = _told(state)
        if now == self._told or (self._told is None and now == _told(RoomState(at=0.0))):
            self._told = now
            return

        def append() -> None:
            append_own(self._plan.journal, EVENT, state.at, now)
            self._told = now

        self._try("journal", append)

    # -- who keeps room -------------------------------------------------------------------------

    def _reserve_folders(self) -> list[Path]:
        """One folder a disk."""
        found: dict[int, Path] = {}
        for folder in self._plan.reserves:
            with suppress(OSError):
                found.setdefault(device_of(folder), folder)
        return list(found.values())

    def _reserve(self, folder: Path) -> bool:
        file = folder / RESERVE_NAME
        there = file.exists()
        free = self._measure("", folder, {})
        if free is None:
            return there
        size = self._plan.reserve_bytes
        match reserve(there, free, self._plan.floors, size):
            case Reserve.GIVE:
                self._try("reserve", lambda: file.unlink(missing_ok=True))
            case Reserve.MAKE if size:
                self._try("reserve", lambda: make_reserve(file, size))
        return file.exists()

    def _ahead(self) -> dict[str, int]:
        owned: dict[str, int] = {}
        for one in self._plan.vital:
            name = one.path.name
            if one.path in self._cannot:
                continue
            try:
                owned[name] = keep_ahead(one.path, one.ahead, make=one.make)
            except CannotKeepAhead:
                self._cannot.add(one.path)
            except OSError as error:
                owned[name] = ahead_of(one.path)
                self._problems.append(f"{name} has no more room ahead ({error.strerror})")
        return owned

    # -- logs and what is over ------------------------------------------------------------------

    def _logs(self, were: bool, free: dict[str, int]) -> bool:
        """Whether logs are written; the pump judges for itself by the same rule."""
        found = self._measure("logs", self._plan.logs, free)
        if found is None:
            return were
        kept = logs_kept(were, found, self._plan.floors)
        if not kept:
            for rotated in self._plan.logs.glob("*.log.[0-9]"):
                self._try("logs", lambda rotated=rotated: rotated.unlink(missing_ok=True))  # type: ignore[misc]
        return kept

    def _tidy(self, now: float) -> None:
        current = self._plan.journal
        for rotated in current.parent.glob(f"{current.stem}-*{current.suffix}"):
            with suppress(OSError):
                if ahead_of(rotated) and now - rotated.stat().st_mtime > SETTLED_SECONDS:
                    give_back(rotated)

    def _count(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for name in self._plan.programs:
            pid = self._pids.get(name)
            if pid is None or not is_program(pid, self._plan.home, name):
                pid = find(self._plan.home, name)
            if pid is None:
                self._pids.pop(name, None)
                continue
            self._pids[name] = pid
            used = open_files(pid)
            if used is not None:
                found[name] = used
        return found

    # -- shared ---------------------------------------------------------------------------------

    def _measure(self, name: str, place: Path, free: dict[str, int]) -> Free | None:
        try:
            found = self._free(place)
        except OSError as error:
            self._problems.append(f"{place} cannot be asked ({error.strerror})")
            return None
        free[name] = found.bytes
        return found

    def _try(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            self._problems.append(f"{what}: {error.strerror or error}")


def _told(state: RoomState) -> dict[str, str]:
    """What the journal is told of `state`."""
    return {"recordings": state.recordings.value, "voice_messages": state.voice_messages.value}


def give_reserves(plan: Plan, free: Callable[[Path], Free] = free_of) -> bool:
    """Give the reserve files of full disks free before a start, which writes a little; whether one
    was."""
    given = False
    for folder in plan.reserves:
        file = folder / RESERVE_NAME
        with suppress(OSError):
            if file.exists() and free(folder).bytes < plan.floors.reserve:
                file.unlink()
                given = True
    return given


def main(arguments: Sequence[str]) -> int:
    """Until killed or told to stop."""
    keep_private()
    die_with_parent()
    home = Path(arguments[0])
    said_to = open_pipe(pipe_of(home, "guard"))
    for number in (1, 2):
        os.dup2(said_to, number)
    guard = Guard(read_plan(home))
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: over.set())
    said: tuple[str, ...] = ()
    recordings = Recording.ON
    while True:
        state = guard.look()
        if state.problems != said or state.recordings is not recordings:
            said, recordings = state.problems, state.recordings
            words = "; ".join(said) or "no problem"
            with suppress(OSError):
                sys.stdout.write(f"recordings {recordings.value}: {words}; free {state.free}\n")
                sys.stdout.flush()
        if over.wait(LOOK_SECONDS):
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
