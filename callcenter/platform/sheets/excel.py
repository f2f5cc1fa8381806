"""Excel's .xlsx: read a row at a time, whatever is in it, and never unpacked beyond a bound."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from callcenter.platform.sheets.cells import Serial
from callcenter.platform.sheets.faults import SheetFault, SheetProblem

PACKED = b"PK\x03\x04"
OLD = b"\xd0\xcf\x11\xe0"
"""An .xls, or an .xlsx under a password: both are OLE files."""
PARTS_MAX = 1000
"""Of the packed file; one with a hundred pictures has as many."""
COLUMNS_MAX = 64
"""Read of each row; no sheet of ours has a third of them."""


@dataclass(frozen=True, slots=True)
class _Refused(Exception):
    fault: SheetFault
    message: str


def records(
    data: bytes, rows_max: int, unpacked_max: int
) -> tuple[list[tuple[int, list[str]]], SheetProblem | None]:
    """Rows with their numbers, `rows_max` and one at most, and what ended them too early.

    `unpacked_max` bounds the bytes that `data` unpacks to. A formula counts as its last result.
    """
    try:
        _look(data, unpacked_max)
        return _read(data, rows_max), None
    except _Refused as error:
        return [], SheetProblem(0, "", error.fault, error.message)
    except Exception as error:
        message = f"the .xlsx is broken ({type(error).__name__}); save it anew, or as CSV"
        return [], SheetProblem(0, "", SheetFault.BROKEN, message)


def _look(data: bytes, unpacked_max: int) -> None:
    """What is declared holds: `zipfile` unpacks no part beyond it."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        parts = packed.infolist()
        if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > unpacked_max:
            raise _Refused(
                SheetFault.TOO_LARGE,
                f"the .xlsx unpacks to more than {unpacked_max} bytes"
                " (CALLCENTER_SHEET_UNPACKED_MAX_BYTES), or holds too many parts; save it as CSV",
            )


def _read(data: bytes, rows_max: int) -> list[tuple[int, list[str]]]:
    # When a workbook comes: few services see one, and it takes memory.
    from openpyxl import load_workbook
    from openpyxl.xml import DEFUSEDXML

    if not DEFUSEDXML:  # a sheet from outside may hold an XML bomb
        raise ImportError("openpyxl must find defusedxml")
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        pages = [page for page in book.worksheets if page.sheet_state == "visible"]
        filled = [rows for page in pages if (rows := _rows(page, book.epoch, rows_max))]
    finally:
        book.close()
    if len(filled) > 1:
        raise _Refused(
            SheetFault.SEVERAL_SHEETS,
            "the file has several sheets that are not empty, and which is meant? keep one",
        )
    return filled[0] if filled else []


def _rows(page: Any, epoch: datetime, rows_max: int) -> list[tuple[int, list[str]]]:
    found: list[tuple[int, list[str]]] = []
    page.reset_dimensions()  # what the file says of its size need not be true
    for number, values in enumerate(_values(page), 1):
        cells = [_cell(value, epoch) for value in values]
        if any(cell.strip() for cell in cells):
            found.append((number, cells))
        if len(found) > rows_max:
            break
    return found


def _values(page: Any) -> Iterator[tuple[Any, ...]]:
    yield from page.iter_rows(max_row=1_048_576, max_col=COLUMNS_MAX, values_only=True)


def _cell(value: Any, epoch: datetime) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return Serial.of(value, epoch)
        case datetime():
            midnight = value.time() == time()
            return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
        case date():
            return value.isoformat()
        case time():
            return value.isoformat("minutes" if not value.second else "seconds")
        case _:
            return str(value)
