"""The guard of the disks: what it does at each look, and that nothing stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from callcenter.platform.config import Settings
from callcenter.platform.room.plan import Plan, plan_from, text_of
from callcenter.platform.room.rules import Free, Recording
from callcenter.platform.room.state import read_state
from callcenter.setup.disk_guard import RESERVE_NAME, Guard
from callcenter.setup.watching import plan_of
from callcenter.telephony.domain.journal import parse
from callcenter.telephony.pbx.journal.start import append_own

MIB = 1024 * 1024


class Disks:
    """How much is free where; a test changes it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.mib = 4000
        self.elsewhere: dict[Path, int] = {}
        self.now = 1000.0

    def free(self, place: Path) -> Free:
        return Free(self.elsewhere.get(place, self.mib) * MIB)

    def guard(self) -> Guard:
        return Guard(self.plan, free=self.free, clock=lambda: self.now)

    def events(self) -> list[str]:
        rows = parse(self.plan.journal.read_bytes()).rows
        names = ("recordings", "voice_messages")
        return [" ".join([row.event, *(row.fact(name) for name in names)]) for row in rows]

    def names(self) -> set[str]:
        return {entry.name for entry in self.plan.flags.iterdir() if "state" not in entry.name}


@pytest.fixture
def disks(tmp_path: Path) -> Disks:
    settings = Settings(
        _env_file=None, home=tmp_path, journal_ahead_mib=1, database_ahead_mib=1, reserve_mib=1
    )
    settings.journal_dir.mkdir(parents=True)
    settings.log_dir.mkdir()
    return Disks(plan_of(settings))


def test_it_goes_down_step_by_step_and_comes_back(disks: Disks) -> None:
    guard = disks.guard()
    reserve = disks.plan.journal.parent / RESERVE_NAME
    old = disks.plan.logs / "agi.log.1"
    seen = []
    for mib in (4000, 300, 100, 10, 300, 4000):
        disks.mib = mib
        old.touch()
        state = guard.look()
        disks.now += 1
        seen.append((mib, state.recordings.value, reserve.exists(), old.exists()))
        assert disks.names() == (
            {"recordings", "voice-messages"}
            if state.recordings is Recording.ON
            else {"no-recordings", "no-voice-messages"}
        )
    assert seen == [
        (4000, "on", True, True),
        (300, "no_new", True, True),
        (100, "none", True, False),
        (10, "none", False, False),
        (300, "no_new", False, True),
        (4000, "on", True, True),
    ]
    assert disks.events() == [
        "ROOM no_new no_new",
        "ROOM none none",
        "ROOM no_new no_new",
        "ROOM on on",
    ]


def test_each_disk_is_judged_by_itself(disks: Disks) -> None:
    disks.elsewhere[disks.plan.recordings] = 10
    state = disks.guard().look()
    assert state.recordings is Recording.NONE
    assert state.voice_messages is Recording.ON
    assert state.logs_kept
    assert disks.names() == {"no-recordings", "voice-messages"}
    assert (disks.plan.journal.parent / RESERVE_NAME).exists()
    assert disks.events() == ["ROOM none on"]


def test_the_next_guard_goes_on_where_this_one_was_killed(disks: Disks) -> None:
    disks.mib = 300
    first = disks.guard().look()
    disks.now += 5
    second = disks.guard().look()
    assert second.since == first.since
    assert disks.events() == ["ROOM no_new no_new"]


def test_what_cannot_be_done_is_said_and_done_at_the_next_look(disks: Disks) -> None:
    guard = disks.guard()
    disks.plan.flags.parent.mkdir(exist_ok=True)
    disks.plan.flags.write_text("in the way")
    assert guard.look().problems
    disks.plan.flags.unlink()
    assert guard.look().problems == ()
    assert read_state(disks.plan.state) is not None


def test_a_place_that_is_away_changes_nothing(disks: Disks) -> None:
    guard = disks.guard()
    disks.mib = 300
    guard.look()

    def away(_place: Path) -> Free:
        raise OSError(5, "Input/output error")

    guard._free = away
    state = guard.look()
    assert state.recordings is Recording.NO_NEW
    assert "Input/output error" in state.problems[0]


def test_the_plan_is_read_as_it_was_written(disks: Disks) -> None:
    assert plan_from(text_of(disks.plan)) == disks.plan


def test_a_row_of_our_own_is_a_row_as_the_pbx_writes_them(tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    append_own(journal, "ROOM", 1795407500.5, {"recordings": "none"})
    (row,) = parse(journal.read_bytes()).rows
    assert (row.event, row.uniqueid, row.facts) == ("ROOM", "pbx", {"recordings": "none"})
