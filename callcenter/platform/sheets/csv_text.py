"""CSV as office programs save it: its encoding, what parts its cells, its rows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Sequence
from itertools import islice

from callcenter.platform.sheets.faults import SheetFault, SheetProblem

_DIRECTIVE = re.compile(r'"?sep=(.)"?\r?\n')
"""Excel's own first line; no row of the sheet."""
_HEADING_WITHIN = 20
"""Rows that are looked at for the heading."""


def decoded(data: bytes) -> str | None:
    """The text of `data`; None if it is none that office programs write.

    UTF-8 with and without a byte order mark, UTF-16 (Excel's "Unicode text"), GB 18030 (what office
    programs in China save, and contains GBK and GB 2312).
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings: Sequence[str] = ("utf-16",)
    elif data[1:6:2] == b"\0\0\0":
        encodings = ("utf-16-le",)
    elif data[0:5:2] == b"\0\0\0":
        encodings = ("utf-16-be",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else text
    return None


def records(
    text: str, rows_max: int, knows: Callable[[str], bool]
) -> tuple[list[tuple[int, list[str]]], SheetProblem | None]:
    """Rows with their numbers, `rows_max` and one at most, and what ended them too early.

    `knows` tells which headings have a meaning: what parts the cells is what finds most of them.
    """
    found: list[tuple[int, list[str]]] = []
    separator = ","
    if (directive := _DIRECTIVE.match(text)) is not None:
        separator, text = directive[1], text[directive.end() :]
    else:
        separator = max(",;\t", key=lambda one: _headings(text, one, knows))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if any(cell.strip() for cell in cells):
                found.append((number, cells))
            if len(found) > rows_max:
                break
    except csv.Error as error:
        message = f"what stands in quotation marks does not end, or is too long ({error})"
        return found, SheetProblem(number + 1, "", SheetFault.BROKEN, message)
    return found, None


def _headings(text: str, separator: str, knows: Callable[[str], bool]) -> int:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in islice(reader, _HEADING_WITHIN):
            if any(cell.strip() for cell in cells):
                return sum(map(knows, cells))
    except csv.Error:
        pass
    return 0
