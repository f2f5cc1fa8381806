"""What can become of an action: exactly one of these, never two, never none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from callcenter.platform.errors import PbxRefused, PbxTimeout, PbxUnavailable

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Done(Generic[R_co]):
    """The PBX did it."""

    result: R_co


@dataclass(frozen=True, slots=True)
class Refused:
    """The PBX answered that it will not; `message` is its own sentence."""

    message: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No answer in time: it may or may not have been done."""

    seconds: float


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The link is down. `sent`: the action had left, so it may have been done."""

    sent: bool
    reason: str


Outcome = Done[R_co] | Refused | TimedOut | LinkLost


def unwrap(outcome: Outcome[R], what: str) -> R:
    """The result, or the error that says what became of `what`.

    Raises `PbxRefused`, `PbxUnavailable` (nothing was done), or `PbxTimeout` (it may or may not
    have been done).
    """
    match outcome:
        case Done(result):
            return result
        case Refused(message):
            raise PbxRefused(f"{what}: the PBX says: {message}", pbx_message=message)
        case TimedOut(seconds):
            raise PbxTimeout(
                f"{what}: no answer from the PBX in {seconds:g} s; look before trying again"
            )
        case LinkLost(sent=True, reason=reason):
            raise PbxTimeout(
                f"{what}: the link to the PBX broke before the answer ({reason});"
                " look before trying again"
            )
        case LinkLost(reason=reason):
            raise PbxUnavailable(f"{what}: no link to the PBX ({reason}); nothing was done")
