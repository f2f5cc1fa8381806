"""Agents over a real database: commands, facts of both sources, restarts, memberships."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import SYSTEM, Trail
from callcenter.platform.errors import BadInput, CallcenterError, Conflict, NotFound
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.ledger import Direction, RingEnd
from callcenter.telephony.queues.first import main_queue
from callcenter.telephony.queues.service import QueueService
from callcenter.telephony.seats.service import NewSeat, SeatChanges
from callcenter.workforce.agents.models import AgentFact
from callcenter.workforce.agents.neighbours import QueueCodes
from callcenter.workforce.agents.records import decode, encode
from callcenter.workforce.agents.service import AgentService
from callcenter.workforce.domain.agents import (
    Agent,
    BeReady,
    EndWrapUp,
    Fact,
    TakeBreak,
    apply,
)
from tests.unit.workforce.agents.conftest import MakeOffice
from tests.unit.workforce.agents.office import FIRST, FREE, LI, SECOND, T0, WANG, Office, talking
from tests.unit.workforce.domain.test_agents import GONE, IDLE, RULES, _timed, at


async def code_of(work: Any) -> str:
    with pytest.raises(CallcenterError) as caught:
        await work
    return caught.value.error_code


async def facts_waiting(office: Office) -> int:
    async with office.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(AgentFact)) or 0


# -- seats -------------------------------------------------------------------------------------


async def test_one_agent_one_seat_one_seat_one_agent(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="wangfang")
    assert await office.state(WANG) == "ready"
    with pytest.raises(Conflict) as taken:
        await office.agents.log_in(LI, FIRST, actor="liqiang")
    assert (taken.value.error_code, taken.value.details["user_id"]) == ("seat_taken", WANG)
    assert await code_of(office.agents.log_in(WANG, SECOND, actor="x")) == "agent_elsewhere"
    again = await office.agents.log_in(WANG, FIRST, actor="wangfang")
    assert again.agent.since == T0
    await office.agents.log_out(WANG, forced=False, actor="wangfang")
    await office.agents.log_in(LI, FIRST, actor="liqiang")
    await office.agents.log_in(WANG, SECOND, actor="wangfang")
    assert (office.agents.at(FIRST), office.agents.at(SECOND)) == (LI, WANG)


async def test_a_seat_that_is_not_there_or_disabled_cannot_be_taken(office: Office) -> None:
    assert await code_of(office.agents.log_in(WANG, "8099", actor="x")) == "seat_unknown"
    await office.seats.change(FIRST, SeatChanges(enabled=False), actor="x")
    assert await code_of(office.agents.log_in(WANG, FIRST, actor="x")) == "seat_unknown"


async def test_nobody_but_agents_can_be_set(office: Office) -> None:
    with pytest.raises(NotFound) as unknown:
        await office.agents.log_in(99, FIRST, actor="x")
    assert unknown.value.error_code == "agent_unknown"
    assert await code_of(office.agents.command(99, BeReady(), actor="x")) == "agent_unknown"
    assert await code_of(office.agents.command(WANG, BeReady(), actor="x")) == "not_logged_in"


async def test_who_is_no_agent_any_more_is_logged_out(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.agents.log_in(LI, SECOND, actor="x")
    del office.people.known[WANG]
    office.agents.user_changed(WANG)
    office.agents.user_changed(LI)
    await office.agents.take_due()
    assert office.agents.at(FIRST) is None
    assert office.agents.at(SECOND) == LI


# -- a day's work ------------------------------------------------------------------------------


async def test_a_call_is_kept_in_intervals_without_a_gap(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    office.later(10)
    await office.sees(FIRST, talking("17.2"))
    office.later(50)
    await office.sees(FIRST, FREE)
    assert office.pbx.pauses[FIRST] == "wrap_up"
    office.later(30)
    await office.agents.take_due()
    assert office.pbx.pauses[FIRST] == ""
    office.later(5)
    await office.agents.command(WANG, TakeBreak("meal", 60), actor="x")
    office.later(60)
    await office.agents.take_due()
    await office.agents.log_out(WANG, forced=False, actor="x")
    assert await office.intervals(WANG) == [
        ("8001", "ready", "", 0, 10),
        ("8001", "talking", "", 10, 60),
        ("8001", "wrap_up", "", 60, 90),
        ("8001", "ready", "", 90, 95),
        ("8001", "break", "meal", 95, 155),
    ]
    sums = (await office.history.day(office.history.today()))[WANG]
    assert sums.logged_in == timedelta(seconds=155)
    assert sums.occupancy == pytest.approx(80 / 95)
    assert sums.by_reason == {"meal": timedelta(seconds=60)}
    topics = [(change.topic, change.data.get("state")) for change in office.published]
    assert topics == [
        ("agent.state", "ready"),
        ("agent.state", "talking"),
        ("agent.state", "wrap_up"),
        ("agent.state", "ready"),
        ("agent.state", "break"),
        ("agent.alarm", None),
        ("agent.state", "offline"),
    ]


async def test_the_pause_after_a_talk_waits_for_nothing(office: Office) -> None:
    """Somebody else's write holds the database; the PBX is told all the same."""
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.sees(FIRST, talking("17.2"))
    office.pbx.told.clear()
    async with office.database.writing():
        seen = asyncio.create_task(office.sees(FIRST, FREE))
        await office.pbx.told.wait()
        assert office.pbx.pauses[FIRST] == "wrap_up"
        assert not seen.done()
    assert await seen


async def test_a_step_that_cannot_be_written_did_not_happen(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    office.later(1)
    with monkeypatch.context() as patch:

        def locked() -> None:
            raise OperationalError("", None, Exception("database is locked"))

        patch.setattr(office.database, "writing", locked)
        assert await office.sees(FIRST, talking("17.2")) is False
        with pytest.raises(OperationalError):
            await office.agents.command(WANG, TakeBreak("meal"), actor="x")
    assert await office.state(WANG) == "ready"
    assert await office.sees(FIRST, talking("17.2")) is True
    assert await office.state(WANG) == "talking"
    assert [one[1] for one in await office.intervals(WANG)] == ["ready", "talking"]


async def test_a_queue_that_is_disabled_is_left_to_the_pbx_to_empty(office: Office) -> None:
    """Whose only skill it is keeps his place while callers wait: only the PBX's side knows that."""
    queues = QueueService(office.database, office.settings)
    await queues.ensure_first()
    await queues.create(
        replace(main_queue(office.settings), code="spill", transfer_number=None), actor="x"
    )
    agents = AgentService(
        office.database, office.settings, people=office.people, seats=office.seats,
        pbx=office.pbx, queues=QueueCodes(queues), clock=office.clock,
    )  # fmt: skip
    await agents.set_skills(WANG, {"spill": 2}, actor="x")
    await agents.log_in(WANG, FIRST, actor="x")
    await queues.change("spill", {"enabled": False}, actor="x")
    assert [(one.queue, one.level) for one in await agents.memberships() if one.user_id] == [
        ("spill", 2)
    ]
    # Skills are set as a whole: those for a queue that rests are among them.
    await agents.set_skills(WANG, {"spill": 1, "12345": 1}, actor="x")
    with pytest.raises(BadInput, match="no queue"):
        await agents.set_skills(WANG, {"nowhere": 1}, actor="x")


# -- the seat itself goes -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["disabled", "removed"])
async def test_whose_seat_is_taken_away_is_logged_out_with_the_reason(
    office: Office, how: str
) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.agents.log_in(LI, SECOND, actor="x")
    await office.sees(FIRST, IDLE)
    office.later(5)
    await take_away(office, how)
    await office.agents.take_due()
    assert [await office.state(one) for one in (WANG, LI)] == ["offline", "ready"]
    assert (await office.intervals(WANG))[-1] == ("8001", "ready", "", 0, 5)
    told = office.published[-1].data
    assert (told["state"], told["reason"]) == ("offline", f"seat_{how}")
    (note, *_) = await Trail(office.database).page(
        TrailFilter(subject=f"agent:{WANG}"), before=None, limit=1
    )
    assert (note.actor, note.data["reason"]) == (SYSTEM, f"seat_{how}")


async def test_a_talk_outlives_its_seat_and_the_logout_comes_after_it(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.sees(FIRST, talking("17.2"))
    await take_away(office, "disabled")
    office.later(1)
    await office.agents.take_due()
    assert await office.state(WANG) == "talking"
    office.later(60)
    await office.sees(FIRST, GONE)
    await office.agents.take_due()
    assert await office.state(WANG) == "offline"
    assert [one[1:] for one in await office.intervals(WANG)][-2:] == [
        ("talking", "", 0, 61),
        ("wrap_up", "", 61, 61),
    ]


async def test_a_seat_that_went_while_we_were_down_is_noticed(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.sees(FIRST, IDLE)
    await office.seats.remove(FIRST, actor="x")
    office.begin()
    await office.agents.load()
    await office.agents.take_due()
    assert await office.state(WANG) == "offline"


async def test_a_login_that_meets_the_disabling_does_not_outlive_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = office.agents._usable

    async def looks_just_before(seat: str) -> Extension:
        found = await look(seat)
        await take_away(office, "disabled")
        await office.agents.take_due()
        return found

    monkeypatch.setattr(office.agents, "_usable", looks_just_before)
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.agents.take_due()
    assert await office.state(WANG) == "offline"


async def take_away(office: Office, how: str) -> None:
    if how == "removed":
        await office.seats.remove(FIRST, actor="admin")
    else:
        await office.seats.change(FIRST, SeatChanges(enabled=False), actor="admin")


# -- the ledger --------------------------------------------------------------------------------


async def test_rings_that_nobody_takes_end_in_a_break(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    for number, how in enumerate((RingEnd.NO_ANSWER, RingEnd.CANCELLED, RingEnd.NO_ANSWER), 1):
        office.later(10)
        await office.told_by_ledger(office.ring(number, how))
        await office.agents.take_due()
    assert await office.state(WANG) == "break"
    assert office.pbx.pauses[FIRST] == "ring_no_answer"
    assert (await office.intervals(WANG))[-1][:3] == ("8001", "break", "ring_no_answer")
    assert await facts_waiting(office) == 0


async def test_calls_that_a_phone_refuses_end_in_a_break_of_their_own_reason(
    office: Office,
) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    for number in (1, 2):
        office.later(10)
        await office.told_by_ledger(office.ring(number, RingEnd.REFUSED))
        await office.agents.take_due()
    assert (await office.intervals(WANG))[-1][:3] == ("8001", "break", "ring_refused")
    assert office.pbx.pauses[FIRST] == "ring_refused"


async def test_a_phone_that_answers_and_leaves_at_once_ends_in_the_same_break(
    office: Office,
) -> None:
    """The ledger tells it as answered, and a moment later as refused: it forgives nothing."""
    await office.agents.log_in(WANG, FIRST, actor="x")
    for number in (1, 2):
        office.later(10)
        await office.told_by_ledger(office.ring(number, RingEnd.ANSWERED))
        office.later(0.1)
        await office.told_by_ledger(office.ring(number, RingEnd.REFUSED))
        await office.agents.take_due()
    assert office.pbx.pauses[FIRST] == "ring_refused"


async def test_whoever_refuses_a_colleague_has_refused_no_caller(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    for number in (1, 2):
        office.later(10)
        await office.told_by_ledger(office.ring(number, RingEnd.REFUSED, direct=True))
    assert await facts_waiting(office) == 0


async def test_a_phone_that_takes_no_sound_is_nobodys_refusal(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    for number in (1, 2, 3):
        office.later(10)
        await office.told_by_ledger(office.ring(number, RingEnd.NO_SOUND))
    assert await facts_waiting(office) == 0


async def test_a_talk_that_only_the_ledger_knows_has_its_wrap_up(office: Office) -> None:
    await office.agents.set_wrap_up_times({"english": 60}, actor="x")
    await office.agents.log_in(WANG, FIRST, actor="x")
    office.later(10)
    ended = office.now
    await office.told_by_ledger(office.talk_ended("17.2", queue="english"))
    office.later(5)
    await office.agents.take_due()
    wrap_up = (await office.agents.get(WANG)).agent.wrap_up
    assert wrap_up is not None
    assert wrap_up.until == ended + timedelta(seconds=60)


async def test_colleagues_talks_and_empty_seats_are_no_facts(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    office.later(10)
    await office.told_by_ledger(office.talk_ended("17.2", direction=Direction.INTERNAL))
    await office.told_by_ledger(office.talk_ended("17.3", "8002"))
    await office.told_by_ledger(office.ring(4, RingEnd.NO_ANSWER, "8002"))
    assert await facts_waiting(office) == 0


async def test_facts_wait_for_a_process_that_was_killed(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    for number in (1, 2):
        office.later(10)
        await office.told_by_ledger(office.ring(number, RingEnd.NO_ANSWER))
    office.begin()
    await office.agents.load()
    await office.agents.take_due()
    assert await office.state(WANG) == "break"


async def test_a_rebuild_that_tells_all_again_changes_nothing(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    told = []
    for number, how in enumerate((RingEnd.NO_ANSWER, RingEnd.ANSWERED, RingEnd.NO_ANSWER), 1):
        office.later(10)
        told.append(office.ring(number, how))
        await office.told_by_ledger(told[-1])
    told.append(office.talk_ended("17.2"))
    await office.told_by_ledger(told[-1])
    await office.agents.take_due()
    await office.agents.command(WANG, EndWrapUp(), actor="x")
    before = (await office.agents.get(WANG)).agent
    for changes in told:
        await office.told_by_ledger(changes)
    await office.agents.take_due()
    assert (await office.agents.get(WANG)).agent == before


# -- restarts ----------------------------------------------------------------------------------


async def test_everybody_is_as_the_last_process_left_him(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.agents.command(WANG, TakeBreak("meal", 60), actor="x")
    await office.agents.log_in(LI, SECOND, actor="x")
    await office.sees(SECOND, talking("17.2"))
    before = {user: (await office.agents.get(user)).agent for user in (WANG, LI)}
    office.pbx.pauses.clear()
    office.begin()
    await office.agents.load()
    assert {user: (await office.agents.get(user)).agent for user in (WANG, LI)} == before
    assert office.pbx.pauses == {FIRST: "meal", SECOND: ""}
    # The talk ended meanwhile: the first look says so.
    await office.sees(SECOND, FREE)
    assert await office.state(LI) == "wrap_up"
    office.later(61)
    await office.agents.take_due()
    assert [change.data["user_id"] for change in office.published if "alarm" in change.topic] == [
        WANG
    ]


@given(_timed)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_restart_before_any_fact_makes_no_difference(facts: list[tuple[Fact, int]]) -> None:
    lived = restarted = Agent(since=T0)
    for fact, seconds in facts:
        lived = apply(lived, fact, at(seconds), RULES).agent
        restarted = apply(decode(encode(restarted)), fact, at(seconds), RULES).agent
    assert decode(encode(restarted)) == lived


# -- memberships -------------------------------------------------------------------------------


async def test_seats_without_agents_take_calls_until_somebody_logs_in(office: Office) -> None:
    await office.seats.change("8003", SeatChanges(in_queue=False), actor="x")
    plain = [("12345", "8001", 1, ""), ("12345", "8002", 1, "")]
    assert await office.members() == plain
    await office.agents.log_in(WANG, FIRST, actor="x")
    assert office.told
    await office.agents.set_skills(WANG, {"english": 2}, actor="x")
    assert await office.members() == [("english", "8001", 2, ""), plain[1]]
    names = [one.name for one in await office.agents.memberships()]
    assert names[0] == "王芳"
    await office.agents.command(WANG, TakeBreak("meal"), actor="x")
    assert await office.members() == [("english", "8001", 2, "meal"), plain[1]]
    await office.agents.log_out(WANG, forced=False, actor="x")
    assert await office.members() == plain
    assert office.pbx.pauses[FIRST] == ""


async def test_where_agents_are_required_a_seat_alone_takes_no_calls(
    make_office: MakeOffice,
) -> None:
    office = await make_office(agents_required=True)
    assert await office.members() == []
    await office.agents.log_in(WANG, FIRST, actor="x")
    assert await office.members() == [("12345", "8001", 1, "")]
    await office.agents.log_out(WANG, forced=False, actor="x")
    assert await office.members() == []
    assert office.pbx.pauses[FIRST] == "offline"  # Until the reconciler has ended his place.


async def test_skills_and_times_name_queues_that_there_are(office: Office) -> None:
    with pytest.raises(BadInput) as unknown:
        await office.agents.set_skills(WANG, {"night": 1}, actor="x")
    assert unknown.value.error_code == "queue_unknown"
    assert await code_of(office.agents.set_wrap_up_times({"night": 1}, actor="x")) == (
        "queue_unknown"
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from([WANG, LI]),
            st.sampled_from(["8001", "8002", None]),
        ),
        max_size=12,
    )
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_order_of_logins_puts_two_at_one_seat(
    office: Office, moves: list[tuple[int, str | None]]
) -> None:
    seat_of: dict[int, str] = {}
    for user_id in (WANG, LI):
        await office.agents.log_out(user_id, forced=True, actor="x")
    for user_id, seat in moves:
        office.later(1)
        if seat is None:
            await office.agents.log_out(user_id, forced=False, actor="x")
            seat_of.pop(user_id, None)
            continue
        other = next((one for one, at_seat in seat_of.items() if at_seat == seat), user_id)
        if other != user_id:
            assert await code_of(office.agents.log_in(user_id, seat, actor="x")) == "seat_taken"
        elif seat_of.get(user_id, seat) != seat:
            assert await code_of(office.agents.log_in(user_id, seat, actor="x")) == (
                "agent_elsewhere"
            )
        else:
            await office.agents.log_in(user_id, seat, actor="x")
            seat_of[user_id] = seat
        sitting = {
            info.person.user_id: info.agent.seat
            for info in await office.agents.all()
            if info.agent.seat is not None
        }
        assert sitting == seat_of


async def test_a_seat_made_anew_under_an_old_extension_has_no_agent(office: Office) -> None:
    """He sat at the seat that is gone; the next look finds a seat of that name, but another."""
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.agents.log_in(LI, SECOND, actor="x")
    office.later(5)
    await office.seats.remove(FIRST, actor="x")
    await office.seats.create(NewSeat(FIRST, "新座席"), actor="x")
    await office.agents.take_due()
    assert office.agents.at(FIRST) is None
    assert office.agents.at(SECOND) == LI
    assert (await office.agents.log_in(LI, SECOND, actor="x")).agent.seat == SECOND
    assert (await office.agents.log_in(WANG, FIRST, actor="x")).agent.seat == FIRST
    office.later(5)
    office.agents.seats_changed()
    await office.agents.take_due()
    assert office.agents.at(FIRST) == WANG
