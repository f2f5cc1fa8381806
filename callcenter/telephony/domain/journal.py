"""The journal's rows: from bytes that may be torn or hostile to parsed rows or named rejects.

Asterisk's ``cel_custom`` writes one record per event, `COLUMNS` in this order, every field in
double quotes, a quote inside doubled (res/cdrel_custom/formatters.c). Policy:

- A quote inside a field is always doubled, so a record is complete exactly when its quotes are
  even, and what a caller chose (his number may hold ``%0A``: seen on 22.10.1) can end neither a
  field nor a record. Line breaks alone do not separate records.
- For the same reason `_START`, four fields long, cannot be made of what a caller chose: of four
  fields in a row he chooses two at most, his number and his name. Where it occurs in the middle of
  a line, a PBX died while writing: what stands before is torn, what follows is whole.
- A record that will not parse is handed back with a reason. It never stops what comes after it.
- The result depends on the bytes only, never on how they were cut into reads.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from callcenter.telephony.domain.ids import Linkedid, Uniqueid

COLUMNS = (
    "eventtype", "eventtime", "uniqueid", "linkedid", "number", "name", "exten", "context",
    "channel", "app", "appdata", "peer", "userdeftype", "extra",
)  # fmt: skip
MAX_RECORD = 1_048_576
"""Bytes. A SIP message is at most 64 kB and no field holds one twice; more is not a record."""

LONGEST_ID = 40
"""Characters of a uniqueid: ours have 14. What is longer comes of a damaged file; a database that
keeps to its columns' lengths would refuse it, and with it all that follows, for ever."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = rb"(?:pbx|(?:[\w-]{1,64}-)?\d{1,12}\.\d{1,12})"
"""A uniqueid, with the system's name before it or not; ``pbx`` is our own row of a start."""
_START = re.compile(rb'"[A-Z][A-Z0-9_]{2,31}","\d{1,12}\.\d{6}","%b","%b","' % (_ID, _ID))
_EVENT = re.compile(r"[A-Z][A-Z0-9_]{2,31}", re.ASCII)
_NO_FACTS: Mapping[str, Any] = {}
_QUOTE = ord('"')


class Event(StrEnum):
    """What a row says happened. The first group is Asterisk's (main/cel.c), the second ours."""

    CHAN_START = "CHAN_START"
    CHAN_END = "CHAN_END"
    ANSWER = "ANSWER"
    HANGUP = "HANGUP"
    APP_START = "APP_START"
    APP_END = "APP_END"
    BRIDGE_ENTER = "BRIDGE_ENTER"
    BRIDGE_EXIT = "BRIDGE_EXIT"
    BLINDTRANSFER = "BLINDTRANSFER"
    ATTENDEDTRANSFER = "ATTENDEDTRANSFER"
    LINKEDID_END = "LINKEDID_END"

    INBOUND = "INBOUND"
    RECORDING = "RECORDING"
    VOICE = "VOICE"
    ROUTED = "ROUTED"
    QUEUE_RESULT = "QUEUE_RESULT"
    QUEUE_EXIT = "QUEUE_EXIT"
    BLOCKED = "BLOCKED"
    LIMITED = "LIMITED"
    CLOSED = "CLOSED"
    OVERFLOW = "OVERFLOW"
    VOICE_MESSAGE_START = "VOICE_MESSAGE_START"
    VOICE_MESSAGE = "VOICE_MESSAGE"
    RATING = "RATING"
    TRANSFER_RETURN = "TRANSFER_RETURN"
    TRANSFER_FAILED = "TRANSFER_FAILED"
    PHONE_LOST = "PHONE_LOST"
    NO_TALK = "NO_TALK"
    CITIZENS_PARTED = "CITIZENS_PARTED"
    CALLBACK_REQUESTED = "CALLBACK_REQUESTED"
    OUTBOUND = "OUTBOUND"
    TAKE_OVER = "TAKE_OVER"
    STEERED = "STEERED"
    PBX_START = "PBX_START"
    ROOM = "ROOM"


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One event. Texts are as the PBX wrote them, of any length; `at` is UTC, microseconds."""

    event: str
    """An `Event`, or one that this version does not know."""
    at: datetime
    uniqueid: Uniqueid
    linkedid: Linkedid
    number: str
    name: str
    exten: str
    context: str
    channel: str
    app: str
    appdata: str
    peer: str
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The JSON object of the extra field; of a user event, the object the dialplan wrote."""
    position: int = 0
    """Where the record begins in its file, bytes."""

    def fact(self, key: str) -> str:
        """The text of one fact, '' if it is missing or not a text or number."""
        value = self.facts.get(key)
        if isinstance(value, str):
            return value
        return str(value) if isinstance(value, int | float) else ""


@dataclass(frozen=True, slots=True)
class Reject:
    """Bytes that are not a record: where they stand, what they are, why not."""

    position: int
    line: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a stretch of the journal held; rows and rejects in the order of the file."""

    rows: Sequence[JournalRow]
    rejects: Sequence[Reject]
    end: int
    """The position after the last byte that was taken; the next read begins here."""


def parse(data: bytes, start: int = 0, *, finished: bool = False) -> Parsed:
    """Read the whole records at the beginning of `data`, which stands at `start` in its file.

    A record that is not whole yet is left for the next read, unless `finished` says that nothing
    will be written after `data`. `data` must begin where a former `Parsed.end` said, and must
    hold more than `MAX_RECORD` bytes or all there is.
    """
    framer = _Framer(data, start)
    end = framer.run(finished)
    rows, failed = _parse_all(framer.records)
    rejects = sorted((*framer.rejects, *failed), key=lambda reject: reject.position)
    return Parsed(rows, rejects, end)


def parse_line(line: str, position: int = 0) -> JournalRow:
    """One record; `ValueError` says what is wrong with it."""
    try:
        found = list(csv.reader([line], strict=True))
    except csv.Error as error:
        found = [_split(line, error)]
    if len(found) != 1:
        raise ValueError("not one record")
    return _row(found[0], position)


# -- records ------------------------------------------------------------------------------------


class _Framer:
    """Cuts bytes into whole records and what is none."""

    def __init__(self, data: bytes, start: int) -> None:
        self.data = data
        self.start = start
        self.records: list[tuple[int, bytes]] = []
        self.rejects: list[Reject] = []
        self.begun = -1
        """Index in `data` where a record that is not whole yet begins; -1: none does."""
        self.odd = False
        """Whether that record has an odd number of quotes so far: a field is still open."""

    def run(self, finished: bool) -> int:
        """Take all of `data` that can be judged; the position after it."""
        lines = self.data.split(b"\n")
        tail = lines.pop()
        at = 0
        for line in lines:
            if (
                self.begun < 0
                and line.count(b'"') % 2 == 0
                and line[:1] == b'"'
                and line[-1:] == b'"'
                and len(line) <= MAX_RECORD
                and _START.search(line, 1) is None
            ):
                self.records.append((self.start + at, line))
            else:
                self._line(at, at + len(line))
            at += len(line) + 1
        at = self._shorten(at, at + len(tail))
        if finished:
            self._line(at, len(self.data))
            self._reject(self.begun, len(self.data), "the file ends within a record")
            return self.start + len(self.data)
        return self.start + (at if self.begun < 0 else self.begun)

    def _shorten(self, at: int, stop: int) -> int:
        """Give up what is longer than any record; where the rest of the line begins."""
        if self.begun >= 0 and stop - self.begun > MAX_RECORD:
            self._reject(self.begun, at, "longer than any record")
            self.begun = -1
        while self.begun < 0 and stop - at > MAX_RECORD:
            self._reject(at, at + MAX_RECORD, "longer than any record")
            at += MAX_RECORD
        return at

    def _line(self, at: int, stop: int) -> None:
        """Take a line that is no record by itself, or stands within one."""
        at = self._shorten(at, stop)
        fresh = _START.search(self.data, at, stop)
        while fresh is not None:
            # A record begins here, so whatever was begun before will never be whole.
            self._torn(self.begun if self.begun >= 0 else at, fresh.start())
            self.begun, self.odd = fresh.start(), False
            at = self.begun
            fresh = _START.search(self.data, at + 1, stop)
        if at == stop and self.begun < 0:
            return
        if self.begun < 0:
            if self.data[at] != _QUOTE:
                self._reject(at, stop, "no record begins here")
                return
            self.begun, self.odd = at, False
        self.odd ^= self.data.count(b'"', at, stop) % 2 == 1
        if self.odd:
            return
        if stop - self.begun > 1 and self.data[stop - 1] == _QUOTE:
            self.records.append((self.start + self.begun, self.data[self.begun : stop]))
        else:
            self._reject(self.begun, stop, "not a record")
        self.begun = -1

    def _torn(self, at: int, stop: int) -> None:
        """Take what stands before a record that begins inside the line or inside a record."""
        torn = self.data[at:stop].rstrip(b"\n")
        if torn[:1] == b'"' and torn[-1:] == b'"' and torn.count(b'"') % 2 == 0:
            self.records.append((self.start + at, torn))
        elif torn:
            self._reject(at, stop, "torn: a record begins inside it")

    def _reject(self, at: int, stop: int, reason: str) -> None:
        if 0 <= at < stop:
            self.rejects.append(Reject(self.start + at, self.data[at:stop], reason))


# -- rows ---------------------------------------------------------------------------------------


def _parse_all(records: list[tuple[int, bytes]]) -> tuple[list[JournalRow], list[Reject]]:
    """Parse whole records, all at once if they are sound, else each by itself."""
    texts = [record.decode("utf-8", "replace") for _, record in records]
    try:
        found = list(csv.reader(texts, strict=True))
        if len(found) == len(records):
            return [
                _row(fields, position) for fields, (position, _) in zip(found, records, strict=True)
            ], []
    except (ValueError, csv.Error):
        pass  # One of them is not sound; find out which.
    rows: list[JournalRow] = []
    rejects: list[Reject] = []
    for (position, record), text in zip(records, texts, strict=True):
        try:
            rows.append(parse_line(text, position))
        except ValueError as error:
            _parse_torn(position, record, str(error), rows, rejects)
    return rows, rejects


def _parse_torn(
    position: int, record: bytes, reason: str, rows: list[JournalRow], rejects: list[Reject]
) -> None:
    """Parse what is no record as a whole: other records may begin within it."""
    starts = [0, *(found.start() for found in _START.finditer(record, 1))]
    if len(starts) == 1:
        rejects.append(Reject(position, record, reason))
        return
    for start, stop in zip(starts, [*starts[1:], len(record)], strict=True):
        part = record[start:stop]
        try:
            rows.append(parse_line(part.decode("utf-8", "replace"), position + start))
        except ValueError as error:
            rejects.append(Reject(position + start, part, f"torn: {error}"))


def _split(line: str, error: csv.Error) -> list[str]:
    """Fields of a record that the csv module refuses (a field above its limit of 128 KiB)."""
    if re.fullmatch(r'"(?:[^"]|"")*"(?:,"(?:[^"]|"")*")*', line) is None:
        raise ValueError(str(error)) from None
    return [part.replace('""', '"') for part in re.findall(r'"((?:[^"]|"")*)"(?:,|$)', line)]


def _row(fields: list[str], position: int) -> JournalRow:
    if len(fields) != len(COLUMNS):
        raise ValueError(f"{len(fields)} fields instead of {len(COLUMNS)}")
    event, when, uniqueid, linkedid, number, name, exten, context = fields[:8]
    channel, app, appdata, peer, userdeftype, extra = fields[8:]
    if event == "USER_DEFINED":
        event = userdeftype
    if event not in _KNOWN and _EVENT.fullmatch(event) is None:
        raise ValueError("no event type")
    seconds, dot, micros = when.partition(".")
    if not (dot and len(micros) == 6 and when.isascii() and seconds.isdigit() and micros.isdigit()):
        raise ValueError("the time is not seconds.microseconds")
    if not uniqueid or not linkedid:
        raise ValueError("no uniqueid or no linkedid")
    if len(uniqueid) > LONGEST_ID or len(linkedid) > LONGEST_ID:
        raise ValueError("a uniqueid or linkedid longer than any")
    try:
        at = _EPOCH + timedelta(seconds=int(seconds), microseconds=int(micros))
    except OverflowError:
        raise ValueError("the time is out of range") from None
    return JournalRow(
        event,
        at,
        Uniqueid(uniqueid),
        Linkedid(linkedid),
        number,
        name,
        exten,
        context,
        channel,
        app,
        appdata,
        peer,
        _facts(extra, userdeftype) if extra else _NO_FACTS,
        position,
    )


def _facts(extra: str, userdeftype: str) -> Mapping[str, Any]:
    """The extra field's object; a user event's own object is a text inside it.

    An event is worth more than its facts: a user event whose text is no JSON object has none.
    """
    try:
        facts = json.loads(extra)
    except (ValueError, RecursionError):
        raise ValueError("the extra field is not JSON") from None
    if not isinstance(facts, dict):
        raise ValueError("the extra field is not a JSON object")
    if not userdeftype:
        return facts
    try:
        inner = json.loads(facts.get("extra", ""))
    except (ValueError, TypeError, RecursionError):
        return _NO_FACTS
    return inner if isinstance(inner, dict) else _NO_FACTS


_KNOWN = frozenset(Event)
