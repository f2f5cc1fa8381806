"""SQL over shifts, rotations, the rota, leave, swaps and feeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.workforce.domain.requests import RequestState
from callcenter.workforce.domain.shifts import EntrySource
from callcenter.workforce.shifts.models import (
    LeaveRequest,
    RotaEntry,
    RotaFeed,
    RotationMember,
    RotationPlace,
    Shift,
    ShiftRotation,
    SwapRequest,
)

_OPEN = (RequestState.ASKED.value, RequestState.ACCEPTED.value)


async def shifts(session: AsyncSession) -> Sequence[Shift]:
    """All patterns, by their begin."""
    query = select(Shift).order_by(Shift.starts, Shift.id)
    return (await session.execute(query)).scalars().all()


async def shift(session: AsyncSession, shift_id: int) -> Shift | None:
    """One pattern."""
    return await session.get(Shift, shift_id)


async def shift_by_code(session: AsyncSession, code: str) -> Shift | None:
    """One pattern."""
    query = select(Shift).where(Shift.code == code)
    return (await session.execute(query)).scalar_one_or_none()


async def shift_is_used(session: AsyncSession, shift_id: int) -> bool:
    """Whether a rota or a rotation has it."""
    query = select(
        or_(
            exists().where(RotaEntry.shift_id == shift_id),
            exists().where(RotationPlace.shift_id == shift_id),
        )
    )
    return bool((await session.execute(query)).scalar_one())


async def rotations(session: AsyncSession) -> Sequence[ShiftRotation]:
    """All rotations, by name."""
    query = select(ShiftRotation).order_by(ShiftRotation.name)
    return (await session.execute(query)).scalars().all()


async def rotation(session: AsyncSession, rotation_id: int) -> ShiftRotation | None:
    """One rotation."""
    return await session.get(ShiftRotation, rotation_id)


async def rotation_by_name(session: AsyncSession, name: str) -> ShiftRotation | None:
    """One rotation."""
    query = select(ShiftRotation).where(ShiftRotation.name == name)
    return (await session.execute(query)).scalar_one_or_none()


async def places(session: AsyncSession, rotation_id: int) -> list[int | None]:
    """The circle of a rotation, in order."""
    query = (
        select(RotationPlace.shift_id)
        .where(RotationPlace.rotation_id == rotation_id)
        .order_by(RotationPlace.position)
    )
    return list((await session.execute(query)).scalars())


async def members(session: AsyncSession, rotation_id: int) -> dict[int, int]:
    """Place by user, in order of users."""
    query = (
        select(RotationMember.user_id, RotationMember.place)
        .where(RotationMember.rotation_id == rotation_id)
        .order_by(RotationMember.user_id)
    )
    return {row.user_id: row.place for row in await session.execute(query)}


async def clear_rotation(session: AsyncSession, rotation_id: int) -> None:
    """Remove the circle and the members."""
    await session.execute(delete(RotationPlace).where(RotationPlace.rotation_id == rotation_id))
    await session.execute(delete(RotationMember).where(RotationMember.rotation_id == rotation_id))


async def entry(session: AsyncSession, entry_id: int) -> RotaEntry | None:
    """One entry of the rota."""
    return await session.get(RotaEntry, entry_id)


async def entries(
    session: AsyncSession,
    first: date,
    last: date,
    *,
    users: Collection[int] | None = None,
) -> Sequence[RotaEntry]:
    """Entries of the days `first` to `last` (both included), by day, begin and user."""
    query = (
        select(RotaEntry)
        .where(RotaEntry.day >= first, RotaEntry.day <= last)
        .order_by(RotaEntry.day, RotaEntry.starts, RotaEntry.user_id, RotaEntry.id)
    )
    if users is not None:
        query = query.where(RotaEntry.user_id.in_(users))
    return (await session.execute(query)).scalars().all()


async def entries_with_shift(
    session: AsyncSession, shift_id: int, first: date
) -> Sequence[RotaEntry]:
    """Entries of a pattern from `first` on."""
    query = select(RotaEntry).where(RotaEntry.shift_id == shift_id, RotaEntry.day >= first)
    return (await session.execute(query)).scalars().all()


async def same_entry(
    session: AsyncSession, user_id: int, day: date, shift_id: int
) -> RotaEntry | None:
    """The entry of that person, day and pattern."""
    query = select(RotaEntry).where(
        RotaEntry.user_id == user_id, RotaEntry.day == day, RotaEntry.shift_id == shift_id
    )
    return (await session.execute(query)).scalar_one_or_none()


async def forget_rotation(session: AsyncSession, rotation_id: int, first: date) -> int:
    """Remove what a rotation planned from `first` on and nobody touched; how many entries."""
    found = await session.execute(
        delete(RotaEntry).where(
            RotaEntry.rotation_id == rotation_id,
            RotaEntry.source == EntrySource.ROTATION.value,
            RotaEntry.day >= first,
        )
    )
    return int(getattr(found, "rowcount", 0))


async def last_planned(session: AsyncSession) -> date | None:
    """The last day of the rota."""
    return (await session.execute(select(func.max(RotaEntry.day)))).scalar_one()


async def leave(session: AsyncSession, leave_id: int) -> LeaveRequest | None:
    """One request."""
    return await session.get(LeaveRequest, leave_id)


async def leave_between(
    session: AsyncSession,
    first: date,
    last: date,
    *,
    states: Collection[RequestState],
    user_id: int | None = None,
) -> Sequence[LeaveRequest]:
    """Requests that share a day with ``first … last``, by their first day."""
    conditions = [
        LeaveRequest.first_day <= last,
        LeaveRequest.last_day >= first,
        LeaveRequest.state.in_([state.value for state in states]),
    ]
    if user_id is not None:
        conditions.append(LeaveRequest.user_id == user_id)
    query = select(LeaveRequest).where(*conditions).order_by(LeaveRequest.first_day)
    return (await session.execute(query)).scalars().all()


async def newest_leave(
    session: AsyncSession,
    *,
    before_id: int | None,
    user_id: int | None,
    state: RequestState | None,
    limit: int,
) -> Sequence[LeaveRequest]:
    """Up to `limit` requests below `before_id`, newest first."""
    query = select(LeaveRequest).order_by(LeaveRequest.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(LeaveRequest.id < before_id)
    if user_id is not None:
        query = query.where(LeaveRequest.user_id == user_id)
    if state is not None:
        query = query.where(LeaveRequest.state == state.value)
    return (await session.execute(query)).scalars().all()


async def swap(session: AsyncSession, swap_id: int) -> SwapRequest | None:
    """One request."""
    return await session.get(SwapRequest, swap_id)


async def newest_swaps(
    session: AsyncSession,
    *,
    before_id: int | None,
    user_id: int | None,
    state: RequestState | None,
    limit: int,
) -> Sequence[SwapRequest]:
    """Up to `limit` requests below `before_id`, newest first; of or to `user_id` if given."""
    query = select(SwapRequest).order_by(SwapRequest.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(SwapRequest.id < before_id)
    if user_id is not None:
        query = query.where(or_(SwapRequest.user_id == user_id, SwapRequest.partner_id == user_id))
    if state is not None:
        query = query.where(SwapRequest.state == state.value)
    return (await session.execute(query)).scalars().all()


async def open_swap_of(session: AsyncSession, entry_ids: Collection[int]) -> SwapRequest | None:
    """A request that is not decided and concerns one of the entries."""
    concerned: ColumnElement[Any] = or_(
        SwapRequest.entry_id.in_(entry_ids), SwapRequest.partner_entry_id.in_(entry_ids)
    )
    query = select(SwapRequest).where(SwapRequest.state.in_(_OPEN), concerned).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def feed(session: AsyncSession, user_id: int) -> RotaFeed | None:
    """Somebody's feed."""
    return await session.get(RotaFeed, user_id)


async def feed_by_hash(session: AsyncSession, sha256: str) -> RotaFeed | None:
    """The feed with that secret."""
    query = select(RotaFeed).where(RotaFeed.sha256 == sha256)
    return (await session.execute(query)).scalar_one_or_none()
