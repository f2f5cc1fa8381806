"""SQL of audio files, of what retention removed, and of who listened.

The worker, the sweeper and retention touch only files of their own node: the others lie on another
machine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, bindparam, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.calls.lookup import talked_in
from callcenter.telephony.domain.media import MediaKind, MediaStatus
from callcenter.telephony.recordings.models import MediaAccess, MediaFile, MediaRemoval
from callcenter.telephony.recordings.waiting import WaitingFile

CHUNK = 500
"""Ids per statement, well below the number of parameters that any database takes."""

FILE = cast(Table, MediaFile.__table__)
REMOVAL = cast(Table, MediaRemoval.__table__)

_PENDING = MediaStatus.PENDING.value
_USUAL = frozenset({MediaStatus.READY.value, MediaStatus.REMOVED.value})
"""States of so many files that an index over the state helps nobody."""
_ON_DISK = tuple(
    status.value for status in MediaStatus if status.audible or status is MediaStatus.FAILED
)
"""States with files that retention may remove."""


@dataclass(frozen=True, slots=True)
class MediaFilter:
    """What a list is narrowed to; None leaves it as wide as it is."""

    kind: MediaKind | None = None
    call_id: str | None = None
    status: str | None = None
    seat: str | None = None
    """That took part in the call."""
    started_from: datetime | None = None
    """Inclusive."""
    started_to: datetime | None = None
    """Exclusive."""


def _of_node(node: str) -> ColumnElement[bool]:
    return MediaFile.id.startswith(f"{node}:", autoescape=True)


# -- what the ledger tells ---------------------------------------------------------------------


async def by_ids(session: AsyncSession, ids: Collection[str]) -> dict[str, MediaFile]:
    """The files of `ids` that there are."""
    wanted = sorted(ids)
    found: dict[str, MediaFile] = {}
    for start in range(0, len(wanted), CHUNK):
        statement = select(MediaFile).where(MediaFile.id.in_(wanted[start : start + CHUNK]))
        found.update({row.id: row for row in await session.scalars(statement)})
    return found


FROM_LEDGER = (
    "source_path",
    "started_at",
    "no_room",
    "expected_ms",
    "expected_left_ms",
    "expected_right_ms",
)
"""What of a file's row follows the ledger."""
# Made once, as what follows: to make a statement costs more than to carry it out.
_FACTS = select(FILE.c.id, *(FILE.c[name] for name in FROM_LEDGER)).where(
    FILE.c.id.in_(bindparam("ids", expanding=True))
)
_ADD = insert(FILE)


async def ledger_facts(session: AsyncSession, ids: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """`FROM_LEDGER` of those of `ids` that there are."""
    wanted = sorted(ids)
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(wanted), CHUNK):
        rows = await session.execute(_FACTS, {"ids": wanted[start : start + CHUNK]})
        found.update({row["id"]: row for row in rows.mappings()})
    return found


async def add_files(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Insert `rows`."""
    if rows:
        await session.execute(_ADD, rows)


_CHANGING = update(FILE).where(FILE.c.id == bindparam("of_id"), FILE.c.status == bindparam("was"))
"""Made once: to make it costs more than to carry it out, which is done twice for every call. The
columns to set are those that are given."""


async def change(
    session: AsyncSession, media_id: str, values: dict[str, Any], *, was: MediaStatus
) -> bool:
    """Write `values` if the file is in the state `was`; whether it was."""
    connection = await session.connection()
    given = {"of_id": media_id, "was": was.value, **values}
    return (await connection.execute(_CHANGING, given)).rowcount == 1


# -- what the worker asks ----------------------------------------------------------------------


async def due(
    session: AsyncSession, node: str, until: datetime, limit: int
) -> Sequence[WaitingFile]:
    """Up to `limit` files that are due by `until`: those with something left on the disk first."""
    found: list[WaitingFile] = []
    for wanted in (FILE.c.source_left, FILE.c.status == _PENDING):
        statement = (
            select(*(FILE.c[field.name] for field in fields(WaitingFile)))
            .where(wanted, FILE.c.due_at <= until, _of_node(node))
            .order_by(FILE.c.due_at)
            .limit(limit - len(found))
        )
        if len(found) < limit:
            rows = await session.execute(statement)
            found += [WaitingFile(**row) for row in rows.mappings()]
    return found


async def everything(session: AsyncSession) -> Sequence[MediaFile]:
    """Every file's row."""
    return (await session.scalars(select(MediaFile))).all()


async def count_by_status(
    session: AsyncSession, start: datetime, end: datetime, wanted: Collection[MediaStatus]
) -> dict[MediaStatus, int]:
    """How many recordings begun in [`start`, `end`) are in each state of `wanted`."""
    statement = (
        select(MediaFile.status, func.count())
        .where(
            MediaFile.started_at >= start,
            MediaFile.started_at < end,
            MediaFile.kind == MediaKind.RECORDING.value,
            # By the moments' index: an hour's rows, or a day's, whatever their states.
            func.coalesce(MediaFile.status, "").in_([status.value for status in wanted]),
        )
        .group_by(MediaFile.status)
    )
    counts = {MediaStatus(row[0]): int(row[1]) for row in await session.execute(statement)}
    return {status: counts.get(status, 0) for status in wanted}


async def count_pending(session: AsyncSession) -> int:
    """Files that wait for the worker."""
    statement = select(func.count()).select_from(MediaFile).where(MediaFile.status == _PENDING)
    return await session.scalar(statement) or 0


async def open_sources(session: AsyncSession, node: str, kind: MediaKind) -> set[str]:
    """The PBX's files of `kind` that a row still speaks for."""
    found: set[str] = set()
    for wanted in (
        MediaFile.status.in_((_PENDING, MediaStatus.FAILED.value)),
        MediaFile.source_left,
    ):
        statement = select(MediaFile.source_path).where(
            wanted, MediaFile.kind == kind.value, _of_node(node)
        )
        found.update(await session.scalars(statement))
    return found


# -- what retention asks -----------------------------------------------------------------------


async def oldest_on_disk(
    session: AsyncSession,
    node: str,
    kinds: Collection[MediaKind],
    *,
    since: datetime | None,
    before: datetime | None,
    limit: int,
) -> Sequence[MediaFile]:
    """Up to `limit` files that may be removed, oldest first, begun in [`since`, `before`)."""
    statement = (
        select(MediaFile)
        .where(
            # Not by an index over the state: nearly all files are in one of these.
            func.coalesce(MediaFile.status, "").in_(_ON_DISK),
            func.coalesce(MediaFile.source_left, False).is_(False),
            MediaFile.kind.in_([kind.value for kind in kinds]),
            _of_node(node),
        )
        .order_by(MediaFile.started_at, MediaFile.id)
        .limit(limit)
    )
    if since is not None:
        statement = statement.where(MediaFile.started_at >= since)
    if before is not None:
        statement = statement.where(MediaFile.started_at < before)
    return (await session.scalars(statement)).all()


async def add_removal(session: AsyncSession, row: dict[str, Any]) -> None:
    """Append to the log of removals."""
    await session.execute(insert(REMOVAL).values(row))


async def removals(
    session: AsyncSession, *, before_id: int | None, limit: int
) -> Sequence[MediaRemoval]:
    """Up to `limit` removals, newest first, with ids below `before_id`."""
    statement = select(MediaRemoval).order_by(MediaRemoval.id.desc()).limit(limit)
    if before_id is not None:
        statement = statement.where(MediaRemoval.id < before_id)
    return (await session.scalars(statement)).all()


# -- what people ask ---------------------------------------------------------------------------


async def of_calls(session: AsyncSession, call_ids: Collection[str]) -> Sequence[MediaFile]:
    """The files of `call_ids`, in the order of their beginning."""
    wanted = sorted(call_ids)
    found: list[MediaFile] = []
    for start in range(0, len(wanted), CHUNK):
        statement = select(MediaFile).where(MediaFile.call_id.in_(wanted[start : start + CHUNK]))
        found.extend((await session.scalars(statement)).all())
    return sorted(found, key=lambda row: (row.started_at, row.id))


async def newest_first(
    session: AsyncSession,
    wanted: MediaFilter,
    *,
    before: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[MediaFile]:
    """Up to `limit` files, newest first, older than the key `before`."""
    return (await session.scalars(list_statement(wanted, before=before, limit=limit))).all()


def list_statement(wanted: MediaFilter, *, before: tuple[datetime, str] | None, limit: int) -> Any:
    """The statement of `newest_first`."""
    statement = (
        select(MediaFile).order_by(MediaFile.started_at.desc(), MediaFile.id.desc()).limit(limit)
    )
    if wanted.kind is not None:
        statement = statement.where(MediaFile.kind == wanted.kind.value)
    if wanted.call_id is not None:
        statement = statement.where(MediaFile.call_id == wanted.call_id)
    if wanted.status in _USUAL:
        statement = statement.where(func.coalesce(MediaFile.status, "") == wanted.status)
    elif wanted.status is not None:
        statement = statement.where(MediaFile.status == wanted.status)
    if wanted.seat is not None:
        statement = statement.where(talked_in(FILE.c.call_id, wanted.seat))
        # A seat's files are sorted, not found among all files along the moments.
        newest = func.coalesce(MediaFile.started_at, MediaFile.started_at)
        statement = statement.order_by(None).order_by(newest.desc(), MediaFile.id.desc())
    if wanted.started_from is not None:
        statement = statement.where(MediaFile.started_at >= wanted.started_from)
    if wanted.started_to is not None:
        statement = statement.where(MediaFile.started_at < wanted.started_to)
    if before is not None:
        statement = statement.where(tuple_(MediaFile.started_at, MediaFile.id) < tuple_(*before))
    return statement


async def add_access(session: AsyncSession, row: MediaAccess) -> None:
    """Append to the record of who listened."""
    session.add(row)
    await session.flush()
