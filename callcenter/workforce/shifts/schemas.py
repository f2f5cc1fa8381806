"""JSON forms of the rota."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
)

from callcenter.platform.http.sheets import SheetProblemOut
from callcenter.platform.http.versions import VersionIn
from callcenter.platform.moments import CityDay
from callcenter.workforce.domain.rest_rules import ConflictCode, RotaConflict
from callcenter.workforce.domain.shifts import (
    EntrySource,
    ShiftKind,
)
from callcenter.workforce.shifts.pattern_schemas import Note, ShiftId, UserId
from callcenter.workforce.shifts.rota_sheet import Imported
from callcenter.workforce.shifts.service import Colleague, EntryInfo


class GenerateBody(BaseModel):
    """Plan a rotation for some days."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"from": "2026-12-01", "to": "2026-12-31", "dry_run": True}]
        },
    )

    first: CityDay = Field(alias="from")
    last: CityDay = Field(alias="to", description="Included; 92 days at most.")
    dry_run: StrictBool = Field(False, description="Only say what would change.")


class GeneratedOut(BaseModel):
    """What planning did, or would do."""

    model_config = ConfigDict(from_attributes=True)

    added: int
    changed: int
    removed: int
    unchanged: int
    kept: int = Field(description="Days on which somebody else had planned; they stay.")
    assumed_years: list[int] = Field(
        description="Holidays of these years are not known, though the rotation goes by them."
    )


_ENTRY: dict[str, JsonValue] = {
    "id": 512,
    "user_id": 7,
    "name": "王芳",
    "day": "2026-12-01",
    "shift_id": 3,
    "shift_code": "night",
    "shift_name": "夜班",
    "kind": "seat",
    "starts": "2026-12-01T14:00:00Z",
    "ends": "2026-12-02T00:00:00Z",
    "on_leave": False,
    "source": "rotation",
    "rotation_id": 1,
    "note": "",
    "version": 1,
    "updated_by": "banzhang",
    "updated_at": "2026-11-24T03:57:04Z",
}


class EntryOut(BaseModel):
    """One person's shift on one day."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENTRY]})

    id: int
    user_id: int
    name: str = Field(description="Empty: nobody with this id is a user.")
    day: date = Field(description="The city's day that it begins on.")
    shift_id: int
    shift_code: str
    shift_name: str
    kind: ShiftKind
    starts: AwareDatetime
    ends: AwareDatetime
    on_leave: bool = Field(description="Approved leave on that day: it does not count.")
    source: EntrySource
    rotation_id: int | None
    note: str
    version: int
    updated_by: str
    updated_at: AwareDatetime

    @staticmethod
    def from_info(info: EntryInfo) -> EntryOut:
        """As the service gives it."""
        return EntryOut(
            id=info.id,
            user_id=info.user_id,
            name=info.name,
            day=info.day,
            shift_id=info.shift_id,
            shift_code=info.shift_code,
            shift_name=info.shift_name,
            kind=info.assignment.kind,
            starts=info.assignment.starts,
            ends=info.assignment.ends,
            on_leave=info.on_leave,
            source=info.source,
            rotation_id=info.rotation_id,
            note=info.note,
            version=info.version,
            updated_by=info.updated_by,
            updated_at=info.updated_at,
        )


class EntryIn(BaseModel):
    """Put a shift into the rota."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"user_id": 7, "day": "2026-12-01", "shift_id": 3}]},
    )

    user_id: UserId
    day: CityDay
    shift_id: ShiftId
    note: Note = ""


class EntryPatch(VersionIn):
    """Change an entry; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"version": 1, "user_id": 8}]}
    )

    user_id: UserId | None = None
    shift_id: ShiftId | None = None
    note: Note | None = None


class TakenOut(BaseModel):
    """A shift that a colleague has."""

    entry_id: int = Field(description="For `partner_entry_id` of a swap.")
    day: date
    shift_id: int
    shift_name: str
    starts: AwareDatetime
    ends: AwareDatetime


class ColleagueOut(BaseModel):
    """Whom one can ask for a swap: his name and which days are taken, and nothing else of him."""

    user_id: int
    name: str
    taken: list[TakenOut] = Field(description="On all other days he is free.")

    @staticmethod
    def from_colleague(one: Colleague) -> ColleagueOut:
        """As the service gives it."""
        return ColleagueOut(
            user_id=one.user_id,
            name=one.name,
            taken=[
                TakenOut(
                    entry_id=entry.id,
                    day=entry.day,
                    shift_id=entry.shift_id,
                    shift_name=entry.shift_name,
                    starts=entry.assignment.starts,
                    ends=entry.assignment.ends,
                )
                for entry in one.taken
            ],
        )


class ConflictOut(BaseModel):
    """Something wrong with the rota; it is named, not forbidden."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "too_little_rest",
                    "starts": "2026-12-01T14:00:00Z",
                    "ends": "2026-12-01T22:00:00Z",
                    "user_id": 7,
                    "name": "王芳",
                    "entries": [512, 519],
                    "facts": {"minutes": 480, "needed": 660},
                }
            ]
        }
    )

    code: ConflictCode
    starts: AwareDatetime
    ends: AwareDatetime
    user_id: int | None = Field(description="Null for the line's own: not_covered.")
    name: str
    entries: list[int]
    facts: dict[str, int] = Field(description="minutes, days, people; needed, allowed.")

    @staticmethod
    def from_conflict(conflict: RotaConflict, names: Mapping[int, str]) -> ConflictOut:
        """As the service gives it."""
        return ConflictOut(
            code=conflict.code,
            starts=conflict.starts,
            ends=conflict.ends,
            user_id=conflict.user_id,
            name=names.get(conflict.user_id, "") if conflict.user_id is not None else "",
            entries=list(conflict.entries),
            facts=dict(conflict.facts),
        )


class SavedEntryOut(BaseModel):
    """An entry that was saved, and what is wrong with that person's shifts around it."""

    entry: EntryOut
    conflicts: list[ConflictOut]


class ImportedOut(BaseModel):
    """What a file changed, or in a dry run would change."""

    added: int
    changed: int
    removed: int
    unchanged: int
    dry_run: bool | None = Field(None, description="True, or left out.")
    problems: list[SheetProblemOut] | None = Field(
        None, description="In a dry run only; else it is an error."
    )

    @staticmethod
    def of(done: Imported, *, dry_run: bool) -> ImportedOut:
        """As the service tells it."""
        problems = [SheetProblemOut.model_validate(problem) for problem in done.problems]
        return ImportedOut(
            added=done.added,
            changed=done.changed,
            removed=done.removed,
            unchanged=done.unchanged,
            dry_run=True if dry_run else None,
            problems=problems if dry_run else None,
        )


class FeedOut(BaseModel):
    """The secret address of a feed; shown this once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"path": "/calendar/VfJ0m1fXq1xF4dWm3m0b3s2yGQmFb1c2o0m7R8t9uEw.ics"}]
        }
    )

    path: str = Field(description="Behind the service's own address; a key, so keep it secret.")
