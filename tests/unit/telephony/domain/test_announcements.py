"""What those who wait are told: when, how often, how many at once, and until when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.telephony.domain.announcements import (
    AGAIN_SECONDS,
    BEGIN_SECONDS,
    FIRST_SECONDS,
    TELL_CHANNEL,
    Announcements,
    Decision,
    Rhythm,
    Words,
    decide,
    failed,
    minutes_left,
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
    WaitingCaller,
    apply,
    snapshot,
)
from callcenter.telephony.domain.ids import Linkedid, Uniqueid

QUEUE = "12345"
RHYTHMS = {QUEUE: Rhythm(place_seconds=30, hint_seconds=45)}
T0 = 1_795_000_000.0


def leg(uniqueid: str, name: str = "", **changes: object) -> Channel:
    made = Channel(
        Uniqueid(uniqueid), name or f"PJSIP/trunk-{uniqueid}", Linkedid(uniqueid), ChannelState.UP,
        "13800138000", "", "", "",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def waits(uniqueid: str, position: int, since: float = T0, queue: str = QUEUE) -> WaitingCaller:
    return WaitingCaller(
        queue, Uniqueid(uniqueid), f"PJSIP/trunk-{uniqueid}", "13800138000", "", since, position
    )


def waiting(*uniqueids: str, since: float = T0) -> Floor:
    callers = [waits(one, place, since) for place, one in enumerate(uniqueids, 1)]
    return snapshot([*(leg(one) for one in uniqueids), *callers])


def speaking(to: str, serial: int = 1) -> Channel:
    return leg(tell_id(Uniqueid(to), serial), f"{TELL_CHANNEL}-00000001;1")


class Story:
    """A floor, and what was decided over it at each moment."""

    def __init__(self, floor: Floor, *, at_once: int = 30) -> None:
        self.floor = floor
        self.state = Announcements(known_from=T0)
        self.at_once = at_once
        self.rhythms = RHYTHMS

    def at(self, seconds: float) -> Decision:
        decision = decide(self.state, self.floor, self.rhythms, T0 + seconds, at_once=self.at_once)
        self.state = decision.then
        return decision

    def said(self, seconds: float) -> list[tuple[str, Words]]:
        return [(say.caller.uniqueid, say.words) for say in self.at(seconds).say]

    def over(self, to: str) -> None:
        """What `to` was told is over: its leg came and went."""
        self.floor = apply(self.floor, ChannelBegan(speaking(to)))
        self.at(self.now)
        self.floor = apply(self.floor, ChannelEnded(speaking(to).uniqueid))

    now = 0.0


def test_who_is_spoken_to_stands_in_the_leg() -> None:
    made = speaking("1795787182.2", 123456)
    assert told_leg(made) == "1795787182.2"
    assert told_leg(replace(made, name=f"{TELL_CHANNEL}-00000001;2")) is None, "the other half"
    assert told_leg(leg("1795787182.2")) is None
    other = f"{made.uniqueid}000001"
    assert told_leg(replace(made, uniqueid=Uniqueid(other))) is None


@given(st.integers(0, 10**7), st.integers(0, 10**9))
def test_an_identifier_is_no_new_start_of_the_pbx_and_fits_the_ledger(
    serial: int, channel: int
) -> None:
    made = tell_id(Uniqueid(f"1795787182.{channel}"), serial)
    assert made.rpartition(".")[2] not in ("0", "")
    assert len(f"{made}000001") <= 40


def test_the_first_time_comes_a_moment_after_joining() -> None:
    story = Story(waiting("1.1", "1.2"))
    first = story.at(0)
    assert not first.say
    assert first.again_at == T0 + FIRST_SECONDS
    say = story.at(FIRST_SECONDS).say
    assert [(one.caller.uniqueid, one.words, one.first) for one in say] == [
        ("1.1", Words.PLACE, True), ("1.2", Words.PLACE, True),
    ]  # fmt: skip


def test_what_is_due_is_due_again_until_it_is_said() -> None:
    """Whoever wakes a hair too early wakes again: nothing is lost between two moments."""
    story = Story(waiting("1.1"))
    early = story.at(FIRST_SECONDS - 0.0005)
    assert not early.say
    assert early.again_at == T0 + FIRST_SECONDS
    assert story.said(FIRST_SECONDS) == [("1.1", Words.PLACE)]


def test_the_place_is_said_every_so_often_and_the_hints_in_turn() -> None:
    story = Story(waiting("1.1"))
    heard: list[tuple[int, Words]] = []
    for second in range(200):
        story.now = second
        for _, words in story.said(second):
            heard.append((second, words))
            story.over("1.1")
    assert [at for at, words in heard if words is Words.PLACE] == [1, 31, 61, 91, 121, 151, 181]
    assert [(at, words) for at, words in heard if words is not Words.PLACE] == [
        (45, Words.VOICE_MESSAGE), (90, Words.CALL_BACK),
        (135, Words.VOICE_MESSAGE), (180, Words.CALL_BACK),
    ]  # fmt: skip


def test_a_changed_place_is_said_sooner_but_not_at_once() -> None:
    story = Story(waiting("1.1", "1.2"))
    story.at(FIRST_SECONDS)
    story.now = FIRST_SECONDS + 1
    story.over("1.2")
    story.floor = apply(story.floor, CallerLeft(QUEUE, Uniqueid("1.1")))
    assert not story.said(FIRST_SECONDS + AGAIN_SECONDS - 0.1)
    say = story.at(FIRST_SECONDS + AGAIN_SECONDS).say
    assert [(one.caller.uniqueid, one.caller.position, one.first) for one in say] == [
        ("1.2", 1, False)
    ]


@pytest.mark.parametrize(
    ("rhythms", "expected"),
    [
        ({}, []),
        ({QUEUE: Rhythm()}, []),
        ({QUEUE: Rhythm(hint_seconds=10)}, [Words.VOICE_MESSAGE]),
        ({QUEUE: Rhythm(place_seconds=30)}, [Words.PLACE]),
    ],
    ids=["no such queue", "never", "hints only", "place only"],
)
def test_a_queue_says_what_its_settings_say(
    rhythms: dict[str, Rhythm], expected: list[Words]
) -> None:
    story = Story(waiting("1.1"))
    story.rhythms = rhythms
    story.at(0)
    assert [words for _, words in story.said(10)] == expected


def test_nobody_is_begun_to_be_told_while_a_seat_rings_for_him() -> None:
    story = Story(waiting("1.1"))
    rings = leg("1.9", "PJSIP/8001-00000001", linkedid="1.1", state=ChannelState.RINGING)
    story.floor = apply(story.floor, ChannelBegan(rings))
    assert not story.said(FIRST_SECONDS)
    story.floor = apply(story.floor, ChannelEnded(rings.uniqueid))
    assert story.said(FIRST_SECONDS + 4) == [("1.1", Words.PLACE)]


@pytest.mark.parametrize("how", ["answered", "left"])
def test_it_ends_with_the_waiting(how: str) -> None:
    story = Story(waiting("1.1"))
    story.at(FIRST_SECONDS)
    story.floor = apply(story.floor, ChannelBegan(speaking("1.1")))
    assert not story.at(2).stop
    if how == "answered":
        story.floor = apply(story.floor, BridgeEntered(leg("1.1"), "b"))
    else:
        story.floor = apply(story.floor, CallerLeft(QUEUE, Uniqueid("1.1")))
    assert story.at(2.1).stop == (speaking("1.1").uniqueid,)
    assert not story.at(2.2).stop, "told to end once"
    story.floor = apply(story.floor, ChannelEnded(speaking("1.1").uniqueid))
    assert not story.at(2.3).then.stopped


def test_a_leg_that_comes_too_late_ends_at_once() -> None:
    story = Story(waiting("1.1"))
    story.at(FIRST_SECONDS)
    story.floor = apply(story.floor, CallerLeft(QUEUE, Uniqueid("1.1")))
    story.at(FIRST_SECONDS + 0.01)
    story.floor = apply(story.floor, ChannelBegan(speaking("1.1")))
    assert story.at(FIRST_SECONDS + 0.02).stop == (speaking("1.1").uniqueid,)


def test_nobody_is_spoken_to_twice_at_once() -> None:
    """Also not by a process that finds another one's leg at its start."""
    floor = apply(waiting("1.1"), ChannelBegan(speaking("1.1", 77)))
    story = Story(floor)
    for second in range(100):
        assert not story.said(second)
    story.floor = apply(story.floor, ChannelEnded(speaking("1.1", 77).uniqueid))
    assert story.said(100)
    assert not story.said(100.5), "its leg is not there yet"
    story.floor = apply(story.floor, ChannelBegan(speaking("1.1", 78)))
    assert not story.said(100.6)


def test_who_waited_before_we_began_counts_as_told() -> None:
    story = Story(waiting("1.1", since=T0 - 100))
    assert not story.said(5)
    assert story.said(5 + 30) == [("1.1", Words.PLACE)]


def test_an_order_that_came_to_nothing_is_forgotten() -> None:
    story = Story(waiting("1.1"), at_once=1)
    story.at(FIRST_SECONDS)
    assert failed(story.state, Uniqueid("1.1")).begun == {}
    assert story.at(FIRST_SECONDS + 1).then.begun
    assert not story.at(FIRST_SECONDS + BEGIN_SECONDS).then.begun


def test_only_so_many_at_once_and_the_others_later() -> None:
    story = Story(waiting("1.1", "1.2", "1.3"), at_once=2)
    assert [one for one, _ in story.said(FIRST_SECONDS)] == ["1.1", "1.2"]
    assert not story.said(2)
    story.now = 3
    story.over("1.1")
    assert [one for one, _ in story.said(3)] == ["1.3"]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_whatever_happens_nobody_hears_two_and_nobody_gone_hears_any(data: st.DataObject) -> None:
    """A PBX that does what it is told, callers who come and go, for a few minutes."""
    at_once = data.draw(st.integers(1, 3))
    story = Story(Floor(), at_once=at_once)
    names = ["1.1", "1.2", "1.3", "1.4"]
    told: dict[str, Uniqueid] = {}
    serial = 0
    now = 0.0
    for _ in range(60):
        now += data.draw(st.sampled_from([0.1, 1.0, 7.0]))
        name = data.draw(st.sampled_from(names))
        inside = {caller.uniqueid for line in story.floor.waiting.values() for caller in line}
        match data.draw(st.sampled_from(["comes", "goes", "ends"])):
            case "comes" if name not in inside:
                begun = ChannelBegan(leg(name))
                joined = snapshot([waits(name, len(inside) + 1, T0 + now)]).waiting[QUEUE]
                line = (*story.floor.waiting.get(QUEUE, ()), *joined)
                story.floor = replace(apply(story.floor, begun), waiting={QUEUE: line})
            case "goes":
                story.floor = apply(story.floor, ChannelEnded(Uniqueid(name)))
            case "ends" if name in told:
                story.floor = apply(story.floor, ChannelEnded(told.pop(name)))
        decision = story.at(now)
        inside = {caller.uniqueid for line in story.floor.waiting.values() for caller in line}
        for stopped in decision.stop:
            story.floor = apply(story.floor, ChannelEnded(stopped))
            told = {to: known for to, known in told.items() if known != stopped}
        assert told.keys() <= inside
        for say in decision.say:
            serial += 1
            made = speaking(say.caller.uniqueid, serial)
            assert say.caller.uniqueid not in told
            told[say.caller.uniqueid] = made.uniqueid
            story.floor = apply(story.floor, ChannelBegan(made))
        assert len(told) <= at_once


@pytest.mark.parametrize(
    ("average", "waited", "expected"),
    [(0, 0, 0), (29, 0, 0), (31, 0, 1), (89, 0, 1), (90, 0, 2), (125, 1, 2), (60, 300, 0)],
)
def test_the_waiting_time_in_minutes(average: float, waited: float, expected: int) -> None:
    assert minutes_left(average, waited) == expected
