"""``/api/break-reasons``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.errors import BadInput
from callcenter.platform.http.api import Page, error_body
from callcenter.platform.http.given import Given
from callcenter.platform.http.versions import VERSIONED, VersionedRoute
from callcenter.workforce.agents.break_reasons import BreakReasons
from callcenter.workforce.agents.schemas import ReasonIn, ReasonOut, ReasonPatch

router = APIRouter(prefix="/api/break-reasons", tags=["agents"], route_class=VersionedRoute)


Reasons = Given[BreakReasons]
Code = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,31}$", examples=["meal"])]

_WRITE = [requires(Permission.AGENT_WRITE)]


def _error(code: str, message: str) -> dict[str, Any]:
    return {"content": {"application/json": {"example": error_body(code, message)}}}


_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {
        "description": "No such reason.",
        **_error("break_reason_not_found", "there is no break nap"),
    }
}
_OWN: dict[int | str, dict[str, Any]] = {
    409: {
        "description": "Codes `break_reason_own`, `break_reason_used`, `version_conflict`.",
        **_error("break_reason_own", "ring_no_answer is set by the system itself"),
    }
}


@router.get("", summary="List the reasons", dependencies=[requires(Permission.AGENT_OWN)])
async def list_reasons(reasons: Reasons) -> Page[ReasonOut]:
    """By code; disabled ones too, since intervals name them."""
    return Page[ReasonOut](items=[ReasonOut.of(info) for info in await reasons.all()])


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Make a reason",
    dependencies=_WRITE,
    responses={
        409: {
            "description": "There is one.",
            **_error("break_reason_exists", "there is a break meal already; change that one"),
        }
    },
)
async def make_reason(body: ReasonIn, reasons: Reasons, who: Who) -> ReasonOut:
    """Agents can give it at once."""
    made = await reasons.create(
        body.code,
        name=body.name,
        limit_seconds=body.limit_seconds,
        enabled=body.enabled,
        actor=who.name,
    )
    return ReasonOut.of(made)


@router.patch(
    "/{code}",
    summary="Change a reason",
    dependencies=[*_WRITE, VERSIONED],
    responses={**_NOT_FOUND, **_OWN},
)
async def change_reason(code: Code, body: ReasonPatch, reasons: Reasons, who: Who) -> ReasonOut:
    """What is left out stays; a break under way keeps its limit."""
    values = body.model_dump(exclude_unset=True, exclude={"version"})
    for name in ("name", "enabled"):
        if name in values and values[name] is None:
            raise BadInput(f"{name}: leave it out, or say what it is", field=name)
    return ReasonOut.of(await reasons.change(code, values, actor=who.name))


@router.delete(
    "/{code}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a reason",
    dependencies=[*_WRITE, VERSIONED],
    responses={**_NOT_FOUND, **_OWN},
)
async def remove_reason(code: Code, reasons: Reasons, who: Who) -> None:
    """Only one that was never used; others are disabled."""
    await reasons.remove(code, actor=who.name)
