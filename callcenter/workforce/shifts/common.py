"""What the endpoints of shifts share."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Path, Query

from callcenter.people.access.rights import Who
from callcenter.platform.errors import BadInput, Forbidden
from callcenter.platform.http.api import decode_cursor, error_body

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
First = Annotated[date, Query(alias="from", description="The city's day.")]
Last = Annotated[date, Query(alias="to", description="Included.")]
Cursor = Annotated[str | None, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1)]


def _person(who: Who) -> int:
    """The user who asks; `Forbidden` ``not_a_person`` for a machine's token."""
    if who.user_id is None:
        raise Forbidden(
            f"{who.name} is a machine's token: only people have shifts", code="not_a_person"
        )
    return who.user_id


Me = Annotated[int, Depends(_person)]


def before_id(cursor: str | None) -> int | None:
    """The id in a cursor; `BadInput` ``bad_cursor``."""
    if cursor is None:
        return None
    (before,) = decode_cursor(cursor, 1)
    if not (isinstance(before, int) and 0 < before < 2**63):
        raise BadInput("cursor: pass the `next` of a previous page", code="bad_cursor")
    return before


def problem(description: str, code: str, message: str) -> dict[str, Any]:
    """The description of an answer that is an error."""
    return {
        "description": description,
        "content": {"application/json": {"example": error_body(code, message)}},
    }
