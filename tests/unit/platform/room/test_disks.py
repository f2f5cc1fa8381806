"""A file owns room behind its end; a reserve is whole or not there; a name is told without room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from callcenter.platform.room.disks import (
    CannotKeepAhead,
    ahead_of,
    device_of,
    free_of,
    give_back,
    keep_ahead,
    make_reserve,
)
from callcenter.platform.room.rules import Recording
from callcenter.platform.room.state import BLOCK, Flag, RoomState, read_state, set_flag, write_state

KIB = 1024


def test_a_file_owns_what_was_kept_ahead_and_grows_into_it(tmp_path: Path) -> None:
    file = tmp_path / "journal.csv"
    file.write_bytes(b"row\n")
    try:
        owned = keep_ahead(file, 512 * KIB)
    except CannotKeepAhead:
        pytest.skip("this file system keeps nothing ahead of a file's end")
    assert owned >= 512 * KIB
    assert file.read_bytes() == b"row\n"
    taken = os.stat(file).st_blocks
    with file.open("ab") as stream:
        stream.write(b"x" * 300 * KIB)
    assert os.stat(file).st_blocks == taken
    assert keep_ahead(file, 512 * KIB) >= 512 * KIB
    give_back(file)
    assert ahead_of(file) < 64 * KIB
    assert file.stat().st_size == 4 + 300 * KIB


def test_nothing_is_made_that_was_not_to_be_made(tmp_path: Path) -> None:
    assert keep_ahead(tmp_path / "no", 4096) == 0
    assert not (tmp_path / "no").exists()


def test_a_folder_to_come_lies_on_the_disk_of_what_is_above_it(tmp_path: Path) -> None:
    assert free_of(tmp_path / "not" / "yet").bytes > 0
    assert device_of(tmp_path / "not" / "yet") == device_of(tmp_path)


def test_a_reserve_there_is_no_room_for_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r".+"):
        make_reserve(tmp_path / "reserve", 2**55)
    assert list(tmp_path.iterdir()) == []
    make_reserve(tmp_path / "reserve", 64 * KIB)
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 64 * KIB


def test_the_pbx_is_told_by_one_name_or_the_other(tmp_path: Path) -> None:
    folder = tmp_path / "room"
    for left_out in (False, True, True, False):
        set_flag(folder, Flag.RECORDINGS, left_out)
        found = [entry.name for entry in folder.iterdir()]
        assert found == (["no-recordings"] if left_out else ["recordings"])


def test_a_state_takes_one_block_and_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    assert read_state(file) is None
    said = RoomState(5.0, Recording.NONE, free={"logs": 1}, problems=("x" * 50,), since=4.0)
    for state in (said, RoomState(6.0)):
        write_state(file, state)
        assert file.stat().st_size == BLOCK
        assert read_state(file) == state
    write_state(file, RoomState(6.0, problems=("x" * BLOCK,)))
    assert read_state(file) == RoomState(6.0, problems=("too many to tell",))
    assert RoomState(6.0).fresh(15.0)
    assert not RoomState(6.0).fresh(17.0)
    file.write_text("{", encoding="utf-8")
    assert read_state(file) is None
