"""Whether a name is free: users and tokens stand in the same histories, each by its name alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Select, String, column, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.domain.names import is_reserved, skeleton
from callcenter.platform.errors import BadInput

_LOGINS: Select[str] = select(column("login", String)).select_from(table("user"))
_TOKENS: Select[str] = select(column("name", String)).select_from(table("api_token"))


async def must_be_free_of_users(session: AsyncSession, name: str) -> None:
    """`BadInput` ``reserved_name`` if a token called `name` would be taken for a user, or for
    nobody."""
    if _is_the_systems(name):
        raise _refused(name, "a name of the system's own")
    if skeleton(name) in {skeleton(one) for one in await session.scalars(_LOGINS)}:
        raise _refused(name, "a user's login")


async def must_be_free_of_tokens(session: AsyncSession, login: str) -> None:
    """`BadInput` ``reserved_name`` if a user called `login` would be taken for a token, or for
    nobody."""
    for refusal in (await refusals_of_logins(session, [login])).values():
        raise refusal


async def refusals_of_logins(
    session: AsyncSession, logins: Collection[str]
) -> Mapping[str, BadInput]:
    """Those of `logins` that no user may be called, each with the error that says why."""
    tokens = {skeleton(one) for one in await session.scalars(_TOKENS)}
    refused = {}
    for login in logins:
        if _is_the_systems(login):
            refused[login] = _refused(login, "a name of the system's own")
        elif skeleton(login) in tokens:
            refused[login] = _refused(login, "a token's name")
    return refused


def _is_the_systems(name: str) -> bool:
    return is_reserved(name) or not skeleton(name)


def _refused(name: str, what: str) -> BadInput:
    return BadInput(
        f"{name!r} is, or looks like, {what}: histories could not tell them apart; take another",
        code="reserved_name",
    )
