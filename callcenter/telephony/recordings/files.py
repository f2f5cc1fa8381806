"""Where audio files lie, and the only way to them.

A path comes from the journal and is not trusted: it must lie below its kind's folder, links
followed, and be a regular file of the name that its kind has. Everything here may block: it runs
in a thread.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from callcenter.platform.config import Settings
from callcenter.telephony.domain.media import MediaKind

SOURCE_SUFFIX = {MediaKind.RECORDING: ".raw", MediaKind.VOICE_MESSAGE: ".wav"}
"""Of the PBX's own files. A finished file never has the name of a source."""
WAV_SUFFIX = ".wav"
"""Of a WAV that is kept beside the finished file."""


class Unusable(Exception):
    """A path or a file of a kind that trying again does not mend; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The root folder of each kind."""

    recordings: Path
    voice_messages: Path

    @classmethod
    def of(cls, settings: Settings) -> Folders:
        """The folders of this instance."""
        return cls(settings.recordings_dir, settings.voice_messages_dir)

    def of_kind(self, kind: MediaKind) -> Path:
        """The folder of `kind`."""
        return self.recordings if kind is MediaKind.RECORDING else self.voice_messages


def below(folder: Path, relative: str) -> Path:
    """The real path of `relative` below `folder`; `Unusable` if it leads outside."""
    if not relative or "\0" in relative:
        raise Unusable("the path is empty or holds a NUL character")
    root = os.path.realpath(folder)
    found = os.path.realpath(os.path.join(root, relative))
    if not found.startswith(root.rstrip(os.sep) + os.sep):
        raise Unusable("the path leads outside its folder")
    return Path(found)


def source_below(folder: Path, kind: MediaKind, relative: str) -> Path:
    """The PBX's file; `Unusable` if it leads outside or is not named as `kind`'s files are."""
    if PurePosixPath(relative).suffix != SOURCE_SUFFIX[kind]:
        raise Unusable(f"the PBX's file should be named *{SOURCE_SUFFIX[kind]}")
    return below(folder, relative)


def renamed(relative: str, suffix: str) -> str:
    """`relative` with another `suffix`."""
    return str(PurePosixPath(relative).with_suffix(suffix))


def open_file(path: Path) -> int:
    """A descriptor for reading; `OSError`, and `Unusable` for what is no regular file."""
    # Without O_NONBLOCK the opening of a pipe would hold the thread for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unusable(f"{path.name} is no regular file")
    return descriptor


def sync_folder(folder: Path) -> None:
    """Have what was renamed in `folder` on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def size_of(path: Path) -> int:
    """Bytes of `path`; 0 if it is not there or cannot be asked."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
