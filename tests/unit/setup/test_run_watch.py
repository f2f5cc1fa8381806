"""`callcenter run` starts a dead supervisor again for as long as it takes, and ends for nothing."""

from __future__ import annotations

import asyncio
import itertools
import time
from types import SimpleNamespace
from typing import Any

import pytest

from callcenter.setup import run
from callcenter.setup.supervisor import ProgramState, Status


class Supervisor:
    """One that dies as a test likes."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.starts = 0
        self.refuses: Exception | None = None
        self.asked = asyncio.Event()
        self.answer: Any = {}

    def ended(self) -> int | None:
        return self.code

    def kill(self) -> None:
        self.code = -9

    def own_log_tail(self) -> list[str]:
        return ["its last words"]

    def start_again(self) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.starts += 1
        self.code = None

    def states(self) -> dict[str, Status]:
        if isinstance(self.answer, Exception):
            raise self.answer
        found: dict[str, Status] = self.answer
        return found


def test_it_is_started_again_at_once_and_later_if_it_goes_on_dying() -> None:
    supervisor, said = Supervisor(), list[str]()
    revival = run._Revival(supervisor, said.append)  # type: ignore[arg-type]
    now = revival._begun
    starts: list[float] = []
    for _ in range(8):
        supervisor.code = 1
        while supervisor.code is not None:
            revival.lives(now)
            now += 0.5
        starts.append(now)
        assert revival.lives(now)
    waited = [later - before for before, later in itertools.pairwise(starts)]
    assert waited[0] < 3
    assert waited[-1] > 20
    assert "calls go on" in said[0]


def test_with_no_process_to_be_had_it_is_tried_again() -> None:
    supervisor, said = Supervisor(), list[str]()
    revival = run._Revival(supervisor, said.append)  # type: ignore[arg-type]
    now = revival._begun + run.STEADY_SECONDS
    supervisor.code, supervisor.refuses = (
        -9,
        BlockingIOError(11, "Resource temporarily unavailable"),
    )
    assert not revival.lives(now)
    supervisor.refuses = None
    assert not revival.lives(now + 1)
    assert supervisor.starts == 0
    assert not revival.lives(now + run.RETRY_SECONDS)
    assert supervisor.starts == 1
    assert revival.lives(now + run.RETRY_SECONDS)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
async def test_a_look_that_fails_ends_nothing_and_is_said_once(error: Exception) -> None:
    supervisor, said = Supervisor(), list[str]()
    supervisor.answer = error
    watch = run._Watch(supervisor, said.append)  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(type(error)):
            await watch.look()
        watch.could_not(error)
    assert len(said) == 1
    supervisor.answer = {"agi": Status("agi", ProgramState.RUNNING, 1, "")}
    await watch.look()


async def test_one_that_does_not_answer_is_ended_and_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    supervisor, said = Supervisor(), list[str]()
    watch = run._Watch(supervisor, said.append)  # type: ignore[arg-type]
    now = time.monotonic()
    well = {"agi": Status("agi", ProgramState.RUNNING, 1, "")}
    for seconds, answer in ((0, {}), (20, well), (21, {}), (40, {}), (52, {})):
        supervisor.answer = answer
        moment = SimpleNamespace(monotonic=lambda at=now + seconds: at)
        monkeypatch.setattr(run, "time", moment)
        assert supervisor.ended() is None
        await watch.look()
    assert supervisor.ended() == -9
    await watch.look()
    assert supervisor.ended() is None
    assert supervisor.starts == 1
    assert "does not answer" in said[0]
