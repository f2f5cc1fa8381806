"""Background tasks that nobody has to watch: a crash is logged, seen in health, and mended.

A task that ends, by itself or by an exception, begins again after a pause that doubles. Tasks are
stopped in the reverse of the order in which they began.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from callcenter.platform.errors import CallcenterError

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""Who ran for so long is well again: the next pause is the first one."""


@dataclass(slots=True)
class TaskState:
    """How one background task does."""

    name: str
    running: bool = False
    crashes: int = 0
    problem: str = ""
    """Of the last crash; '' once it has been steady again."""


class Supervised:
    """The background tasks of one process."""

    def __init__(self, *, pause: float = FIRST_PAUSE_SECONDS) -> None:
        self._pause = pause
        self._tasks: list[asyncio.Task[None]] = []
        self._states: list[TaskState] = []

    @property
    def states(self) -> Sequence[TaskState]:
        """Of all tasks, in the order in which they began."""
        return tuple(self._states)

    def start(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Keep `work` running until `stop`."""
        state = TaskState(name)
        self._states.append(state)
        self._tasks.append(asyncio.create_task(self._keep(state, work), name=name))

    async def stop(self) -> None:
        """Cancel every task, the youngest first, and wait for its end."""
        while self._tasks:
            task = self._tasks.pop()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _keep(self, state: TaskState, work: Callable[[], Awaitable[object]]) -> None:
        pause = self._pause
        while True:
            begun = time.monotonic()
            state.running = True
            steady = asyncio.get_running_loop().call_later(STEADY_SECONDS, _well, state)
            try:
                await work()
                state.problem = "ended by itself"
                _log.error("%s ended by itself; begins again in %.1f s", state.name, pause)
            except Exception as error:
                said = _sentence(error)
                if said is not None:
                    state.problem = said
                    _log.error("%s: %s Begins again in %.1f s", state.name, said, pause)
                else:
                    state.problem = f"{type(error).__name__}: {error}"
                    _log.exception("%s crashed; begins again in %.1f s", state.name, pause)
            finally:
                state.running = False
                steady.cancel()
            state.crashes += 1
            if time.monotonic() - begun >= STEADY_SECONDS:
                pause = self._pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _sentence(error: Exception) -> str | None:
    """What people are told of `error` if it is one of ours, such as a database that is away: where
    in the code that was met helps nobody."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error.message if isinstance(error, CallcenterError) else None


def _well(state: TaskState) -> None:
    state.problem = ""
