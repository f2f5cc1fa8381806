"""A seat as the live floor shows it: what its phone does, and with whom it talks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callcenter.telephony.domain.ids import Uniqueid


class Activity(StrEnum):
    """What the phone does."""

    IDLE = "idle"
    RINGING = "ringing"
    TALKING = "talking"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Talk:
    """A leg of the seat that talks (or talked) with somebody outside."""

    leg: Uniqueid
    queue: str
    """Where the caller waited, '' if that is not known."""


@dataclass(frozen=True, slots=True)
class SeatSeen:
    """The live floor's whole picture of the seat."""

    reachable: bool
    activity: Activity
    legs: frozenset[Uniqueid] = frozenset()
    """Every leg that the seat has."""
    talks: tuple[Talk, ...] = ()
    """Those that are with somebody outside."""
