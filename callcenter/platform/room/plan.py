"""What watches the disks is told once, in a file: so it needs no settings and no library.

Written at each start of the instance by set-up (`plan_of` needs the settings, which only set-up
has); read by the guard, the log pump, health and whoever asks how much room there is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from callcenter.platform.room.rules import Floors


@dataclass(frozen=True, slots=True)
class Vital:
    """A file that must be able to grow on a full disk."""

    path: Path
    ahead: int
    """Bytes that it owns behind its end."""
    make: bool = False
    """Made if it is not there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One instance's disks, and what else can run out."""

    home: Path
    programs: Sequence[str]
    recordings: Path
    voice_messages: Path
    logs: Path
    journal: Path
    """The file that the PBX appends to."""
    flags: Path
    """Folder of the names by which the PBX is told; see `state`."""
    state: Path
    reserves: Sequence[Path]
    """Folders of which each disk has one reserve file."""
    reserve_bytes: int
    vital: Sequence[Vital]
    floors: Floors


def plan_file(home: Path) -> Path:
    """Where the plan is."""
    return home / "run" / "room.json"


def text_of(plan: Plan) -> str:
    """The text of the file."""
    return json.dumps(asdict(plan), default=str, indent=1)


def plan_from(text: str) -> Plan:
    """What `text_of` made."""
    raw: Mapping[str, Any] = json.loads(text)
    places = ("home", "recordings", "voice_messages", "logs", "journal", "flags", "state")
    return Plan(
        **{name: Path(raw[name]) for name in places},
        programs=raw["programs"],
        reserves=[Path(one) for one in raw["reserves"]],
        reserve_bytes=raw["reserve_bytes"],
        vital=[Vital(Path(one["path"]), one["ahead"], one["make"]) for one in raw["vital"]],
        floors=Floors(**raw["floors"]),
    )


def read_plan(home: Path) -> Plan:
    """The plan of the instance at `home`; `OSError` if it was never started."""
    return plan_from(plan_file(home).read_text(encoding="utf-8"))
