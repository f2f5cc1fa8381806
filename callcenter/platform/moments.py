"""Moments and days as clients write them: the one type of each, for every endpoint.

Never a bare number: pydantic would take 20261124 for a day of 1970, in seconds. And never near the
ends of what a `datetime` can hold: whoever adds a day, a week or a zone's offset to one of those
falls off, after half of the work is done.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from callcenter.platform.errors import BadInput

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
"""From the epoch, which programs send for "from the beginning", to beyond any plan: 7,800 years are
left for reckoning on."""
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC) + timedelta(days=1)
"""The last day ends later in other zones."""

_NUMBER = re.compile(r"\s*[-+]?[0-9._eE]+\s*")
_RANGE = f"only {FIRST_DAY} to {LAST_DAY} can be meant; without an end, leave it out"


def _not_a_number(value: object) -> object:
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise ValueError("write it as 2026-11-24, a moment as 2026-11-24T03:57:04Z")
    return value


def moment_in_range(moment: datetime) -> datetime:
    """`moment`, which has an offset, in UTC; `ValueError` if it lies outside of `FIRST_DAY` to
    `LAST_DAY`."""
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:  # the first or last hours that a datetime can hold
        raise ValueError(_RANGE) from error
    if not _FIRST <= moment < _END:
        raise ValueError(_RANGE)
    return moment


def day_in_range(day: date) -> date:
    """`day`; `ValueError` if it lies outside of `FIRST_DAY` to `LAST_DAY`."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(_RANGE)
    return day


def day_to_ask_for(day: date) -> date:
    """`day`, as a bound of a list; `BadInput` ``bad_range`` where `day_in_range` says no."""
    try:
        return day_in_range(day)
    except ValueError as error:
        raise BadInput(f"from, to: {error}", code="bad_range") from error


Moment = Annotated[AwareDatetime, BeforeValidator(_not_a_number), AfterValidator(moment_in_range)]
"""A moment with its offset, in UTC."""

CityDay = Annotated[date, BeforeValidator(_not_a_number), AfterValidator(day_in_range)]
"""A day on the city's calendar."""

BoundDay = Annotated[date, BeforeValidator(_not_a_number), AfterValidator(day_to_ask_for)]
"""``from`` or ``to`` of a list, as days."""
