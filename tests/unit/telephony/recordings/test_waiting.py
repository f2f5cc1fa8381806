"""What waits for the media worker: each file once, at its newest moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from callcenter.telephony.recordings.waiting import Coming, WaitingFile
from tests.unit.telephony.recordings.house import NOON, House


def waiting(serial: int, seconds: float) -> WaitingFile:
    return WaitingFile(
        id=f"pbx1:1.{serial}/rec1",
        kind="recording",
        call_id=f"pbx1:1.{serial}",
        source_path=f"{serial}.raw",
        expected_ms=1000,
        expected_left_ms=None,
        expected_right_ms=None,
        no_room="",
        due_at=NOON + timedelta(seconds=seconds),
        status="pending",
    )


def test_each_comes_once_and_at_its_newest_moment() -> None:
    coming = Coming()
    one, two = waiting(1, 1), waiting(2, 2)
    for file in (two, one, one):
        coming.put(file)
    later = replace(one, due_at=NOON + timedelta(seconds=3), attempts=1)
    coming.put(later)
    assert coming.next_due() == two.due_at
    assert coming.due(NOON + timedelta(seconds=1.5)) is None
    end = NOON + timedelta(hours=1)
    assert [coming.due(end), coming.due(end), coming.due(end)] == [two, later, None]


def test_who_is_forgotten_does_not_come_and_the_first_are_kept() -> None:
    coming = Coming()
    for serial in range(5):
        coming.put(waiting(serial, serial))
    coming.forget("pbx1:1.0/rec1")
    coming.keep(2)
    assert len(coming) == 2
    end = NOON + timedelta(hours=1)
    assert [coming.due(end), coming.due(end), coming.due(end)] == [
        waiting(1, 1),
        waiting(2, 2),
        None,
    ]


async def test_a_batch_of_the_ledger_tells_what_it_made_and_what_it_changed(house: House) -> None:
    first, second = house.recording(1, 2.0), house.recording(2, 2.0)
    await house.hear(first)
    files, changed = house.media.take_fresh()
    assert [file.id for file in files] == [first.id]
    assert not changed
    # As the database would tell it.
    (row,) = await house.files()
    assert files[0] == WaitingFile(**{name: getattr(row, name) for name in WaitingFile.__slots__})
    await house.hear(replace(first, bridged_ms=1500), second)
    files, changed = house.media.take_fresh()
    assert [file.id for file in files] == [second.id]
    assert changed == {first.id}
    assert house.media.take_fresh() == ((), set())
