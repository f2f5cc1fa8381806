"""What a disk has left, and room that is kept ready ahead of the files that must not stop.

A file that matters (the journal, the database) owns the blocks behind its end before it needs them
(fallocate(2), FALLOC_FL_KEEP_SIZE): when the disk is full, whoever filled it, it grows on into
them, with no moment between in which a row could be lost. Where a file system cannot do that, the
reserve file is what there is.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from pathlib import Path
from typing import Any

from callcenter.platform.room.rules import Free

_KEEP_SIZE = 1
_CANNOT = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV})


class CannotKeepAhead(OSError):
    """The file system keeps no room ahead of a file's end."""


def free_of(place: Path) -> Free:
    """What may be written below `place`, which need not exist yet; `OSError` if no one knows."""
    while True:
        try:
            found = os.statvfs(place)
        except FileNotFoundError:
            if place == place.parent:
                raise
            place = place.parent
        else:
            return Free(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)


def device_of(place: Path) -> int:
    """The disk of `place`, or of the folder in which it will be."""
    while True:
        try:
            return os.stat(place).st_dev
        except FileNotFoundError:
            if place == place.parent:
                raise
            place = place.parent


@cache
def _fallocate() -> Any:
    call = ctypes.CDLL(None, use_errno=True).fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return call


def _take(descriptor: int, start: int, length: int) -> None:
    """Blocks for `length` bytes from `start` on; the file's size stays as it is."""
    while _fallocate()(descriptor, _KEEP_SIZE, start, length):
        number = ctypes.get_errno()
        if number == errno.EINTR:
            continue
        if number in _CANNOT:
            raise CannotKeepAhead(number, os.strerror(number))
        raise OSError(number, os.strerror(number))


def ahead_of(path: Path) -> int:
    """Bytes that `path` owns behind its end; 0 if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return 0
    return max(0, found.st_blocks * 512 - found.st_size)


def keep_ahead(path: Path, length: int, *, make: bool = False) -> int:
    """Let `path` own `length` bytes behind its end; how many it owns now.

    Nothing is taken while it still owns three quarters of them. With `make` a file that is not
    there is made. `OSError` (ENOSPC) if there is no room: what it owns it keeps.
    """
    owned = ahead_of(path)
    if owned >= length * 3 // 4:
        return owned
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if make else 0)
    try:
        descriptor = os.open(path, flags, 0o640)
    except FileNotFoundError:
        return 0
    try:
        # Not tried in vain: some file systems take all there is first, and give it back then.
        disk = os.fstatvfs(descriptor)
        if disk.f_bavail * disk.f_frsize < length - owned:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        _take(descriptor, os.fstat(descriptor).st_size, length)
    finally:
        os.close(descriptor)
    return ahead_of(path)


def give_back(path: Path) -> None:
    """Free what `path` owns behind its end. Nobody may be writing to it any more."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def make_reserve(path: Path, length: int) -> None:
    """A file that takes `length` bytes; not there at all if there is no room (`OSError`)."""
    temporary = path.with_name(f".{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.posix_fallocate(descriptor, 0, length)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
