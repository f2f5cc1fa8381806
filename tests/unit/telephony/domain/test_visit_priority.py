"""With which priority a caller waits, as the journal tells it."""

from __future__ import annotations

import csv
import io
import json

from callcenter.telephony.domain.ledger import PRIORITY_FRONT, PRIORITY_RETURNED
from tests.unit.traces import journal, ledger_of


def row(like: bytes, event: str, **facts: object) -> bytes:
    """A user event on the channel of the row `like`, in the same moment."""
    (fields,) = csv.reader([like.decode()])
    extra = json.dumps({"extra": json.dumps(facts)})
    fields[0], fields[9], fields[12], fields[13] = event, "CELGenUserEvent", event, extra
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(fields)
    return written.getvalue().encode()


def priorities(data: bytes) -> list[int]:
    return [visit.priority for visit in ledger_of(data).queue_visits]


def joined(name: str) -> tuple[list[bytes], int]:
    """A story's lines, and which one is the caller's joining."""
    lines = journal(name).splitlines(keepends=True)
    return lines, next(at for at, line in enumerate(lines) if line.startswith(b'"APP_START"'))


def test_a_citizen_whose_transfer_reached_nobody_goes_before_others() -> None:
    assert priorities(journal("blind_nobody_anywhere")) == [0, PRIORITY_RETURNED]


def test_so_does_one_whose_phone_partner_died() -> None:
    lines, at = joined("abandoned_waiting")
    lines.insert(at, row(lines[at], "PHONE_LOST"))
    assert priorities(b"".join(lines)) == [PRIORITY_RETURNED]


def test_the_priority_is_the_one_he_was_routed_with() -> None:
    data = journal("abandoned_waiting")
    assert priorities(data.replace(b'\\""priority\\"":0', b'\\""priority\\"":5')) == [5]


def test_a_supervisor_moves_him_to_the_front() -> None:
    lines, at = joined("abandoned_waiting")
    channel = lines[at].split(b'","')[2].decode()
    mark = row(lines[at], "STEERED", what="to_front", channel=channel, by="supervisor", case="")
    assert priorities(b"".join([*lines[: at + 1], mark, *lines[at + 1 :]])) == [PRIORITY_FRONT]
    late = row(lines[-1], "STEERED", what="to_front", channel=channel, by="supervisor", case="")
    assert priorities(b"".join([*lines[:at], late, *lines[at:]])) == [0], "he does not wait yet"
