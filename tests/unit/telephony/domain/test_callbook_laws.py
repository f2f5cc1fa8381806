"""Laws of the call book: it does not matter how the journal comes, only what is in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.telephony.domain.callbook import LONGEST, CallBook
from callcenter.telephony.domain.journal import COLUMNS, parse
from callcenter.telephony.domain.ledger import LedgerChanges, Outcome, TalkRow, VisitEnd
from tests.unit.traces import NAMES, journal, ledger_of

Ledger = dict[str, Any]
"""Rows by id, the newest of each."""

TOGETHER = [
    name for name in NAMES if b'.0"' not in journal(name) and b'"PBX_START"' not in journal(name)
]
"""Stories that can be told at once: in none the PBX begins anew."""


def fold(ledger: Ledger, changes: LedgerChanges) -> Ledger:
    for name in changes.__slots__:
        ledger.update({row.id: row for row in getattr(changes, name)})
    return ledger


def expected(names: Iterable[str]) -> Ledger:
    ledger: Ledger = {}
    for name in names:
        fold(ledger, ledger_of(journal(name)))
    return ledger


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[str], bytes]:
    """Some stories, their lines mixed in any way that keeps each one's own order."""
    names = draw(st.lists(st.sampled_from(TOGETHER), min_size=1, max_size=5, unique=True))
    queues = [journal(name).splitlines(keepends=True) for name in names]
    mixed: list[bytes] = []
    while queues:
        queue = queues[draw(st.integers(0, len(queues) - 1))]
        count = draw(st.integers(1, 12))
        mixed += queue[:count]
        del queue[:count]
        queues = [rest for rest in queues if rest]
    return names, b"".join(mixed)


def feed(book: CallBook, data: bytes, cuts: list[int], ledger: Ledger, base: int = 0) -> None:
    """Give `data` to the book in reads that end at `cuts`, as the reader does."""
    at = 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        if cut <= at:
            continue
        parsed = parse(data[at:cut], at)
        assert not parsed.rejects
        for row in parsed.rows:
            book.apply(row, base + row.position)
        at = parsed.end
        fold(ledger, book.take())
    assert at == len(data)


@settings(max_examples=300, deadline=None)
@given(interleaved(), st.lists(st.integers(0, 10**6), max_size=12))
def test_any_interleaving_in_any_reads_gives_the_same_ledger(
    mixed: tuple[list[str], bytes], cuts: list[int]
) -> None:
    names, data = mixed
    ledger: Ledger = {}
    feed(CallBook("pbx1"), data, cuts, ledger)
    assert ledger == expected(names)


@settings(max_examples=150, deadline=None)
@given(interleaved(), st.lists(st.integers(0, 10**6), max_size=6))
def test_the_same_journal_twice_gives_the_same_ledger(
    mixed: tuple[list[str], bytes], cuts: list[int]
) -> None:
    names, data = mixed
    ledger: Ledger = {}
    book = CallBook("pbx1")
    feed(book, data, cuts, ledger)
    feed(book, data, cuts[::-1], ledger, base=len(data))
    assert ledger == expected(names)


@settings(max_examples=300, deadline=None)
@given(interleaved(), st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_a_reader_that_begins_again_at_the_resume_position_goes_on_as_if_nothing_was(
    mixed: tuple[list[str], bytes], kills: list[int]
) -> None:
    names, data = mixed
    lines = data.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    ledger: Ledger = {}
    resume = committed = 0
    for kill in [*sorted(kill % len(starts) for kill in kills), len(lines)]:
        book = CallBook("pbx1")
        for row in parse(data[resume : starts[kill]], resume).rows:
            if row.position == committed:
                book.take()  # What was committed before is in the ledger already.
            book.apply(row, row.position)
        if starts[kill] > committed:
            fold(ledger, book.take())
            committed = starts[kill]
        again = book.resume_position()
        resume = committed if again is None else again
    assert ledger == expected(names)


def row(event: str, at: float, uniqueid: str, **fields: str) -> str:
    values = {"eventtype": event, "eventtime": f"{at:.6f}", "uniqueid": uniqueid}
    values |= {"linkedid": uniqueid, **fields}
    return ",".join('"' + values.get(name, "").replace('"', '""') + '"' for name in COLUMNS) + "\n"


def call(uniqueid: str, at: float) -> str:
    """A citizen's call that waits in the queue."""
    leg = {"channel": f"PJSIP/trunk-{uniqueid}", "exten": "12345", "context": "from-pstn"}
    inbound = {"userdeftype": "INBOUND", "extra": '{"extra":"{\\"did\\":\\"12345\\"}"}'}
    return (
        row("CHAN_START", at, uniqueid, **leg)
        + row("INBOUND", at + 0.1, uniqueid, **leg, **inbound)
        + row("APP_START", at + 0.2, uniqueid, **leg, app="Queue", appdata="12345,ctiC,,,600")
    )


def told(text: str) -> LedgerChanges:
    book = CallBook("pbx1")
    for one in parse(text.encode()).rows:
        book.apply(one, one.position)
    return book.take()


def test_the_start_of_the_pbx_ends_what_was_open() -> None:
    text = call("1795407499.7", 1795407499) + row("PBX_START", 1795407600, "pbx")
    changes = told(text)
    assert [(one.outcome, one.ended_at) for one in changes.calls] == [
        (Outcome.INTERRUPTED, parse(row("X_Y", 1795407600, "1.1").encode()).rows[0].at)
    ]
    assert [one.how for one in changes.queue_visits] == [VisitEnd.INTERRUPTED]


def test_serial_0_says_that_the_pbx_began_anew() -> None:
    changes = told(call("1795407499.7", 1795407499) + call("1795407600.0", 1795407600))
    outcomes = {one.id: one.outcome for one in changes.calls}
    assert outcomes == {
        "pbx1:1795407499.7": Outcome.INTERRUPTED,
        "pbx1:1795407600.0": Outcome.IN_PROGRESS,
    }


def test_a_call_without_an_end_is_not_believed_for_ever() -> None:
    later = 1795407499 + LONGEST.total_seconds() + 1
    changes = told(call("1795407499.7", 1795407499) + call("1795407499.8", later))
    outcomes = {one.id: one.outcome for one in changes.calls}
    assert outcomes["pbx1:1795407499.7"] is Outcome.INTERRUPTED
    assert outcomes["pbx1:1795407499.8"] is Outcome.IN_PROGRESS


def test_a_clock_set_back_never_ends_anything_before_it_began() -> None:
    lines = journal("answered").decode().splitlines(keepends=True)
    begun = [line for line in lines if '"BRIDGE_EXIT"' not in line]
    ends = ('"HANGUP","1795', '"CHAN_END","1795')
    shifted = "".join(
        line.replace("1795", "1794", 1) if line.startswith(ends) else line for line in begun
    )
    changes = told(shifted)
    for talk in changes.talks:
        assert isinstance(talk, TalkRow)
        assert talk.ended_at is not None
        assert talk.ended_at >= talk.started_at
    for one in changes.calls:
        assert one.ended_at is not None
        assert one.ended_at >= one.started_at


def test_a_transfer_whose_target_channel_is_gone_is_named_by_whom_the_citizen_met() -> None:
    text = (
        journal("attended_ami_complete")
        .decode()
        .replace(
            '""transfer_target_channel_uniqueid"":""',
            '""transfer_target_channel_uniqueid"":""gone-',
        )
    )
    assert [transfer.target for transfer in told(text).transfers] == ["8002"]
