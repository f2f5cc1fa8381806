"""What the PBX should have for one seat; the reconciler makes the PBX match."""

from __future__ import annotations

from dataclasses import dataclass, field

from callcenter.telephony.domain.ids import Extension


@dataclass(frozen=True, slots=True)
class DesiredSeat:
    """An enabled seat. A disabled one is not desired at all: its endpoint is removed."""

    extension: Extension
    name: str
    secret: str = field(repr=False)
    in_queue: bool
    browser: bool = False
    """Its phone is a browser (WebRTC); else a SIP phone."""


@dataclass(frozen=True, slots=True)
class DesiredMember:
    """A seat's place in one queue, as the PBX should have it."""

    queue: str
    extension: Extension
    name: str
    """Shown by the PBX; the agent's, or the seat's where nobody has to log in."""
    level: int = 1
    """Skill, 1 is best; app_queue's penalty is one less."""
    paused: bool = False
    reason: str = ""
    """Why it is paused: a break's code, ``wrap_up`` …"""
    user_id: int | None = None
    """Whose place it is: the agent's at the seat; None: the seat's own, nobody is logged in."""


def is_seat_extension(extension: str, first_seat: int) -> bool:
    """Whether `extension` has the digits that the dialplan gives to seats.

    The dialplan's pattern covers the first digit of `first_seat` and its length, no more, so
    only such an extension can be dialled and transferred to.
    """
    digits = str(first_seat)
    return (
        extension.isascii()
        and extension.isdecimal()
        and len(extension) == len(digits)
        and extension[0] == digits[0]
    )
