"""What of a call's recordings is known of the voices that were sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from callcenter.telephony.domain.ledger import RecordingRow
from tests.unit.telephony.domain.test_parties import CITIZEN_LEG, FIRST, Journal, ledger
from tests.unit.telephony.domain.test_what_came_of_it import (
    AFTER_EVERY_ROW,
    begun,
    steered,
    talks,
)


def counted(journal: Journal, facts: Mapping[str, str] | None = None) -> None:
    """The PBX's word of the citizen's leg, ten seconds after the last row."""
    said = {"read": "500", "written": "400", "codec": "(alaw)", "why": "end", **(facts or {})}
    journal.say("VOICE", CITIZEN_LEG, ms=10_000)
    journal.rows[-1] = replace(journal.rows[-1], facts=said)


def recorded(journal: Journal) -> list[tuple[str, int, int | None, int | None]]:
    return [
        (one.path, one.renewed, one.left_sent_ms, one.right_sent_ms)
        for one in ledger(journal).get("recordings", {}).values()
        if isinstance(one, RecordingRow)
    ]


def with_recording() -> Journal:
    journal = begun()
    journal.say("RECORDING", CITIZEN_LEG, path="a.raw")
    talks(journal, FIRST)
    return journal


@pytest.mark.parametrize(
    ("facts", "renewed", "known"),
    [
        ({}, 0, True),
        ({"why": "anew"}, 1, True),
        ({"codec": "(ulaw)"}, 0, False),
        ({"codec": ""}, 0, False),
        ({"read": ""}, 0, False),
        ({"written": ""}, 0, False),
        ({"read": "-1"}, 0, False),
        ({"written": "many"}, 0, False),
    ],
)
def test_what_was_sent_is_known_of_two_counts_in_a_sound_that_can_be_judged(
    facts: dict[str, str], renewed: int, known: bool
) -> None:
    journal = with_recording()
    counted(journal, facts)
    journal.apart(f"b-{FIRST}", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
    ((path, times, left, right),) = recorded(journal)
    assert (path, times) == ("a.raw", renewed)
    assert (left is not None, right is not None) == (known, known)
    if left is not None and right is not None:
        assert 0 < right < left <= 10_000
    whole = ledger(journal)
    assert ledger(journal, AFTER_EVERY_ROW) == whole


def test_a_count_is_of_the_newest_recording_that_goes_on_and_of_no_other() -> None:
    journal = begun()
    counted(journal)  # There is none yet.
    assert not recorded(journal)
    for path in ("a.raw", "b.raw"):
        journal.say("RECORDING", CITIZEN_LEG, path=path)
    talks(journal, FIRST)
    counted(journal)
    journal.apart(f"b-{FIRST}", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
    first, second = recorded(journal)
    assert first == ("a.raw", 0, None, None)
    assert second[0] == "b.raw"
    assert None not in second
    journal.gone(CITIZEN_LEG, CITIZEN_LEG)
    before = recorded(journal)
    counted(journal)
    assert recorded(journal) == before


def test_each_side_has_what_was_counted_of_it_and_a_pause_that_lasts_takes_from_both() -> None:
    found = []
    for paused in (False, True):
        journal = with_recording()
        if paused:
            steered(journal, "recording_paused", CITIZEN_LEG)
        counted(journal)
        journal.apart(f"b-{FIRST}", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
        ((_, _, left, right),) = recorded(journal)
        assert left is not None
        assert right is not None
        found.append((left, right))
    (left, right), silent = found
    assert left - right == 100 * 20
    assert silent == (0, 0)
