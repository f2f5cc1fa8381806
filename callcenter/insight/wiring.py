"""Builds insight: reports, health and metrics, which look at everybody and are asked by none."""

from __future__ import annotations

from functools import partial

from callcenter.insight.health import endpoints as health_api
from callcenter.insight.health.metrics import (
    Metrics,
    agi_source,
    contests_source,
    disk_source,
    floor_source,
    guessing_source,
    idle_source,
    journal_source,
    link_source,
    media_source,
    outbox_source,
    seats_source,
    strangers_source,
    tasks_source,
)
from callcenter.insight.health.service import HealthService
from callcenter.insight.reports import endpoints as reports_api
from callcenter.insight.reports.service import ReportService
from callcenter.platform.http.patience import Strangers, strangers_health
from callcenter.platform.wiring import Platform, Routers
from callcenter.telephony.pbx.idle_watch import IdleWatch
from callcenter.telephony.pbx.seat_contests import SeatContests
from callcenter.telephony.pbx.stranger_watch import StrangerWatch
from callcenter.telephony.wiring import Telephony
from callcenter.workforce.wiring import Workforce

ROUTERS = Routers(guarded=(reports_api.router,), plain=(health_api.router,))


def wire_insight(
    platform: Platform, telephony: Telephony, workforce: Workforce, metrics: Metrics
) -> None:
    """`metrics` is older than all: it counts requests from the first one on."""
    database, settings, tasks = platform.database, platform.settings, platform.supervised
    reports = ReportService(
        database,
        settings.time_zone,
        workforce.callbacks,
        thresholds=workforce.thresholds,
        unrecorded=telephony.media.without_room,
    )
    strangers = platform.shelf.take(Strangers)
    own = {"strangers": partial(strangers_health, strangers)}
    health = HealthService({**platform.checks, **telephony.checks, **workforce.checks, **own})
    telephony.audience.after_commit(metrics.calls_changed)
    for source in (
        link_source(telephony.link),
        floor_source(telephony.live),
        seats_source(telephony.reconciler),
        journal_source(telephony.reader),
        outbox_source(telephony.outbox),
        media_source(telephony.media, telephony.worker),
        disk_source(settings),
        agi_source(settings),
        tasks_source(tasks),
        strangers_source(strangers),
        guessing_source(platform.shelf.take(StrangerWatch)),
        contests_source(platform.shelf.take(SeatContests)),
        idle_source(platform.shelf.take(IdleWatch)),
    ):
        metrics.add_source(source)
    platform.shelf.put(reports, health, metrics)
