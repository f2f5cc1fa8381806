"""What is sent to watchers: numbered frames, written once for all who may see the same.

A frame's number is an SSE event's id, ``EPOCH-NUMBER``; the epoch is one life of this process. A
ring of the newest frames lets a watcher whose line broke go on where he was; who is away for longer
gets a fresh snapshot.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from callcenter.workforce.live.view import Difference, Gone, Put, Sight, View, shown

RING = 600
"""A minute and more of the busiest times, at ten frames a second."""


class Frame:
    """What changed at one moment."""

    __slots__ = ("_texts", "at", "changes", "epoch", "number")

    def __init__(self, epoch: str, number: int, at: str, changes: Difference) -> None:
        self.epoch = epoch
        self.number = number
        self.at = at
        self.changes = changes
        self._texts: dict[Sight, bytes] = {}

    def data(self, sight: Sight) -> dict[str, Any]:
        """JSON values, as a watcher of `sight` may see them."""
        return {
            "epoch": self.epoch,
            "number": self.number,
            "at": self.at,
            "put": [
                {"kind": one.kind, "key": one.key, "item": sight.of(one.item)}
                for one in self.changes
                if isinstance(one, Put)
            ],
            "gone": [
                {"kind": one.kind, "key": one.key} for one in self.changes if isinstance(one, Gone)
            ],
        }

    def text(self, sight: Sight) -> bytes:
        """The SSE event."""
        text = self._texts.get(sight)
        if text is None:
            text = event("changes", self.epoch, self.number, write(self.data(sight)))
            self._texts[sight] = text
        return text


class Snapshot:
    """The whole view after frame `number`."""

    __slots__ = ("_bodies", "at", "epoch", "number", "view")

    def __init__(self, epoch: str, number: int, at: str, view: View) -> None:
        self.epoch = epoch
        self.number = number
        self.at = at
        self.view = view
        self._bodies: dict[Sight, bytes] = {}

    def body(self, sight: Sight) -> bytes:
        """The JSON text, as a watcher of `sight` may see it."""
        body = self._bodies.get(sight)
        if body is None:
            body = write(
                {
                    "epoch": self.epoch,
                    "number": self.number,
                    "at": self.at,
                    "items": dict(shown(self.view, sight)),
                }
            )
            self._bodies[sight] = body
        return body

    def text(self, sight: Sight) -> bytes:
        """The SSE event."""
        return event("snapshot", self.epoch, self.number, self.body(sight))


class Ring:
    """The newest frames of one epoch."""

    def __init__(self, epoch: str, size: int = RING) -> None:
        self._epoch = epoch
        self._frames: deque[Frame] = deque(maxlen=size)

    def add(self, frame: Frame) -> None:
        """Keep `frame`; the oldest is forgotten."""
        self._frames.append(frame)

    def after(self, event_id: str, newest: int) -> Sequence[Frame] | None:
        """The frames after the event `event_id`; None if they are not all known. `newest` is the
        number of the newest frame there is."""
        epoch, _, digits = event_id.strip().rpartition("-")
        if epoch != self._epoch or not (digits.isascii() and digits.isdecimal()):
            return None
        if len(digits) > len(str(newest)):
            return None  # Not one of ours, and perhaps too long to be read as a number.
        number = int(digits)
        if number == newest:
            return ()
        oldest = self._frames[0].number if self._frames else newest + 1
        if number > newest or number < oldest - 1:
            return None
        return [frame for frame in self._frames if frame.number > number]


def write(data: Any) -> bytes:
    """JSON without blanks, in UTF-8."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"
    )


def event(name: str, epoch: str, number: int, data: bytes) -> bytes:
    """One SSE event (HTML Standard, 9.2.6); JSON has no line break of its own."""
    return b"id: %b-%d\nevent: %b\ndata: %b\n\n" % (epoch.encode(), number, name.encode(), data)


def read_difference(data: dict[str, Any]) -> Difference:
    """What a watcher reads out of a frame's JSON."""
    put: Iterable[Any] = data["put"]
    gone: Iterable[Any] = data["gone"]
    return (
        *(Gone(one["kind"], one["key"]) for one in gone),
        *(Put(one["kind"], one["key"], one["item"]) for one in put),
    )
