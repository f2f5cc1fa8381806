"""The journal's files are one stream of bytes, whatever is done to them meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.telephony.domain.journal import parse
from callcenter.telephony.pbx.journal.files import GRACE_SECONDS, Chunk, JournalFiles, JournalPlace
from callcenter.telephony.pbx.journal.start import append_start, start_row


class Folder:
    """A journal folder, and a clock that is always long after the last write."""

    def __init__(self, path: Path) -> None:
        self.current = path / "journal.csv"
        self.now = 2e9

    def files(self) -> JournalFiles:
        return JournalFiles(self.current, clock=lambda: self.now)

    def append(self, text: str) -> None:
        with self.current.open("a") as stream:
            stream.write(text)

    def put_aside(self, name: str) -> Path:
        target = self.current.with_name(f"journal-{name}.csv")
        self.current.rename(target)
        return target


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def lines_of(files: JournalFiles, limit: int = 1 << 20) -> list[str]:
    """Everything there is to read, whole lines taken, as a reader does it."""
    found: list[str] = []
    while True:
        nothing_new = files.nothing_new()
        chunk = files.read(limit)
        assert not (nothing_new and chunk is not None)
        if chunk is None:
            break
        end = chunk.data.rfind(b"\n") + 1
        found += chunk.data[:end].decode().splitlines()
        if chunk.finished:
            end = len(chunk.data)
        if end == 0 and not chunk.finished:
            break
        files.advance(chunk, chunk.start + end)
    return found


def test_a_missing_journal_is_nothing_to_read(folder: Folder) -> None:
    files = folder.files()
    assert files.open_at(None)
    assert files.read(100) is None
    assert files.behind() == 0
    folder.append("first\n")
    assert lines_of(files) == ["first"]


def test_what_was_read_to_its_end_has_nothing_new_until_it_grows_or_is_another(
    folder: Folder,
) -> None:
    folder.append("first\n")
    files = folder.files()
    assert not files.nothing_new()
    assert lines_of(files) == ["first"]
    assert files.nothing_new()
    folder.append("sec")
    assert not files.nothing_new()
    folder.append("ond\n")
    assert lines_of(files) == ["second"]
    assert files.nothing_new()
    folder.put_aside("1")
    assert not files.nothing_new()
    folder.append("1234567890123\n")  # as long as what was read of the other
    assert not files.nothing_new()


def test_a_line_that_is_being_written_is_left(folder: Folder) -> None:
    folder.append("first\nsec")
    files = folder.files()
    assert lines_of(files) == ["first"]
    folder.append("ond\nthird\n")
    assert files.behind() == len("second\nthird\n")
    assert lines_of(files) == ["second", "third"]
    assert files.behind() == 0


def test_the_reader_follows_a_rename_and_what_is_written_late(folder: Folder) -> None:
    folder.append("a1\na2\n")
    files = folder.files()
    assert lines_of(files) == ["a1", "a2"]
    aside = folder.put_aside("1")
    assert lines_of(files) == []
    with aside.open("a") as late:  # a thread of the PBX had it open
        late.write("a3\n")
    folder.append("b1\n")
    folder.now = aside.stat().st_mtime + GRACE_SECONDS / 2
    assert lines_of(files) == ["a3"]
    folder.now += GRACE_SECONDS
    assert lines_of(files) == ["b1"]


def test_files_put_aside_come_first_in_the_order_of_their_names(folder: Folder) -> None:
    for name in ("1", "2"):
        folder.append(f"{name}a\n{name}b\n")
        folder.put_aside(name)
    folder.append("3a\n")
    files = folder.files()
    assert files.open_at(None)
    assert lines_of(files, limit=4) == ["1a", "1b", "2a", "2b", "3a"]


def test_positions_grow_along_all_files_and_lead_back(folder: Folder) -> None:
    folder.append("1a\n")
    folder.put_aside("1")
    folder.append("2a\n2b\n")
    files = folder.files()
    seen: list[tuple[int, Chunk]] = []
    while (chunk := files.read(3)) is not None:
        seen.append((chunk.base + chunk.start, chunk))
        files.advance(chunk, chunk.start + len(chunk.data))
    totals = [total for total, _ in seen]
    assert totals == sorted(totals)
    for total, chunk in seen:
        assert files.place_of(total) == JournalPlace(chunk.file_id, chunk.start)


def test_a_place_is_found_again_in_a_copy_under_another_name(folder: Folder) -> None:
    folder.append("a1\na2\n")
    files = folder.files()
    chunk = files.read(3)
    assert chunk is not None
    files.advance(chunk, 3)
    place = files.place
    content = folder.current.read_bytes()
    folder.current.unlink()
    folder.current.with_name("journal-0.csv").write_bytes(content)
    again = folder.files()
    assert again.open_at(place)
    assert lines_of(again) == ["a2"]


def test_a_truncated_file_is_read_from_its_beginning(folder: Folder) -> None:
    folder.append("a1\na2\n")
    files = folder.files()
    assert lines_of(files) == ["a1", "a2"]
    folder.current.write_text("b1\n")
    assert lines_of(files) == ["b1"]


def test_a_lost_place_begins_with_what_was_written_since(folder: Folder) -> None:
    folder.append("old\n")
    old = folder.put_aside("1")
    os.utime(old, (1000, 1000))
    folder.append("new\n")
    files = folder.files()
    assert not files.open_at(JournalPlace("nobody", 5), not_before=2000)
    assert lines_of(files) == ["new"]
    everything = folder.files()
    assert not everything.open_at(JournalPlace("nobody", 5))
    assert lines_of(everything) == ["old", "new"]


def test_rotation_waits_for_size_and_loses_nothing(folder: Folder) -> None:
    folder.append("a1\na2\n")
    files = folder.files()
    assert lines_of(files) == ["a1", "a2"]
    assert files.rotate(100, "1") is None
    assert files.rotate(6, "1") == folder.current.with_name("journal-1.csv")
    folder.append("b1\n")
    assert lines_of(files) == ["b1"]


def test_only_old_files_that_nobody_needs_are_removed(folder: Folder) -> None:
    for name in ("1", "2"):
        folder.append(f"{name}a\n")
        os.utime(folder.put_aside(name), (1000, 1000))
    folder.append("3a\n")
    files = folder.files()
    lines_of(files)
    first = folder.files().read(10)
    assert first is not None
    removed = files.remove_old(2000, frozenset({first.file_id}))
    assert [path.name for path in removed] == ["journal-2.csv"]
    assert files.remove_old(500, frozenset()) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.integers(1, 3),  # so many lines are written
            st.sampled_from(["rotate", "read", "restart"]),
        ),
        max_size=25,
    ),
    st.integers(1, 12),
)
def test_every_line_is_read_once_whatever_happens_in_between(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int | str], limit: int
) -> None:
    folder = Folder(tmp_path_factory.mktemp("journal"))
    files = folder.files()
    written: list[str] = []
    read: list[str] = []
    rotated = 0
    for step in steps:
        if step == "rotate" and folder.current.exists():
            rotated += 1
            folder.put_aside(f"{rotated:03d}")
        elif step == "read":
            read += lines_of(files, limit + 8)
        elif step == "restart":
            place = files.place
            files = folder.files()
            files.open_at(place)
        elif isinstance(step, int):
            for _ in range(step):
                written.append(f"l{len(written):04d}")
                folder.append(written[-1] + "\n")
    read += lines_of(files, limit + 8)
    assert read == written


def test_the_start_of_the_pbx_is_a_row_and_ends_a_torn_one(folder: Folder) -> None:
    folder.append('"CHAN_START","1795407499.228209","17')
    append_start(folder.current, 1795407500.5)
    parsed = parse(folder.current.read_bytes())
    assert [(row.event, row.at.timestamp()) for row in parsed.rows] == [("PBX_START", 1795407500.5)]
    assert len(parsed.rejects) == 1
    assert parse(start_row(1795407500.5)).rows[0].uniqueid == "pbx"


def test_a_file_that_cannot_be_opened_now_is_not_taken_for_one_that_is_gone(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.append("old\n")
    folder.put_aside("1")
    folder.append("one\n")
    files = folder.files()
    assert lines_of(files) == ["old", "one"]
    place = files.place
    folder.append("two\n")

    def none_left(_path: Path, *_words: object, **_more: object) -> None:
        raise OSError(24, "Too many open files", str(folder.current))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", none_left)
        assert files.read(1 << 20) is None
        assert files.place == place
    assert lines_of(files) == ["two"]
