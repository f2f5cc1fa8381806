"""Writes a sheet: CSV that every office program reads, or .xlsx."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum

from callcenter.platform.sheets.cells import escaped, mistaken, unescaped

Value = str | int | bool | date | None

BYTE_ORDER_MARK = "\ufeff"
"""Office programs need it to see that a CSV is UTF-8."""
CELL_MAX = 32_767
"""Characters, of Excel."""


class SheetFormat(StrEnum):
    """What a sheet is written as."""

    CSV = "csv"
    XLSX = "xlsx"

    @property
    def media_type(self) -> str:
        """As HTTP says it."""
        if self is SheetFormat.CSV:
            return "text/csv; charset=utf-8"
        return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def write_sheet(
    columns: Sequence[str], rows: Iterable[Sequence[Value]], form: SheetFormat
) -> bytes:
    """The sheet; what it says comes back unchanged when it is read."""
    return _csv(columns, rows) if form is SheetFormat.CSV else _xlsx(columns, rows)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    out = io.StringIO()
    usual = csv.writer(out)
    # Where another sign parts cells, what follows it would be a cell, and perhaps a formula.
    careful = csv.writer(out, quoting=csv.QUOTE_ALL)
    for row in (columns, *rows):
        cells = [_in_csv(value) for value in row]
        writer = careful if any(";" in cell or "\t" in cell for cell in cells) else usual
        writer.writerow(cells)
    return (BYTE_ORDER_MARK + out.getvalue()).encode()


def _in_csv(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return escaped(value)
        case _:
            return str(value)


def _xlsx(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    import xlsxwriter  # when it is used: it takes memory

    book = xlsxwriter.Workbook(out, options)
    page = book.add_worksheet()
    page.freeze_panes(1, 0)
    days = book.add_format({"num_format": "yyyy-mm-dd"})
    words = book.add_format({"num_format": "@"})
    for at, row in enumerate((columns, *rows)):
        for column, value in enumerate(row):
            match value:
                case None | "":
                    continue
                case bool():
                    page.write_string(at, column, "yes" if value else "no")
                case int():
                    page.write_number(at, column, value)
                case date():
                    page.write_datetime(at, column, value, days)
                case str():
                    # Text cells are no formulas; but our own mark, and a mistake's word, stay text.
                    taken = unescaped(value) != value or mistaken(value)
                    text = escaped(value) if taken else value
                    page.write_string(at, column, text[:CELL_MAX], words)
    book.close()
    return out.getvalue()
