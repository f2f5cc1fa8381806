"""What is no talk, and who was talked with: laws of the book, over rows written by hand."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.ids import Linkedid, Uniqueid
from callcenter.telephony.domain.journal import JournalRow
from callcenter.telephony.domain.ledger import CITIZEN, LedgerChanges, Outcome, TalkRow

BEGUN = datetime(2026, 11, 27, 10, tzinfo=UTC)
CITIZEN_LEG, OTHER_LEG = "PJSIP/trunk-00000001", "PJSIP/trunk-00000002"
FIRST, SECOND = "PJSIP/8001-00000003", "PJSIP/8002-00000004"


class Journal:
    """Rows in order, a millisecond apart, of legs with numbers of their own."""

    def __init__(self) -> None:
        self.rows: list[JournalRow] = []
        self._ids: dict[str, str] = {}
        self._serial = itertools.count(1)

    def say(self, event: str, leg: str, linked: str = "", ms: int = 1, **more: object) -> None:
        uniqueid = self._ids.setdefault(leg, f"1795800000.{next(self._serial)}")
        group = self._ids[linked or leg]
        texts: dict[str, str] = {
            key: str(more.pop(key)) for key in ("exten", "app", "appdata") if key in more
        }
        at = (self.rows[-1].at if self.rows else BEGUN) + timedelta(milliseconds=ms)
        self.rows.append(made(event, at, uniqueid, group, leg, texts, more))

    def inbound(self, leg: str) -> None:
        self.say("CHAN_START", leg, exten="12345")
        self.say("INBOUND", leg, did="12345")
        self.say("ROUTED", leg, route="queue", queue="12345", priority=0)
        self.say("APP_START", leg, app="Queue", appdata="12345,ctiCI")

    def rings(self, seat: str, citizen: str) -> None:
        self.say("CHAN_START", seat, citizen, exten="s")

    def together(self, bridge: str, *legs: str, linked: str) -> None:
        for leg in legs:
            self.say("BRIDGE_ENTER", leg, linked, bridge_id=bridge)

    def apart(self, bridge: str, *legs: str, linked: str) -> None:
        for leg in legs:
            self.say("BRIDGE_EXIT", leg, linked, bridge_id=bridge)

    def gone(self, leg: str, linked: str, source: str = "") -> None:
        self.say("HANGUP", leg, linked, hangupcause=16, hangupsource=source)
        self.say("CHAN_END", leg, linked)


def made(
    event: str, at: datetime, uniqueid: str, group: str, leg: str,
    texts: dict[str, str], facts: dict[str, object],
) -> JournalRow:  # fmt: skip
    return JournalRow(
        event=event, at=at, uniqueid=Uniqueid(uniqueid), linkedid=Linkedid(group),
        number="13900000000", name="", exten=texts.get("exten", ""), context="", channel=leg,
        app=texts.get("app", ""), appdata=texts.get("appdata", ""), peer="", facts=facts,
    )  # fmt: skip


def ledger(journal: Journal, cuts: frozenset[int] = frozenset()) -> dict[str, dict[str, object]]:
    """The ledger's rows by kind and id, read in the pieces that `cuts` make."""
    book = CallBook("pbx1")
    tables: dict[str, dict[str, object]] = {}

    def take(changes: LedgerChanges) -> None:
        for gone in changes.talks_taken_back:
            tables.setdefault("talks", {}).pop(gone.id, None)
        for name in LedgerChanges.__slots__:
            if name != "talks_taken_back":
                tables.setdefault(name, {}).update({row.id: row for row in getattr(changes, name)})

    for number, row in enumerate(journal.rows):
        book.apply(row, number)
        if number in cuts:
            take(book.take())
    take(book.take())
    return tables


def without_sound(*, then: str) -> Journal:
    """8001 answers without sound; then 8002 takes him, or he gives up."""
    journal = Journal()
    journal.inbound(CITIZEN_LEG)
    journal.rings(FIRST, CITIZEN_LEG)
    journal.say("ANSWER", FIRST, CITIZEN_LEG)
    journal.together("b1", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.apart("b1", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.say("NO_TALK", FIRST, CITIZEN_LEG)
    journal.gone(FIRST, CITIZEN_LEG, FIRST)
    journal.say("QUEUE_RESULT", CITIZEN_LEG, queue="12345", status="CONTINUE")
    journal.say("APP_START", CITIZEN_LEG, app="Queue", appdata="12345,ctiCI", ms=500)
    if then == "taken":
        journal.rings(SECOND, CITIZEN_LEG)
        journal.say("ANSWER", SECOND, CITIZEN_LEG)
        journal.together("b2", SECOND, CITIZEN_LEG, linked=CITIZEN_LEG)
        journal.apart("b2", CITIZEN_LEG, SECOND, linked=CITIZEN_LEG)
        journal.gone(SECOND, CITIZEN_LEG, CITIZEN_LEG)
    # The PBX has never cleared the first source on his channel.
    journal.gone(CITIZEN_LEG, CITIZEN_LEG, FIRST)
    return journal


cuts = st.frozensets(st.integers(0, 40))


@given(cuts)
def test_what_was_no_talk_leaves_no_trace_however_it_was_read(at: frozenset[int]) -> None:
    tables = ledger(without_sound(then="taken"), at)
    (call,) = tables["calls"].values()
    assert (call.first_seat, call.seat, call.outcome) == ("8002", "8002", Outcome.ANSWERED)  # type: ignore[attr-defined]
    (talk,) = tables["talks"].values()
    assert isinstance(talk, TalkRow)
    assert (talk.id[-3:], talk.seat, talk.started_at) == ("/t1", "8002", call.answered_at)  # type: ignore[attr-defined]
    assert [ring.how for ring in tables["rings"].values()] == ["refused", "answered"]  # type: ignore[attr-defined]
    assert [visit.how for visit in tables["queue_visits"].values()] == ["connected"] * 2  # type: ignore[attr-defined]
    assert tables == ledger(without_sound(then="taken"))


@given(cuts)
def test_who_gave_up_then_was_never_answered(at: frozenset[int]) -> None:
    tables = ledger(without_sound(then="given up"), at)
    (call,) = tables["calls"].values()
    assert (call.answered_at, call.outcome, call.ended_by) == (None, "abandoned", "caller")  # type: ignore[attr-defined]
    assert not tables["talks"]


def joined() -> Journal:
    """Two citizens are left with each other; the second one hangs up."""
    journal = Journal()
    for leg, seat, bridge in ((CITIZEN_LEG, FIRST, "b1"), (OTHER_LEG, SECOND, "b2")):
        journal.inbound(leg)
        journal.rings(seat, leg)
        journal.say("ANSWER", seat, leg)
        journal.together(bridge, seat, leg, linked=leg)
    journal.apart("b2", SECOND, OTHER_LEG, linked=OTHER_LEG)
    journal.apart("b1", FIRST, linked=CITIZEN_LEG)
    journal.together("b1", OTHER_LEG, linked=CITIZEN_LEG)
    journal.gone(FIRST, CITIZEN_LEG)
    journal.gone(SECOND, OTHER_LEG)
    journal.apart("b1", OTHER_LEG, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.gone(OTHER_LEG, CITIZEN_LEG, OTHER_LEG)
    journal.gone(CITIZEN_LEG, CITIZEN_LEG, OTHER_LEG)
    return journal


@given(cuts)
def test_another_citizen_is_told_as_such_and_is_no_seat(at: frozenset[int]) -> None:
    tables = ledger(joined(), at)
    calls = list(tables["calls"])
    assert len(calls) == 2
    talks = [talk for talk in tables["talks"].values() if isinstance(talk, TalkRow)]
    together = [talk for talk in talks if talk.seat.startswith(CITIZEN)]
    assert {(talk.call_id, talk.seat) for talk in together} == {
        (calls[0], CITIZEN + calls[1]),
        (calls[1], CITIZEN + calls[0]),
    }
    assert all(talk.ended_by != "seat" for talk in together)
    assert {call.seat for call in tables["calls"].values()} == {"8001", "8002"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("dialled", ["02161234567", ""])
def test_a_party_is_never_a_channels_name(dialled: str) -> None:
    """An outside leg is the number that was dialled; nothing is made up of one that none knows."""
    journal = Journal()
    journal.inbound(CITIZEN_LEG)
    data = f"PJSIP/trunk/sip:{dialled}@carrier,60,gi" if dialled else "Local/x@y,60"
    journal.say("APP_START", CITIZEN_LEG, app="Dial", appdata=data)
    journal.rings(OTHER_LEG, CITIZEN_LEG)
    journal.together("b1", OTHER_LEG, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.apart("b1", OTHER_LEG, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.gone(OTHER_LEG, CITIZEN_LEG)
    journal.gone(CITIZEN_LEG, CITIZEN_LEG)
    parties = {talk.seat for talk in ledger(journal)["talks"].values()}  # type: ignore[attr-defined]
    assert parties == {dialled or "outside"}
