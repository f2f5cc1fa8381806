"""A list of holidays that is missing is a part of health before it matters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.health import HealthStatus
from callcenter.workforce.health import holidays_health
from callcenter.workforce.opening.official import published
from callcenter.workforce.opening.workdays import WorkdayService

LAST = published().last_year


@pytest.mark.parametrize(
    ("year", "month", "day", "status", "said"),
    [
        (LAST, 10, 31, HealthStatus.OK, "known"),
        # The State Council publishes the next year's in November: a reminder.
        (LAST, 11, 1, HealthStatus.OK, f"holidays of {LAST + 1} are not known"),
        (LAST, 12, 15, HealthStatus.OK, f"holidays of {LAST + 1} are not known"),
        (LAST, 12, 16, HealthStatus.DEGRADED, f"PUT /api/holidays/years/{LAST + 1}"),
        (LAST + 1, 1, 1, HealthStatus.DEGRADED, f"PUT /api/holidays/years/{LAST + 1}"),
    ],
)
async def test_missing_holidays_are_told_and_in_time_become_a_fault(
    tmp_path: Path, year: int, month: int, day: int, status: HealthStatus, said: str
) -> None:
    settings = Settings(_env_file=None, home=tmp_path)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    now = datetime(year, month, day, 4, tzinfo=UTC)
    part = await holidays_health(WorkdayService(database, settings.time_zone, lambda: now))
    await database.close()
    assert (part.name, part.status) == ("holidays", status)
    assert said in part.message
