"""A side that is counted and not written is a voice that is lost; a side that is silent is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.recordings.ears import ATTEMPTS, Counts, Ears, Grown

LEG = Uniqueid("1.5")
SECOND = 8000


class Pbx:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counts | None = (0, 0)
        self.anew: list[Uniqueid] = []
        self.ears = Ears(self._asked, self._begin)

    async def _asked(self, _leg: Uniqueid) -> Counts | None:
        return self.counts

    async def _begin(self, leg: Uniqueid) -> None:
        self.anew.append(leg)

    async def second(self, *, left: bool, right: bool, came: Counts | None) -> None:
        """Another second is written, with sound left and right; so many packets were counted."""
        before = self.path.stat().st_size if self.path.exists() else 0
        sound = np.full((SECOND, 2), 8, dtype="<i2") * np.array([left, right], dtype="<i2")
        with self.path.open("ab") as file:
            file.write(sound.tobytes())
        if came is None or self.counts is None:
            self.counts = None
        else:
            self.counts = (self.counts[0] + came[0], self.counts[1] + came[1])
        await self.ears.listen([Grown(LEG, self.path, before, self.path.stat().st_size)])


@pytest.fixture
def pbx(tmp_path: Path) -> Pbx:
    return Pbx(tmp_path / "a.raw")


@pytest.mark.parametrize("lost", ["left", "right"])
async def test_a_side_that_is_sent_and_not_written_is_begun_anew(pbx: Pbx, lost: str) -> None:
    await pbx.second(left=True, right=True, came=(50, 50))
    for _ in range(2):
        await pbx.second(left=lost != "left", right=lost != "right", came=(50, 50))
    assert pbx.anew == [LEG]
    await pbx.second(left=True, right=True, came=(50, 50))
    assert pbx.anew == [LEG]
    assert pbx.ears.begun_anew == 1


@pytest.mark.parametrize("came", [(50, 0), (50, 30), None], ids=["silent", "late", "paused"])
async def test_who_sends_nothing_has_lost_nothing(pbx: Pbx, came: Counts | None) -> None:
    for _ in range(6):
        await pbx.second(left=True, right=False, came=came)
    assert pbx.anew == []


async def test_what_does_not_help_is_not_done_for_ever(pbx: Pbx) -> None:
    for _ in range(3 * ATTEMPTS):
        await pbx.second(left=True, right=False, came=(50, 50))
    assert len(pbx.anew) == ATTEMPTS


async def test_a_call_that_is_over_is_forgotten_and_a_file_that_is_gone_is_passed_over(
    pbx: Pbx,
) -> None:
    await pbx.second(left=True, right=False, came=(50, 50))
    pbx.ears.forget(set())
    await pbx.second(left=True, right=False, came=(50, 50))
    assert pbx.anew == []
    pbx.path.unlink()
    await pbx.ears.listen([Grown(LEG, pbx.path, 0, 32_768)])
    assert pbx.anew == []
