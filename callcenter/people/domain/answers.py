"""Numbers in an answer that is about to leave: hidden, or told of.

An answer is JSON, lines of text, a calendar or a stream of events. Every text in it is read, in
whatever field it stands; only what machines made for machines (`masking.MACHINE_FIELDS`) is left
alone.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Collection, Iterator
from enum import Enum
from typing import Any
from xml.sax.saxutils import escape, unescape
from zipfile import ZipFile

from callcenter.people.domain.masking import MACHINE_FIELDS, map_citizen_fields, mask_field
from callcenter.platform.domain.numbers_in_text import mask_numbers, whole_numbers

Shown = frozenset[tuple[str, str]]
"""Whole numbers: what each belongs to (``case:20261124-00017``; '' if nothing says it), and its
digits."""

_CASE = re.compile(r"[0-9]{8}-[0-9]{5,11}")
_CALL = re.compile(r"[a-z0-9_]{1,16}:[A-Za-z0-9_-]{0,40}[0-9]{1,15}\.[0-9]{1,15}")
_PART = re.compile(rf"({_CALL.pattern})/([a-z]+)[0-9]+")
_PARTS = {"rec": "recording", "vm": "voice_message"}
_CELL = re.compile(r"(<t(?: [^>]*)?>)([^<]*)(</t>)")
_FREE = re.compile(
    r"^(?:SUMMARY|DESCRIPTION|LOCATION|COMMENT|CONTACT|X-WR-[A-Z]+)[;:].*(?:\r?\n[ \t].*)*",
    re.MULTILINE,
)
"""Properties of a calendar that hold somebody's words (RFC 5545); the others are a machine's."""
_FOLD = re.compile(r"(\r?\n[ \t])")
"""Where a long line of a calendar goes on: nothing for who reads it (RFC 5545, 3.1)."""


class Form(Enum):
    """How an answer is written, by its media type."""

    JSON = "application/json"
    CSV = "text/csv"
    TEXT = "text/plain"
    CALENDAR = "text/calendar"
    EVENTS = "text/event-stream"
    EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def form_of(content_type: str) -> Form | None:
    """None: no text of ours, such as sound."""
    media_type = content_type.partition(";")[0].strip().lower()
    return next((form for form in Form if form.value == media_type), None)


def masked_answer(body: bytes, form: Form) -> bytes:
    """`body` without a whole number."""
    if form is Form.EXCEL:
        return _masked_book(body)
    text = _text(body)
    match form:
        case Form.JSON:
            return _masked_json(text).encode(errors="surrogatepass")
        case Form.EVENTS:
            lines = (_event_line(line, _masked_json) for line in text.split("\n"))
            return "\n".join(lines).encode(errors="surrogatepass")
        case Form.CALENDAR:
            return _FREE.sub(_masked_property, text).encode(errors="surrogatepass")
        case _:
            lines = (mask_numbers(line) for line in text.split("\n"))
            return "\n".join(lines).encode(errors="surrogatepass")


def numbers_shown(body: bytes, form: Form, area: str) -> Shown:
    """The whole numbers in `body`; `area` is what things with a plain number for an id are called
    there (``callback``)."""
    if form is Form.EXCEL:
        return frozenset(("", one) for cell in _cells(body) for one in whole_numbers(cell))
    text = _text(body)
    if form is Form.JSON:
        return frozenset(_in_json(text, area))
    if form is Form.EVENTS:
        data = (line[5:] for line in text.split("\n") if line.startswith("data:"))
        return frozenset(pair for one in data for pair in _in_json(one, area))
    if form is Form.CALENDAR:
        text = "\n".join(_FOLD.sub("", one) for one in _FREE.findall(text))
    return frozenset(("", one) for line in text.split("\n") for one in whole_numbers(line))


def _text(body: bytes) -> str:
    try:
        return body.decode(errors="surrogatepass")
    except UnicodeDecodeError:  # what somebody sends; an answer of ours is always in UTF-8
        return body.decode(errors="replace")


def _masked_property(found: re.Match[str]) -> str:
    """Read as one line, for a number may stand across a fold; written with its folds as it was."""
    masked, out = mask_numbers(_FOLD.sub("", found[0])), ""
    for piece in _FOLD.split(found[0]):
        if _FOLD.fullmatch(piece):
            out += piece
        else:
            out, masked = out + masked[: len(piece)], masked[len(piece) :]
    return out


def _masked_book(body: bytes) -> bytes:
    """A workbook is a zip of XML; what somebody wrote stands in its elements ``t``, whichever part
    has them (ECMA-376, part 1, 18.4.12)."""
    out = io.BytesIO()
    with ZipFile(io.BytesIO(body)) as book, ZipFile(out, "w") as made:
        for part in book.infolist():
            data = book.read(part)
            if part.filename.endswith(".xml"):
                data = _CELL.sub(_masked_cell, data.decode()).encode()
            made.writestr(part, data)
    return out.getvalue()


def _masked_cell(found: re.Match[str]) -> str:
    return f"{found[1]}{escape(mask_numbers(unescape(found[2])))}{found[3]}"


def _cells(body: bytes) -> Iterator[str]:
    with ZipFile(io.BytesIO(body)) as book:
        for part in book.infolist():
            if part.filename.endswith(".xml"):
                for found in _CELL.finditer(book.read(part).decode()):
                    yield unescape(found[2])


def _event_line(line: str, change: Callable[[str], str]) -> str:
    return f"data: {change(line[5:])}" if line.startswith("data:") else line


def _masked_json(text: str) -> str:
    try:
        data = json.loads(text)
    except ValueError:
        return mask_numbers(text)
    return json.dumps(
        map_citizen_fields(data, mask_field), ensure_ascii=False, separators=(",", ":")
    )


def _in_json(text: str, area: str) -> Collection[tuple[str, str]]:
    try:
        data = json.loads(text)
    except ValueError:
        return [("", one) for one in whole_numbers(text)]
    found: set[tuple[str, str]] = set()
    _walk(data, "", area, found)
    return found


def _walk(data: Any, owner: str, area: str, found: set[tuple[str, str]]) -> None:
    if isinstance(data, dict):
        owner = _owner(data, area) or owner
        for key, value in data.items():
            if key in MACHINE_FIELDS:
                continue
            of = f"call:{key}" if ":" in key and _CALL.fullmatch(key) else owner
            if isinstance(value, str):
                if len(value) > 6:
                    found.update((of, one) for one in whole_numbers(value))
            elif isinstance(value, dict | list):
                _walk(value, of, area, found)
    elif isinstance(data, list):
        for value in data:
            _walk(value, owner, area, found)
    elif isinstance(data, str) and len(data) > 6:
        found.update((owner, one) for one in whole_numbers(data))


def _owner(data: dict[str, Any], area: str) -> str:
    """What the object `data` tells of."""
    for name in ("number", "case_number"):
        number = data.get(name)
        if isinstance(number, str) and _CASE.fullmatch(number):
            return f"case:{number}"
    for name in ("id", "call_id", "key"):
        value = data.get(name)
        if isinstance(value, str):
            if _CALL.fullmatch(value):
                return f"call:{value}"
            part = _PART.fullmatch(value)
            if part and part[2] in _PARTS:
                return f"{_PARTS[part[2]]}:{value}"
        elif name == "id" and isinstance(value, int) and area:
            return f"{area}:{value}"
    return ""
