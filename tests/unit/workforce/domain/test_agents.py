"""The agent machine: stories first, then its laws over every order of facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.ids import Extension, Uniqueid
from callcenter.telephony.domain.seat_seen import Activity, SeatSeen, Talk
from callcenter.workforce.domain.agent_sums import Interval, sums
from callcenter.workforce.domain.agents import (
    RING_NO_ANSWER,
    RING_REFUSED,
    WRAP_UP,
    Agent,
    AgentState,
    BeReady,
    BreakExceeded,
    Changed,
    Command,
    EndWrapUp,
    Fact,
    LogIn,
    LogOut,
    Refusal,
    RingEnded,
    Rules,
    SeatLeft,
    SeatTaken,
    SetPause,
    Shown,
    Step,
    TakeBreak,
    TalkEnded,
    Tick,
    apply,
    refusal,
)

T0 = datetime(2026, 11, 24, 1, tzinfo=UTC)
SEAT, OTHER = Extension("8001"), Extension("8002")
RULES = Rules(wrap_up_seconds=30, ring_no_answer_limit=2, wrap_up_of={"english": 60, "quick": 0})
A, B = Uniqueid("1795407499.12"), Uniqueid("1795407600.20")
IDLE = SeatSeen(reachable=True, activity=Activity.IDLE)
GONE = SeatSeen(reachable=False, activity=Activity.IDLE)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def ringing(leg: Uniqueid = A) -> SeatSeen:
    return SeatSeen(reachable=True, activity=Activity.RINGING, legs=frozenset({leg}))


def talking(leg: Uniqueid = A, queue: str = "12345", *, hold: bool = False) -> SeatSeen:
    return SeatSeen(
        reachable=True,
        activity=Activity.HOLD if hold else Activity.TALKING,
        legs=frozenset({leg}),
        talks=(Talk(leg, queue),),
    )


class Life:
    """One agent, and everything that came of his facts."""

    def __init__(self, *facts: Fact) -> None:
        self.agent = Agent(since=T0)
        self.effects: list[object] = []
        for fact in facts:
            self.take(fact, 0)

    def take(self, fact: Fact, seconds: float) -> tuple[object, ...]:
        step = apply(self.agent, fact, at(seconds), RULES)
        self.agent = step.agent
        self.effects += step.effects
        return step.effects

    def does(self) -> AgentState:
        return self.agent.state


def ready() -> Life:
    return Life(LogIn(SEAT), IDLE)


# -- stories -----------------------------------------------------------------------------------


def test_a_call_from_ready_to_ready() -> None:
    life = Life(LogIn(SEAT))
    assert life.does() is AgentState.UNREACHABLE
    assert SeatTaken(SEAT) in life.effects
    assert SetPause(SEAT, "") in life.effects
    seen = []
    for fact, seconds in (
        (IDLE, 1),
        (ringing(), 5),
        (talking(), 8),
        (talking(hold=True), 20),
        (talking(), 30),
        (IDLE, 60),
        (Tick(), 89.9),
        (Tick(), 90),
    ):
        life.take(fact, seconds)
        seen.append(life.does().value)
    assert seen == [
        "ready", "ringing", "talking", "hold", "talking", "wrap_up", "wrap_up", "ready",
    ]  # fmt: skip
    assert [effect for effect in life.effects if isinstance(effect, SetPause)] == [
        SetPause(SEAT, ""),
        SetPause(SEAT, WRAP_UP),
        SetPause(SEAT, ""),
    ]


def test_who_logs_in_at_a_phone_that_is_there_is_ready_at_once() -> None:
    life = Life()
    life.take(LogIn(SEAT, IDLE), 1)
    assert [one.after.state for one in life.effects if isinstance(one, Changed)] == [
        AgentState.READY
    ]
    late = Life()
    late.take(LogIn(SEAT, talking()), 1)  # The seat's own talk goes on; he writes it up.
    late.take(IDLE, 2)
    assert late.does() is AgentState.WRAP_UP


def test_the_pause_is_an_effect_of_the_very_look_in_which_the_leg_is_gone() -> None:
    life = ready()
    life.take(talking(), 1)
    assert SetPause(SEAT, WRAP_UP) in life.take(IDLE, 2)


def test_a_leg_between_two_bridges_of_a_transfer_is_still_its_talk() -> None:
    life = ready()
    life.take(talking(), 1)
    consult = SeatSeen(reachable=True, activity=Activity.TALKING, legs=frozenset({A}))
    assert life.take(consult, 2) == ()
    assert life.does() is AgentState.TALKING
    life.take(IDLE, 3)
    assert life.does() is AgentState.WRAP_UP


def test_colleagues_talking_among_themselves_leave_no_wrap_up() -> None:
    life = ready()
    life.take(SeatSeen(reachable=True, activity=Activity.TALKING, legs=frozenset({A})), 1)
    assert life.does() is AgentState.TALKING
    life.take(IDLE, 2)
    assert life.does() is AgentState.READY


def test_wrap_up_has_its_queue_s_time_and_the_ledger_s_moment() -> None:
    life = ready()
    life.take(talking(queue="english"), 1)
    life.take(IDLE, 10.2)
    assert life.agent.deadline == at(70.2)
    life.take(TalkEnded(A, "english", at(10)), 10.3)
    assert life.agent.deadline == at(70)


def test_after_an_outage_the_ledger_alone_begins_the_wrap_up() -> None:
    life = ready()
    life.take(TalkEnded(A, "12345", at(10)), 15)
    assert (life.does(), life.agent.deadline) == (AgentState.WRAP_UP, at(40))
    late = ready()
    late.take(TalkEnded(A, "12345", at(10)), 100)
    assert late.does() is AgentState.READY


def test_a_queue_may_have_no_wrap_up() -> None:
    life = ready()
    life.take(talking(queue="quick"), 1)
    life.take(IDLE, 2)
    assert life.does() is AgentState.READY


@pytest.mark.parametrize("command", [EndWrapUp(), BeReady()])
def test_the_agent_ends_the_wrap_up(command: Command) -> None:
    life = ready()
    life.take(talking(), 1)
    life.take(IDLE, 2)
    assert SetPause(SEAT, "") in life.take(command, 3)
    life.take(TalkEnded(A, "12345", at(2)), 3.1)  # The ledger does not begin it anew.
    assert life.does() is AgentState.READY


def test_a_break_asked_for_in_a_call_comes_after_its_wrap_up() -> None:
    life = ready()
    life.take(talking(), 1)
    assert SetPause(SEAT, "meal") in life.take(TakeBreak("meal", 60), 2)
    assert life.does() is AgentState.TALKING
    life.take(IDLE, 3)
    assert life.does() is AgentState.WRAP_UP
    life.take(Tick(), 33)
    assert life.agent.shown.state is AgentState.BREAK
    assert life.agent.shown.reason == "meal"
    assert life.agent.deadline == at(93)  # The limit counts from when he is away.


def test_a_break_that_lasts_too_long_is_told_once() -> None:
    life = ready()
    life.take(TakeBreak("meal", 60), 1)
    assert life.take(Tick(), 60.9) == ()
    assert life.take(Tick(), 61) == (BreakExceeded("meal"),)
    assert life.take(Tick(), 100) == ()
    assert life.agent.deadline is None
    life.take(BeReady(), 101)
    life.take(TakeBreak("meal", 60), 102)
    assert life.take(Tick(), 162) == (BreakExceeded("meal"),)


def test_the_same_break_again_does_not_begin_its_clock_anew() -> None:
    life = ready()
    life.take(TakeBreak("meal", 60), 1)
    assert life.take(TakeBreak("meal", 60), 30) == ()
    assert life.take(Tick(), 61) == (BreakExceeded("meal"),)


def test_calls_left_ringing_end_in_a_break_of_its_own_reason() -> None:
    life = ready()
    assert life.take(RingEnded(answered=False, at=at(5)), 5) == ()
    effects = life.take(RingEnded(answered=False, at=at(15)), 15)
    assert SetPause(SEAT, RING_NO_ANSWER) in effects
    assert life.agent.shown.reason == RING_NO_ANSWER
    life.take(BeReady(), 20)
    assert (life.does(), life.agent.missed) == (AgentState.READY, 0)


@pytest.mark.parametrize(
    ("rings", "reason"),
    [
        ([True, True], RING_REFUSED),
        ([False, True], RING_REFUSED),  # What the last one was is the reason.
        ([True, False], RING_NO_ANSWER),
    ],
)
def test_a_refused_call_was_not_served_either(rings: list[bool], reason: str) -> None:
    life = ready()
    for second, refused in enumerate(rings, 1):
        life.take(RingEnded(answered=False, refused=refused, at=at(second)), second)
    assert life.agent.shown.reason == life.agent.pause == reason


def test_a_call_that_is_taken_in_between_forgives() -> None:
    life = ready()
    life.take(RingEnded(answered=False, at=at(5)), 5)
    life.take(RingEnded(answered=True, at=at(10)), 10)
    life.take(RingEnded(answered=False, at=at(15)), 15)
    assert life.does() is AgentState.READY


def test_a_talk_forgives_too() -> None:
    life = ready()
    life.take(RingEnded(answered=False, at=at(5)), 5)
    life.take(TalkEnded(Uniqueid("1.1"), "", at(10)), 10)
    life.take(RingEnded(answered=False, at=at(15)), 15)
    assert life.agent.missed == 1


def test_an_unplugged_phone_is_seen_when_nothing_else_is() -> None:
    life = ready()
    life.take(GONE, 1)
    assert life.does() is AgentState.UNREACHABLE
    assert life.agent.pause == ""  # The PBX offers nothing to a phone that is not there.
    life.take(IDLE, 2)
    assert life.does() is AgentState.READY
    life.take(TakeBreak("meal"), 3)
    life.take(GONE, 4)
    assert life.does() is AgentState.BREAK
    life.take(BeReady(), 5)
    assert life.does() is AgentState.UNREACHABLE


def test_logging_out_leaves_nothing_behind() -> None:
    life = ready()
    life.take(TakeBreak("meal"), 1)
    effects = life.take(LogOut(), 2)
    assert SeatLeft(SEAT) in effects
    assert life.agent == Agent(since=at(2))
    life.take(LogIn(OTHER), 3)
    assert (life.agent.seat, life.agent.on_break) == (OTHER, None)


def test_whoever_is_logged_out_learns_why_and_his_interval_ends() -> None:
    life = ready()
    effects = life.take(LogOut(forced=True, reason="seat_disabled"), 2)
    changed = next(one for one in effects if isinstance(one, Changed))
    assert (changed.before.state, changed.before.reason) == (AgentState.READY, "")
    after = Shown(AgentState.OFFLINE, "seat_disabled", None, at(2))
    assert changed.after == after


def test_what_the_ledger_tells_of_the_seat_s_former_agent_is_not_his() -> None:
    life = Life()
    life.take(LogIn(SEAT), 10)
    life.take(IDLE, 10)
    life.take(TalkEnded(A, "12345", at(9)), 11)
    life.take(RingEnded(answered=False, at=at(9)), 11)
    assert (life.does(), life.agent.missed) == (AgentState.READY, 0)


def test_refusals() -> None:
    off = Agent(since=T0)
    for command in (BeReady(), TakeBreak("meal"), EndWrapUp()):
        assert refusal(off, command) is Refusal.NOT_LOGGED_IN
    assert refusal(off, LogOut()) is None
    life = ready()
    assert refusal(life.agent, LogIn(SEAT)) is None
    assert refusal(life.agent, LogIn(OTHER)) is Refusal.AGENT_ELSEWHERE
    assert refusal(life.agent, EndWrapUp()) is Refusal.NOT_IN_WRAP_UP
    life.take(talking(), 1)
    assert refusal(life.agent, LogOut()) is Refusal.AGENT_TALKING
    assert refusal(life.agent, LogOut(forced=True)) is None


# -- laws --------------------------------------------------------------------------------------

_legs = st.sampled_from([A, B])
_queues = st.sampled_from(["12345", "english", "quick", ""])
_moments = st.integers(0, 400).map(at)
_facts: st.SearchStrategy[Fact] = st.one_of(
    st.sampled_from([LogIn(SEAT), LogIn(OTHER), LogOut(), LogOut(forced=True), BeReady()]),
    st.sampled_from([EndWrapUp(), Tick(), IDLE, GONE]),
    st.builds(TakeBreak, st.sampled_from(["meal", "tea"]), st.sampled_from([None, 60])),
    st.builds(ringing, _legs),
    st.builds(talking, _legs, _queues, hold=st.booleans()),
    st.builds(TalkEnded, _legs, _queues, _moments),
    st.builds(RingEnded, answered=st.booleans(), refused=st.booleans(), at=_moments),
)
_timed = st.lists(st.tuples(_facts, st.integers(0, 400)), max_size=40)
"""Facts with the moments they are taken at: also a clock that is put back."""


def live(facts: Sequence[tuple[Fact, int]]) -> tuple[Agent, list[Step]]:
    agent, steps = Agent(since=T0), []
    for fact, seconds in facts:
        step = apply(agent, fact, at(seconds), RULES)
        steps.append(step)
        agent = step.agent
    return agent, steps


def changes(steps: Sequence[Step]) -> list[Changed]:
    return [effect for step in steps for effect in step.effects if isinstance(effect, Changed)]


@given(_timed)
def test_intervals_tile_time(facts: list[tuple[Fact, int]]) -> None:
    agent, steps = live(facts)
    told = changes(steps)
    last = Agent(since=T0).shown
    for change in told:
        assert change.before == last  # No gap and no overlap: each begins where one ended.
        assert change.after.since >= last.since
        was, shall = change.before, change.after
        assert (was.state, was.reason, was.seat) != (shall.state, shall.reason, shall.seat)
        last = change.after
    assert agent.shown == last


@given(_timed)
def test_sums_of_the_intervals_are_the_time_logged_in(facts: list[tuple[Fact, int]]) -> None:
    end = at(1000)
    agent, steps = live(facts)
    told = changes(steps)
    ends = [*(change.after.since for change in told), end][1:]
    intervals = [
        Interval(1, str(one.after.seat), one.after.state, one.after.reason, one.after.since, until)
        for one, until in zip(told, ends, strict=True)
        if one.after.seat is not None
    ]
    expected = sum(((one.ended_at or end) - one.begun_at for one in intervals), timedelta())
    found = sums(intervals, T0, end, end).get(1)
    assert (found.logged_in if found else timedelta()) == expected
    first_half = sums(intervals, T0, at(200), end).get(1)
    second_half = sums(intervals, at(200), end, end).get(1)
    both = [half.logged_in for half in (first_half, second_half) if half is not None]
    assert sum(both, timedelta()) == expected  # A day's border cuts, it loses nothing.
    assert agent.since <= at(400)


@given(_timed)
def test_what_the_pbx_is_told_is_what_the_agent_is(facts: list[tuple[Fact, int]]) -> None:
    """The last pause that was sent for his seat is the one he has, after any facts."""
    told: dict[Extension, str] = {}
    agent = Agent(since=T0)
    for fact, seconds in facts:
        step = apply(agent, fact, at(seconds), RULES)
        agent = step.agent
        for effect in step.effects:
            if isinstance(effect, SeatLeft):
                told.pop(effect.seat)
            if isinstance(effect, SetPause):
                told[effect.seat] = effect.reason
        assert told == ({agent.seat: agent.pause} if agent.seat is not None else {})


@given(_timed)
def test_a_refused_command_changes_nothing_but_what_time_brings(
    facts: list[tuple[Fact, int]],
) -> None:
    agent, _ = live(facts)
    now = at(500)
    settled = apply(agent, Tick(), now, RULES).agent
    for command in (LogIn(OTHER), LogOut(), BeReady(), TakeBreak("meal"), EndWrapUp()):
        if refusal(settled, command) is not None:
            assert apply(settled, command, now, RULES) == Step(settled)


@given(_timed, st.sampled_from([BeReady(), TakeBreak("tea", 60), IDLE, GONE, Tick()]))
def test_a_fact_that_comes_twice_is_one(facts: list[tuple[Fact, int]], fact: Fact) -> None:
    agent, _ = live(facts)
    once = apply(agent, fact, at(500), RULES).agent
    assert apply(once, fact, at(500), RULES) == Step(once)


@given(_timed)
def test_the_ledger_told_again_from_the_start_changes_nothing(
    facts: list[tuple[Fact, int]],
) -> None:
    """A rebuild tells every fact again, in the ledger's order."""
    ledger = sorted(
        (fact for fact, _ in facts if isinstance(fact, TalkEnded | RingEnded)),
        key=lambda fact: fact.at,
    )
    agent = Agent(since=T0)
    for fact in (LogIn(SEAT), IDLE, *ledger):
        agent = apply(agent, fact, at(400), RULES).agent
    again = agent
    for fact in ledger:
        if fact.at < max((one.at for one in ledger if type(one) is type(fact)), default=T0):
            again = apply(again, fact, at(400), RULES).agent
    assert again == agent


_WORLD = st.lists(
    st.tuples(st.sampled_from(["taken", "missed"]), _queues, st.integers(1, 20)),
    min_size=1,
    max_size=5,
)


@given(_WORLD, st.data())
def test_floor_and_ledger_in_any_order_converge(
    world: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    """Calls happen; floor and ledger tell of them, each in its order, the floor with gaps."""
    floor: list[Fact] = []
    ledger: list[Fact] = []
    moment = 10.0
    for number, (how, queue, seconds) in enumerate(world):
        leg = Uniqueid(f"1795407499.{number}")
        floor.append(ringing(leg))
        moment += seconds
        ledger.append(RingEnded(answered=how == "taken", at=at(moment)))
        if how == "taken":
            moment += seconds
            floor.append(talking(leg, queue))
            ledger.append(TalkEnded(leg, queue, at(moment)))
        floor.append(IDLE)
    now = at(moment)
    kept = [fact for fact in floor[:-1] if data.draw(st.booleans())] + [floor[-1]]

    def outcome(order: Sequence[Fact]) -> object:
        agent = apply(Agent(since=T0), LogIn(SEAT), T0, RULES).agent
        for fact in order:
            agent = apply(agent, fact, now, RULES).agent
        away = agent.on_break and agent.on_break.reason  # Its clock begins when it is first shown.
        return agent.state, agent.pause, agent.wrap_up, away, agent.missed, agent.talks

    order: list[Fact] = []
    left, right = list(kept), list(ledger)
    while left or right:
        source = left if not right or (left and data.draw(st.booleans())) else right
        order.append(source.pop(0))
    assert outcome(order) == outcome([*ledger, *floor]) == outcome([*floor, *ledger])


def test_what_the_ledger_tells_twice_counts_once() -> None:
    life = ready()
    for _ in range(2):
        life.take(RingEnded(answered=False, at=at(5)), 5)
    assert (life.does(), life.agent.missed) == (AgentState.READY, 1)
    life.take(RingEnded(answered=False, at=at(6)), 6)
    assert (life.does(), life.agent.missed) == (AgentState.BREAK, 0)
    life.take(BeReady(), 7)
    life.take(RingEnded(answered=False, at=at(8)), 8)
    assert (life.does(), life.agent.missed) == (AgentState.READY, 1)
    life.take(TalkEnded(A, "12345", at(20)), 60)
    life.take(RingEnded(answered=False, at=at(61)), 61)
    life.take(TalkEnded(Uniqueid("1.1"), "", at(19)), 62)  # Old: it took nothing since.
    assert life.agent.missed == 1


def test_a_talk_that_the_ledger_ended_is_not_ended_by_the_floor_again() -> None:
    life = ready()
    both = SeatSeen(
        reachable=True,
        activity=Activity.TALKING,
        legs=frozenset({A, B}),
        talks=(Talk(A, "12345"), Talk(B, "12345")),
    )
    life.take(both, 1)
    life.take(TalkEnded(A, "12345", at(60)), 61)
    assert [talk.leg for talk in life.agent.talks] == [B]
    life.take(talking(B), 65)
    assert life.agent.wrap_up is not None
    assert life.agent.wrap_up.until == at(90)
    life.take(TalkEnded(B, "quick", at(70)), 70)
    life.take(IDLE, 71)
    assert life.does() is AgentState.READY


def test_the_ledgers_word_on_an_end_holds_also_when_it_is_over_by_then() -> None:
    life = ready()
    life.take(talking(), 1)
    life.take(IDLE, 60)
    life.take(TalkEnded(A, "english", at(59)), 61)
    assert life.agent.wrap_up is not None
    assert life.agent.wrap_up.until == at(119)
    life.take(TalkEnded(A, "12345", at(59)), 89)  # Told again: it was another queue.
    assert life.does() is AgentState.READY
