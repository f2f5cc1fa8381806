"""An agent's own figures: what was talked at his seat while he sat there, and nothing of others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callcenter.people.domain.permissions import Role
from callcenter.platform.db.engine import Database
from callcenter.telephony.calls.repository import write_changes
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    LedgerChanges,
    Outcome,
    QueueVisitRow,
    RatingRow,
    TalkRow,
    Via,
    VisitEnd,
)
from callcenter.telephony.domain.seat_talks import SeatTalk
from callcenter.workforce.agents.models import AgentInterval
from callcenter.workforce.domain.agent_sums import Interval
from callcenter.workforce.domain.agents import AgentState
from callcenter.workforce.domain.own_figures import own_figures
from tests.unit.app.running import service

NINE = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
"""On the city's clock."""


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def sat(seat: str, begun: float, ended: float | None, state: AgentState) -> Interval:
    return Interval(1, seat, state, "", at(begun), None if ended is None else at(ended))


def talk(call: str, begun: float, ended: float | None, **more: Any) -> SeatTalk:
    values: dict[str, Any] = {
        "seat": "8001",
        "via": "queue",
        "joined_at": at(begun - 1),
        "score": None,
        **more,
    }
    return SeatTalk(
        call, started_at=at(begun), ended_at=None if ended is None else at(ended), **values
    )


READY, TALKING, OFFLINE = AgentState.READY, AgentState.TALKING, AgentState.OFFLINE


def test_only_what_began_while_one_sat_there_is_ones_own() -> None:
    spans = [sat("8001", 0, 10, READY), sat("8001", 10, 60, TALKING), sat("8001", 90, 99, OFFLINE)]
    talks = [
        talk("a", 10, 15, score=5),
        talk("before", -5, 20),
        talk("after", 60, 61),
        talk("offline", 95, 96),
        talk("elsewhere", 20, 30, seat="8002"),
    ]
    found = own_figures(talks, spans, at(60))
    assert (found.calls, found.talk, found.scores) == (1, timedelta(minutes=5), (5,))
    assert found.longest_wait == timedelta(minutes=1)


def test_a_call_counts_once_and_who_was_put_through_waited_for_somebody_else() -> None:
    spans = [sat("8001", 0, None, TALKING)]
    talks = [
        talk("a", 1, 2, score=4),
        talk("a", 5, 6, via="transfer", score=4),
        talk("b", 10, 12, via="transfer"),
        talk("c", 20, None, joined_at=at(17), score=5),
    ]
    found = own_figures(talks, spans, at(23))
    assert (found.calls, found.talk) == (3, timedelta(minutes=7))
    assert found.waits == (timedelta(minutes=1), timedelta(minutes=3))
    assert (found.average_wait, found.average_score) == (timedelta(minutes=2), 4.5)


def test_a_day_without_calls_has_no_averages() -> None:
    found = own_figures([], [], at(0))
    assert (found.calls, found.average_talk, found.average_wait, found.average_score) == (
        0, None, None, None,
    )  # fmt: skip


def row(number: int, seat: str, score: int) -> LedgerChanges:
    call_id = f"pbx1:17.{number}"
    begun = at(number)
    return LedgerChanges(
        calls=(
            CallRow(
                id=call_id, node="pbx1", linkedid=f"17.{number}", direction=Direction.INBOUND,
                caller_number="13800138000", caller_name="", called_number="12345",
                started_at=begun, answered_at=begun, ended_at=begun, ended_by=None,
                outcome=Outcome.ANSWERED, route="queue", queue="12345", seat=seat, first_seat=seat,
            ),
        ),
        queue_visits=(
            QueueVisitRow(
                f"{call_id}/q1", call_id, f"17.{number}", "12345", begun,
                begun + timedelta(seconds=20), VisitEnd.CONNECTED,
            ),
        ),
        talks=(
            TalkRow(
                f"{call_id}/t1", call_id, seat, f"18.{number}", "PJSIP/x", Via.QUEUE,
                begun + timedelta(seconds=20), begun + timedelta(seconds=80), None,
            ),
        ),
        ratings=(RatingRow(f"{call_id}/s1", call_id, seat, score, begun),),
    )  # fmt: skip


async def test_an_operator_reads_his_own_and_nobody_elses(tmp_path: Path) -> None:
    async with service(tmp_path) as app:
        wang = await app.person("wang", Role.OPERATOR)
        li = await app.person("li", Role.OPERATOR)
        me = (await wang.get("/api/me")).json()["user_id"]
        async with app.get(Database).writing() as session:
            for number, seat, score in ((1, "8001", 5), (2, "8002", 1), (3, "8001", 4)):
                await write_changes(session, row(number, seat, score))
            session.add(
                AgentInterval(
                    user_id=me, seat="8001", state="ready", reason="", begun_at=at(0),
                    ended_at=at(60),
                )
            )  # fmt: skip
        found = await wang.get("/api/agents/me/figures", day="2026-11-24")
        assert found.json() == {
            "day": "2026-11-24", "calls": 2, "talk_seconds": 120.0, "average_talk_seconds": 60.0,
            "average_wait_seconds": 20.0, "longest_wait_seconds": 20.0, "scores": 2,
            "average_score": 4.5,
        }  # fmt: skip
        assert (await li.get("/api/agents/me/figures", day="2026-11-24")).json()["calls"] == 0
        assert (await wang.get("/api/agents/me/figures", day="2026-11-23")).json()["calls"] == 0
