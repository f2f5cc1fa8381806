"""Numbers in what leaves: in each form of an answer they are found, hidden, and nothing else is."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape, unescape
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.people.domain.answers import Form, Shown, form_of, masked_answer, numbers_shown
from callcenter.platform.domain.numbers_in_text import STAR, find_numbers, mask_numbers

MOBILE = "13800138000"
CASE, CALL = "20261124-00017", "pbx1:1795407499.12"


def workbook(texts: Sequence[str], others: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """A workbook's zip, as far as a reader of texts needs one."""
    cells = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in texts)
    out = io.BytesIO()
    with ZipFile(out, "w") as book:
        book.writestr("xl/sharedStrings.xml", f"<sst>{cells}</sst>")
        book.writestr("xl/worksheets/sheet1.xml", "<c><v>13800138000</v></c>")
        for name, data in others:
            book.writestr(name, data)
    return out.getvalue()


def part_of(body: bytes, name: str) -> bytes:
    with ZipFile(io.BytesIO(body)) as book:
        return book.read(name)


def texts_of(body: bytes) -> list[str]:
    found = re.findall(
        "<t [^>]*>(.*?)</t>", part_of(body, "xl/sharedStrings.xml").decode(), re.DOTALL
    )
    return [unescape(one) for one in found]


def to_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def from_json(body: bytes) -> object:
    return json.loads(body.decode("utf-8", "surrogatepass"))


Writer = Callable[[list[str]], bytes]
Reader = Callable[[bytes], object]


def lines(first: str = "") -> tuple[Writer, Reader]:
    """How lines are written and read, each behind `first`."""

    def write(texts: list[str]) -> bytes:
        return "\n".join(first + text for text in texts).encode("utf-8", "surrogatepass")

    def read(body: bytes) -> list[str]:
        text = body.decode("utf-8", "surrogatepass")
        return [line.removeprefix(first) for line in text.split("\n")]

    return write, read


WAYS: dict[Form, tuple[Writer, Reader]] = {
    Form.JSON: (to_json, from_json),
    Form.CSV: lines(),
    Form.TEXT: lines(),
    Form.CALENDAR: lines("SUMMARY:"),
    Form.EVENTS: (
        lambda texts: b"event: changed\ndata:" + to_json(texts) + b"\n\n",
        lambda body: from_json(body.split(b"\n")[1].removeprefix(b"data: ")),
    ),
    Form.EXCEL: (workbook, texts_of),
}
PIECES = st.sampled_from(
    (
        MOBILE,
        "021-61234567",
        "138 0013 8000",
        "138****8000",
        CASE,
        "王女士",
        "\ud800",
        "<b>&amp;",
        " ",
        "12345",
        "é",
    )
)
TEXTS = st.lists(st.lists(PIECES, max_size=4).map("，".join), min_size=1, max_size=4)


@pytest.mark.parametrize("form", Form)
@settings(max_examples=25)
@given(texts=TEXTS)
def test_in_every_form_each_text_is_masked_and_none_is_shown(form: Form, texts: list[str]) -> None:
    if form is Form.EXCEL:  # XML has no half characters
        texts = [text.replace("\ud800", "") for text in texts]
    write, read = WAYS[form]
    body = write(texts)
    whole = {one.digits for text in texts for one in find_numbers(text) if STAR not in one.digits}
    assert {digits for _, digits in numbers_shown(body, form, "")} == whole
    masked = masked_answer(body, form)
    assert read(masked) == [mask_numbers(text) for text in texts]
    assert numbers_shown(masked, form, "") == frozenset()


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("application/json", Form.JSON),
        ("Application/JSON ; charset=utf-8; x=y", Form.JSON),
        (" text/csv;header=present", Form.CSV),
        ("text/plain", Form.TEXT),
        ("text/calendar; method=PUBLISH", Form.CALENDAR),
        ("text/event-stream", Form.EVENTS),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Form.EXCEL),
        ("audio/wav", None),
        ("", None),
        (";text/plain", None),
    ],
)
def test_what_is_text_of_ours(content_type: str, form: Form | None) -> None:
    assert form_of(content_type) is form


def test_what_is_masked_is_written_as_it_was() -> None:
    assert masked_answer(b'{"a": ["\xe4\xb8\xad", 1, null]}', Form.JSON) == (
        b'{"a":["\xe4\xb8\xad",1,null]}'
    )
    stream = b": 13800138000\nid: 13800138000\ndata: 13800138000 x\nretry: 5\n"
    assert masked_answer(stream, Form.EVENTS) == (
        b": 13800138000\nid: 13800138000\ndata:  138****8000 x\nretry: 5\n"
    )
    assert masked_answer(b"\xff 13800138000", Form.TEXT) == "\ufffd 138****8000".encode()
    apart = b"138\n0013\n8000"  # a line is for itself
    assert masked_answer(apart, Form.CSV) == apart
    assert masked_answer(b'{"broken 13800138000', Form.JSON) == b'{"broken 138****8000'
    assert numbers_shown(b'{"broken 13800138000', Form.JSON, "case") == {("", MOBILE)}


def test_a_calendars_words_are_masked_and_its_machine_is_left_alone() -> None:
    calendar = (
        "BEGIN:VEVENT\r\nUID:13800138000@x\r\nX-ID:13800138000\r\n"
        "SUMMARY;LANGUAGE=zh:回电 1380\r\n 0138000\r\nDESCRIPTION:13800138000\r\n"
        "LOCATION:13800138000\r\nCOMMENT:13800138000\r\nCONTACT:13800138000\r\n"
        "X-WR-CALNAME:13800138000\r\nDTSTART:20261124T080000\r\nEND:VEVENT\r\n"
    )
    masked = masked_answer(calendar.encode(), Form.CALENDAR).decode()
    assert len(masked) == len(calendar)
    kept = [line for line in masked.split("\r\n") if MOBILE in line]
    assert kept == ["UID:13800138000@x", "X-ID:13800138000"]
    assert masked.count("138****8000") == 5
    assert numbers_shown(calendar.encode(), Form.CALENDAR, "") == {("", MOBILE)}


@pytest.mark.parametrize("fold", ["\r\n ", "\n\t"])
@given(number=st.sampled_from((MOBILE, "61234567", "021-61234567")), data=st.data())
def test_a_number_across_a_fold_is_one(fold: str, number: str, data: st.DataObject) -> None:
    line = f"SUMMARY:回电 {number}，谢谢"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(line) - 1), max_size=3)))
    pieces = [line[start:end] for start, end in pairwise([0, *cuts, len(line)])]
    calendar = fold.join(pieces).encode()
    digits = number.replace("-", "")
    if cuts and cuts[0] < len("SUMMARY:"):  # a name that is cut is no name that we know
        return
    assert numbers_shown(calendar, Form.CALENDAR, "") == {("", digits)}
    masked = masked_answer(calendar, Form.CALENDAR).decode()
    assert masked.replace(fold, "") == mask_numbers(line)
    assert [len(one) for one in masked.split(fold)] == [len(one) for one in pieces]


def test_of_a_workbook_only_texts_are_read() -> None:
    picture = b"\x89PNG <t>13800138000</t> \xff"
    book = workbook([MOBILE, "a & b"], [("xl/media/image1.png", picture)])
    masked = masked_answer(book, Form.EXCEL)
    assert texts_of(masked) == ["138****8000", "a & b"]
    assert part_of(masked, "xl/media/image1.png") == picture
    assert part_of(masked, "xl/worksheets/sheet1.xml") == b"<c><v>13800138000</v></c>"
    assert numbers_shown(book, Form.EXCEL, "case") == {("", MOBILE)}
    with ZipFile(io.BytesIO(masked)) as made, ZipFile(io.BytesIO(book)) as given:
        assert made.namelist() == given.namelist()


@pytest.mark.parametrize(
    ("data", "area", "shown"),
    [
        ({"number": CASE, "note": MOBILE}, "", {(f"case:{CASE}", MOBILE)}),
        ({"case_number": CASE, "note": MOBILE}, "", {(f"case:{CASE}", MOBILE)}),
        ({"number": f"{CASE} ", "note": MOBILE}, "", {("", MOBILE)}),
        ({"number": 20261124, "case_number": CASE, "n": MOBILE}, "", {(f"case:{CASE}", MOBILE)}),
        ({"id": CALL, "caller_number": MOBILE}, "", {(f"call:{CALL}", MOBILE)}),
        ({"call_id": CALL, "caller_number": MOBILE}, "", {(f"call:{CALL}", MOBILE)}),
        ({"key": CALL, "caller_number": MOBILE}, "", {(f"call:{CALL}", MOBILE)}),
        ({"key": f"{CALL}/rec2", "n": MOBILE}, "", {(f"recording:{CALL}/rec2", MOBILE)}),
        ({"key": f"{CALL}/vm1", "n": MOBILE}, "", {(f"voice_message:{CALL}/vm1", MOBILE)}),
        ({"key": f"{CALL}/zz1", "n": MOBILE}, "", {("", MOBILE)}),
        ({"id": "x", "call_id": CALL, "n": MOBILE}, "", {(f"call:{CALL}", MOBILE)}),
        ({"id": 7, "number": MOBILE}, "callback", {("callback:7", MOBILE)}),
        ({"key": 7, "number": MOBILE}, "callback", {("", MOBILE)}),
        ({"id": None, "number": MOBILE}, "callback", {("", MOBILE)}),
        ({"id": 7, "number": MOBILE}, "", {("", MOBILE)}),
        ({"id": 7, "call_id": CALL, "number": MOBILE}, "", {(f"call:{CALL}", MOBILE)}),
        ({"id": 7, "list": [{"n": MOBILE}]}, "callback", {("callback:7", MOBILE)}),
        ({"of": {"id": 7, "n": MOBILE}}, "callback", {("callback:7", MOBILE)}),
        ({"id": 7, "of": {"number": CASE, "n": MOBILE}}, "callback", {(f"case:{CASE}", MOBILE)}),
        ({"calls": {CALL: {"n": MOBILE}}}, "", {(f"call:{CALL}", MOBILE)}),
        ({"number": CASE, "of": {"n": MOBILE}}, "", {(f"case:{CASE}", MOBILE)}),
        ([{"id": 1, "n": MOBILE}, {"id": 2, "n": MOBILE}], "callback",
         {("callback:1", MOBILE), ("callback:2", MOBILE)}),
        ({"path": MOBILE, "token": [MOBILE], "note": "138****8000"}, "", set()),
        ({"token": MOBILE, "note": MOBILE}, "", {("", MOBILE)}),
        ({"note": "6123456", "count": 13800138000}, "", {("", "6123456")}),
        (MOBILE, "case", {("", MOBILE)}),
    ],
)  # fmt: skip
def test_a_number_belongs_to_the_nearest_thing_around_it(
    data: object, area: str, shown: Shown
) -> None:
    assert numbers_shown(to_json(data), Form.JSON, area) == shown
    stream = b"id: 4\n" + b"data: " + to_json(data) + b"\n\n"
    assert numbers_shown(stream, Form.EVENTS, area) == shown
