"""What a seat's phone does, in one word."""

from __future__ import annotations

from enum import StrEnum

from callcenter.telephony.domain.floor import ChannelState, DeviceState, Floor, Seat
from callcenter.telephony.domain.steering import holder


class SeatState(StrEnum):
    """What a seat's phone does."""

    UNREACHABLE = "unreachable"
    IDLE = "idle"
    DIALLING = "dialling"
    RINGING = "ringing"
    TALKING = "talking"
    ON_HOLD = "on_hold"


def seats_on_hold(floor: Floor) -> frozenset[str]:
    """The seats that hold their citizen over the API: he hears music, their phone knows of
    nothing."""
    return frozenset(seat for leg in floor.channels.values() if (seat := holder(leg)) is not None)


def seat_state(seat: Seat, *, holds: bool = False) -> SeatState:
    """What the seat's phone does; a registered phone without a call is idle.

    `holds`: it is among `seats_on_hold`.
    """
    if seat.talking and (holds or seat.device is DeviceState.ON_HOLD):
        return SeatState.ON_HOLD
    if seat.talking:
        return SeatState.TALKING
    if seat.ringing:
        return SeatState.RINGING
    if any(one.state in (ChannelState.DIALLING, ChannelState.UP) for one in seat.channels):
        return SeatState.DIALLING
    if not seat.reachable:
        return SeatState.UNREACHABLE
    if seat.device is DeviceState.RINGING:
        return SeatState.RINGING
    return SeatState.IDLE
