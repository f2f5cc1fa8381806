"""Whose turn it is: of each queue as many as it has free seats, in order, and nobody else."""

from __future__ import annotations

import pytest

from callcenter.telephony.domain.floor import (
    ChannelBegan,
    ChannelState,
    DeviceChanged,
    DeviceState,
    Floor,
    Member,
    WaitingCaller,
    apply,
    snapshot,
)
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.domain.turns import MOST, queues_of, whose_turn
from tests.unit.telephony.domain.test_announcements import leg, waits


def member(extension: str, queue: str = "12345", *, paused: bool = False) -> Member:
    return Member(queue, f"PJSIP/{extension}", "", 0, paused, "", dynamic=True)


def house(*seats: Member, free: tuple[str, ...] = (), callers: int = 3) -> Floor:
    """Callers 1.1, 1.2 … wait in 12345, and the seats `free` are idle."""
    names = [f"1.{place}" for place in range(1, callers + 1)]
    return snapshot(
        [
            *(leg(name) for name in names),
            *(waits(name, place) for place, name in enumerate(names, 1)),
            *seats,
            *(
                DeviceChanged(
                    seat.interface.removeprefix("PJSIP/"),
                    DeviceState.IDLE
                    if seat.interface.removeprefix("PJSIP/") in free
                    else DeviceState.TALKING,
                )
                for seat in seats
            ),
        ]
    )


def turns(floor: Floor) -> list[str]:
    return [caller.uniqueid for caller in whose_turn(floor, floor.waiting.keys())]


@pytest.mark.parametrize(
    ("free", "expected"),
    [((), []), (("8001",), ["1.1"]), (("8001", "8002"), ["1.1", "1.2"])],
)
def test_as_many_as_there_are_free_seats(free: tuple[str, ...], expected: list[str]) -> None:
    assert turns(house(member("8001"), member("8002"), free=free)) == expected


def test_nobody_is_hurried_to_a_seat_that_has_just_rung_in_vain() -> None:
    floor = house(member("8001"), member("8002"), free=("8001", "8002"))
    hurried = whose_turn(floor, floor.waiting.keys(), resting={"8001"})
    assert [caller.uniqueid for caller in hurried] == ["1.1"]
    assert whose_turn(floor, floor.waiting.keys(), resting={"8001", "8002"}) == ()


def test_a_seat_on_a_break_is_not_free() -> None:
    floor = house(member("8001", paused=True), free=("8001",))
    assert turns(floor) == []
    assert queues_of(floor, "8001") == frozenset()


def test_whoever_a_seat_rings_for_has_had_his_turn() -> None:
    floor = house(member("8001"), member("8002"), free=("8001",))
    rings = leg("1.9", "PJSIP/8002-1", linkedid="1.1", state=ChannelState.RINGING)
    assert turns(apply(floor, ChannelBegan(rings))) == ["1.2"]


def test_a_seat_is_looked_for_where_it_serves_and_somebody_waits() -> None:
    floor = house(member("8001"), member("8001", "english"), free=("8001",))
    assert queues_of(floor, "8001") == {"12345"}
    assert queues_of(floor, "8002") == frozenset()


def test_never_more_than_so_many() -> None:
    seats = [member(str(8000 + index)) for index in range(MOST + 9)]
    names = tuple(str(8000 + index) for index in range(MOST + 9))
    assert len(turns(house(*seats, free=names, callers=MOST + 9))) == MOST


def test_each_queue_has_its_own_turn() -> None:
    floor = snapshot(
        [
            *(leg(name) for name in ("1.1", "1.2")),
            waits("1.1", 1),
            WaitingCaller("english", Uniqueid("1.2"), "PJSIP/trunk-2", "", "", 0, 1),
            member("8001"),
            member("8002", "english"),
            DeviceChanged("8001", DeviceState.IDLE),
            DeviceChanged("8002", DeviceState.IDLE),
        ]
    )
    assert turns(floor) == ["1.1", "1.2"]
