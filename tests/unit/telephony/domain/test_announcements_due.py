"""Who of several is told first, what is due when, and when it is looked at again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.announcements import (
    AGAIN_SECONDS,
    BEGIN_SECONDS,
    FIRST_SECONDS,
    Announcements,
    Decision,
    Heard,
    Rhythm,
    Words,
    decide,
    failed,
    tell_id,
    told_leg,
)
from callcenter.telephony.domain.floor import (
    BridgeEntered,
    CallerLeft,
    Channel,
    ChannelBegan,
    ChannelEnded,
    ChannelState,
    Floor,
    apply,
    snapshot,
)
from callcenter.telephony.domain.ids import Uniqueid
from tests.unit.telephony.domain.test_announcements import (
    QUEUE,
    RHYTHMS,
    T0,
    leg,
    speaking,
    waiting,
    waits,
)

PLACE_ONLY = {QUEUE: Rhythm(place_seconds=30)}
HINT_ONLY = {QUEUE: Rhythm(hint_seconds=45)}


def knowing(**heard: Heard) -> Announcements:
    """What callers of the queue have heard; ``c1`` is 1.1."""
    known = {(QUEUE, Uniqueid(f"1.{name[1:]}")): one for name, one in heard.items()}
    return Announcements(heard=known, known_from=T0 - 1000)


def names(decision: Decision) -> list[str]:
    return [one.caller.uniqueid for one in decision.say]


def at(
    seconds: float,
    state: Announcements,
    floor: Floor,
    rhythms: dict[str, Rhythm] = RHYTHMS,
    at_once: int = 30,
) -> Decision:
    return decide(state, floor, rhythms, T0 + seconds, at_once=at_once)


def new() -> Announcements:
    return Announcements(known_from=T0)


def test_who_is_due_longest_is_told_first_and_of_equals_who_is_ahead() -> None:
    state = knowing(
        c1=Heard(1, T0 + 2), c2=Heard(2, T0 + 1), c3=Heard(3, T0 + 1), c4=Heard(4, T0 + 0)
    )
    floor = waiting("1.1", "1.2", "1.3", "1.4")
    decision = at(32, state, floor, PLACE_ONLY)
    assert names(decision) == ["1.4", "1.2", "1.3", "1.1"]
    assert names(at(32, state, floor, PLACE_ONLY, 2)) == ["1.4", "1.2"]
    assert names(at(31, state, floor, PLACE_ONLY)) == ["1.4", "1.2", "1.3"]


@pytest.mark.parametrize(("at_once", "told"), [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2), (9, 4)])
def test_whom_others_speak_to_takes_room_too(at_once: int, told: int) -> None:
    """One is spoken to, one was ordered; four more wait for it."""
    floor = apply(waiting(*(f"1.{one}" for one in range(1, 7))), ChannelBegan(speaking("1.1")))
    state = replace(new(), begun={Uniqueid("1.2"): T0 + FIRST_SECONDS})
    decision = at(FIRST_SECONDS, state, floor, at_once=at_once)
    assert names(decision) == ["1.3", "1.4", "1.5", "1.6"][:told]
    assert set(decision.then.begun) == {"1.2", *names(decision)}


def test_who_cannot_be_told_now_keeps_nobody_from_it() -> None:
    """The first is spoken to, for the second a seat rings, the third is in a bridge, the fourth
    waits where nothing is said; the fifth and the sixth hear it."""
    callers = [waits(f"1.{one}", one) for one in (1, 2, 3, 5, 6)]
    quiet = waits("1.4", 1, queue="quiet")
    legs = [leg(f"1.{one}") for one in (1, 2, 3, 4, 5)]  # Of the sixth the floor shows no leg.
    floor = snapshot([*legs, quiet, *callers])
    floor = apply(floor, ChannelBegan(speaking("1.1")))
    rings = leg("1.9", "PJSIP/8001-00000001", linkedid="1.2", state=ChannelState.RINGING)
    floor = apply(floor, ChannelBegan(rings))
    floor = apply(floor, BridgeEntered(leg("1.3"), "b"))
    rhythms = {**RHYTHMS, "quiet": Rhythm()}
    decision = at(FIRST_SECONDS, new(), floor, rhythms)
    assert names(decision) == ["1.5", "1.6"]
    assert not decision.stop
    assert set(decision.then.heard) == {
        *((QUEUE, f"1.{one}") for one in (1, 2, 3, 5, 6)), ("quiet", "1.4"),
    }  # fmt: skip


def test_only_who_waits_where_something_is_said_is_remembered() -> None:
    state = knowing(c1=Heard(1, T0), c9=Heard(1, T0))
    assert set(at(2, state, waiting("1.1")).then.heard) == {(QUEUE, "1.1")}
    assert not at(2, state, waiting("1.1"), {}).then.heard


@pytest.mark.parametrize(
    ("heard", "rhythm", "due", "words"),
    [
        (Heard(hint_at=T0), Rhythm(30, 45), FIRST_SECONDS, Words.PLACE),
        (Heard(2, T0), Rhythm(30), 30, Words.PLACE),
        (Heard(3, T0), Rhythm(30), AGAIN_SECONDS, Words.PLACE),
        (Heard(1, T0), Rhythm(30), AGAIN_SECONDS, Words.PLACE),
        (Heard(3, T0), Rhythm(10), 10, Words.PLACE),
        (Heard(2, T0 + 4), Rhythm(1), 5, Words.PLACE),
        (Heard(hint_at=T0), Rhythm(0, 45), 45, Words.VOICE_MESSAGE),
        (Heard(hint_at=T0 + 5, hints=1), Rhythm(0, 45), 50, Words.CALL_BACK),
        (Heard(hint_at=T0 + 5, hints=2), Rhythm(0, 1), 6, Words.VOICE_MESSAGE),
        (Heard(2, T0, hint_at=T0), Rhythm(30, 20), 20, Words.VOICE_MESSAGE),
        (Heard(2, T0, hint_at=T0), Rhythm(20, 20), 20, Words.PLACE),
    ],
)
def test_what_is_due_next_and_when(heard: Heard, rhythm: Rhythm, due: float, words: Words) -> None:
    """Of the second in the queue, behind one who has just heard all."""
    floor = waiting("1.2", "1.1")
    state = knowing(c1=heard, c2=Heard(1, T0 + 999, T0 + 999))
    rhythms = {QUEUE: rhythm}
    before = at(due - 0.01, state, floor, rhythms)
    assert (before.say, before.again_at) == ((), T0 + due)
    (say,) = at(due, state, floor, rhythms).say
    assert (say.words, say.first) == (words, words is Words.PLACE and not heard.place)


def test_nothing_is_due_of_nobody_and_where_nothing_is_said() -> None:
    assert at(1, new(), Floor()).again_at is None
    assert at(1, new(), waiting("1.1"), {QUEUE: Rhythm()}).again_at is None
    assert at(1, new(), waiting("1.1"), {}).again_at is None


def test_what_was_said_is_what_is_known_of_it() -> None:
    state = knowing(c1=Heard(3, T0, T0 + 7, 4))
    place = at(20, state, waiting("1.1"), PLACE_ONLY).then
    assert place.heard == {(QUEUE, "1.1"): Heard(1, T0 + 20, T0 + 7, 4)}
    hint = at(60, state, waiting("1.1"), HINT_ONLY).then
    assert hint.heard == {(QUEUE, "1.1"): Heard(3, T0, T0 + 60, 5)}
    assert place.begun == {"1.1": T0 + 20}


def test_it_is_looked_at_again_when_the_first_is_due_or_an_order_is_lost() -> None:
    floor = waiting("1.1", "1.2")
    state = knowing(c1=Heard(1, T0), c2=Heard(2, T0 + 3))
    told = at(30, state, floor, PLACE_ONLY)
    assert (names(told), told.again_at) == (["1.1"], T0 + 33)
    told = at(33, told.then, floor, PLACE_ONLY)
    assert (names(told), told.again_at) == (["1.2"], T0 + 30 + BEGIN_SECONDS)
    told = at(30 + BEGIN_SECONDS - 0.01, told.then, floor, PLACE_ONLY)
    assert set(told.then.begun) == {"1.1", "1.2"}
    told = at(30 + BEGIN_SECONDS, told.then, floor, PLACE_ONLY)
    assert (set(told.then.begun), told.again_at) == ({"1.2"}, T0 + 33 + BEGIN_SECONDS)


def test_an_order_is_over_when_its_leg_is_there_or_nobody_waits_for_it() -> None:
    ordered = replace(new(), begun={Uniqueid("1.1"): T0, Uniqueid("1.2"): T0})
    floor = waiting("1.1", "1.2")
    assert set(at(0, ordered, floor).then.begun) == {"1.1", "1.2"}
    shown = apply(floor, ChannelBegan(speaking("1.1")))
    assert set(at(0, ordered, shown).then.begun) == {"1.2"}
    gone = apply(floor, CallerLeft(QUEUE, Uniqueid("1.1")))
    assert set(at(0, ordered, gone).then.begun) == {"1.2"}
    assert set(failed(ordered, Uniqueid("1.1")).begun) == {"1.2"}
    assert failed(ordered, Uniqueid("1.1")).known_from == T0


def test_of_several_legs_those_end_whose_caller_waits_no_more() -> None:
    floor = waiting("1.1", "1.2", "1.3")
    for one in ("1.1", "1.2", "1.3"):
        floor = apply(floor, ChannelBegan(speaking(one)))
    floor = apply(floor, CallerLeft(QUEUE, Uniqueid("1.1")))
    first = at(1, new(), floor)
    assert first.stop == (tell_id(Uniqueid("1.1"), 1),)
    floor = apply(floor, BridgeEntered(leg("1.3"), "b"))
    second = at(2, first.then, floor)
    assert second.stop == (tell_id(Uniqueid("1.3"), 1),)
    assert second.then.stopped == {*first.stop, *second.stop}
    floor = apply(floor, ChannelEnded(first.stop[0]))
    third = at(3, second.then, floor)
    assert not third.stop
    assert third.then.stopped == set(second.stop)


@pytest.mark.parametrize(
    ("since", "place", "due"), [(-0.5, 1, 30), (0.0, 0, FIRST_SECONDS), (0.5, 0, 0.5 + 1)]
)
def test_a_picture_begins_with_the_first_look(since: float, place: int, due: float) -> None:
    """Who joined before it counts as told then, and his hints count from it."""
    floor = waiting("1.1", since=T0 + since)
    first = at(0, Announcements(), floor)
    assert first.then.known_from == T0
    (heard,) = first.then.heard.values()
    assert heard == Heard(place, T0 if place else 0.0, T0 + max(since, 0))
    assert first.again_at == T0 + due
    assert at(5, first.then, floor).then.known_from == T0


@given(
    st.lists(st.tuples(st.floats(0, 60), st.integers(0, 4)), max_size=6),
    st.floats(0, 60),
    st.integers(0, 4),
)
def test_nothing_is_due_before_it_is_looked_at_again(
    known: list[tuple[float, int]], moment: float, at_once: int
) -> None:
    """Until `again_at` the same floor has nothing new to decide: no wake-up is missing."""
    floor = waiting(*(f"1.{one}" for one in range(1, len(known) + 1)))
    state = knowing(
        **{
            f"c{one}": Heard(place, T0 + place_at, T0 + place_at)
            for one, (place_at, place) in enumerate(known, 1)
        }
    )
    decision = at(moment, state, floor, at_once=at_once)
    assert len(decision.say) <= at_once
    again = decision.again_at
    until = moment + 1000 if again is None else again - T0
    assert again is None or until > moment
    assert not at(moment + (until - moment) * 0.99, decision.then, floor, at_once=at_once).say


@pytest.mark.parametrize(
    ("name", "uniqueid", "to"),
    [
        ("Local/whisper@tell-00000001;1", "tell-1.2.3", "1.2"),
        ("Local/whisper@tell-00000001;2", "tell-1.2.3", None),
        ("Local/other@tell-00000001;1", "tell-1.2.3", None),
        ("Local/whisper@tell-00000001;1", "tell-1.2.", None),
        ("Local/whisper@tell-00000001;1", "tell-.3", None),
        ("Local/whisper@tell-00000001;1", "1.2.3", None),
    ],
)
def test_which_leg_speaks_to_whom(name: str, uniqueid: str, to: str | None) -> None:
    made: Channel = leg(uniqueid, name)
    assert told_leg(made) == to


def test_serials_count_on_and_begin_again() -> None:
    made = [tell_id(Uniqueid("1.2"), serial) for serial in (0, 1, 999_998, 999_999, 1_000_000)]
    assert [one.rpartition(".")[2] for one in made] == ["1", "2", "999999", "1", "2"]
