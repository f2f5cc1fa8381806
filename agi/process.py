"""The server process: settings, wiring, signals, beats and counters."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Mapping

import uvloop

from agi import log, watchdog
from agi.database import open_database
from agi.protocol import Request
from agi.questions.ping import ping
from agi.questions.rating import RatingQuestion
from agi.questions.route import RouteQuestion
from agi.questions.voice_message import VoiceMessageQuestion
from agi.server import AgiServer, Question
from agi.stats import Stats, stats_file, write_stats
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings, load_settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import SetupError
from callcenter.platform.secrets import load_secrets
from callcenter.telephony.blocklist.service import BlocklistService
from callcenter.telephony.calls.recent import RecentCalls
from callcenter.telephony.queues.service import QueueService
from callcenter.telephony.voicemail.acceptance import VoiceMessageAcceptance
from callcenter.workforce.opening.service import OpeningService

_log = logging.getLogger(__name__)

BEATS_PER_PROMISE = 4
"""A beat is late only after three others were."""
STATS_SECONDS = 1.0
WARM_SECONDS = 2.0
EXIT_PORT = 71
"""The port cannot be had; the watchdog tries again."""

_PR_SET_PDEATHSIG = 1


def make_questions(settings: Settings, database: Database, clock: Clock) -> dict[str, Question]:
    """Every question the dialplan asks, by the path of its AGI URL."""
    calls = RecentCalls(database)
    return {
        "ping": ping,
        "route": RouteQuestion(
            settings,
            BlocklistService(database, clock),
            OpeningService(database, settings.time_zone, clock),
            QueueService(database, settings, clock),
            calls,
            clock,
        ),
        "voice_message": VoiceMessageQuestion(
            settings, VoiceMessageAcceptance(settings, calls, clock)
        ),
        "rating": RatingQuestion(settings, calls, clock),
    }


async def warm(questions: Mapping[str, Question]) -> None:
    """Ask what touches the database once, so that the first caller does not pay for opening it.

    A database that is not there yet is said, and no reason not to start: calls get their default,
    and the right answer as soon as it is there.
    """
    caller = {"agi_callerid": "10000"}
    for name in ("route", "rating", "voice_message"):
        task = asyncio.ensure_future(questions[name](Request(name, (), caller)))
        # Not `timeout`: a cancelled query may go on waiting for the database.
        done, _late = await asyncio.wait({task}, timeout=WARM_SECONDS)
        error = task.exception() if done else TimeoutError("no answer")
        if error is not None:
            _log.error("the database does not answer yet: %s", log.first_line(error))
            return


async def serve(settings: Settings, secret: str) -> int:
    """Answer until SIGTERM or SIGINT; the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    restarts = int(os.environ.get(watchdog.RESTARTS, "0"))
    beats = asyncio.create_task(_beat(settings, stop))
    database = open_database(settings)
    stats = Stats(utc_now(), restarts)
    questions = make_questions(settings, database, utc_now)
    server = AgiServer(settings, questions, stats, secret)
    await warm(questions)
    try:
        await server.start()
    except OSError as error:
        _log.error(
            "port %d cannot be had (%s): set CALLCENTER_AGI_PORT to a free one, or stop what uses"
            " it",
            settings.agi_port,
            error.strerror,
        )
        return EXIT_PORT
    writer = asyncio.create_task(_keep_stats(settings, stats))
    _log.info("listening on 127.0.0.1:%d restarts=%d", settings.agi_port, restarts)
    await stop.wait()
    await server.stop()
    beats.cancel()
    writer.cancel()
    await database.close()
    await asyncio.to_thread(write_stats, stats_file(settings), stats.snapshot(utc_now()))
    _log.info("stopped answered=%d", stats.answers.total())
    return 0


async def _beat(settings: Settings, stop: asyncio.Event) -> None:
    """Tell the watchdog that the loop turns; stop if there is no watchdog any more."""
    descriptor = int(os.environ.get(watchdog.BEAT_FD, "-1"))
    if descriptor < 0:
        return
    os.set_blocking(descriptor, False)
    promise = settings.agi_hang_seconds
    while True:
        try:
            os.write(descriptor, b"%.3f\n" % promise)
        except BlockingIOError:
            pass  # the watchdog is stopped; calls do not suffer from that
        except OSError:
            stop.set()
            return
        await asyncio.sleep(promise / BEATS_PER_PROMISE)


async def _keep_stats(settings: Settings, stats: Stats) -> None:
    path = stats_file(settings)
    while True:
        try:
            await asyncio.to_thread(write_stats, path, stats.snapshot(utc_now()))
        except OSError as error:
            _log.error("counters cannot be written: %s", error)
            await asyncio.sleep(60)
        await asyncio.sleep(STATS_SECONDS)


def _die_with_parent() -> None:
    """SIGKILL for us when the watchdog dies, also if we are stopped then (Linux, prctl(2))."""
    if watchdog.BEAT_FD not in os.environ:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main() -> int:
    """``python -m agi serve``: the exit code."""
    log.configure()
    _die_with_parent()
    try:
        settings = load_settings()
        secret = load_secrets(settings.secrets_file).agi_secret
    except SetupError as error:
        sys.stdout.write(f"agi: {error.message}\n")
        return watchdog.EXIT_BAD_SETTING
    return uvloop.run(serve(settings, secret))
