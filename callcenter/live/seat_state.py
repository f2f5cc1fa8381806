"""What a seat's phone does, in one word."""

from __future__ import annotations

from enum import StrEnum

from callcenter.domain.floor import ChannelState, DeviceState, Seat


class SeatState(StrEnum):
    """What a seat's phone does."""

    UNREACHABLE = "unreachable"
    IDLE = "idle"
    DIALLING = "dialling"
    RINGING = "ringing"
    TALKING = "talking"
    ON_HOLD = "on_hold"


def seat_state(seat: Seat) -> SeatState:
    """What the seat's phone does; a registered phone without a call is idle."""
    if seat.device is DeviceState.ON_HOLD and seat.talking:
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
