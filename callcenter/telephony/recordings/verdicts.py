"""What the worker writes of a file that waited, from what a look at it gave. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from callcenter.telephony.domain.ledger import NoRoom
from callcenter.telephony.domain.media import MediaStatus, for_want_of_room
from callcenter.telephony.recordings.files import Unusable
from callcenter.telephony.recordings.finishing import Outcome
from callcenter.telephony.recordings.waiting import WaitingFile

_log = logging.getLogger(__name__)

LOOKS = 3
"""At a file that is not right: with the usual waits 15 s, far longer than the PBX needs to close
a file even when it is busy."""
ERROR_MAX = 500
"""Characters of an error that are kept."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be written of a file that waited."""

    file: WaitingFile
    values: dict[str, Any]
    status: MediaStatus | None = None
    """None: it waits on."""

    @property
    def after(self) -> WaitingFile:
        """The file as the row then says that it is."""
        known = {name: getattr(self.file, name) for name in WaitingFile.__slots__}
        return WaitingFile(**{name: self.values.get(name, was) for name, was in known.items()})


@dataclass(frozen=True, slots=True)
class Judge:
    """`attempts`: how often a file is tried; `later`: when after the n-th failed attempt."""

    attempts: int
    later: Callable[[int], datetime]
    now: Callable[[], datetime]

    def is_last(self, file: WaitingFile) -> bool:
        """Whether the next look is the last one at a file that is not right."""
        # Of what was never begun nothing can come late.
        left_out = NoRoom(file.no_room) is NoRoom.LEFT_OUT
        return left_out or file.attempts + 1 >= min(LOOKS, self.attempts)

    def verdict(self, file: WaitingFile, found: Outcome | Exception) -> Verdict:
        """What is to be written when a look at `file` gave `found`."""
        if isinstance(found, Unusable):
            return self._given_up(file, str(found))
        if isinstance(found, Exception):
            # Whatever it is, the other files must not wait for this one.
            problem = f"{type(found).__name__}: {found}"
            _log.warning("%s: attempt %d failed: %s", file.id, file.attempts + 1, problem)
            if file.attempts + 1 >= self.attempts:
                return self._given_up(file, problem)
            return self._again(file, problem)
        status = for_want_of_room(found.status, NoRoom(file.no_room))
        if status is not MediaStatus.READY and not self.is_last(file):
            return self._again(file, f"{status.value} so far")
        return self._settled(file, found, status)

    def _settled(self, file: WaitingFile, found: Outcome, status: MediaStatus) -> Verdict:
        made = found.finished
        values: dict[str, Any] = {
            "status": status.value,
            "attempts": file.attempts + 1,
            "error": None,
            "source_left": True,
            "finished_at": self.now(),
            **({} if made is None else asdict(made)),
        }
        if status is MediaStatus.MISSING:
            values["error"] = "the PBX wrote no sound"
        elif status is MediaStatus.ONE_SIDED and made is not None:
            values["error"] = (
                f"left {made.left_ms} of {file.expected_left_ms} ms that were sent,"
                f" right {made.right_ms} of {file.expected_right_ms} ms"
            )
        return Verdict(file, values, status)

    def _given_up(self, file: WaitingFile, problem: str) -> Verdict:
        attempt = file.attempts + 1
        _log.error("%s is given up after %d attempts: %s", file.id, attempt, problem)
        values = {
            "status": MediaStatus.FAILED.value,
            "attempts": attempt,
            "error": problem[:ERROR_MAX],
            "finished_at": self.now(),
        }
        return Verdict(file, values, MediaStatus.FAILED)

    def _again(self, file: WaitingFile, problem: str) -> Verdict:
        attempt = file.attempts + 1
        error, due_at = problem[:ERROR_MAX], self.later(attempt)
        return Verdict(file, {"attempts": attempt, "error": error, "due_at": due_at})
