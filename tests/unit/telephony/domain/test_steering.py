"""What may be steered, asked of floors that are drawn by hand; and the identifiers of our legs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.floor import (
    Channel,
    ChannelState,
    DeviceState,
    Floor,
    WaitingCaller,
)
from callcenter.telephony.domain.ids import Linkedid, Uniqueid, uniqueid_key
from callcenter.telephony.domain.journal import parse_line
from callcenter.telephony.domain.steering import (
    LegUse,
    Place,
    Refusal,
    Talk,
    all_listeners,
    consulted,
    held,
    listeners,
    may_dial,
    may_go_first,
    may_hang_up,
    may_hold,
    may_join,
    may_link,
    may_move,
    may_take_over,
    may_unhold,
    place_for,
    rung_for,
    spying,
    steered,
    steered_id,
    talk_of_call,
    talk_of_seat,
    voices_at,
)

FIRST_SEAT = 8001
HERE, THERE = "bridge-1", "bridge-2"


def leg(
    uniqueid: str, name: str, bridge: str = "", state: ChannelState = ChannelState.UP,
    linkedid: str = "17.0",
) -> Channel:  # fmt: skip
    return Channel(Uniqueid(uniqueid), name, Linkedid(linkedid), state, "139", "", "", "", bridge)


CITIZEN = leg("17.0", "PJSIP/trunk-00000000", HERE)
SEAT = leg("17.1", "PJSIP/8001-00000001", HERE)
UNIT = leg("17.5", "PJSIP/trunk-00000005", HERE)
SPY = leg("spy-8002-8001-20.7", "PJSIP/8002-00000002", linkedid="spy-8002-8001-20.7")
MUSIC = leg("hold-8001--21.7", "Local/music@steer-hold-00000000;1", THERE)
CONSULT = leg("17.3", "Local/021@seat-transfer-00000000;1", THERE)

BY_HAND = (
    leg("18.1", "PJSIP/8001-00000007", "b3", linkedid="18.1"),
    leg("18.2", "PJSIP/trunk-00000008", "b3", linkedid="18.1"),
)


def floor(*legs: Channel, waiting: tuple[WaitingCaller, ...] = (), **devices: str) -> Floor:
    known = dict.fromkeys(("8001", "8002", "8003"), DeviceState.IDLE)
    known |= {name.removeprefix("s"): DeviceState(state) for name, state in devices.items()}
    lines: dict[str, tuple[WaitingCaller, ...]] = {}
    for one in waiting:
        lines[one.queue] = (*lines.get(one.queue, ()), one)
    return Floor({one.uniqueid: one for one in legs}, lines, {}, known)


def waits(uniqueid: str, position: int, queue: str = "12345") -> WaitingCaller:
    return WaitingCaller(queue, Uniqueid(uniqueid), f"PJSIP/trunk-{position}", "", "", 0, position)


ABOUT_A_SEAT = {
    "consult_running", "no_call", "no_consult", "no_outbound_call", "not_held", "not_spying",
    "seat_busy", "seat_unreachable", "taken_over",
}  # fmt: skip
ABOUT_A_QUEUE = {"queue_not_found", "same_queue"}


def code(answer: object) -> str:
    """A refusal's code; its sentence names what its facts name."""
    assert isinstance(answer, Refusal), answer
    assert isinstance(answer.message, str)
    assert len(answer.message.split()) > 3
    assert answer.facts.keys() <= {"seat", "queue"}
    assert all(value and str(value) in answer.message for value in answer.facts.values())
    if answer.code in ABOUT_A_SEAT:
        assert answer.facts.keys() == {"seat"}
    if answer.code in ABOUT_A_QUEUE:
        assert answer.facts.keys() == {"queue"}
    return answer.code


def talk(of: Floor) -> Talk:
    found = talk_of_call(of, CITIZEN.uniqueid, FIRST_SEAT)
    assert isinstance(found, Talk)
    return found


# -- identifiers --------------------------------------------------------------------------------


@given(
    use=st.sampled_from(LegUse),
    seat=st.from_regex(r"[0-9]{1,8}", fullmatch=True),
    target=st.from_regex(r"[0-9]{0,8}", fullmatch=True),
    at_us=st.integers(0, 10**15),
)
def test_an_identifier_says_what_its_leg_is_for_wherever_it_is_read(
    use: LegUse, seat: str, target: str, at_us: int
) -> None:
    made = steered_id(use, seat, target, at_us)
    found = steered(made)
    assert found is not None
    assert (found.use, found.seat, found.target) == (use, seat, target)
    # The journal takes it for an identifier, it sorts by its time, and it never says that the PBX
    # was started anew.
    fields = ["CHAN_START", "17.000001", made, made, *[""] * 10]
    assert parse_line(",".join(f'"{one}"' for one in fields)).uniqueid == made
    assert uniqueid_key(made)[0] == at_us // 10**6
    assert not made.endswith(".0")
    # The other half of a Local channel is not taken for it.
    assert steered(f"{made}000001") is None


@pytest.mark.parametrize("other", ["17.0", "spy-8001-17.0", "callback-17.1", "mark-a-b-1.2", ""])
def test_other_channels_are_none_of_ours(other: str) -> None:
    assert steered(other) is None


# -- who talks ----------------------------------------------------------------------------------


def test_a_talk_is_found_by_its_call_and_by_its_seat() -> None:
    now = floor(CITIZEN, SEAT)
    assert talk_of_call(now, CITIZEN.uniqueid, FIRST_SEAT) == Talk(
        SEAT, CITIZEN, 2, Uniqueid("17.0")
    )
    assert talk_of_seat(now, "8001", FIRST_SEAT) == talk(now)
    assert not talk(now).outbound


def test_of_a_call_that_the_seat_made_the_seat_is_the_first_leg() -> None:
    dialled = replace(
        SEAT, uniqueid=Uniqueid("dial-8001--17.9"), linkedid=Linkedid("dial-8001--17.9")
    )
    now = floor(dialled, CITIZEN)
    by_call = talk_of_call(now, dialled.uniqueid, FIRST_SEAT)
    assert by_call == talk_of_seat(now, "8001", FIRST_SEAT)
    assert isinstance(by_call, Talk)
    assert by_call.outbound
    assert code(may_take_over(now, "8002", by_call)) == "not_inbound"


def test_who_only_listens_is_no_party() -> None:
    assert talk(floor(CITIZEN, SEAT, SPY)).parties == 2


def test_without_a_talk_it_is_said_why() -> None:
    consults = floor(CITIZEN, replace(SEAT, bridge=THERE), CONSULT)
    assert code(talk_of_call(floor(SEAT), CITIZEN.uniqueid, FIRST_SEAT)) == "call_over"
    assert code(talk_of_call(floor(CITIZEN), CITIZEN.uniqueid, FIRST_SEAT)) == "not_talking"
    assert code(talk_of_call(consults, CITIZEN.uniqueid, FIRST_SEAT)) == "not_talking"
    assert code(talk_of_seat(consults, "8001", FIRST_SEAT)) == "consult_running"
    assert code(talk_of_seat(floor(), "8001", FIRST_SEAT)) == "not_talking"


# -- supervisors --------------------------------------------------------------------------------


def test_a_free_phone_is_called_and_one_that_listens_already_is_used() -> None:
    now = floor(CITIZEN, SEAT)
    assert place_for(now, "8002", talk(now)) == Place(None)
    now = floor(CITIZEN, SEAT, SPY)
    assert place_for(now, "8002", talk(now)) == Place(SPY)
    assert may_take_over(now, "8002", talk(now)) == Place(SPY)
    assert spying(now, "8002") == SPY
    # Another supervisor is free to come in as well.
    assert place_for(now, "8003", talk(now)) == Place(None)


def test_a_phone_that_cannot_come_in() -> None:
    ringing = replace(SPY, state=ChannelState.RINGING)
    elsewhere = leg("30.1", "PJSIP/8002-00000009", THERE, linkedid="30.0")
    for now, supervisor, why in (
        (floor(CITIZEN, SEAT), "8001", "own_call"),
        (floor(CITIZEN, SEAT, s8002="unreachable"), "8002", "seat_unreachable"),
        (floor(CITIZEN, SEAT), "8009", "seat_unreachable"),
        (floor(CITIZEN, SEAT, ringing), "8002", "seat_busy"),
        (floor(CITIZEN, SEAT, elsewhere), "8002", "seat_busy"),
    ):
        assert code(place_for(now, supervisor, talk(now))) == why
    assert code(spying(floor(CITIZEN, SEAT), "8002")) == "not_spying"


def test_the_second_of_two_does_not_take_the_citizen_from_the_first() -> None:
    first = replace(SPY, bridge=HERE)
    now = floor(CITIZEN, first)
    assert talk(now).seat == first
    assert code(may_take_over(now, "8003", talk(now))) == "taken_over"
    # But he may come in.
    assert place_for(now, "8003", talk(now)) == Place(None)


def test_nobody_is_taken_over_out_of_a_conference_or_off_hold() -> None:
    three, music = floor(CITIZEN, SEAT, UNIT), floor(CITIZEN, SEAT, MUSIC)
    assert code(may_take_over(three, "8002", talk(three))) == "in_conference"
    assert code(may_take_over(music, "8002", talk(music))) == "held"


def test_the_order_of_who_waits() -> None:
    one, two = waits("40.0", 1), waits("41.0", 2)
    now = floor(waiting=(one, two))
    assert may_go_first(now, two.uniqueid) == two
    assert code(may_go_first(now, one.uniqueid)) == "already_first"
    assert code(may_go_first(now, Uniqueid("99.0"))) == "not_waiting"
    queues = {"12345", "english"}
    assert may_move(now, two.uniqueid, "english", queues) == two
    assert code(may_move(now, two.uniqueid, "12345", queues)) == "same_queue"
    assert code(may_move(now, two.uniqueid, "nowhere", queues)) == "queue_not_found"
    own = leg("41.0", "PJSIP/trunk-2", linkedid="41.0")
    rings = leg("41.5", "PJSIP/8003-1", state=ChannelState.RINGING, linkedid="41.0")
    offered = floor(own, rings, waiting=(one, two))
    assert code(may_move(offered, two.uniqueid, "english", queues)) == "caller_rings"
    assert may_move(offered, one.uniqueid, "english", queues) == one


# -- operators ----------------------------------------------------------------------------------


def test_hold_and_back() -> None:
    talking, holding = floor(CITIZEN, SEAT), floor(CITIZEN, SEAT, MUSIC)
    assert held(talking, "8001") is None
    assert held(holding, "8001") == MUSIC
    assert held(holding, "8002") is None
    assert may_hold(talking, "8001", FIRST_SEAT) == talk(talking)
    assert code(may_hold(holding, "8001", FIRST_SEAT)) == "held"
    assert code(may_unhold(talking, "8001", FIRST_SEAT)) == "not_held"
    assert may_unhold(holding, "8001", FIRST_SEAT) == (talk(holding), MUSIC)
    assert code(may_hold(floor(CITIZEN, SEAT, UNIT), "8001", FIRST_SEAT)) == "in_conference"
    assert code(may_hold(floor(), "8001", FIRST_SEAT)) == "not_talking"


def test_all_three_come_together_once_the_unit_has_answered() -> None:
    consulting = replace(SEAT, bridge=THERE)
    assert may_join(floor(CITIZEN, consulting, CONSULT), "8001") == consulting
    rings = replace(CONSULT, state=ChannelState.RINGING)
    assert code(may_join(floor(CITIZEN, consulting, rings), "8001")) == "consult_not_answered"
    assert code(may_join(floor(CITIZEN, SEAT), "8001")) == "no_consult"


def test_only_a_call_that_the_seat_makes_is_linked_to_a_case() -> None:
    for state in ChannelState.UP, ChannelState.RINGING:
        dialled = (BY_HAND[0], replace(BY_HAND[1], state=state))
        assert may_link(floor(*dialled), "8001") == BY_HAND[0]
    colleague = leg("18.2", "PJSIP/8002-00000008", "b3", linkedid="18.1")
    for legs in (), (CITIZEN, SEAT), (BY_HAND[0], colleague), BY_HAND[:1]:
        assert code(may_link(floor(*legs), "8001")) == "no_outbound_call"


def test_a_call_begins_at_a_free_phone_only_and_ends_at_any() -> None:
    assert may_dial(floor(), "8001") is None
    assert code(may_dial(floor(CITIZEN, SEAT), "8001")) == "seat_busy"
    assert code(may_dial(floor(s8001="unreachable"), "8001")) == "seat_unreachable"
    rings = leg("50.1", "PJSIP/8001-00000050", state=ChannelState.RINGING)
    assert may_hang_up(floor(rings), "8001") == rings
    assert may_hang_up(floor(rings, CITIZEN, SEAT), "8001") == SEAT
    assert code(may_hang_up(floor(), "8001")) == "no_call"


# -- who hears whom -----------------------------------------------------------------------------


def test_a_seats_voices_are_its_own_calls_and_those_in_one_bridge_with_them() -> None:
    elsewhere = leg("19.0", "PJSIP/trunk-00000009", "b9", linkedid="19.0")
    found = voices_at(floor(CITIZEN, SEAT, *BY_HAND, elsewhere), "8001")
    assert found == {"17.0", "17.1", "18.1", "18.2"}
    assert voices_at(floor(CITIZEN, SEAT, elsewhere), "8003") == frozenset()


def test_who_listens_is_whoever_spies_and_is_in_no_bridge() -> None:
    other = leg("spy-8003-8004-20.8", "PJSIP/8003-00000003", linkedid="spy-8003-8004-20.8")
    taken_over = replace(SPY, uniqueid=Uniqueid("spy-8002-8001-20.9"), bridge=HERE)
    alone = replace(SEAT, uniqueid=Uniqueid("17.8"), bridge="")
    seen = floor(CITIZEN, SEAT, MUSIC, alone, SPY, other, taken_over)
    assert all_listeners(seen) == ((SPY, "8001"), (other, "8004"))
    assert listeners(seen, "8001") == (SPY,)
    assert listeners(seen, "8004") == (other,)
    assert listeners(seen, "8003") == ()


FAR = leg("17.4", "Local/021@seat-transfer-00000000;2", "b4")
ASKED = leg("17.6", "PJSIP/8004-00000006", "b4")


@pytest.mark.parametrize(
    ("legs", "who"),
    [
        ((), ""),
        ((CITIZEN,), ""),
        ((CONSULT,), "021"),
        ((CONSULT, FAR), "021"),
        ((CONSULT, FAR, ASKED), "8004"),
        ((CONSULT, replace(FAR, bridge="b5"), ASKED), "021"),
        ((replace(CONSULT, name="Local/021@seat-transfer-00000000;2"),), ""),
        ((replace(CONSULT, name="PJSIP/8009-0000;1"),), ""),
        ((replace(CITIZEN, bridge=THERE), CONSULT, FAR, ASKED), "8004"),
    ],
)
def test_whom_a_seat_consults(legs: tuple[Channel, ...], who: str) -> None:
    seat = leg("17.2", "PJSIP/8001-00000002", THERE)
    assert consulted(floor(seat, *legs), seat) == who


def test_in_a_talk_of_a_seat_the_citizen_comes_before_a_colleague() -> None:
    colleague = leg("16.9", "PJSIP/8003-00000009", HERE)
    found = talk_of_seat(floor(colleague, SEAT, CITIZEN), "8001", FIRST_SEAT)
    assert isinstance(found, Talk)
    assert (found.citizen, found.parties) == (CITIZEN, 3)
    between = talk_of_seat(floor(colleague, SEAT), "8001", FIRST_SEAT)
    assert isinstance(between, Talk)
    assert between.citizen == colleague


def test_of_two_seats_the_one_that_came_last_has_the_talk() -> None:
    later = leg("17.10", "PJSIP/8003-00000009", HERE)
    found = talk_of_call(floor(CITIZEN, later, SEAT), CITIZEN.uniqueid, FIRST_SEAT)
    assert isinstance(found, Talk)
    assert found.seat == later


def test_of_two_calls_outside_the_newer_one_is_meant() -> None:
    def call(serial: int) -> tuple[Channel, Channel]:
        own = f"18.{serial}"
        return (
            leg(own, f"PJSIP/8001-{serial}", f"b{serial}", linkedid=own),
            leg(f"18.{serial + 1}", f"PJSIP/trunk-{serial}", f"b{serial}", linkedid=own),
        )

    newer, older = call(11), call(2)
    for order in ((*newer, *older), (*older, *newer)):
        assert may_link(floor(*order), "8001") == newer[0]


def test_a_caller_whose_leg_is_not_known_may_be_rung_for_all_the_same() -> None:
    caller = waits("17.0", 1)
    rings = leg("17.1", "PJSIP/8001-00000001", state=ChannelState.RINGING)
    assert rung_for(floor(rings), caller)
    assert rung_for(floor(CITIZEN, rings), caller)
    assert not rung_for(floor(CITIZEN), caller)
    assert not rung_for(floor(replace(rings, linkedid=Linkedid("18.0"))), caller)


def test_of_a_seats_call_the_citizen_is_meant_and_no_colleague() -> None:
    own = replace(SEAT, linkedid=Linkedid("17.1"))
    colleague = leg("16.9", "PJSIP/8003-00000009", HERE)
    found = talk_of_call(floor(own, colleague, CITIZEN), own.uniqueid, FIRST_SEAT)
    assert isinstance(found, Talk)
    assert (found.citizen, found.parties) == (CITIZEN, 3)
    assert code(talk_of_call(floor(own, colleague), own.uniqueid, FIRST_SEAT)) == "not_talking"


def test_of_two_talks_of_a_phone_the_newer_one_is_meant_and_who_dialled_is_its_first_leg() -> None:
    for legs in ((CITIZEN, SEAT, *BY_HAND), (*BY_HAND, CITIZEN, SEAT)):
        found = talk_of_seat(floor(*legs), "8001", FIRST_SEAT)
        assert isinstance(found, Talk)
        assert (found.seat, found.citizen, found.anchor) == (*BY_HAND, "18.1")
        assert found.outbound


def test_a_refusal_about_a_seat_names_it() -> None:
    silent = talk_of_seat(floor(), "8001", FIRST_SEAT)
    held_already = may_hold(floor(CITIZEN, SEAT, MUSIC), "8001", FIRST_SEAT)
    for found in (silent, held_already):
        assert isinstance(found, Refusal)
        assert found.facts == {"seat": "8001"}


def test_music_of_nobodys_hold_holds_nobody() -> None:
    assert held(floor(replace(MUSIC, uniqueid=Uniqueid("17.9"))), "8001") is None
    assert held(floor(replace(MUSIC, uniqueid=Uniqueid("mark-8001--21.7"))), "8001") is None


def test_who_holds_and_talks_with_nobody_has_nobody_to_come_back_to() -> None:
    assert code(may_unhold(floor(MUSIC), "8001", FIRST_SEAT)) == "not_talking"


def test_a_consult_is_found_beside_another_call_of_the_phone() -> None:
    other, consulting = leg("16.1", "PJSIP/8001-00000009", "b9"), replace(SEAT, bridge=THERE)
    assert may_join(floor(other, CITIZEN, consulting, CONSULT), "8001") == consulting


def test_a_caller_is_rung_for_in_the_group_that_he_is_in_now() -> None:
    joined = replace(CITIZEN, linkedid=Linkedid("16.0"))
    rings = leg("17.1", "PJSIP/8001-1", state=ChannelState.RINGING, linkedid="16.0")
    assert rung_for(floor(joined, rings), waits("17.0", 1))
    assert not rung_for(floor(joined, replace(rings, linkedid=Linkedid("17.0"))), waits("17.0", 1))
