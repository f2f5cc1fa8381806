"""How the workforce's parts do: what is known of holidays."""

from __future__ import annotations

from callcenter.platform.health import PartHealth, degraded, well
from callcenter.workforce.opening.workdays import WorkdayService

HOLIDAYS_LAST_DAY = (12, 16)
"""From this day on (month, day) a missing list of the next year is no reminder any more: the State
Council publishes it in November, and two weeks are left to enter it."""


async def holidays_health(workdays: WorkdayService) -> PartHealth:
    """Whether the public holidays are known that opening hours and deadlines go by.

    Never `down`: days that are not known pass for what their weekday is.
    """
    status = await workdays.status()
    if not status.warnings:
        return well("holidays", "known as far as they matter now")
    first, today = status.warnings[0], status.today.day
    message = "; ".join(warning.message for warning in status.warnings)
    late = (today.month, today.day) >= HOLIDAYS_LAST_DAY
    return (degraded if first.year <= today.year or late else well)("holidays", message)
