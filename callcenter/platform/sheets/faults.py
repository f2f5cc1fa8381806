"""What can be wrong with a sheet, and how it is told: all of it at once, each with its row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from callcenter.platform.errors import BadInput

PROBLEMS_MAX = 50
"""Nobody mends more at once."""


class SheetFault(StrEnum):
    """What can be wrong with any sheet; a feature has further ones of its own."""

    NOT_TEXT = "not_text"
    """Neither .xlsx nor a text in an encoding that is known."""
    BROKEN = "broken"
    """An .xlsx or CSV that no program could read to its end."""
    TOO_LARGE = "too_large"
    """An .xlsx that is small only while it is packed."""
    SEVERAL_SHEETS = "several_sheets"
    NO_HEADING = "no_heading"
    UNKNOWN_COLUMN = "unknown_column"
    COLUMN_TWICE = "column_twice"
    TOO_MANY_ROWS = "too_many_rows"
    TOO_MANY_CELLS = "too_many_cells"
    MISSING = "missing"
    """A column, or a cell, that must be there."""
    BAD_VALUE = "bad_value"
    VERSION_CONFLICT = "version_conflict"
    """The thing was changed, or removed, since the sheet was written."""


@dataclass(frozen=True, slots=True)
class SheetProblem:
    """One thing to mend."""

    row: int
    """As the spreadsheet numbers it: the heading is 1 if nothing is above it; 0 is the file."""
    column: str
    """'' if it is the whole row."""
    fault: str
    """A `SheetFault`, or a word of the feature's."""
    message: str


def refused(problems: Sequence[SheetProblem], *, code: str) -> BadInput:
    """The error that tells `problems`, of which there is one at least."""
    first = problems[0]
    place = f"row {first.row}: " if first.row else ""
    column = f"{first.column}: " if first.column else ""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return BadInput(
        f"the file is not taken: {place}{column}{first.message}{more}",
        code=code,
        problems=[
            {"row": one.row, "column": one.column, "fault": str(one.fault), "message": one.message}
            for one in problems[:PROBLEMS_MAX]
        ],
        problems_total=len(problems),
    )
