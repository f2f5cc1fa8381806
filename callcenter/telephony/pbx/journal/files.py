"""The journal's files, read as one stream of bytes that never ends.

``journal.csv`` is appended to by the PBX; ``journal-….csv`` beside it are its predecessors, in the
order of their names. Policy:

- A file is known by what it begins with, not by its name or inode: so a place in it survives a
  rotation, a copy and a restored backup. (A file that has not yet a whole first record is not
  there for us.)
- The PBX opens, appends and closes for each event, so a renamed file may get one more row from a
  thread that had it open. It counts as finished `GRACE_SECONDS` after it was last written to.
- A file that became shorter than what was read of it has been truncated or replaced; it is read
  from its beginning. What is read twice changes nothing in the ledger.

Everything here but `JournalFiles.nothing_new` reads a disk: call it in a thread.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

GRACE_SECONDS = 2.0
"""A row takes well under a millisecond to write, also on a disk that is busy."""
IDENTITY_BYTES = 4096
"""Of the first record; its time, in microseconds, is among the first fifty bytes."""
_SEQUENCE = 1 << 48
"""More bytes than a file has: places in a later file are greater than all in the earlier ones."""


@dataclass(frozen=True, slots=True)
class JournalPlace:
    """A place in the journal."""

    file_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one file."""

    file_id: str
    start: int
    """Where `data` begins in the file, bytes."""
    data: bytes
    finished: bool
    """Nothing will be written to the file after `data`."""
    base: int
    """To be added to a position in the file: the sum grows along the whole journal."""


_SLOW = Chunk("", 0, b"", False, 0)
"""No answer: the files must be looked at."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    file_id: str
    size: int
    inode: int


def identity(path: Path) -> str | None:
    """What the file is known by, None while it has no whole first record.

    `OSError` if it is there and cannot be opened now (no descriptor left, say): it is not gone.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(IDENTITY_BYTES)
    except FileNotFoundError:
        return None
    line, found, _ = head.partition(b"\n")
    if not found and len(head) < IDENTITY_BYTES:
        return None
    return hashlib.sha256(line).hexdigest()[:32]


class JournalFiles:
    """The journal of one PBX, read from a place onwards."""

    def __init__(self, current: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._current = current
        self._clock = clock
        self._sequence: list[str] = []
        """Ids of the files in the order in which they are read."""
        self._position = 0
        self._quick: tuple[str, int] | None = None
        """Id and inode of the current file once it is the one being read: then a read asks the
        system for nothing else."""

    # -- reading --------------------------------------------------------------------------------

    def open_at(self, place: JournalPlace | None, not_before: float = 0.0) -> bool:
        """Go on reading at `place`, or at the beginning if it is None or cannot be found.

        In that case files last written before `not_before` (POSIX seconds) are left out: they
        were read already. Whether `place` was found.
        """
        known = [file.file_id for file in self._files()]
        if place is not None and place.file_id in known:
            self._sequence = [place.file_id]
            self._position = place.position
            return True
        left_out = [file for file in self._files() if self._written_at(file.path) < not_before]
        self._sequence = [file.file_id for file in left_out]
        self._position = 0
        first = next((one for one in known if one not in self._sequence), None)
        if first is not None:
            self._sequence.append(first)
        return place is None

    def read(self, limit: int) -> Chunk | None:
        """Up to `limit` further bytes; None if there is nothing to be read now.

        The same bytes come again until `advance` says how far they were taken.
        """
        quick = self._read_quickly(limit)
        if quick is not _SLOW:
            return quick
        try:
            files = self._files()
        except OSError as error:
            _log.warning("journal: %s cannot be read now: %s", error.filename, error.strerror)
            return None
        place = self._here(files)
        if place is None:
            return None
        file, following = place
        if file.path == self._current:
            self._quick = (file.file_id, file.inode)
        if file.size < self._position:
            _log.warning("journal %s became shorter; it is read again", file.path.name)
            self._position = 0
        try:
            with file.path.open("rb") as stream:
                stream.seek(self._position)
                data = stream.read(limit)
        except OSError as error:
            _log.warning("journal %s cannot be read: %s", file.path.name, error.strerror)
            return None
        whole = len(data) < limit
        finished = whole and following is not None and self._is_old(file.path)
        if not data and not finished:
            return None
        return Chunk(file.file_id, self._position, data, finished, self._base)

    def nothing_new(self) -> bool:
        """Whether it is certain that `read` would find nothing.

        One question to the system about an inode that it knows: the only thing here that needs no
        thread. It is asked twenty times a second, and most times it is all that is asked.
        """
        if self._quick is None or self._quick[0] != self._reading():
            return False
        try:
            found = os.stat(self._current)
        except OSError:
            return False
        return found.st_ino == self._quick[1] and found.st_size == self._position

    def _read_quickly(self, limit: int) -> Chunk | None:
        """A read of the current file if nothing about it has changed, else `_SLOW`."""
        if self._quick is None or self._quick[0] != self._reading():
            return _SLOW
        try:
            with self._current.open("rb") as stream:
                found = os.fstat(stream.fileno())
                if found.st_ino != self._quick[1] or found.st_size < self._position:
                    self._quick = None
                    return _SLOW
                if found.st_size == self._position:
                    return None
                stream.seek(self._position)
                data = stream.read(limit)
        except OSError:
            self._quick = None
            return _SLOW
        return Chunk(self._quick[0], self._position, data, False, self._base)

    @property
    def _base(self) -> int:
        return (len(self._sequence) - 1) * _SEQUENCE

    def advance(self, chunk: Chunk, end: int) -> None:
        """`chunk` was taken up to the position `end`."""
        self._position = end
        if chunk.finished:
            following = self._following(self._files(), chunk.file_id)
            if following is not None:
                self._sequence.append(following.file_id)
                self._position = 0

    def place_of(self, total: int) -> JournalPlace:
        """The place of a position to which its `Chunk.base` was added."""
        return JournalPlace(self._sequence[total // _SEQUENCE], total % _SEQUENCE)

    @property
    def place(self) -> JournalPlace | None:
        """Up to where it was read."""
        return JournalPlace(self._sequence[-1], self._position) if self._sequence else None

    def behind(self) -> int:
        """Bytes that are written and not read yet."""
        files = self._files()
        place = self._here(files)
        if place is None:
            return 0
        at = files.index(place[0])
        return max(0, sum(file.size for file in files[at:]) - self._position)

    # -- rotation -------------------------------------------------------------------------------

    def rotate(self, bytes_: int, name: str) -> Path | None:
        """Put the current file aside as ``journal-NAME.csv`` if it has `bytes_` or more.

        Only what is being read is put aside, so that no more than one file is ever unfinished.
        """
        try:
            size = self._current.stat().st_size
        except OSError:
            return None
        if size < bytes_ or identity(self._current) != self._reading():
            return None
        target = self._current.with_name(f"{self._current.stem}-{name}{self._current.suffix}")
        if target.exists():
            return None
        self._current.rename(target)
        return target

    def remove_old(self, before: float, keep: frozenset[str]) -> list[Path]:
        """Delete files put aside and last written before `before`, but none of `keep` (ids)."""
        removed: list[Path] = []
        for file in self._files():
            if file.path == self._current or file.file_id in keep:
                continue
            if file.file_id == self._reading() or self._written_at(file.path) >= before:
                continue
            file.path.unlink(missing_ok=True)
            removed.append(file.path)
        return removed

    # -- files ----------------------------------------------------------------------------------

    def _reading(self) -> str | None:
        return self._sequence[-1] if self._sequence else None

    def _here(self, files: list[_File]) -> tuple[_File, _File | None] | None:
        """The file that is being read and the one after it; None if there is none to read."""
        if not self._sequence:
            if not files:
                return None
            self._sequence, self._position = [files[0].file_id], 0
        here = next((file for file in files if file.file_id == self._sequence[-1]), None)
        if here is None:
            # Gone, or replaced by another: go on with the oldest one not read yet.
            fresh = next((file for file in files if file.file_id not in self._sequence), None)
            if fresh is None:
                return None
            _log.warning("the journal file that was being read is gone; going on with the next")
            self._sequence.append(fresh.file_id)
            self._position = 0
            here = fresh
        return here, self._following(files, here.file_id)

    @staticmethod
    def _following(files: list[_File], file_id: str) -> _File | None:
        ids = [file.file_id for file in files]
        at = ids.index(file_id) + 1 if file_id in ids else len(ids)
        return files[at] if at < len(files) else None

    def _files(self) -> list[_File]:
        """All files with a first record, oldest first."""
        pattern = f"{self._current.stem}-*{self._current.suffix}"
        paths = [*sorted(self._current.parent.glob(pattern)), self._current]
        found: list[_File] = []
        for path in paths:
            file_id = identity(path)
            if file_id is not None and all(other.file_id != file_id for other in found):
                try:
                    state = path.stat()
                except OSError:
                    continue
                found.append(_File(path, file_id, state.st_size, state.st_ino))
        return found

    def _is_old(self, path: Path) -> bool:
        return self._clock() - self._written_at(path) >= GRACE_SECONDS

    @staticmethod
    def _written_at(path: Path) -> float:
        try:
            return os.stat(path).st_mtime
        except OSError:
            return 0.0
