"""Makes a finished file of the PBX's own one, and clears away what is left of it.

In a thread. Each step can be begun again after the process was killed in it:

- The finished file is written under another name, synced, then renamed: under its own name it is
  whole or not there.
- The PBX's file goes only after the database says that the finished one is there.
- A power cut may take the database's last transactions back (see `db.engine`) and not the removal
  of the PBX's file: a finished file without a source is taken as it is.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from callcenter.platform.config import AudioFormat, Settings
from callcenter.telephony.domain.media import (
    MediaKind,
    MediaStatus,
    Side,
    judge_recording,
    judge_voice_message,
)
from callcenter.telephony.recordings.files import (
    WAV_SUFFIX,
    Unusable,
    below,
    open_file,
    renamed,
    source_below,
    sync_folder,
)
from callcenter.telephony.recordings.quiet import (
    Silence,
    beside,
    noted,
    settle,
    settled,
    silences,
    with_silences,
)
from callcenter.telephony.recordings.samples import (
    BLOCK_SECONDS,
    Samples,
    blocks,
    find_samples,
    sides_ms,
    sounding_ms,
)

_log = logging.getLogger(__name__)

_CODINGS = {
    AudioFormat.OPUS.value: ("OGG", "OPUS"),
    AudioFormat.FLAC.value: ("FLAC", "PCM_16"),
    "wav": ("WAV", "PCM_16"),
}
"""libsndfile's container and coding, by our name, which is also the file's suffix."""


class Stopped(Exception):
    """The service stops; the file is begun anew at the next start."""


class StillWritten(Exception):
    """The PBX wrote on while the file was read."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about audio files."""

    format: AudioFormat
    keep_wav: bool
    tolerance_ms: int
    """How much shorter than the bridged time a recording may be."""
    side_tolerance_ms: int
    """How much of what was sent may be missing on a side."""
    minimum_ms: int
    """Below it a voice message is a slip."""
    message_tolerance_ms: int
    """How much shorter than its time a voice message may be: the silence that ended it goes."""

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """The rules of this instance."""
        return cls(
            settings.recording_format,
            settings.recording_keep_wav,
            settings.recording_short_tolerance_ms,
            settings.recording_side_tolerance_ms,
            settings.voice_message_min_seconds * 1000,
            settings.recording_short_tolerance_ms + settings.voice_message_silence_seconds * 1000,
        )

    def judge(self, job: Job, actual_ms: int, sides_ms: Sequence[int] = ()) -> MediaStatus:
        """The state of a file of `actual_ms` on whose sides so much is to be heard, as far as that
        can be seen."""
        if job.kind is MediaKind.VOICE_MESSAGE:
            expected = job.expected_ms
            least = None if expected is None else expected - self.message_tolerance_ms
            return judge_voice_message(
                actual_ms=actual_ms, minimum_ms=self.minimum_ms, at_least_ms=least
            )
        return judge_recording(
            expected_ms=job.expected_ms or 0,
            actual_ms=actual_ms,
            tolerance_ms=self.tolerance_ms,
            sides=[Side(*both) for both in zip(job.sent_ms, sides_ms, strict=False)],
            side_tolerance_ms=self.side_tolerance_ms,
        )

    def was_silent(self, job: Job, sides_ms: Sequence[int]) -> bool:
        """Whether what a recording is short of is time in which nobody sent anything: all that was
        sent is there."""
        sides = [Side(*both) for both in zip(job.sent_ms, sides_ms, strict=False)]
        known = [side for side in sides if side.sent is not None and side.found is not None]
        return len(known) == 2 and not any(side.lacks(0, self.tolerance_ms) for side in known)


@dataclass(frozen=True, slots=True)
class Job:
    """One file to be finished."""

    kind: MediaKind
    folder: Path
    """Its kind's root."""
    source_path: str
    expected_ms: int | None
    sent_ms: tuple[int | None, int | None] = (None, None)
    """What was sent by the caller, and to him: at least so much must be left and right."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished file."""

    path: str
    """Below the kind's folder."""
    format: str
    channels: int
    duration_ms: int
    left_ms: int | None
    right_ms: int | None
    bytes: int
    sha256: str
    wav_kept: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look at the PBX's file gave."""

    status: MediaStatus
    finished: Finished | None
    """None if there is nothing to hear, or this was not the last look."""


def finish(job: Job, rules: Rules, *, last_look: bool, stop: threading.Event) -> Outcome:
    """Judge the PBX's file and, if there is something to hear, make the finished one.

    What is not `READY` is worth another look (the PBX may write late): it is finished only when
    `last_look` says that there will be none. Errors: `Unusable`; `OSError` and `StillWritten`,
    worth another try; `Stopped` soon after `stop` is set.
    """
    source = source_below(job.folder, job.kind, job.source_path)
    _check_there(job.folder)
    try:
        descriptor = open_file(source)
    except FileNotFoundError:
        return _adopted(job, rules) or Outcome(rules.judge(job, 0), None)
    try:
        samples = find_samples(descriptor, job.kind)
        sides = sides_ms(descriptor, samples) if job.kind is MediaKind.RECORDING else []
        status = rules.judge(job, samples.duration_ms, sides)
        if not status.audible or (status is not MediaStatus.READY and not last_look):
            return Outcome(status, None)
        silent: Sequence[Silence] = ()
        length = samples.duration_ms
        if status is MediaStatus.SHORT and rules.was_silent(job, sides):
            missing = (job.expected_ms or 0) - length
            silent = silences(noted(source), missing, samples.frames, samples.rate)
            length, status = length + missing, MediaStatus.READY
            if rules.keep_wav:
                settle(source, missing)
        path = renamed(job.source_path, f".{rules.format.value}")
        target = below(job.folder, path)
        made = _write(descriptor, samples, target, rules.format.value, stop, job.kind, silent)
        finished = Finished(
            path=path,
            format=rules.format.value,
            channels=samples.channels,
            duration_ms=length,
            left_ms=sides[0] if sides else None,
            right_ms=sides[1] if sides else None,
            bytes=made.bytes,
            sha256=made.sha256,
            wav_kept=rules.keep_wav,
        )
        return Outcome(status, finished)
    finally:
        os.close(descriptor)


def clear(
    kind: MediaKind,
    folder: Path,
    *,
    status: MediaStatus,
    source_path: str,
    path: str | None,
    wav_kept: bool,
    stop: threading.Event,
) -> None:
    """Do what is left to be done when the database has the state of a file.

    Finished: the PBX's file is deleted, or becomes the kept WAV. Nothing to hear: it is deleted
    if there is still no sound in it. Removed: everything is deleted. `OSError`, worth another try.
    """
    _check_there(folder)
    with suppress(Unusable, FileNotFoundError):
        if status is MediaStatus.REMOVED:
            _delete_all(kind, folder, source_path, path, wav_kept=wav_kept)
        elif wav_kept and status.audible:
            _keep_wav(kind, folder, source_path, stop)
        else:
            source = source_below(folder, kind, source_path)
            if status.audible or not _sound_in(source, kind):
                source.unlink()
                beside(source).unlink(missing_ok=True)
            else:
                _log.warning("%s: sound came after it was judged %s; kept", source, status)


def stored_files(
    kind: MediaKind, folder: Path, source_path: str, path: str | None, *, wav_kept: bool
) -> list[Path]:
    """Every file that may be there of one recording or voice message."""
    found: list[Path] = []
    ways: list[Callable[[], Path]] = [lambda: source_below(folder, kind, source_path)]
    if path is not None:
        ways.append(lambda: below(folder, path))
    if wav_kept:
        ways.append(lambda: below(folder, renamed(source_path, WAV_SUFFIX)))
    for way in ways:
        with suppress(Unusable):
            found.append(way())
    return list(dict.fromkeys(found))


def _check_there(folder: Path) -> None:
    if not folder.is_dir():
        raise OSError(f"{folder} is not there: is its disk mounted?")


def _delete_all(
    kind: MediaKind, folder: Path, source_path: str, path: str | None, *, wav_kept: bool
) -> None:
    for file in stored_files(kind, folder, source_path, path, wav_kept=wav_kept):
        file.unlink(missing_ok=True)
        beside(file).unlink(missing_ok=True)


def _keep_wav(kind: MediaKind, folder: Path, source_path: str, stop: threading.Event) -> None:
    """Write a WAV with a right header; a voice message's takes the source's own place."""
    source = source_below(folder, kind, source_path)
    target = below(folder, renamed(source_path, WAV_SUFFIX))
    descriptor = open_file(source)
    try:
        samples = find_samples(descriptor, kind)
        silent = (
            silences(noted(source), missing, samples.frames, samples.rate)
            if (missing := settled(source))
            else ()
        )
        _write(descriptor, samples, target, "wav", stop, kind, silent)
    finally:
        os.close(descriptor)
    if target != source:
        source.unlink()
        beside(source).unlink(missing_ok=True)


def _sound_in(source: Path, kind: MediaKind) -> bool:
    descriptor = open_file(source)
    try:
        return find_samples(descriptor, kind).frames > 0
    finally:
        os.close(descriptor)


def _adopted(job: Job, rules: Rules) -> Outcome | None:
    """The finished file of a source that is gone; None if there is none."""
    for coding in AudioFormat:
        path = renamed(job.source_path, f".{coding.value}")
        target = below(job.folder, path)
        try:
            with target.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                info = soundfile.info(file)
                sides: Sequence[int] = ()
                # Opus keeps no digital silence.
                if job.kind is MediaKind.RECORDING and coding is AudioFormat.FLAC:
                    file.seek(0)
                    step = int(info.samplerate) * BLOCK_SECONDS
                    parts = soundfile.blocks(file, step, dtype="int16", always_2d=True)
                    sides = sounding_ms(parts, int(info.samplerate))
        except (FileNotFoundError, IsADirectoryError):
            continue
        except soundfile.LibsndfileError as error:
            raise Unusable(f"{target.name} cannot be read ({error})") from error
        wav = below(job.folder, renamed(job.source_path, WAV_SUFFIX))
        length = int(info.frames) * 1000 // int(info.samplerate)
        finished = Finished(
            path=path,
            format=coding.value,
            channels=int(info.channels),
            duration_ms=length,
            left_ms=sides[0] if sides else None,
            right_ms=sides[1] if sides else None,
            bytes=size,
            sha256=digest,
            wav_kept=job.kind is MediaKind.RECORDING and wav.is_file(),
        )
        return Outcome(rules.judge(job, length, sides), finished)
    return None


@dataclass(frozen=True, slots=True)
class _Written:
    bytes: int
    sha256: str


def _write(
    descriptor: int,
    samples: Samples,
    target: Path,
    coding: str,
    stop: threading.Event,
    kind: MediaKind,
    silent: Sequence[Silence] = (),
) -> _Written:
    """Write the sound to `target`: another name first, synced, hashed, then renamed."""
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            _encode(descriptor, samples, file, coding, stop, silent)
            file.flush()
            os.fsync(file.fileno())
        with part.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if find_samples(descriptor, kind) != samples:
            raise StillWritten("the PBX wrote on while the file was read")
        if stop.is_set():
            raise Stopped
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    return _Written(size, digest)


def _encode(
    descriptor: int,
    samples: Samples,
    file: BinaryIO,
    coding: str,
    stop: threading.Event,
    silent: Sequence[Silence] = (),
) -> None:
    container, subtype = _CODINGS[coding]
    sink = _Sink(file)
    try:
        with soundfile.SoundFile(
            sink,
            "w",
            samplerate=samples.rate,
            channels=samples.channels,
            format=container,
            subtype=subtype,
        ) as out:
            sound = blocks(descriptor, samples)
            for block in with_silences(sound, silent, samples.channels):
                if stop.is_set():
                    raise Stopped
                out.write(_native(block))
    except (soundfile.LibsndfileError, AssertionError) as error:  # soundfile asserts its success
        problem = OSError(f"the sound cannot be written as {coding} ({error})")
        raise sink.error or problem from error
    if sink.error is not None:
        raise sink.error


def _native(block: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """In the machine's own byte order, which is what libsndfile takes."""
    return block.astype(np.int16, copy=False)


class _Sink:
    """What libsndfile writes to. It keeps the disk's error, which libsndfile may swallow."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Bytes taken; 0 once the disk has refused."""
        if self.error is None:
            try:
                return self._file.write(data)
            except OSError as error:
                self.error = error
        return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._file.tell()
