"""Where a page of a list goes on: one kind of cursor for all lists.

A list names the parts of its key once; what is no cursor of that shape is refused before anybody
reads it: ``before: Annotated[Key | None, Depends(cursor_of(MOMENT, TEXT))]``.
"""

# No `from __future__ import annotations`: the annotations of `cursor_of` name its arguments.

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from callcenter.platform.errors import BadInput
from callcenter.platform.moments import moment_in_range

Part = Callable[[Any], Any]
"""Makes one value of a key out of its JSON; `ValueError`, `TypeError` if it is none."""

CURSOR_MAX = 300
TEXT_MAX = 128

Limit = Annotated[int, Query(ge=1, description="The setting page_size_max is the most.")]
"""Items of one page."""


def MOMENT(value: Any) -> datetime:  # noqa: N802 - a part of a key, named like a constant
    """A moment, in UTC."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return moment_in_range(moment)


def ID(value: Any) -> int:  # noqa: N802
    """A row's id."""
    if type(value) is not int or not 0 < value < 2**63:
        raise ValueError("no id")
    return value


def TEXT(value: Any) -> str:  # noqa: N802
    """A text that a database can hold."""
    if not isinstance(value, str) or len(value) > TEXT_MAX or not value.isprintable():
        raise ValueError("no text")
    value.encode()  # half a character of a pair is none
    return value


def encode_cursor(*key: Any) -> str:
    """The cursor of the keyset `key`."""
    values = [part.isoformat() if isinstance(part, datetime) else part for part in key]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *parts: Part) -> tuple[Any, ...]:
    """The keyset in `cursor`; `BadInput` ``bad_cursor`` if it has not these parts."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list):
            raise TypeError("no list")
        return tuple(part(value) for part, value in zip(parts, values, strict=True))
    except (binascii.Error, TypeError, ValueError, RecursionError) as error:
        raise BadInput("cursor: pass the `next` of a previous page", code="bad_cursor") from error


def cursor_of(*parts: Part) -> Callable[..., Any]:
    """The dependency that reads the cursor of a list with such a key; None on the first page."""

    async def read(
        cursor: Annotated[
            str | None,
            Query(max_length=CURSOR_MAX, description="The `next` of the previous page."),
        ] = None,
    ) -> tuple[Any, ...] | None:
        return None if cursor is None else decode_cursor(cursor, *parts)

    return read
