"""What of a call's recording there was no room for is known by the journal alone."""

from __future__ import annotations

import pytest

from callcenter.telephony.domain.ledger import NoRoom
from callcenter.telephony.domain.media import MediaStatus, for_want_of_room
from callcenter.telephony.pbx.journal.start import own_row
from tests.unit.traces import journal, ledger_of

LINES = journal("answered").splitlines(keepends=True)
BRIDGED = next(at for at, line in enumerate(LINES) if b"BRIDGE_ENTER" in line)


def room(mode: str) -> bytes:
    return own_row("ROOM", 1795407500.0, {"recordings": mode})


def no_room(*lines: bytes) -> list[NoRoom]:
    return [row.no_room for row in ledger_of(b"".join(lines)).recordings]


def test_a_call_that_was_recorded_lacks_nothing() -> None:
    assert no_room(*LINES) == [NoRoom.NOWHERE]


@pytest.mark.parametrize("mode", ["no_new", "on"])
def test_what_runs_runs_on_while_only_new_ones_are_left_out(mode: str) -> None:
    assert no_room(*LINES[:BRIDGED], room(mode), *LINES[BRIDGED:]) == [NoRoom.NOWHERE]


def test_what_ran_when_all_were_ended_was_cut() -> None:
    assert no_room(*LINES[: BRIDGED + 1], room("none"), *LINES[BRIDGED + 1 :]) == [NoRoom.CUT]
    # Also if there was room again before it ended: nothing begins in the middle of a call.
    later = [room("none"), room("on")]
    assert no_room(*LINES[: BRIDGED + 1], *later, *LINES[BRIDGED + 1 :]) == [NoRoom.CUT]


def test_what_began_after_it_or_was_over_is_whole() -> None:
    assert no_room(room("none"), room("on"), *LINES) == [NoRoom.NOWHERE]
    assert no_room(*LINES, room("none")) == [NoRoom.NOWHERE]


def test_a_message_that_was_spoken_when_its_disk_was_full_may_be_cut() -> None:
    lines = journal("exit_key_message").splitlines(keepends=True)
    begun = next(at for at, line in enumerate(lines) if b"VOICE_MESSAGE_START" in line)

    def cut(event: dict[str, str]) -> list[NoRoom]:
        said = own_row("ROOM", 1795407500.0, event)
        data = b"".join([*lines[: begun + 1], said, *lines[begun + 1 :]])
        return [row.no_room for row in ledger_of(data).voice_messages]

    assert cut({"recordings": "on", "voice_messages": "none"}) == [NoRoom.CUT]
    assert cut({"recordings": "none", "voice_messages": "on"}) == [NoRoom.NOWHERE]


def test_what_the_dialplan_left_out_was_left_out() -> None:
    said = [
        line.replace(b'.raw\\""', b'.raw\\"",\\""left_out\\"":\\""no_room\\""') for line in LINES
    ]
    assert said != LINES
    assert no_room(*said) == [NoRoom.LEFT_OUT]
    assert no_room(*said[: BRIDGED + 1], room("none"), *said[BRIDGED + 1 :]) == [NoRoom.LEFT_OUT]


@pytest.mark.parametrize(
    ("found", "lacking", "state"),
    [
        (MediaStatus.READY, NoRoom.CUT, MediaStatus.READY),
        (MediaStatus.SHORT, NoRoom.CUT, MediaStatus.CUT),
        (MediaStatus.MISSING, NoRoom.CUT, MediaStatus.LEFT_OUT),
        (MediaStatus.MISSING, NoRoom.LEFT_OUT, MediaStatus.LEFT_OUT),
        (MediaStatus.EMPTY, NoRoom.LEFT_OUT, MediaStatus.LEFT_OUT),
        (MediaStatus.EMPTY, NoRoom.CUT, MediaStatus.EMPTY),
        (MediaStatus.MISSING, NoRoom.NOWHERE, MediaStatus.MISSING),
        (MediaStatus.SHORT, NoRoom.NOWHERE, MediaStatus.SHORT),
    ],
)
def test_a_state_says_what_the_disk_took(
    found: MediaStatus, lacking: NoRoom, state: MediaStatus
) -> None:
    assert for_want_of_room(found, lacking) is state
