"""Moments and days as clients write them: never a bare number.

Pydantic would take 20261124 for a day of 1970, in seconds.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_NUMBER = re.compile(r"\s*[-+]?[0-9._eE]+\s*")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # the first or last hours that a datetime can hold
        raise ValueError("out of range") from error


def _not_a_number(value: object) -> object:
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise ValueError("write it as 2026-11-24, a moment as 2026-11-24T03:57:04Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_not_a_number), AfterValidator(_in_utc)]
"""A moment with its offset, in UTC."""

CityDay = Annotated[date, BeforeValidator(_not_a_number)]
"""A day on the city's calendar."""
