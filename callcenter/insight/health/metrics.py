"""Prometheus metrics. Names begin with ``callcenter_``; units are in the names.

Two kinds: counters that are counted where things happen (requests, calls), and figures that are
asked for when somebody scrapes (`sources`). No label takes a value that a stranger chooses.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from agi.client import read_agi_stats
from callcenter.platform.config import Settings
from callcenter.platform.db.outbox import Outbox
from callcenter.platform.http.patience import REASONS, Strangers
from callcenter.platform.room.state import Flag
from callcenter.platform.supervised import Supervised
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.domain.floor import Seat
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.telephony.pbx.ami.link import AmiLink, LinkState
from callcenter.telephony.pbx.idle_watch import IdleWatch
from callcenter.telephony.pbx.live import LiveFloor
from callcenter.telephony.pbx.reconciler import Reconciler
from callcenter.telephony.pbx.seat_contests import SeatContests
from callcenter.telephony.pbx.stranger_watch import StrangerWatch
from callcenter.telephony.recordings.service import MediaService
from callcenter.telephony.recordings.worker import MediaWorker

_log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

Source = Callable[[], Awaitable[Iterable[Metric]]]

HTTP_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds; 0.25 is the goal for 99 of 100 cases."""

SEEN_CALLS = 20_000
"""Ended calls remembered, for their rows come again: half an hour at 10 calls a second."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Gathered(Collector):
    """What the sources said last."""

    def __init__(self) -> None:
        self.families: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        return self.families


class Metrics:
    """The metrics of one process; also a `calls.listener.LedgerListener`, to count calls."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._gathered = _Gathered()
        self._registry.register(self._gathered)
        self._sources: list[Source] = []
        self._lock = asyncio.Lock()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._requests = Histogram(
            "callcenter_http_request_seconds",
            "Time of HTTP requests until the answer was sent, by route template.",
            ("method", "route", "status"),
            buckets=HTTP_BUCKETS,
            registry=self._registry,
        )
        self._calls = Counter(
            "callcenter_calls",
            "Calls that ended.",
            ("direction", "outcome"),
            registry=self._registry,
        )

    def add_source(self, source: Source) -> None:
        """Ask `source` at each scrape."""
        self._sources.append(source)

    def request_done(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; an `middleware.Observer`."""
        known = method if method in METHODS else "other"
        self._requests.labels(known, route, str(status)).observe(seconds)

    def calls_changed(self, changes: LedgerChanges) -> None:
        """Count the calls that ended, each once."""
        for call in changes.calls:
            if call.ended_at is None or call.id in self._ended:
                continue
            self._ended[call.id] = None
            if len(self._ended) > SEEN_CALLS:
                self._ended.popitem(last=False)
            self._calls.labels(call.direction.value, call.outcome.value).inc()

    async def text(self) -> bytes:
        """Everything, in Prometheus' text format. A source that fails is left out and logged."""
        async with self._lock:
            families: list[Metric] = []
            for source in self._sources:
                try:
                    families.extend(await source())
                except Exception:
                    _log.exception("metrics: a source failed")
            self._gathered.families = families
            return generate_latest(self._registry)


def gauge(name: str, documentation: str, value: float) -> Metric:
    """One figure."""
    return GaugeMetricFamily(f"callcenter_{name}", documentation, value=value)


def counted(name: str, documentation: str, value: float) -> Metric:
    """One figure that only grows."""
    return CounterMetricFamily(f"callcenter_{name}", documentation, value=value)


def labelled(
    name: str, documentation: str, label: str, values: Iterable[tuple[str, float]]
) -> Metric:
    """One figure for each value of `label`."""
    family = GaugeMetricFamily(f"callcenter_{name}", documentation, labels=[label])
    for key, value in values:
        family.add_metric([key], value)
    return family


def strangers_source(strangers: Strangers) -> Source:
    """Connections that never become a request."""

    async def source() -> Iterable[Metric]:
        ended = CounterMetricFamily(
            "callcenter_http_connections_ended",
            "Connections ended for want of a whole request, by reason.",
            labels=["reason"],
        )
        for reason in REASONS:
            ended.add_metric([reason], strangers.ended[reason])
        return (
            gauge(
                "http_connections_unfinished",
                "Connections on which no whole request has come.",
                strangers.unfinished,
            ),
            ended,
        )

    return source


def guessing_source(watch: StrangerWatch) -> Source:
    """Failed log-ins at the SIP port."""

    async def source() -> Iterable[Metric]:
        guesses = watch.guesses
        return (
            counted("sip_failed_logins", "SIP log-ins that failed.", guesses.failed),
            gauge("sip_shut_out", "Addresses that the PBX turns away.", len(guesses.shut_out)),
        )

    return source


def contests_source(contests: SeatContests) -> Source:
    """Two phones at one seat."""

    async def source() -> Iterable[Metric]:
        return (gauge("seats_contested", "Seats that two phones are at.", len(contests.contested)),)

    return source


def idle_source(watch: IdleWatch) -> Source:
    """Connections to the SIP TLS port without a phone."""

    async def source() -> Iterable[Metric]:
        about = "Connections to the SIP TLS port on which nobody has registered for a minute."
        return (gauge("sip_idle_connections", about, watch.idle),)

    return source


def link_source(link: AmiLink) -> Source:
    """The AMI link."""

    async def read() -> Iterable[Metric]:
        counters = link.counters
        return [
            labelled(
                "ami_state",
                "1 for the state of the AMI link.",
                "state",
                ((state.value, float(state is link.state)) for state in LinkState),
            ),
            counted("ami_events", "AMI events received.", counters.events),
            counted("ami_unknown_events", "AMI events not asked for.", counters.unknown_events),
            counted("ami_malformed", "AMI messages that could not be read.", counters.malformed),
            counted("ami_timeouts", "AMI actions without an answer in time.", counters.timeouts),
            counted("ami_late_answers", "AMI answers after the deadline.", counters.late_answers),
            counted("ami_overflows", "Times events were not taken in time.", counters.overflows),
            counted("ami_connections", "Log-ins.", counters.connections),
            counted("ami_losses", "Times the link was lost.", counters.losses),
            gauge("ami_queued_events", "Events not yet taken.", link.queued_events),
        ]

    return read


def floor_source(live: LiveFloor) -> Source:
    """Waiting callers and seats; nothing while there is no picture of the floor."""

    async def read() -> Iterable[Metric]:
        floor = live.floor
        if floor is None:
            return []
        states = dict.fromkeys(("talking", "ringing", "paused", "idle", "unreachable"), 0)
        for seat in floor.seats():
            states[_seat_state(seat)] += 1
        return [
            labelled(
                "waiting_callers",
                "Callers who wait, by queue; a queue in which nobody waits is left out.",
                "queue",
                ((queue, len(callers)) for queue, callers in floor.waiting.items()),
            ),
            labelled("seats", "Seats by state.", "state", ((key, n) for key, n in states.items())),
            gauge("conversations", "Bridges with two legs or more.", len(floor.conversations())),
            gauge("channels", "Legs in the PBX.", len(floor.channels)),
        ]

    return read


def _seat_state(seat: Seat) -> str:
    if seat.talking:
        return "talking"
    if seat.ringing:
        return "ringing"
    if not seat.reachable:
        return "unreachable"
    return "paused" if seat.paused else "idle"


def disk_source(settings: Settings) -> Source:
    """Room for recordings."""

    async def read() -> Iterable[Metric]:
        free = (await asyncio.to_thread(shutil.disk_usage, settings.home)).free
        stopped = await asyncio.to_thread((settings.room_dir / Flag.RECORDINGS).exists)
        return [
            gauge("disk_free_bytes", "Free on the disk of CALLCENTER_HOME.", free),
            gauge("recordings_stopped", "1 while new calls are not recorded.", float(stopped)),
        ]

    return read


def agi_source(settings: Settings) -> Source:
    """What the AGI server wrote of itself."""

    async def read() -> Iterable[Metric]:
        stats = await asyncio.to_thread(read_agi_stats, settings)
        if stats is None:
            return []
        answers = CounterMetricFamily(
            "callcenter_agi_answers", "Complete answers.", labels=["question"]
        )
        for question, count in stats.answers.items():
            answers.add_metric([question], count)
        lost = CounterMetricFamily(
            "callcenter_agi_lost", "Connections without a complete answer.", labels=["reason"]
        )
        for reason, count in stats.lost.items():
            lost.add_metric([reason], count)
        buckets = [
            ("+Inf" if end == float("inf") else str(end), float(count))
            for end, count in stats.latency_buckets
        ]
        return [
            answers,
            lost,
            counted("agi_accepted", "Connections accepted.", stats.accepted),
            counted("agi_restarts", "Times the watchdog restarted it.", stats.restarts),
            gauge("agi_open", "Connections now.", stats.open),
            gauge(
                "agi_stats_timestamp_seconds",
                "When it wrote this; older than a few seconds: it hangs or is dead.",
                stats.written_at.timestamp(),
            ),
            HistogramMetricFamily(
                "callcenter_agi_answer_seconds",
                "Time from a question read to its answer.",
                buckets=buckets,
                sum_value=stats.latency_seconds,
            ),
        ]

    return read


def journal_source(reader: JournalReader) -> Source:
    """The journal reader."""

    async def read() -> Iterable[Metric]:
        state = reader.state
        last = state.last_row_at.timestamp() if state.last_row_at else 0.0
        return [
            counted("journal_rows", "Journal rows taken into the ledger.", state.rows),
            counted("journal_rejects", "Journal lines that would not parse.", state.rejects),
            counted("journal_batches", "Transactions of the journal reader.", state.batches),
            gauge("journal_behind_bytes", "Written and not read yet.", state.behind_bytes),
            gauge("open_calls", "Calls of which a channel lives.", state.open_calls),
            gauge("journal_last_row_timestamp_seconds", "Time of the newest row read.", last),
        ]

    return read


def outbox_source(outbox: Outbox) -> Source:
    """What follows from the ledger."""

    async def read() -> Iterable[Metric]:
        state = outbox.state
        return [
            counted("outbox_taken", "Entries of the outbox that were taken.", state.taken),
            counted("outbox_failures", "Attempts that failed.", state.failures),
            gauge("outbox_waiting", "What failed and is tried again.", state.waiting),
            gauge("outbox_parked", "What failed and was given up.", state.parked),
        ]

    return read


def seats_source(reconciler: Reconciler) -> Source:
    """The reconciler."""

    async def read() -> Iterable[Metric]:
        counters = reconciler.counters
        return [
            gauge("seats_in_step", "1 if the PBX has every seat.", float(reconciler.in_step)),
            counted("reconcile_rounds", "Rounds of the reconciler.", counters.rounds),
            counted("reconcile_failed_rounds", "Rounds that failed.", counters.failed_rounds),
            counted("reconcile_steps", "Changes made to the PBX.", counters.steps),
        ]

    return read


def media_source(media: MediaService, worker: MediaWorker) -> Source:
    """Recordings and voice messages after the call."""

    async def read() -> Iterable[Metric]:
        finished = CounterMetricFamily(
            "callcenter_media_finished", "Audio files judged, by state.", labels=["status"]
        )
        for status, count in worker.finished.items():
            finished.add_metric([status.value], count)
        return [
            finished,
            counted("media_retries", "Looks that had to be made again.", worker.retries),
            gauge("media_pending", "Files that wait.", await media.pending_count()),
            gauge("media_busy", "Files being worked at.", worker.busy),
        ]

    return read


def tasks_source(tasks: Supervised) -> Source:
    """Crashes of background tasks."""

    async def read() -> Iterable[Metric]:
        family = CounterMetricFamily(
            "callcenter_task_crashes", "Crashes of background tasks.", labels=["task"]
        )
        for state in tasks.states:
            family.add_metric([state.name], state.crashes)
        return [family]

    return read
