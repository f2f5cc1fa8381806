"""What the guard of the disks and the log pump are told, made from the settings."""

from __future__ import annotations

from pathlib import Path

from callcenter.platform.config import Settings
from callcenter.platform.room.plan import Plan, Vital
from callcenter.platform.room.rules import Floors

_MIB = 1024 * 1024

SMALL_AHEAD = 4 * _MIB
"""For files of a hundred bytes a call (queue_log, CDR), and the PBX's own database, which is
written over in place: 1,500 registrations are half of it."""


def floors_of(settings: Settings) -> Floors:
    """The floors of one instance, in bytes."""
    return Floors(
        no_new=settings.recording_stop_free_mib * _MIB,
        none=settings.recording_end_free_mib * _MIB,
        logs=settings.log_free_floor_mib * _MIB,
        reserve=settings.reserve_free_mib * _MIB,
    )


def plan_of(settings: Settings) -> Plan:
    """The disks of one instance."""
    small = min(SMALL_AHEAD, settings.journal_ahead_mib * _MIB)
    astdb = settings.astdb_file
    vital = [
        Vital(settings.journal_file, settings.journal_ahead_mib * _MIB, make=True),
        Vital(settings.queue_log_file, small, make=True),
        *([Vital(settings.cdr_file, small, make=True)] if settings.pbx_cdr else ()),
        Vital(astdb, small),
        Vital(_wal(astdb), small),
    ]
    if not settings.database_url:
        database = settings.home / "callcenter.db"
        ahead = settings.database_ahead_mib * _MIB
        vital += [Vital(database, ahead), Vital(_wal(database), ahead)]
    return Plan(
        home=settings.home,
        programs=["asterisk", "agi", "callcenter"],
        recordings=settings.recordings_dir,
        voice_messages=settings.voice_messages_dir,
        logs=settings.log_dir,
        journal=settings.journal_file,
        flags=settings.room_dir,
        state=settings.room_state_file,
        reserves=[settings.journal_dir, settings.home],
        reserve_bytes=settings.reserve_mib * _MIB,
        vital=vital,
        floors=floors_of(settings),
    )


def _wal(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")
