"""What `callcenter run` says waits for nobody, while calls hang on it."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

import pytest

from callcenter.cli import instance
from callcenter.platform.errors import SetupError
from callcenter.setup.limits import FILES_BESIDE, FILES_PER_CALL, calls_for


def test_a_reader_who_has_stopped_reading_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(instance, "TELL_MILLISECONDS", 1)
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        instance.tell("heard")
        assert reader.readline() == b"heard\n"
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(writing, b"x" * 4096):
                pass
        os.set_blocking(writing, True)
        instance.tell("nobody hears that, and it does not wait")


def test_nobody_listening_is_no_reason_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    out = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stdout", out)
    instance.tell("into the void")
    monkeypatch.undo()
    with pytest.raises(BrokenPipeError):
        out.close()


def test_a_step_that_finds_no_room_says_so_in_a_sentence() -> None:
    with pytest.raises(SetupError, match="make") as full, instance.step("configuration"):
        raise OSError(errno.ENOSPC, "No space left on device", "/home/x/etc")
    assert full.value.error_code == "disk_full"
    with pytest.raises(PermissionError), instance.step("configuration"):
        raise PermissionError(errno.EACCES, "no")


@pytest.mark.parametrize(
    ("files", "wanted", "calls"),
    [
        (65536, 1500, 1500),
        (FILES_BESIDE + 100 * FILES_PER_CALL, 1500, 100),
        (1024, 1500, (1024 - FILES_BESIDE) // FILES_PER_CALL),
        (100, 1500, 1),
    ],
)
def test_the_pbx_takes_no_more_calls_than_it_has_descriptors_for(
    files: int, wanted: int, calls: int
) -> None:
    assert calls_for(files, wanted) == calls
