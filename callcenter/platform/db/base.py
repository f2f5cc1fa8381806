"""The declarative base, naming of constraints, and the column types that all tables share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Dialect, Integer, MetaData, Table
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

# Fixed names, so that migrations can name what they change on every database.
NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment with microseconds; naive values are refused, not guessed."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: moments are stored in UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        result: datetime = value
        return result.replace(tzinfo=UTC) if result.tzinfo is None else result.astimezone(UTC)


LOOSE = "loose"
REBUILT = "of the ledger, which a rebuild empties while this row stays"
DERIVED = "both are derived from the journal and written together; a check of each would slow it"


def loose(why: str) -> dict[Any, Any]:
    """``info`` of a column that names a row elsewhere without a foreign key: `why` it has none.

    Every other column whose name ends in ``_id`` has one.
    """
    return {LOOSE: why}


BigInt = BigInteger().with_variant(Integer(), "sqlite")
"""Every whole number has 64 bits, as SQLite's INTEGER has: a recording of a day may have 2 GiB, and
a client's id that no row has is asked for, and not found, on both databases alike."""


class Base(DeclarativeBase):
    """Base of all tables.

    An id that the database counts up is never given twice. A sequence of PostgreSQL does that by
    itself; SQLite gives a removed row's id to the next one unless the table is AUTOINCREMENT, and
    then whatever still names the old row means the new one. So every such table is.
    """

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, int: BigInt}  # noqa: RUF012

    @classmethod
    def __table_cls__(cls, *args: Any, **options: Any) -> Table:
        """SQLAlchemy's hook: how the table of a model is made."""
        key = [part for part in args if isinstance(part, Column) and part.primary_key]
        if len(key) == 1 and isinstance(key[0].type, Integer) and key[0].autoincrement:
            options["sqlite_autoincrement"] = True
        return Table(*args, **options)


def counted_id(table: Table) -> Column[Any] | None:
    """The column of `table` whose values the database counts up; None if it has none."""
    key = list(table.primary_key.columns)
    if len(key) != 1 or not isinstance(key[0].type, Integer) or key[0].foreign_keys:
        return None
    return key[0] if key[0].autoincrement else None
