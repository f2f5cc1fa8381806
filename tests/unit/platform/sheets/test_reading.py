"""One reader for every sheet: what an office program saves is taken, all else is named."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.errors import BadInput
from callcenter.platform.sheets import cells
from callcenter.platform.sheets.faults import SheetFault, SheetProblem, refused
from callcenter.platform.sheets.reading import Column, Sheet, SheetLimits, read_sheet
from callcenter.platform.sheets.writing import SheetFormat, write_sheet

COLUMNS = (
    Column("day", cells.day, also=("日期",), needed=True, filled=True),
    Column("who", cells.row_id("a user"), needed=True),
    Column("name", None),
    Column("note", cells.lines(200), also=("备注",)),
    Column("on", cells.flag),
    Column("seat", cells.digits("an extension", 8)),
)
NAMES = [column.name for column in COLUMNS]
LIMITS = SheetLimits(rows=50, unpacked_bytes=1 << 20)
DAY = date(2026, 1, 5)


def read(data: bytes | str) -> Sheet:
    return read_sheet(data.encode() if isinstance(data, str) else data, COLUMNS, LIMITS)


def excel(*rows: Sequence[Any], **properties: Any) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for row in rows:
        page.append(list(row))
    for name, value in properties.items():
        setattr(book, name, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def faults(data: bytes | str) -> list[tuple[int, str, str]]:
    return [(one.row, one.column, one.fault) for one in read(data).problems]


# -- texts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_and_separator_of_office_programs(
    encoding: str, separator: str, end: str
) -> None:
    rows = (
        ("day", "who", "备注"),
        ("2026/1/5", "7", "值夜班"),
        ("", "", ""),
        ("2026-01-05", "8", ""),
    )
    text = end.join(separator.join(row) for row in rows) + end * 3
    sheet = read(text.encode(encoding))
    assert sheet.problems == ()
    assert [(row.number, row.values["note"]) for row in sheet.rows] == [(2, "值夜班"), (4, None)]


def test_excels_own_first_line_is_no_row() -> None:
    sheet = read("sep=|\r\nday|who\r\n2026-01-05|7\r\n")
    assert [(row.number, row.values["who"]) for row in sheet.rows] == [(2, 7)]


@pytest.mark.parametrize(
    "cell",
    [
        "2026-01-05", "2026-1-5", "2026/1/5", "2026/01/05", "2026.1.5", "2026年1月5日",
        "2026/1/5 0:00", "2026-01-05 00:00:00", " 2026-01-05 ",
    ],
)  # fmt: skip
def test_a_day_as_spreadsheets_write_it(cell: str) -> None:
    (row,) = read(f"day,who\n{cell},7\n").rows
    assert row.values["day"] == DAY


@pytest.mark.parametrize(
    "cell",
    [
        "46027", "5.1.2026", "1/5/2026", "26/1/5", "2026/1-5", "2026-13-01", "2026-02-30",
        "2026年1-5", "0001-01-01", "9999-12-31", "10000-01-01", "2026/1/5 3:00", "２０２６-01-05",
        "+2026-01-05",
        "20260105", "#N/A", "#####", "1E+20", "-1", "x" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_day_is_named(cell: str) -> None:
    assert faults(f"day,who\n2026-01-05,1\n{cell},7\n") == [(3, "day", SheetFault.BAD_VALUE)]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ("", (1, "", SheetFault.NO_HEADING)),
        ("\n \n,,\n", (1, "", SheetFault.NO_HEADING)),
        ("\n\nday,who,whom\n", (3, "whom", SheetFault.UNKNOWN_COLUMN)),
        ("day,who,\x7f\n", (1, "\x7f", SheetFault.UNKNOWN_COLUMN)),
        ("day,who,DAY\n", (1, "day", SheetFault.COLUMN_TWICE)),
        ("day,who,日期\n", (1, "day", SheetFault.COLUMN_TWICE)),
        ("day,who,,note\n", (1, "", SheetFault.UNKNOWN_COLUMN)),
        ("who\n7\n", (1, "day", SheetFault.MISSING)),
        ("day,who\n,7\n", (2, "day", SheetFault.MISSING)),
        ("day,who\n2026-01-05\n", None),
        ("day,who\n2026-01-05,7,x\n", (2, "", SheetFault.TOO_MANY_CELLS)),
        ("day,who\n2026-01-05,0\n", (2, "who", SheetFault.BAD_VALUE)),
        ("day,who\n2026-01-05,٧\n", (2, "who", SheetFault.BAD_VALUE)),
        ("day,who\n2026-01-05," + "9" * 5000, (2, "who", SheetFault.BAD_VALUE)),
        ("day,who,seat\n2026-01-05,7,1.38E+10\n", (2, "seat", SheetFault.BAD_VALUE)),
        ("day,who,note\n2026-01-05,7,a\x08b\n", (2, "note", SheetFault.BAD_VALUE)),
        ("day,who,on\n2026-01-05,7,maybe\n", (2, "on", SheetFault.BAD_VALUE)),
        ('day,who\n2026-01-05,7\n"2026', (3, "", SheetFault.BROKEN)),
        ("day,who\n2026-01-05,7\n" + '"' + "x" * 200_000 + '"', (3, "", SheetFault.BROKEN)),
        ("day,who\n" + "2026-01-05,7\n" * 51, (52, "", SheetFault.TOO_MANY_ROWS)),
        (b"day,who\n\xff\xff\xff\n", (0, "", SheetFault.NOT_TEXT)),
        (b"day,who\n2026-01-05,7\0\n", (0, "", SheetFault.NOT_TEXT)),
        (b"\xd0\xcf\x11\xe0 an old one", (0, "", SheetFault.NOT_TEXT)),
        (b"PK\x03\x04 broken", (0, "", SheetFault.BROKEN)),
    ],
)
def test_every_mistake_has_its_place(data: str | bytes, wrong: tuple[int, str, str] | None) -> None:
    assert faults(data) == ([] if wrong is None else [wrong])


def test_an_unknown_column_names_the_nearest() -> None:
    assert "is it note?" in read("day,who,notes\n").problems[0].message


def test_a_column_that_is_missing_says_something_else_than_an_empty_cell() -> None:
    assert "note" not in read("day,who\n2026-01-05,7\n").rows[0].values
    assert read("day,who,note\n2026-01-05,7,\n").rows[0].values["note"] is None


def test_all_that_is_wrong_is_told_at_once_and_the_most_of_it_named() -> None:
    found = read("day,who\n" + "x,y\n" * 40).problems
    assert len(found) == 80
    error = refused(found, code="bad_sheet")
    assert len(error.details["problems"]) == 50
    assert error.details["problems_total"] == 80
    assert error.message.startswith("the file is not taken: row 2: day: 'x' is not a day")


# -- Excel ------------------------------------------------------------------------------------


def test_cells_of_excel_by_what_they_are() -> None:
    sheet = read(
        excel(
            ["Day", " WHO ", "name", "note", "on", "seat"],
            [46027, 7, "不读", 13800138000, True, 8001],
            [],
            [datetime(2026, 1, 5), 8.0, None, "'=1+1", "否", "08001"],  # noqa: DTZ001
            [DAY, "9", time(8, 30), 1.5, 0, None],
            ["2026/1/5", "9", None, time(8, 30), None, None],
        )
    )
    assert sheet.problems == ()
    assert [tuple(row.values.values()) for row in sheet.rows] == [
        (DAY, 7, "13800138000", True, "8001"),
        (DAY, 8, "=1+1", False, "08001"),
        (DAY, 9, "1.5", False, None),
        (DAY, 9, "08:30", None, None),
    ]
    assert [row.number for row in sheet.rows] == [2, 4, 5, 6]


def test_days_count_from_1904_where_the_file_says_so() -> None:
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    (row,) = read(excel(["day", "who"], [46027 - 1462, 7], epoch=CALENDAR_MAC_1904)).rows
    assert row.values["day"] == DAY


@pytest.mark.parametrize("value", [46027.25, -5, 0, 1e20, 3_000_000, time(3), "#REF!", True])
def test_what_is_no_day_in_excel(value: object) -> None:
    assert faults(excel(["day", "who"], [value, 7])) == [(2, "day", SheetFault.BAD_VALUE)]


def test_two_filled_sheets_are_one_too_many_and_empty_ones_none() -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    second = book.create_sheet()
    for row in (["day", "who"], [DAY, 7]):
        second.append(row)
    out = io.BytesIO()
    book.save(out)
    assert len(read(out.getvalue()).rows) == 1
    first.append(["notes of mine"])
    out = io.BytesIO()
    book.save(out)
    assert faults(out.getvalue()) == [(0, "", SheetFault.SEVERAL_SHEETS)]


def test_an_excel_file_is_not_unpacked_beyond_its_bound() -> None:
    out = io.BytesIO(excel(["day", "who"], [DAY, 7]))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/media/bomb.bin", b"\0" * (LIMITS.unpacked_bytes + 1))
    assert len(out.getvalue()) < 20_000
    assert faults(out.getvalue()) == [(0, "", SheetFault.TOO_LARGE)]


def test_an_xml_bomb_is_a_broken_file() -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
    )
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(excel(["day", "who"], ["x", 7]))) as whole,
        zipfile.ZipFile(out, "w") as packed,
    ):
        for name in whole.namelist():
            data = bomb.encode() if name.endswith("sheet1.xml") else whole.read(name)
            packed.writestr(name, data)
    assert faults(out.getvalue()) == [(0, "", SheetFault.BROKEN)]


def test_rows_of_excel_have_an_end_wherever_they_stand() -> None:
    rows: list[list[Any]] = [["day", "who"], *([[DAY, 7]] * 50)]
    assert len(read(excel(*rows)).rows) == 50
    assert faults(excel(*rows, [], [], [DAY, 7])) == [(54, "", SheetFault.TOO_MANY_ROWS)]


WHOLE = excel(["day", "who"], [DAY, 7])


@given(st.data())
def test_a_damaged_file_is_never_more_than_a_named_fault(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    length = data.draw(st.integers(0, 40))
    put = data.draw(st.binary(max_size=40))
    sheet = read(WHOLE[:at] + put + WHOLE[at + length :])
    assert sheet.rows or sheet.problems


@given(st.binary(max_size=2000))
def test_whatever_is_sent_is_rows_or_problems(data: bytes) -> None:
    sheet = read(data)
    assert sheet.problems or all(row.values["day"] for row in sheet.rows)


# -- out and back -----------------------------------------------------------------------------

TEXTS = (
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Cf", "Zl", "Zp"]), max_size=50)
    | st.sampled_from(
        [
            "#N/A",
            "'#NULL!",
            "=1+1",
            "'=x",
            "''x",
            "'",
            "a;=b",
            "a\t=b",
            "_x0041_",
            "－1",
            '"',
            ",",
            "@",
            "ü;",
        ]
    )
).map(str.strip)


@pytest.mark.parametrize("form", SheetFormat)
@given(rows=st.lists(st.tuples(st.integers(1, 2**40), TEXTS, st.booleans()), max_size=10))
def test_what_goes_out_comes_back(form: SheetFormat, rows: list[tuple[int, str, bool]]) -> None:
    data = write_sheet(NAMES, [[DAY, who, "x", note, on, "8001"] for who, note, on in rows], form)
    sheet = read(data)
    assert sheet.problems == ()
    assert [
        (row.values["who"], row.values["note"] or "", row.values["on"]) for row in sheet.rows
    ] == rows


@given(TEXTS)
def test_no_cell_of_a_csv_begins_a_formula(note: str) -> None:
    text = write_sheet(["note"], [[note]], SheetFormat.CSV).decode("utf-8-sig")
    for separator in ",;\t":
        for cell in text.splitlines()[1].replace('"', separator).split(separator):
            assert separator == "," or not cell.startswith(("=", "+", "-", "@")) or '"' in text


def test_a_problem_of_the_file_names_no_row() -> None:
    error = refused([SheetProblem(0, "", SheetFault.NOT_TEXT, "save it")], code="bad_sheet")
    assert isinstance(error, BadInput)
    assert error.message == "the file is not taken: save it"
