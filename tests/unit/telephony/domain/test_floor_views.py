"""What a floor says of seats, conversations and changes, and which of two legs left first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callcenter.telephony.domain.call import OpenCall
from callcenter.telephony.domain.floor import DeviceState, Floor, touched
from callcenter.telephony.domain.ids import CallId, Linkedid, Uniqueid
from callcenter.telephony.domain.legs import Leg, LegKind
from callcenter.telephony.domain.routing import (
    PRIORITY_NONE,
    PRIORITY_WAITED,
    RouteFacts,
    decide_route,
)
from tests.unit.telephony.domain.test_announcements import leg
from tests.unit.telephony.domain.test_routing import GAVE_UP, NOW, WINDOW

PHONES = {"8001": DeviceState.IDLE, "8002": DeviceState.IDLE, "8003": DeviceState.IDLE}


def test_a_seat_that_refuses_sound_or_is_usurped_is_not_reachable_and_no_other() -> None:
    floor = Floor(devices=PHONES, refusing=frozenset({"8001"}), usurped=frozenset({"8002"}))
    assert [(one.refuses_sound, one.usurped, one.reachable) for one in floor.seats()] == [
        (True, False, False), (False, True, False), (False, False, True),
    ]  # fmt: skip


def test_a_conversation_is_a_bridge_of_two_or_more() -> None:
    legs = [leg("1.1", bridge="b"), leg("1.2", bridge="a"), leg("1.3", bridge="b"), leg("1.4"),
            leg("1.5", bridge="c"), leg("1.6", bridge="a")]  # fmt: skip
    floor = Floor(channels={one.uniqueid: one for one in legs})
    assert [
        (one.bridge, [each.uniqueid for each in one.channels]) for one in floor.conversations()
    ] == [("a", ["1.2", "1.6"]), ("b", ["1.1", "1.3"])]


def test_what_changes_at_several_seats_touches_all_of_them() -> None:
    before = Floor(devices=PHONES, refusing=frozenset({"8001"}), usurped=frozenset({"8005"}))
    after = replace(
        before,
        devices={**PHONES, "8002": DeviceState.TALKING},
        refusing=frozenset({"8003"}),
        usurped=frozenset({"8004"}),
    )
    assert touched(before, after) == {"8001", "8002", "8003", "8004", "8005"}
    assert touched(after, before) == touched(before, after)
    assert touched(before, replace(before, refusing=frozenset({"8001"}))) == set()


BEGUN = datetime(2026, 11, 27, 10, tzinfo=UTC)


def a_leg(left: int | None, bridge: str = "") -> Leg:
    call = OpenCall(CallId("pbx1:1.1"), "pbx1", "1.1", BEGUN)
    made = Leg(Uniqueid("1.1"), Linkedid("1.1"), "x", LegKind.SEAT, "8001", "", call)
    made.left_at = None if left is None else BEGUN + timedelta(seconds=left)
    made.bridge = bridge
    return made


@pytest.mark.parametrize(
    ("own", "other", "first"),
    [
        (a_leg(2), a_leg(1), True),
        (a_leg(None, "b"), a_leg(1), True),
        (a_leg(1), a_leg(1), False),
        (a_leg(1), a_leg(2), False),
        (a_leg(1), a_leg(None, "b"), False),
        (a_leg(None), a_leg(None), False),
        (a_leg(2), a_leg(1, "b"), False),
    ],
)
def test_who_left_first_is_who_left_and_is_in_no_bridge_again(
    own: Leg, other: Leg, first: bool
) -> None:
    assert own.left_by(other) is first


@pytest.mark.parametrize(
    ("anonymous", "priority"), [(False, PRIORITY_WAITED), (True, PRIORITY_NONE)]
)
def test_only_a_number_has_an_earlier_call(anonymous: bool, priority: int) -> None:
    facts = RouteFacts(anonymous=anonymous, blocked=False, open=True, earlier=(GAVE_UP,))
    decision = decide_route(facts, queue="12345", priority_window=WINDOW, now=NOW)
    assert decision.priority == priority
