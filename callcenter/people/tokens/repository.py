"""SQL of API tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.tokens.models import ApiToken


async def by_hash(session: AsyncSession, sha256: str) -> ApiToken | None:
    """The token with this hash."""
    found: ApiToken | None = await session.scalar(select(ApiToken).where(ApiToken.sha256 == sha256))
    return found


async def by_hashes(session: AsyncSession, hashes: Collection[str]) -> Sequence[ApiToken]:
    """The tokens with these hashes."""
    return (await session.scalars(select(ApiToken).where(ApiToken.sha256.in_(hashes)))).all()


async def by_name(session: AsyncSession, name: str) -> ApiToken | None:
    """The token of this name."""
    found: ApiToken | None = await session.scalar(select(ApiToken).where(ApiToken.name == name))
    return found


async def all_tokens(session: AsyncSession) -> Sequence[ApiToken]:
    """All tokens, oldest first."""
    return (await session.scalars(select(ApiToken).order_by(ApiToken.id))).all()
