"""The sheet of seats: what is written is read back, and nothing that is read can do harm."""

from __future__ import annotations

import csv
import io
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.sheets.faults import SheetFault
from callcenter.platform.sheets.reading import SheetLimits
from callcenter.platform.sheets.writing import SheetFormat, write_sheet
from callcenter.telephony.domain.registrations import PhoneKinds
from callcenter.telephony.seats.sheet import (
    NAME_CHARACTERS,
    NAMES,
    SeatFault,
    SeatRow,
    SeatSheet,
    read_seats,
    written,
)

ROWS_MAX = 500
LIMITS = SheetLimits(ROWS_MAX, 1 << 20)


def read_sheet(data: bytes) -> SeatSheet:
    return read_seats(data, LIMITS)


LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Cf", "Zl", "Zp"])
names = (
    st.text(
        st.characters(blacklist_categories=["Cs", "Cc", "Cn", "Cf", "Zl", "Zp"]),
        min_size=1,
        max_size=NAME_CHARACTERS,
    )
    .map(str.strip)
    .filter(bool)
)
seats = st.builds(
    SimpleNamespace,
    extension=st.integers(8000, 8999).map(str),
    name=names,
    enabled=st.booleans(),
    in_queue=st.booleans(),
    phones=st.sampled_from(PhoneKinds),
)


@given(st.lists(seats, unique_by=lambda seat: seat.extension, max_size=20))
@pytest.mark.parametrize("form", SheetFormat)
def test_what_is_written_is_read_back(form: SheetFormat, wanted: list[SimpleNamespace]) -> None:
    sheet = read_sheet(write_sheet(NAMES, written(wanted), form))
    assert sheet.problems == ()
    assert [
        (row.extension, row.name, row.enabled, row.in_queue, row.phones) for row in sheet.rows
    ] == [(one.extension, one.name, one.enabled, one.in_queue, one.phones) for one in wanted]


@given(seats)
def test_no_cell_is_a_formula(seat: SimpleNamespace) -> None:
    for cell in list(
        csv.reader(io.StringIO(write_sheet(NAMES, written([seat]), SheetFormat.CSV).decode()))
    )[1]:
        assert not cell.startswith(("=", "+", "-", "@", "\t"))


@given(st.binary(max_size=2000))
def test_whatever_is_sent_is_read_to_the_end(data: bytes) -> None:
    sheet = read_sheet(data)
    assert sheet.rows or sheet.problems or data.strip()
    assert len({row.extension for row in sheet.rows}) == len(sheet.rows)


@given(st.text(max_size=500))
def test_every_row_is_taken_or_named(text: str) -> None:
    body = io.StringIO()
    csv.writer(body).writerows([[cell] for cell in text.split("\n")])
    sheet = read_sheet(("extension\n" + body.getvalue()).encode("utf-8", "replace"))
    named = {problem.row for problem in sheet.problems}
    for number, cell in enumerate(text.split("\n"), 2):
        if SheetFault.NOT_TEXT in {problem.fault for problem in sheet.problems}:
            assert "\0" in text
            return
        taken = any(row.row == number for row in sheet.rows)
        assert taken or number in named or not cell.strip("' \t\r\n\x0b\x0c") or cell.isspace()


@pytest.mark.parametrize(
    ("text", "row", "fault"),
    [
        ("", 1, SheetFault.NO_HEADING),
        (" , \n\n", 1, SheetFault.NO_HEADING),
        (" , \n8001,x\n", 2, SheetFault.UNKNOWN_COLUMN),
        ("extension\n8001\n8001\n", 3, SeatFault.SEAT_TWICE),
        ("name\n王芳\n", 1, SheetFault.MISSING),
        ("extension,secret\n8001,mine\n", 1, SheetFault.UNKNOWN_COLUMN),
        ("extension,name,name\n", 1, SheetFault.COLUMN_TWICE),
        ("extension\n8001\x00\n", 0, SheetFault.NOT_TEXT),
        (f"extension,name\n8001,{'x' * 101}\n", 2, SheetFault.BAD_VALUE),
        ("extension,phones\n8001,fax\n", 2, SheetFault.BAD_VALUE),
        ("extension\n８００１\n", 2, SheetFault.BAD_VALUE),
        ("extension\n" + "8001\n" * (ROWS_MAX + 1), ROWS_MAX + 2, SheetFault.TOO_MANY_ROWS),
    ],
)
def test_mistakes_have_their_names(text: str, row: int, fault: str) -> None:
    problem = read_sheet(text.encode()).problems[0]
    assert (problem.row, problem.fault) == (row, fault)


def test_a_byte_that_is_no_text_is_said() -> None:
    (problem,) = read_sheet(b"extension\n\x80\xff\xff\n").problems
    assert problem.fault is SheetFault.NOT_TEXT


def test_empty_cells_say_nothing_and_columns_may_stand_anywhere() -> None:
    text = "Phones, EXTENSION ,enabled,\nwebrtc,8001,,\n,8002,是,\n"
    assert read_sheet(text.encode()).rows == (
        SeatRow(2, "8001", phones=PhoneKinds.WEBRTC),
        SeatRow(3, "8002", enabled=True),
    )
