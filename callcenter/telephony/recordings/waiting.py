"""Audio files that wait for the media worker: what it must know of each, and when each is due."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """As much of a row of `models.MediaFile` as the worker needs; see there."""

    id: str
    kind: str
    call_id: str
    source_path: str
    expected_ms: int | None
    expected_left_ms: int | None
    expected_right_ms: int | None
    no_room: str
    due_at: datetime
    status: str
    attempts: int = 0
    error: str | None = None
    path: str | None = None
    wav_kept: bool = False


class Coming:
    """Files by the moment at which they are due, each once."""

    def __init__(self) -> None:
        self._files: dict[str, WaitingFile] = {}
        self._order: list[tuple[datetime, str]] = []
        """A heap; it also holds places of files that were forgotten or put anew."""

    def __len__(self) -> int:
        return len(self._files)

    def put(self, file: WaitingFile) -> None:
        """Expect `file`, as it is now."""
        self._files[file.id] = file
        heapq.heappush(self._order, (file.due_at, file.id))

    def forget(self, media_id: str) -> None:
        """Expect it no longer."""
        self._files.pop(media_id, None)

    def keep(self, most: int) -> None:
        """Expect those `most` alone that are due first."""
        kept = sorted(self._files.values(), key=lambda file: file.due_at)[:most]
        self._files = {file.id: file for file in kept}
        self._order = [(file.due_at, file.id) for file in kept]

    def due(self, now: datetime) -> WaitingFile | None:
        """Take the one that is due first, if it is due."""
        moment = self.next_due()
        if moment is None or moment > now:
            return None
        _, media_id = heapq.heappop(self._order)
        return self._files.pop(media_id)

    def next_due(self) -> datetime | None:
        """When the next one is due; None if none is expected."""
        while self._order:
            moment, media_id = self._order[0]
            file = self._files.get(media_id)
            if file is not None and file.due_at == moment:
                return moment
            heapq.heappop(self._order)
        return None
