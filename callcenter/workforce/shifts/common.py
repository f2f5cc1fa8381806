"""What the endpoints of shifts share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query

from callcenter.people.access.rights import Who
from callcenter.platform.errors import Forbidden
from callcenter.platform.http.api import error_body
from callcenter.platform.moments import BoundDay

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
First = Annotated[BoundDay, Query(alias="from", description="The city's day.")]
Last = Annotated[BoundDay, Query(alias="to", description="Included.")]


async def _person(who: Who) -> int:
    """The user who asks; `Forbidden` ``not_a_person`` for a machine's token."""
    if who.user_id is None:
        raise Forbidden(
            f"{who.name} is a machine's token: only people have shifts", code="not_a_person"
        )
    return who.user_id


Me = Annotated[int, Depends(_person)]


def problem(description: str, code: str, message: str) -> dict[str, Any]:
    """The description of an answer that is an error."""
    return {
        "description": description,
        "content": {"application/json": {"example": error_body(code, message)}},
    }
