"""What the endpoints of seats share: their services, and a seat's JSON form with its phone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Path

from callcenter.people.access.rights import requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.api import error_body
from callcenter.platform.http.given import Given
from callcenter.telephony.domain.contests import Contest
from callcenter.telephony.domain.floor import DeviceState, Floor
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.registrations import Registration
from callcenter.telephony.pbx.live import LiveFloor
from callcenter.telephony.pbx.registrations import Registrations
from callcenter.telephony.pbx.seat_contests import SeatContests
from callcenter.telephony.seats.bulk import SeatBulk
from callcenter.telephony.seats.ports import Sitting
from callcenter.telephony.seats.schemas import (
    ContestOut,
    PhoneOut,
    SeatLive,
    SeatOut,
    SeatSecretOut,
)
from callcenter.telephony.seats.service import NewSecret, SeatInfo, SeatService

READ = [requires(Permission.SEAT_READ)]
WRITE = [requires(Permission.SEAT_WRITE)]
OWN = [requires(Permission.AGENT_OWN)]


class Present:
    """The moment's picture of all seats; taken once for an answer."""

    def __init__(
        self,
        floor: Floor | None,
        phones: Mapping[Extension, Registration] | None,
        contested: Mapping[Extension, Contest],
    ) -> None:
        self._seats: dict[str, SeatLive] | None = None
        if floor is not None:
            self._seats = {
                str(seat.extension): SeatLive.model_validate(seat) for seat in floor.seats()
            }
        self._phones = phones or {}
        self._contested = contested

    def out(self, seat: SeatInfo) -> SeatOut:
        """`seat` with what its phone does."""
        live = None if self._seats is None else self._seats.get(seat.extension, _NOT_IN_PBX)
        phone = self._phones.get(seat.extension)
        if not seat.enabled:
            # The PBX says nothing of an endpoint that it has no more; what was last known stays.
            live, phone = live and _NOT_IN_PBX, None
        return SeatOut(
            extension=seat.extension,
            version=seat.version,
            name=seat.name,
            enabled=seat.enabled,
            in_queue=seat.in_queue,
            phones=seat.phones,
            browser=seat.browser,
            created_at=seat.created_at,
            updated_at=seat.updated_at,
            live=live,
            phone=None if phone is None or live is None else _phone_out(phone),
            contest=_contest_out(self._contested.get(seat.extension)),
        )

    def secret(self, made: NewSecret) -> SeatSecretOut:
        """The same, with the secret that was just made."""
        return SeatSecretOut(**dict(self.out(made.seat)), secret=made.secret)

    def has_phone(self, extension: Extension) -> bool:
        """Whether a phone is registered for the seat."""
        return extension in self._phones


_NOT_IN_PBX = SeatLive(
    device=DeviceState.UNKNOWN, reachable=False, ringing=False, talking=False, paused=False
)


def _contest_out(contest: Contest | None) -> ContestOut | None:
    if contest is None:
        return None
    return ContestOut(
        keeps=contest.keeps[1],
        other=contest.other[1],
        since=datetime.fromtimestamp(contest.since, UTC),
    )


def _phone_out(phone: Registration) -> PhoneOut:
    trip, expires = phone.round_trip_us, phone.expires_at
    return PhoneOut(
        transport=phone.transport,
        address=phone.address,
        user_agent=phone.user_agent,
        reachability=phone.reachability,
        round_trip_ms=None if trip is None else trip / 1000,
        expires_at=None if expires is None else datetime.fromtimestamp(expires, UTC),
    )


Service = Given[SeatService]


async def _bulk(service: Service) -> SeatBulk:
    return SeatBulk(service)


async def _present(
    live: Given[LiveFloor], registrations: Given[Registrations], contests: Given[SeatContests]
) -> Present:
    return Present(live.floor, registrations.known, contests.contested)


Contesting = Given[SeatContests]
Bulk = Annotated[SeatBulk, Depends(_bulk)]
Now = Annotated[Present, Depends(_present)]
WhoSits = Given[Sitting]
SeatExtension = Annotated[str, Path(pattern=r"^[0-9]{1,16}$", examples=["8001"])]


def error_example(code: str, message: str) -> dict[str, Any]:
    """An answer's example for the API's description."""
    return {"content": {"application/json": {"example": error_body(code, message)}}}


NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {
        "description": "No such seat.",
        **error_example("seat_not_found", "there is no seat 8099"),
    }
}
EXISTS: dict[int | str, dict[str, Any]] = {
    409: {
        "description": "There is one; `details.extensions` names all.",
        **error_example("seat_exists", "there is a seat 8001 already; change that one"),
    },
    422: {
        "description": "Codes `bad_input`, `bad_extension`.",
        **error_example("bad_extension", "extension: must have 4 digits and begin with 8"),
    },
}
