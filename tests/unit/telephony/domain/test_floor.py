"""The floor's two laws over generated streams of a model PBX, and stories read off a real one.

The model knows nothing of `apply`: it keeps what a PBX keeps, says each change as a fact, and
answers lists with what it has at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.telephony.domain.floor import (
    BridgeEntered,
    BridgeLeft,
    CallerJoined,
    CallerLeft,
    Channel,
    ChannelBegan,
    ChannelChanged,
    ChannelEnded,
    ChannelRenamed,
    ChannelState,
    DeviceChanged,
    DeviceState,
    Fact,
    Floor,
    Member,
    MemberRemoved,
    MemberSet,
    SnapshotItem,
    WaitingCaller,
    apply,
    snapshot,
    touched,
)
from callcenter.telephony.domain.ids import Linkedid, Uniqueid

QUEUES = ("12345", "english")
BRIDGES = ("b1", "b2", "b3")
SEATS = ("8001", "8002", "8003")
STATES = tuple(ChannelState)
DEVICES = tuple(DeviceState)


@dataclass(frozen=True)
class Lists:
    """What the PBX answers at one moment."""

    channels: tuple[SnapshotItem, ...]
    queues: tuple[SnapshotItem, ...]
    devices: tuple[SnapshotItem, ...]


@dataclass
class ModelPbx:
    """A PBX that does what it is told, in small."""

    channels: dict[Uniqueid, Channel] = field(default_factory=dict)
    lines: dict[str, list[WaitingCaller]] = field(default_factory=lambda: {q: [] for q in QUEUES})
    members: dict[tuple[str, str], Member] = field(default_factory=dict)
    devices: dict[str, DeviceState] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    history: list[Lists] = field(default_factory=list)
    """`history[n]` is what the lists were after `n` facts."""
    joined: set[tuple[str, Uniqueid]] = field(default_factory=set)
    serial: int = 0

    def __post_init__(self) -> None:
        self.history.append(self.lists())

    def lists(self) -> Lists:
        numbered = (
            replace(caller, position=place)
            for line in self.lines.values()
            for place, caller in enumerate(line, 1)
        )
        return Lists(
            channels=tuple(self.channels.values()),
            queues=(*self.members.values(), *numbered),
            devices=tuple(DeviceChanged(name, state) for name, state in self.devices.items()),
        )

    def say(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.history.append(self.lists())

    def change(self, channel: Channel) -> Channel:
        """Keep `channel`; as events tell it, without its bridge."""
        self.channels[channel.uniqueid] = channel
        return replace(channel, bridge="")

    def do(self, what: int, which: int, how: int) -> None:
        """One thing that happens; `which` and `how` choose among what there is."""
        legs = list(self.channels.values())
        seat, queue = SEATS[which % len(SEATS)], QUEUES[how % len(QUEUES)]
        if what == 0 or not legs:
            self.begin(seat if how % 2 else "trunk")
        elif what == 1:
            leg = legs[which % len(legs)]
            changed = replace(leg, state=STATES[how % len(STATES)], number=str(how))
            self.say(ChannelChanged(self.change(changed)))
        elif what == 2:
            leg = replace(legs[which % len(legs)], name=f"PJSIP/{seat}-{how:08x}")
            self.change(leg)
            self.say(ChannelRenamed(leg.uniqueid, leg.name))
        elif what == 3:
            self.enter(legs[which % len(legs)], BRIDGES[how % len(BRIDGES)], first=how % 2 == 0)
        elif what == 4:
            self.leave_bridge(legs[which % len(legs)])
        elif what == 5:
            self.join(legs[which % len(legs)], queue, how)
        elif what == 6:
            self.leave_queue(legs[which % len(legs)].uniqueid)
        elif what == 7:
            self.end(legs[which % len(legs)])
        elif what == 8:
            member = Member(queue, f"PJSIP/{seat}", f"名{how}", how % 3, how % 2 == 1, "", True)
            self.members[queue, member.interface] = member
            self.say(MemberSet(member))
        elif what == 9:
            if self.members.pop((queue, f"PJSIP/{seat}"), None):
                self.say(MemberRemoved(queue, f"PJSIP/{seat}"))
        else:
            self.devices[seat] = DEVICES[how % len(DEVICES)]
            self.say(DeviceChanged(seat, self.devices[seat]))

    def begin(self, endpoint: str) -> None:
        self.serial += 1
        uniqueid = Uniqueid(f"17.{self.serial}")
        name = f"PJSIP/{endpoint}-{self.serial:08x}"
        leg = Channel(uniqueid, name, Linkedid("17.1"), ChannelState.DOWN, "138", "", "", "")
        self.say(ChannelBegan(self.change(leg)))

    def enter(self, leg: Channel, bridge: str, *, first: bool) -> None:
        """Go to a bridge; a leg that is moved may be said to enter before it is said to leave."""
        if leg.bridge == bridge:
            return
        old = leg.bridge
        if old and not first:
            self.leave_bridge(leg)
        told = self.change(replace(leg, bridge=bridge))
        self.say(BridgeEntered(told, bridge))
        if old and first:
            self.say(BridgeLeft(told, old))

    def leave_bridge(self, leg: Channel) -> None:
        if leg.bridge:
            self.say(BridgeLeft(self.change(replace(leg, bridge="")), leg.bridge))

    def join(self, leg: Channel, queue: str, place: int) -> None:
        """Stand in line once; in front of others if the priority says so."""
        elsewhere = any(c.uniqueid == leg.uniqueid for line in self.lines.values() for c in line)
        if elsewhere or (queue, leg.uniqueid) in self.joined:
            return
        self.joined.add((queue, leg.uniqueid))
        line = self.lines[queue]
        at = place % (len(line) + 1)
        since = float(len(self.facts))
        caller = WaitingCaller(queue, leg.uniqueid, leg.name, leg.number, "", since, at + 1)
        line.insert(at, caller)
        self.say(CallerJoined(caller))

    def leave_queue(self, uniqueid: Uniqueid) -> None:
        for queue, line in self.lines.items():
            rest = [caller for caller in line if caller.uniqueid != uniqueid]
            if len(rest) < len(line):
                self.lines[queue] = rest
                self.say(CallerLeft(queue, uniqueid))

    def end(self, leg: Channel) -> None:
        self.leave_queue(leg.uniqueid)
        self.leave_bridge(leg)
        del self.channels[leg.uniqueid]
        self.say(ChannelEnded(leg.uniqueid))


WHAT = (*range(11), 0, 5, 5, 5, 6, 6)
"""Waiting lines depend on what came before, so they get more than their share."""

happenings = st.lists(
    st.tuples(st.sampled_from(WHAT), st.integers(0, 7), st.integers(0, 11)), max_size=60
)


def run(script: Sequence[tuple[int, int, int]]) -> ModelPbx:
    pbx = ModelPbx()
    for what, which, how in script:
        pbx.do(what, which, how)
    return pbx


def fresh(lists: Lists) -> Floor:
    return snapshot((*lists.channels, *lists.queues, *lists.devices))


def after(floor: Floor, facts: Sequence[Fact]) -> Floor:
    for fact in facts:
        floor = apply(floor, fact)
    return floor


@settings(deadline=None, max_examples=300)
@given(happenings, st.integers(0, 1000))
def test_a_snapshot_and_every_fact_after_it_is_a_fresh_snapshot(
    script: list[tuple[int, int, int]], moment: int
) -> None:
    pbx = run(script)
    at = moment % len(pbx.history)
    assert after(fresh(pbx.history[at]), pbx.facts[at:]) == fresh(pbx.history[-1])


@settings(deadline=None, max_examples=300)
@given(happenings, st.integers(0, 1000), st.integers(0, 1000))
def test_facts_from_before_the_snapshot_do_no_harm_after_it(
    script: list[tuple[int, int, int]], moment: int, older: int
) -> None:
    pbx = run(script)
    at = moment % len(pbx.history)
    since = older % (at + 1)
    assert after(fresh(pbx.history[at]), pbx.facts[since:]) == fresh(pbx.history[-1])


@settings(deadline=None, max_examples=300)
@given(happenings, st.tuples(*[st.integers(0, 1000)] * 4), st.integers(0, 1000))
def test_the_lists_need_not_be_of_the_same_moment(
    script: list[tuple[int, int, int]], moments: tuple[int, int, int, int], pace: int
) -> None:
    """Three actions ask for them, and calls go on between the answers and within the list of
    channels, which the PBX walks through one by one."""
    pbx = run(script)
    asked, queues, devices, last = sorted(moment % len(pbx.history) for moment in moments)
    channels = []
    for serial in range(1, pbx.serial + 1):
        moment = asked + serial * pace % (last - asked + 1)
        channels += [
            channel
            for channel in pbx.history[moment].channels
            if isinstance(channel, Channel) and channel.uniqueid == f"17.{serial}"
        ]
    mixed = Lists(tuple(channels), pbx.history[queues].queues, pbx.history[devices].devices)
    assert after(fresh(mixed), pbx.facts[asked:]) == fresh(pbx.history[-1])


@settings(deadline=None)
@given(happenings)
def test_a_floor_that_was_given_away_never_changes(script: list[tuple[int, int, int]]) -> None:
    pbx = run(script)
    given_away = [fresh(pbx.history[0])]
    for fact in pbx.facts:
        given_away.append(apply(given_away[-1], fact))
    assert given_away == [fresh(lists) for lists in pbx.history]


@settings(deadline=None)
@given(happenings)
def test_every_view_of_the_floor_can_be_had_at_any_moment(
    script: list[tuple[int, int, int]],
) -> None:
    for lists in run(script).history:
        floor = fresh(lists)
        for line in floor.waiting.values():
            assert [caller.position for caller in line] == list(range(1, len(line) + 1))
        assert {seat.extension for seat in floor.seats()} <= set(SEATS)
        for seat in floor.seats():
            assert all(leg.endpoint == seat.extension for leg in seat.channels)
            assert seat.talking == any(leg.bridge for leg in seat.channels)
        for talk in floor.conversations():
            for leg in talk.channels:
                others = {*talk.channels} - {leg}
                assert set(floor.others_in_bridge(leg.uniqueid)) == others


@settings(deadline=None)
@given(happenings, st.integers(1, 5))
def test_seats_that_were_not_touched_are_as_they_were(
    script: list[tuple[int, int, int]], at_once: int
) -> None:
    facts = run(script).facts
    before = snapshot(())
    for start in range(0, len(facts), at_once):
        now = after(before, facts[start : start + at_once])
        names = touched(before, now)
        known = {seat.extension: seat for seat in before.seats()}
        for seat in now.seats():
            assert seat.extension in names or seat == known[seat.extension]
        assert {seat.extension for seat in now.seats()} >= known.keys() - names
        assert now.seats(names) == tuple(one for one in now.seats() if one.extension in names)
        before = now


@settings(deadline=None)
@given(happenings)
def test_facts_about_things_that_are_not_known_change_nothing(
    script: list[tuple[int, int, int]],
) -> None:
    makes = (ChannelBegan, CallerJoined, MemberSet, DeviceChanged)
    for fact in run(script).facts:
        if not isinstance(fact, makes):
            assert apply(Floor(), fact) == Floor()


# -- stories ------------------------------------------------------------------------------------


def leg(serial: int, name: str, bridge: str = "", state: str = "up") -> Channel:
    linkedid, party = Linkedid("17.1"), ChannelState(state)
    return Channel(Uniqueid(f"17.{serial}"), name, linkedid, party, "138", "", "", "", bridge)


def seat_member(queue: str, extension: str, *, paused: bool = False) -> Member:
    return Member(queue, f"PJSIP/{extension}", "王芳", 0, paused, "", dynamic=True)


def test_a_seat_is_known_by_its_phone_its_places_or_its_legs() -> None:
    floor = snapshot(
        [
            DeviceChanged("8001", DeviceState.IDLE),
            seat_member("12345", "8002"),
            leg(1, "PJSIP/10000-00000001"),
            DeviceChanged("trunk", DeviceState.TALKING),
            leg(2, "Local/8003@from-seat-00000001;1"),
        ]
    )
    assert [seat.extension for seat in floor.seats()] == ["8001", "8002", "10000"]
    assert [seat.reachable for seat in floor.seats()] == [True, False, False]


def test_a_seat_is_on_a_break_if_no_queue_offers_it_calls() -> None:
    both: list[SnapshotItem] = [
        seat_member("12345", "8001", paused=True),
        seat_member("english", "8001"),
        seat_member("12345", "8002", paused=True),
        DeviceChanged("8003", DeviceState.IDLE),
    ]
    assert [seat.paused for seat in snapshot(both).seats()] == [False, True, False]


@pytest.mark.parametrize(
    ("state", "reachable"),
    [
        ("idle", True),
        ("talking", True),
        ("ringing", True),
        ("talking_and_ringing", True),
        ("busy", True),
        ("on_hold", True),
        ("unreachable", False),
        ("unknown", False),
        ("invalid", False),
    ],
)
def test_a_phone_is_reachable_unless_the_pbx_does_not_know_where_it_is(
    state: str, reachable: bool
) -> None:
    assert DeviceState(state).reachable is reachable


def test_a_call_from_the_first_ring_to_the_end() -> None:
    caller, seat = leg(1, "PJSIP/trunk-0000000a"), leg(2, "PJSIP/8001-0000000b", state="ringing")
    waiting = WaitingCaller("12345", caller.uniqueid, caller.name, "138", "", 100.0, 1)
    floor = after(Floor(), [ChannelBegan(caller), CallerJoined(waiting), ChannelBegan(seat)])
    assert floor.waiting == {"12345": (waiting,)}
    (ringing,) = floor.seats()
    assert (ringing.ringing, ringing.talking) == (True, False)

    floor = after(
        floor,
        [
            ChannelChanged(replace(seat, state=ChannelState.UP)),
            CallerLeft("12345", caller.uniqueid),
            BridgeEntered(replace(seat, state=ChannelState.UP), "b1"),
        ],
    )
    assert (floor.waiting, floor.conversations()) == ({}, ())  # one alone is no conversation
    floor = apply(floor, BridgeEntered(caller, "b1"))
    (talk,) = floor.conversations()
    assert [one.uniqueid for one in talk.channels] == [caller.uniqueid, seat.uniqueid]
    (talking,) = floor.seats()
    assert (talking.ringing, talking.talking) == (False, True)
    assert [other.uniqueid for other in floor.others_in_bridge(seat.uniqueid)] == [caller.uniqueid]

    ends = [BridgeLeft(caller, "b1"), BridgeLeft(seat, "b1")]
    over = after(floor, [*ends, ChannelEnded(caller.uniqueid), ChannelEnded(seat.uniqueid)])
    assert over == Floor()


def test_a_caller_who_is_gone_waits_no_more_even_if_the_queue_did_not_say_so() -> None:
    caller = leg(1, "PJSIP/trunk-0000000a")
    waiting = WaitingCaller("12345", caller.uniqueid, caller.name, "138", "", 100.0, 1)
    floor = snapshot([caller, waiting, replace(waiting, uniqueid=Uniqueid("17.2"), position=2)])
    (left,) = apply(floor, ChannelEnded(caller.uniqueid)).waiting["12345"]
    assert (left.uniqueid, left.position) == ("17.2", 1)


def test_a_line_is_not_shuffled_by_what_the_snapshot_knows_already() -> None:
    def joined(name: str, position: int) -> CallerJoined:
        return CallerJoined(WaitingCaller("12345", Uniqueid(name), name, "138", "", 1.0, position))

    first, usual, urgent = joined("17.1", 1), joined("17.2", 2), joined("17.3", 2)
    meanwhile: list[Fact] = [first, usual, urgent, CallerLeft("12345", Uniqueid("17.1"))]
    now = after(Floor(), meanwhile)
    assert [caller.uniqueid for caller in now.waiting["12345"]] == ["17.3", "17.2"]
    for since in range(len(meanwhile)):
        assert after(now, meanwhile[since:]) == now


def test_the_consult_of_an_attended_transfer_is_recognised() -> None:
    """As in the journal of a real one: the consult runs over a Local channel."""
    caller, seat = leg(17, "PJSIP/trunk-0000000f", "main"), leg(18, "PJSIP/8107-00000010", "main")
    one = leg(19, "Local/8151@from-seat-00000001;1")
    two = leg(20, "Local/8151@from-seat-00000001;2")
    asked = leg(21, "PJSIP/8151-00000011")
    floor = snapshot([caller, seat])
    assert not floor.consulting(seat.uniqueid)
    floor = after(
        floor,
        [
            ChannelBegan(one),
            ChannelBegan(two),
            BridgeEntered(one, "consult"),
            BridgeLeft(seat, "main"),
            BridgeEntered(seat, "consult"),
            ChannelBegan(asked),
            BridgeEntered(asked, "far"),
            BridgeEntered(two, "far"),
        ],
    )
    assert floor.consulting(seat.uniqueid)
    assert not floor.consulting(caller.uniqueid)
    assert not floor.consulting(asked.uniqueid)  # it hears the other half
    assert not floor.consulting(Uniqueid("none"))

    floor = after(
        floor,
        [
            BridgeLeft(one, "consult"),
            BridgeEntered(one, "main"),
            BridgeLeft(seat, "consult"),
            ChannelEnded(seat.uniqueid),
            BridgeLeft(asked, "far"),
            BridgeLeft(one, "main"),
            BridgeEntered(asked, "main"),
            ChannelEnded(one.uniqueid),
            BridgeLeft(two, "far"),
            ChannelEnded(two.uniqueid),
        ],
    )
    (talk,) = floor.conversations()
    assert {channel.name for channel in talk.channels} == {caller.name, asked.name}


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("PJSIP/8001-0000002a", "8001"),
        ("PJSIP/trunk-city-0000002a", "trunk-city"),
        ("Local/8001@from-seat-00000001;1", ""),
        ("PJSIP/8001", ""),
        ("", ""),
    ],
)
def test_the_endpoint_of_a_leg_is_read_off_its_name(name: str, endpoint: str) -> None:
    assert leg(1, name).endpoint == endpoint


# -- one fact each ------------------------------------------------------------------------------


def a_leg(serial: int, bridge: str = "") -> Channel:
    uniqueid = Uniqueid(f"1.{serial}")
    name = f"PJSIP/800{serial}-0000000{serial}"
    return Channel(uniqueid, name, Linkedid("1.0"), ChannelState.UP, "", "", "", "", bridge)


def test_a_place_in_a_queue_that_is_taken_away_is_gone_and_others_stay() -> None:
    kept = Member("english", "PJSIP/8001", "", 0, False, "", dynamic=True)
    gone = Member("12345", "PJSIP/8001", "", 0, False, "", dynamic=True)
    floor = snapshot([kept, gone, a_leg(1)])
    after = apply(floor, MemberRemoved("12345", "PJSIP/8001"))
    assert after == replace(floor, members={("english", "PJSIP/8001"): kept})
    assert touched(floor, after) == {"8001"}
    assert touched(after, floor) == {"8001"}
    assert touched(floor, floor) == set()


def test_a_leg_that_left_its_bridge_for_another_one_is_in_that() -> None:
    floor = snapshot([a_leg(1, "b1"), a_leg(2, "b1")])
    moved = apply(floor, BridgeEntered(a_leg(1), "b2"))
    assert moved.channels[Uniqueid("1.1")].bridge == "b2"
    late = apply(moved, BridgeLeft(a_leg(1), "b1"))
    assert late.channels[Uniqueid("1.1")].bridge == "b2"
    left = apply(late, BridgeLeft(a_leg(1), "b2"))
    assert left.channels[Uniqueid("1.1")].bridge == ""


@pytest.mark.parametrize(
    ("position", "line"), [(0, "cab"), (1, "cab"), (2, "acb"), (3, "abc"), (9, "abc")]
)
def test_who_joins_stands_where_the_pbx_puts_him(position: int, line: str) -> None:
    def caller(name: str, place: int) -> WaitingCaller:
        return WaitingCaller("12345", Uniqueid(name), "PJSIP/trunk-1", "", "", 0, place)

    floor = snapshot([caller("a", 1), caller("b", 2)])
    after = apply(floor, CallerJoined(caller("c", position)))
    assert "".join(one.uniqueid for one in after.waiting["12345"]) == line
    assert [one.position for one in after.waiting["12345"]] == [1, 2, 3]
    assert apply(after, CallerJoined(caller("c", 1))) == after
