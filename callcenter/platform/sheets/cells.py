"""What stands in one cell: how a spreadsheet writes it, and what it means.

A reader takes the cell, which is not empty, and gives its value, or a `ValueError` whose sentence
is for whoever fills the sheet in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, tzinfo
from enum import StrEnum
from typing import TypeVar

from callcenter.platform.moments import day_in_range, moment_in_range
from callcenter.platform.texts import block, line

Kind = TypeVar("Kind", bound=StrEnum)
Reader = Callable[[str], object]

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠")
"""With these a spreadsheet begins a formula (the wide ones in East Asia); and our own mark."""
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#####"})
_YES = frozenset({"yes", "true", "1", "是"})
_NO = frozenset({"no", "false", "0", "否"})
_MOMENT = re.compile(
    r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})"
    r"(?:[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:[.][0-9]{1,6})?))?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.ASCII,
)
_VERSION = re.compile(r"v([0-9a-f]{1,16})")
_DAY = re.compile(
    r"([0-9]{4})([-/.年])([0-9]{1,2})([-/.月])([0-9]{1,2})日?(?:[ T]0?0:00(?::00)?)?", re.ASCII
)


class Serial(str):
    """A number of a spreadsheet, which may be a day: days since `epoch`."""

    __slots__ = ("days", "epoch")

    days: float
    epoch: datetime

    @classmethod
    def of(cls, value: float, epoch: datetime) -> Serial:
        """As a spreadsheet shows it: 8001, not 8001.0."""
        whole = isinstance(value, int) or (value.is_integer() and abs(value) < 1e15)
        cell = cls(str(int(value)) if whole else repr(value))
        cell.days, cell.epoch = float(value), epoch
        return cell


def escaped(text: str) -> str:
    """`text` as it is written to CSV."""
    return f"'{text}" if text.startswith(_STARTS) or mistaken(text) else text


def unescaped(cell: str) -> str:
    """The text of a cell."""
    marked = cell.startswith("'") and (cell[1:].startswith(_STARTS) or mistaken(cell[1:]))
    return cell[1:] if marked else cell


def mistaken(cell: str) -> bool:
    """Whether it is the spreadsheet's own word for a mistake in a formula."""
    return cell in _ERRORS


def cleaned(cell: str) -> str:
    """A cell as its reader is given it: without blanks around it and without our mark."""
    return cell if isinstance(cell, Serial) else unescaped(cell.strip()).strip()


def text(longest: int) -> Callable[[str], str]:
    """One line of at most `longest` characters."""

    def read(cell: str) -> str:
        if len(cell) > longest:
            raise ValueError(f"at most {longest} characters")
        return line(str(cell))

    return read


def lines(longest: int) -> Reader:
    """Some lines of at most `longest` characters together."""

    def read(cell: str) -> str:
        if len(cell) > longest:
            raise ValueError(f"at most {longest} characters")
        return block(str(cell))

    return read


def flag(cell: str) -> bool:
    """yes or no, 是 or 否, true or false, 1 or 0."""
    word = cell.lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise ValueError("say yes or no")


def choice(kinds: type[Kind], also: Mapping[str, Kind] | None = None) -> Reader:
    """One of the words of `kinds`, or of `also`, which other words mean."""

    def read(cell: str) -> Kind:
        try:
            return (also or {}).get(cell) or kinds(cell.lower())
        except ValueError:
            raise ValueError(f"say {', '.join(kinds)}") from None

    return read


def digits(what: str, longest: int) -> Reader:
    """A number that is a name: its digits, with those that a spreadsheet takes off not put back."""

    def read(cell: str) -> str:
        if re.fullmatch(r"[0-9.]+[eE][+-]?[0-9]+", cell, re.ASCII):
            raise ValueError(
                f"the spreadsheet has made {cell} of {what}; format the column as text, and fill"
                " it in again"
            )
        if not (cell.isascii() and cell.isdecimal() and len(cell) <= longest):
            raise ValueError(f"{what} is digits, nothing else")
        return str(cell)

    return read


def row_id(what: str) -> Reader:
    """The number of something that is there."""

    def read(cell: str) -> int:
        if not (cell.isascii() and cell.isdecimal() and len(cell) < 19 and int(cell) > 0):
            raise ValueError(f"{cell[:40]!r} is not a number of {what}")
        return int(cell)

    return read


def day(cell: str) -> date:
    """A day as spreadsheets write it: 2026-01-05, 2026/1/5, 2026.1.5, 2026年1月5日, or in .xlsx
    their number of days."""
    try:
        if isinstance(cell, Serial):
            from openpyxl.utils.datetime import from_excel  # as in `excel`

            moment = from_excel(cell.days, cell.epoch)
            if isinstance(moment, datetime) and moment.time() == time():
                return day_in_range(moment.date())
            raise ValueError("a time, or a moment")
        found = _DAY.fullmatch(cell)
        if found is not None and (found[2] == found[4] or found[2] + found[4] == "年月"):
            return day_in_range(date(int(found[1]), int(found[3]), int(found[5])))
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{cell[:40]!r} is not a day such as 2026-12-31")


def moment_text(moment: datetime, zone: tzinfo) -> str:
    """`moment` as `moment` reads it, and as spreadsheets do: on the clock of `zone`."""
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(" ")


def moment(zone: tzinfo) -> Callable[[str], datetime]:
    """A moment on the clock of `zone`, or with an offset of its own; a day alone is its beginning,
    as it is to a spreadsheet."""

    def read(cell: str) -> datetime:
        try:
            if isinstance(cell, Serial):
                from openpyxl.utils.datetime import from_excel  # as in `excel`

                found = from_excel(cell.days, cell.epoch)
                if not isinstance(found, datetime):
                    raise ValueError("a time of day")
            else:
                found = _moment_of(cell)
            return moment_in_range(found if found.tzinfo else found.replace(tzinfo=zone))
        except (ValueError, OverflowError):
            raise ValueError(f"{cell[:40]!r} is not a moment such as 2026-12-31 18:00") from None

    return read


def _moment_of(cell: str) -> datetime:
    found = _MOMENT.fullmatch(cell)
    if found is None:
        raise ValueError(cell)
    year, month, day, hour, minute, second, offset = found.groups()
    text = f"{year}-{int(month):02}-{int(day):02}T{int(hour or 0):02}:{minute or '00'}"
    seconds, _, fraction = (second or "00").partition(".")
    return datetime.fromisoformat(f"{text}:{seconds}.{fraction.ljust(6, '0')}{offset or ''}")


def version_text(version: int) -> str:
    """A version as a cell that no spreadsheet takes for a number and rounds."""
    return f"v{version:x}"


def version(cell: str) -> int:
    """What `version_text` wrote."""
    found = _VERSION.fullmatch(cell)
    if found is None:
        raise ValueError("a version is as the export wrote it; leave it out to change regardless")
    return int(found[1], 16)
