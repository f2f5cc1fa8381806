"""What the machine has no more of: descriptors, memory, processes, room on a disk.

No fault of ours and none of the client's: whatever was asked will do a moment later, so it is said
as such and nothing of ours ends by it.
"""

from __future__ import annotations

import errno
from typing import ClassVar

from callcenter.platform.errors import CallcenterError

RETRY_SECONDS = 5

_NUMBERS = {
    errno.EMFILE: "open files (of this process)",
    errno.ENFILE: "open files (of the machine)",
    errno.ENOMEM: "memory",
    errno.ENOBUFS: "memory for sockets",
    errno.EAGAIN: "processes or threads",
    errno.ENOSPC: "room on the disk",
    errno.EDQUOT: "room on the disk",
}
_THREADS = "can't start new thread"


class OutOfResources(CallcenterError):
    """The machine has no more of something; `details.what` says of what."""

    status: ClassVar[int] = 503
    code = "out_of_resources"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the machine has no {what} left: try again in a moment",
            what=what,
            retry_after_seconds=RETRY_SECONDS,
        )


def wanting(error: BaseException) -> OutOfResources | None:
    """`error` as the one that says of what the machine has no more; None if it is another."""
    seen: BaseException | None = error
    while isinstance(seen, BaseExceptionGroup) and len(seen.exceptions) == 1:
        seen = seen.exceptions[0]
    if isinstance(seen, MemoryError):
        return OutOfResources("memory")
    if isinstance(seen, RuntimeError) and _THREADS in str(seen):
        return OutOfResources("processes or threads")
    if isinstance(seen, OSError) and (what := _NUMBERS.get(seen.errno or 0)) is not None:
        return OutOfResources(what)
    return None
