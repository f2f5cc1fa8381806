"""The words of a case, and the rules that need no database: its number and its day.

A case is one citizen's matter. It is opened by the first of two moments of an inbound call: a
seat's answer, or the end of a voice message. Whatever comes later for the same call belongs to
the same case.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from enum import StrEnum


class CaseSource(StrEnum):
    """What opened the case."""

    CALL = "call"
    VOICE_MESSAGE = "voice_message"


class CaseStatus(StrEnum):
    """Where the case stands."""

    OPEN = "open"
    CLOSED = "closed"


class CaseKind(StrEnum):
    """What the citizen wants; unset until somebody has said it."""

    CONSULTATION = "consultation"
    HELP = "help"
    COMPLAINT = "complaint"
    REPORT = "report"
    SUGGESTION = "suggestion"
    PRAISE = "praise"
    OTHER = "other"


class CaseValidity(StrEnum):
    """Whether the call was a matter at all."""

    VALID = "valid"
    NUISANCE = "nuisance"
    TEST = "test"


class CaseEventKind(StrEnum):
    """One step in a case's history."""

    OPENED = "opened"
    SEAT_CHANGED = "seat_changed"
    """The caller talks to another seat: the case follows him."""
    CALL_ENDED = "call_ended"
    RECORDING_READY = "recording_ready"
    """Also when the recording is shorter than the talk; `data.status` says so."""
    RECORDING_MISSING = "recording_missing"
    """There is no usable recording; `data.status` says why."""
    VOICE_MESSAGE = "voice_message"
    CALLS_MERGED = "calls_merged"
    """Two calls turned out to be one; the other's id or case is in `data`."""
    EDITED = "edited"


def case_day(moment: datetime, zone: tzinfo) -> date:
    """The day of `moment` on the city's clock."""
    return moment.astimezone(zone).date()


def case_number(day: date, count: int) -> str:
    """``20261124-00001``; the count grows a digit after 99,999 cases of a day."""
    return f"{day:%Y%m%d}-{count:05d}"
