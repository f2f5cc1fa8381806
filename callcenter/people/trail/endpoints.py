"""``/api/trail``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from callcenter.people.access.rights import requires
from callcenter.people.domain.permissions import Permission
from callcenter.people.trail.chain import ActorKind
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.schemas import ENTRY_EXAMPLE, TrailOut
from callcenter.people.trail.service import Trail
from callcenter.platform.http.api import Config, Page
from callcenter.platform.http.cursors import ID, Limit, cursor_of, encode_cursor
from callcenter.platform.http.given import Given
from callcenter.platform.http.queries import MomentSpan, moment_span
from callcenter.platform.texts import Line

router = APIRouter(prefix="/api/trail", tags=["audit trail"])


Service = Given[Trail]
Span = Annotated[MomentSpan, Depends(moment_span("at"))]
Before = Annotated[tuple[int] | None, Depends(cursor_of(ID))]
Word = Annotated[Line | None, Query(min_length=1, max_length=128)]

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
    span: Span,
    before: Before,
    actor: Word = None,
    actor_kind: Annotated[ActorKind | None, Query()] = None,
    action: Word = None,
    subject: Word = None,
    limit: Limit = 50,
) -> Page[TrailOut]:
    """Filters narrow together. `callcenter trail verify` says whether the chain is whole."""
    wanted = TrailFilter(
        actor=actor,
        kind=actor_kind,
        action=action,
        subject=subject,
        at_from=span.first,
        at_to=span.last,
    )
    limit = min(limit, config.page_size_max)
    found = await service.page(wanted, before=before and before[0], limit=limit + 1)
    items = [TrailOut.model_validate(entry) for entry in found[:limit]]
    following = encode_cursor(items[-1].seq) if len(found) > limit else None
    return Page[TrailOut](items=items, next=following)
