"""What the database cannot do, said in one sentence: it is away, or a value is none of its own."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy.exc import SQLAlchemyError

from callcenter.platform.errors import BadInput, CallcenterError, Conflict


class DatabaseUnavailable(CallcenterError, SQLAlchemyError):  # type: ignore[misc]  # both: code
    """Nothing was read or written; the same again will do once the database is back.

    For people and API clients it is an error as any other of ours. For what tries again by itself
    (the journal reader, the agents' states) it is an error of the database as any other.
    """

    status: ClassVar[int] = 503

    def __init__(self, message: str) -> None:
        super().__init__(message, code="database_unavailable")

    def __str__(self) -> str:
        return self.message


class DatabaseFull(DatabaseUnavailable):
    """There is no room for what was to be written. Reading goes on."""

    status: ClassVar[int] = 507

    def __init__(self, message: str) -> None:
        CallcenterError.__init__(self, message, code="database_full")


class ValueRefused(BadInput, SQLAlchemyError):  # type: ignore[misc]  # both: code
    """A text or number that the database cannot hold, such as a NUL character or 2⁷⁰."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="bad_input")

    def __str__(self) -> str:
        return self.message


class ReferenceLost(Conflict, SQLAlchemyError):  # type: ignore[misc]  # both: code
    """A foreign key would point nowhere: what a row names was removed while it was being written,
    or what was to be removed is named by something since a moment ago."""

    def __init__(self) -> None:
        super().__init__(
            "something that this needs was removed or put to use at this moment: read it again",
            code="reference_lost",
        )

    def __str__(self) -> str:
        return self.message
