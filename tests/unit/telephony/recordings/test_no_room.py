"""A recording that the full disk took has its own name; it is counted, and waits for nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from callcenter.insight.audit.compare import Kind
from callcenter.insight.audit.room import without_room
from callcenter.telephony.domain.ledger import NoRoom
from tests.unit.telephony.recordings.house import NOON, House, stereo, wav


async def test_what_was_left_out_has_its_name_at_the_first_look(house: House) -> None:
    row = replace(house.recording(1, 5), no_room=NoRoom.LEFT_OUT)
    await house.hear(row)
    await house.worker.drain()
    file = await house.file(row.id)
    assert (file.status, file.attempts, file.duration_ms) == ("left_out", 1, None)
    assert house.notes == [(row.id, "left_out")]


async def test_of_what_was_cut_the_beginning_can_be_heard(house: House) -> None:
    row = replace(house.recording(1, 20), no_room=NoRoom.CUT)
    house.put(row.path, stereo(3))
    await house.hear(row)
    await house.wait_through()
    file = await house.file(row.id)
    assert (file.status, file.duration_ms) == ("cut", 3000)


async def test_what_is_whole_all_the_same_is_ready(house: House) -> None:
    row = replace(house.recording(1, 3), no_room=NoRoom.CUT)
    house.put(row.path, stereo(3))
    await house.hear(row)
    await house.worker.drain()
    assert (await house.file(row.id)).status == "ready"


async def test_a_message_that_was_cut_is_shorter_than_its_time(house: House) -> None:
    cut = replace(house.message(1), no_room=NoRoom.CUT)
    whole = replace(house.message(2), no_room=NoRoom.CUT)
    nothing = replace(house.message(3), no_room=NoRoom.CUT)
    house.put(cut.path, wav(3, finished=False))
    house.put(whole.path, wav(9))
    await house.hear(cut, whole, nothing)
    await house.wait_through()
    states = [(await house.file(row.id)).status for row in (cut, whole, nothing)]
    assert states == ["cut", "ready", "left_out"]


async def test_they_are_counted_by_day_and_named_by_the_audit(house: House) -> None:
    left_out = replace(house.recording(1, 5), no_room=NoRoom.LEFT_OUT)
    cut = replace(house.recording(2, 20), no_room=NoRoom.CUT)
    house.put(cut.path, stereo(3))
    await house.hear(left_out, cut)
    await house.recorded(3)
    await house.wait_through()
    day = timedelta(days=1)
    assert await house.media.without_room(NOON, NOON + day) == (1, 1)
    assert await house.media.without_room(NOON - day, NOON) == (0, 0)
    found = list(without_room(await house.media.all_files()))
    assert [(one.kind, one.about) for one in found] == [
        (Kind.RECORDING_LEFT_OUT, left_out.call_id),
        (Kind.RECORDING_CUT, cut.call_id),
    ]
    assert found[1].facts == "20.0 s talked, 3.0 s recorded"
