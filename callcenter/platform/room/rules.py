"""Who goes without when a disk becomes full: pure, the same facts give the same answer.

Recordings stop first, for they are the most and the call goes on without them; then what is
written to logs; the journal last, since what it does not hold did not happen. Each disk is judged
by itself: recordings stop for their own disk, whatever the others have.

Every step back waits for a quarter more room than the step down, so that nothing flutters.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BACK = 1.25
"""So many times the floor must be free again."""
FILES_LEAST = 256
"""Files that may still be made. A recording is a file, so is each of the database's and the
journal's: the busiest ten seconds make 200 (10 calls a second, two files each)."""


@dataclass(frozen=True, slots=True)
class Free:
    """What may still be written to one disk."""

    bytes: int
    files: int | None = None
    """None where the file system knows no limit."""

    @property
    def files_out(self) -> bool:
        """Whether so few files can be made that recordings must not take them."""
        return self.files is not None and self.files < FILES_LEAST


@dataclass(frozen=True, slots=True)
class Floors:
    """Free bytes below which something stops; see the settings for the reasons."""

    no_new: int
    """No new recording and no new voice message is begun."""
    none: int
    """Those that run are ended; what they have is kept."""
    logs: int
    """Logs are dropped, and rotated ones deleted."""
    reserve: int
    """The reserve file is given free."""


class Recording(StrEnum):
    """Whether what is said is recorded."""

    ON = "on"
    NO_NEW = "no_new"
    """What runs runs on; new ones are left out."""
    NONE = "none"
    """What runs is ended too."""

    @property
    def left_out(self) -> bool:
        """Whether a new one is not begun."""
        return self is not Recording.ON


class Reserve(StrEnum):
    """What to do with the reserve file now."""

    LEAVE = "leave"
    GIVE = "give"
    """Delete it: others need the room."""
    MAKE = "make"
    """There is room for it again."""


def recording(was: Recording, free: Free, floors: Floors) -> Recording:
    """Whether recordings may be made on a disk with `free` where it was `was` before."""
    if free.bytes < floors.none:
        return Recording.NONE
    if free.bytes < floors.no_new or free.files_out:
        # Ended ones do not begin again, so NONE that has risen above its floor is NO_NEW.
        return Recording.NO_NEW
    if was is not Recording.ON and free.bytes < floors.no_new * BACK:
        return Recording.NO_NEW
    return Recording.ON


def logs_kept(were: bool, free: Free, floors: Floors) -> bool:
    """Whether logs are written to a disk with `free`, if they `were` before."""
    if free.bytes < floors.logs:
        return False
    return were or free.bytes >= floors.logs * BACK


def reserve(there: bool, free: Free, floors: Floors, size: int) -> Reserve:
    """What to do with a reserve file of `size` bytes that is `there` or not."""
    if there:
        return Reserve.GIVE if free.bytes < floors.reserve else Reserve.LEAVE
    # It must not be what makes recordings stop again.
    return Reserve.MAKE if free.bytes >= (floors.no_new + size) * BACK else Reserve.LEAVE
