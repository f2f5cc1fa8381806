"""What the features may ask of the PBX, in the hotline's words; `asterisk` implements it."""

from __future__ import annotations

from typing import Protocol


class Switch(Protocol):
    """Commands to the PBX. Each has one outcome: it returns, or raises `PbxUnavailable`,
    `PbxRefused` or `PbxTimeout` (nothing is ever sent again)."""

    async def blind_transfer(self, seat_channel: str, target: str) -> None:
        """Send the other side of `seat_channel` (the sender's leg, a channel name) to `target`."""

    async def start_attended_transfer(self, seat_channel: str, target: str) -> None:
        """The seat consults `target`; the caller hears music meanwhile."""

    async def complete_attended_transfer(self, seat_channel: str) -> None:
        """The caller is connected with the consulted one; the seat is free."""

    async def cancel_attended_transfer(self, seat_channel: str) -> None:
        """The consult ends; seat and caller are together again."""

    async def hang_up(self, channel: str) -> None:
        """End one channel."""
