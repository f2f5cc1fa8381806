"""``/api/tokens``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, status

from callcenter.people.access.rights import requires
from callcenter.people.domain.permissions import Permission
from callcenter.people.tokens.schemas import TokenIn, TokenMadeOut, TokenOut
from callcenter.people.tokens.service import TokenService
from callcenter.platform.http.api import error_body
from callcenter.platform.http.given import Given
from callcenter.platform.texts import Line

router = APIRouter(
    prefix="/api/tokens", tags=["tokens"], dependencies=[requires(Permission.TOKEN_WRITE)]
)


Service = Given[TokenService]


def _error(description: str, code: str, message: str) -> dict[str, Any]:
    body = error_body(code, message)
    return {"description": description, "content": {"application/json": {"example": body}}}


@router.get("", summary="List tokens, oldest first")
async def list_tokens(service: Service) -> list[TokenOut]:
    """Revoked ones too; there are few."""
    return [
        TokenOut(
            name=one.name,
            roles=sorted(one.roles),
            created_at=one.created_at,
            expires_at=one.expires_at,
            revoked_at=one.revoked_at,
        )
        for one in await service.list()
    ]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Make a token",
    responses={
        409: _error(
            "A valid one has this name.",
            "token_exists",
            "there is a token 'wall-board' already; revoke it first, or take another name",
        ),
        422: _error(
            "Codes `bad_input`, `bad_token_name`, `reserved_name`.",
            "bad_token_name",
            "name: 1 to 64 letters, digits, blanks or . @ _ -, no blank at the ends",
        ),
    },
)
async def make_token(body: TokenIn, service: Service) -> TokenMadeOut:
    """For a machine; it may do what its roles may. Shown in this answer and never again."""
    token = await service.create(body.name, frozenset(body.roles), days=body.days)
    return TokenMadeOut(name=body.name, token=token)


@router.delete(
    "/{name}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Revoke a token",
    responses={404: _error("No such token.", "token_not_found", "there is no token 'wall-board'")},
)
async def revoke_token(
    name: Annotated[Line, Path(min_length=1, max_length=64)], service: Service
) -> None:
    """At once; in other processes within a second."""
    await service.revoke(name)
