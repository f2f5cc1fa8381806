"""One line a record on standard output, and errors that come by the hundred told once."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime


class LineFormatter(logging.Formatter):
    """``2026-11-24T03:57:04.054Z ERROR agi.server message``; never more than one line."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record; what would break the line is written as an escape."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        text = f"{moment.removesuffix('+00:00')}Z {super().format(record)}"
        return "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
        )


def configure() -> None:
    """Log everything from INFO on to standard output, which the supervisor keeps."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class Sparing:
    """Logs the first of each kind, then at most one per `seconds`, saying how many were like it.

    A missing database would otherwise write a line for every call; the disk it fills is the one
    that keeps the recordings.
    """

    def __init__(self, logger: logging.Logger, seconds: float = 10.0) -> None:
        self._logger = logger
        self._seconds = seconds
        self._kinds: dict[str, tuple[float, int]] = {}

    def error(self, kind: str, message: str, *, now: float) -> None:
        """Log `message`; `now` is a monotonic time in seconds. Use few kinds: each is kept."""
        said_at, silent = self._kinds.get(kind, (float("-inf"), 0))
        if now - said_at < self._seconds:
            self._kinds[kind] = (said_at, silent + 1)
            return
        more = f" (and {silent} more like it)" if silent else ""
        self._logger.error("%s: %s%s", kind, message, more)
        self._kinds[kind] = (now, 0)


def first_line(error: BaseException | None) -> str:
    """What an error says, without the advice that some libraries add below."""
    return str(error).partition("\n")[0][:300]
