"""``/api/trail``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from callcenter.people.access.rights import requires
from callcenter.people.domain.permissions import Permission
from callcenter.people.trail.chain import ActorKind
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.schemas import ENTRY_EXAMPLE, TrailOut
from callcenter.people.trail.service import Trail
from callcenter.platform.errors import BadInput
from callcenter.platform.http.api import Config, Page, decode_cursor, encode_cursor
from callcenter.platform.http.given import Given
from callcenter.platform.moments import Moment

router = APIRouter(prefix="/api/trail", tags=["audit trail"])


Service = Given[Trail]
Word = Annotated[str | None, Query(min_length=1, max_length=128)]

_PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One page.",
        "content": {"application/json": {"example": {"items": [ENTRY_EXAMPLE], "next": None}}},
    }
}


@router.get(
    "",
    summary="Who read or changed what, newest first",
    responses=_PAGE,
    dependencies=[requires(Permission.TRAIL_READ)],
)
async def list_trail(
    service: Service,
    config: Config,
    actor: Word = None,
    actor_kind: Annotated[ActorKind | None, Query()] = None,
    action: Word = None,
    subject: Word = None,
    at_from: Annotated[Moment | None, Query(description="Not before.")] = None,
    at_to: Annotated[Moment | None, Query(description="Before.")] = None,
    cursor: Annotated[
        str | None, Query(max_length=200, description="The `next` of the previous page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, description="The setting page_size_max is the most.")] = 50,
) -> Page[TrailOut]:
    """Filters narrow together. `callcenter trail verify` says whether the chain is whole."""
    wanted = TrailFilter(
        actor=actor, kind=actor_kind, action=action, subject=subject, at_from=at_from, at_to=at_to
    )
    before = None
    if cursor is not None:
        (before,) = decode_cursor(cursor, 1)
        if not (type(before) is int and 0 < before < 2**63):
            raise BadInput("cursor: pass the `next` of a previous page", code="bad_cursor")
    limit = min(limit, config.page_size_max)
    found = await service.page(wanted, before=before, limit=limit + 1)
    items = [TrailOut.model_validate(entry) for entry in found[:limit]]
    following = encode_cursor(items[-1].seq) if len(found) > limit else None
    return Page[TrailOut](items=items, next=following)
