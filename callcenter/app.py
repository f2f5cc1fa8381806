"""The wiring of the service: builds every part, begins and ends them in order. Nothing else wires.

Parts find one another by constructor; endpoints find services on `app.state`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware import Middleware

import callcenter.casework.cases.endpoints
import callcenter.insight.health.endpoints
import callcenter.insight.reports.endpoints
import callcenter.people.tokens.endpoints
import callcenter.people.trail.endpoints
import callcenter.people.users.endpoints
import callcenter.people.users.oidc_endpoints
import callcenter.people.users.session_endpoints
import callcenter.telephony.blocklist.endpoints
import callcenter.telephony.calls.endpoints
import callcenter.telephony.queues.endpoints
import callcenter.telephony.recordings.endpoints
import callcenter.telephony.seats.endpoints
import callcenter.telephony.transfers.endpoints
import callcenter.telephony.voicemail.endpoints
import callcenter.workforce.agents.endpoints
import callcenter.workforce.agents.reason_endpoints
import callcenter.workforce.callbacks.endpoints
import callcenter.workforce.forecast.endpoints
import callcenter.workforce.live.endpoints
import callcenter.workforce.opening.endpoints
import callcenter.workforce.opening.holiday_endpoints
import callcenter.workforce.shifts.endpoints
import callcenter.workforce.shifts.request_endpoints
import callcenter.workforce.shifts.rota_endpoints
import callcenter.workforce.steering.endpoints
import callcenter.workforce.steering.own_call_endpoints
from callcenter.casework.cases.service import CaseService
from callcenter.insight.health.live_parts import (
    journal_health,
    link_health,
    seats_health,
    tasks_health,
)
from callcenter.insight.health.metrics import (
    Metrics,
    agi_source,
    disk_source,
    floor_source,
    journal_source,
    link_source,
    media_source,
    seats_source,
    tasks_source,
)
from callcenter.insight.health.parts import (
    agi_health,
    database_health,
    disk_health,
    holidays_health,
    recordings_health,
)
from callcenter.insight.health.service import HealthService
from callcenter.insight.reports.neighbours import QueueThresholds
from callcenter.insight.reports.service import ReportService
from callcenter.people.access.open_answers import OpenAnswers
from callcenter.people.gate import Gate
from callcenter.people.tokens.service import TokenService
from callcenter.people.trail.service import Trail
from callcenter.people.users.oidc import OidcService
from callcenter.people.users.passwords import Passwords
from callcenter.people.users.service import UserService
from callcenter.people.users.sessions import SessionService
from callcenter.platform.broadcast import Broadcast
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.http.api import error_body, install_error_handlers
from callcenter.platform.http.middleware import RequestTimes, SizeLimit
from callcenter.platform.secrets import Secrets
from callcenter.platform.supervised import Supervised
from callcenter.telephony.blocklist.service import BlocklistService
from callcenter.telephony.calls.arrivals import Arrivals
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.service import CallService
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.telephony.pbx.agent_link import AgentLink
from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig
from callcenter.telephony.pbx.ari import AriClient
from callcenter.telephony.pbx.callback_dial import CallbackDialler
from callcenter.telephony.pbx.live import LiveFloor
from callcenter.telephony.pbx.reconciler import Reconciler
from callcenter.telephony.pbx.registrations import Registrations
from callcenter.telephony.pbx.steering_switch import SteeringSwitch
from callcenter.telephony.pbx.switch import PbxSwitch
from callcenter.telephony.queues.service import QueueService
from callcenter.telephony.recordings.retention import Retention
from callcenter.telephony.recordings.service import MediaService
from callcenter.telephony.recordings.sweeper import OrphanSweeper
from callcenter.telephony.recordings.worker import MediaWorker
from callcenter.telephony.seats.service import SeatService
from callcenter.telephony.transfers.service import TransferService
from callcenter.telephony.voicemail.service import VoiceMessageService
from callcenter.workforce.agents.break_reasons import BreakReasons
from callcenter.workforce.agents.history import AgentHistory
from callcenter.workforce.agents.neighbours import QueueCodes, UsersAsAgents
from callcenter.workforce.agents.planning import AgentPlanning
from callcenter.workforce.agents.service import AgentService
from callcenter.workforce.callbacks.neighbours import SeatsOfAgents
from callcenter.workforce.callbacks.service import CallbackService
from callcenter.workforce.forecast.service import ForecastService
from callcenter.workforce.live.book import LiveBook
from callcenter.workforce.live.neighbours import AgentsOnTheFloor
from callcenter.workforce.live.service import LiveService
from callcenter.workforce.opening.service import OpeningService
from callcenter.workforce.opening.workdays import WorkdayService
from callcenter.workforce.shifts.attendance import AttendanceService
from callcenter.workforce.shifts.changes import RotaChanges
from callcenter.workforce.shifts.csv_file import RotaImport
from callcenter.workforce.shifts.feed import FeedService
from callcenter.workforce.shifts.neighbours import AgentPresence, MembersByShift
from callcenter.workforce.shifts.patterns import PatternService
from callcenter.workforce.shifts.requests import RequestService
from callcenter.workforce.shifts.service import ShiftService
from callcenter.workforce.shifts.watch import ShiftWatch
from callcenter.workforce.steering.carrying_out import CarryingOut
from callcenter.workforce.steering.line_service import LineService
from callcenter.workforce.steering.neighbours import SeatsOfAgents as SeatsOfSteering
from callcenter.workforce.steering.operator_service import OperatorService
from callcenter.workforce.steering.supervisor_service import SupervisorService

_ROUTERS: tuple[APIRouter, ...] = (
    callcenter.casework.cases.endpoints.router,
    callcenter.telephony.calls.endpoints.router,
    callcenter.telephony.transfers.endpoints.router,
    callcenter.workforce.live.endpoints.router,
    callcenter.insight.reports.endpoints.router,
    callcenter.workforce.callbacks.endpoints.router,
    callcenter.telephony.recordings.endpoints.router,
    callcenter.telephony.voicemail.endpoints.router,
    callcenter.telephony.seats.endpoints.router,
    callcenter.workforce.steering.endpoints.router,
    callcenter.workforce.steering.own_call_endpoints.router,
    callcenter.telephony.queues.endpoints.router,
    callcenter.workforce.agents.endpoints.router,
    callcenter.workforce.agents.reason_endpoints.router,
    callcenter.telephony.blocklist.endpoints.router,
    callcenter.workforce.opening.endpoints.router,
    callcenter.workforce.opening.holiday_endpoints.router,
    callcenter.workforce.shifts.endpoints.router,
    callcenter.workforce.shifts.rota_endpoints.router,
    callcenter.workforce.shifts.request_endpoints.leave_router,
    callcenter.workforce.shifts.request_endpoints.swap_router,
    callcenter.workforce.forecast.endpoints.router,
    callcenter.people.users.session_endpoints.router,
    callcenter.people.users.endpoints.router,
    callcenter.people.tokens.endpoints.router,
    callcenter.people.trail.endpoints.router,
)
"""Everything under ``/api`` that needs a token or a session."""

_OPEN_ROUTERS: tuple[APIRouter, ...] = (
    callcenter.people.users.session_endpoints.open_router,
    callcenter.people.users.oidc_endpoints.router,
)
"""Everything under ``/api`` that strangers may ask: logging in."""

_TOKEN_DOC = HTTPBearer(
    auto_error=False, description="A token: in the home's api-token, or `callcenter token create`."
)
"""For the API's description only: `Gate` is what guards."""


class ErrorFacts(BaseModel):
    """See `docs/errors.md`."""

    code: str = Field(description="Stable: program against it.")
    message: str = Field(description="For people; may change.")
    details: dict[str, Any] = Field(description="Facts: the field, a limit, a version …")


class ErrorOut(BaseModel):
    """The one shape of errors."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [error_body("bad_input", "query.limit: Input should be a valid integer")]
        }
    )

    error: ErrorFacts


_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "The body is no text: code `http_error`."},
    401: {"model": ErrorOut, "description": "No valid token or session: `unauthenticated`."},
    403: {
        "model": ErrorOut,
        "description": "Codes `forbidden` (`details.permission` is missing), `csrf_failed`,"
        " `password_change_required`.",
    },
    413: {"model": ErrorOut, "description": "More bytes than the setting: code `too_large`."},
    422: {"model": ErrorOut, "description": "The request is wrong: `bad_input` and others."},
}


def create_app(settings: Settings, secrets: Secrets) -> FastAPI:
    """The service; its parts are made when it begins to serve."""
    metrics = Metrics()
    app = FastAPI(
        title="callcenter",
        version=_version(),
        summary="A 12345 government hotline: calls, recordings and cases.",
        lifespan=partial(_lifespan, settings=settings, secrets=secrets, metrics=metrics),
        # Outermost first: times hold for every answer, and no stranger's body is read.
        middleware=[
            Middleware(RequestTimes, observe=metrics.request_done),
            Middleware(Gate, settings=settings),
            Middleware(SizeLimit, limit=settings.request_max_bytes),
        ],
    )
    install_error_handlers(app)
    app.add_exception_handler(Exception, _unexpected)
    app.include_router(callcenter.insight.health.endpoints.router)
    # Not under /api: a calendar program cannot log in, the address is its key.
    app.include_router(callcenter.workforce.shifts.rota_endpoints.feed_router)
    for router in _ROUTERS:
        app.include_router(router, dependencies=[Depends(_TOKEN_DOC)], responses=_ERRORS)
    for router in _OPEN_ROUTERS:
        app.include_router(router, responses=_ERRORS)
    return app


async def _unexpected(_request: Request, _error: Exception) -> Response:
    """A fault of ours: the framework has it logged with its trace, the client learns no more."""
    body = error_body("internal_error", "an error of ours; the service's log has it")
    return JSONResponse(body, status_code=500)


def _version() -> str:
    try:
        return version("callcenter")
    except PackageNotFoundError:  # run from a checkout that is on the path but not installed
        return "0"


@asynccontextmanager
async def _lifespan(
    app: FastAPI, *, settings: Settings, secrets: Secrets, metrics: Metrics
) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        tasks = await _build(app, settings, secrets, metrics, stack)
        stack.push_async_callback(tasks.stop)
        yield


async def _build(
    app: FastAPI, settings: Settings, secrets: Secrets, metrics: Metrics, stack: AsyncExitStack
) -> Supervised:
    """Every part, on `app.state`; the background tasks, begun."""
    state = app.state
    state.settings, state.secrets, state.metrics = settings, secrets, metrics
    database = state.database = Database(settings.db_url)
    stack.push_async_callback(database.close)
    broadcast = state.broadcast = Broadcast()

    link = state.link = AmiLink(LinkConfig.of(settings, secrets.ami_password))
    live = state.live = LiveFloor(link)
    ari = AriClient.of(settings, secrets.ari_password)
    stack.push_async_callback(ari.close)

    state.trail = Trail(database)
    tokens = state.tokens = TokenService(database)
    passwords = Passwords(settings)
    users = state.users = UserService(database, passwords, publish=broadcast.publish)
    sessions = state.sessions = SessionService(database, settings, users, passwords)
    answers = state.open_answers = OpenAnswers()
    tokens.on_end(answers.changed)
    sessions.on_end(answers.changed)
    oidc = state.oidc = OidcService(database, settings, users, sessions)
    stack.push_async_callback(oidc.close)
    state.blocklist = BlocklistService(database)
    opening = state.opening = OpeningService(database, settings.time_zone)
    workdays = state.workdays = WorkdayService(database, settings.time_zone)
    seats = state.seats = SeatService(database, settings)
    queues = state.queues = QueueService(database, settings)
    agent_link = AgentLink(link, live)
    agents = state.agents = AgentService(
        database,
        settings,
        people=UsersAsAgents(users),
        seats=seats,
        pbx=agent_link,
        queues=QueueCodes(queues),
        publish=broadcast.publish,
    )
    state.break_reasons = BreakReasons(database)
    agent_history = state.agent_history = AgentHistory(database, settings)
    shifts = state.shifts = ShiftService(database, settings, opening, users)
    state.rota_changes = RotaChanges(database, shifts, opening)
    state.shift_patterns = PatternService(database, settings)
    state.shift_requests = RequestService(database, shifts)
    state.attendance = AttendanceService(
        settings, shifts, opening, workdays, AgentPresence(agent_history, agents)
    )
    state.rota_import = RotaImport(database, shifts)
    state.rota_feeds = FeedService(database, settings, shifts)
    state.forecast = ForecastService(
        settings,
        Arrivals(database, settings.first_seat),
        opening,
        shifts,
        AgentPlanning(database, settings),
        queues,
    )
    shift_watch = ShiftWatch(settings, shifts, broadcast.publish)
    members = (
        MembersByShift(shifts, agents.memberships)
        if settings.members_by_shift
        else agents.memberships
    )
    reconciler = Reconciler(link, ari, seats.desired, settings, members=members, queues=queues.pbx)
    agents.on_change(reconciler.request)
    shift_watch.on_change(reconciler.request)
    users.on_change(agents.user_changed)
    seats.on_change(reconciler.request)
    seats.on_change(agents.seats_changed)
    registrations = state.registrations = Registrations(link)
    registrations.on_change(seats.phones_came)
    seats.on_change(registrations.expect_changes)
    state.seat_holder = agents.at
    queues.on_change(reconciler.request)

    media = state.media = MediaService(database, settings)
    cases = state.cases = CaseService(database, settings, media=media)
    state.calls = CallService(database)
    state.voice_messages = VoiceMessageService(database, media)
    seats_of_agents = SeatsOfSteering(agents)
    state.transfers = TransferService(
        database,
        settings,
        PbxSwitch(link, live),
        live,
        seats,
        seats_of_agents.seat_of,
        queues.transfer_numbers,
    )

    steering = SteeringSwitch(link, live)
    carrying_out = CarryingOut(
        live,
        seats_of_agents,
        state.trail,
        node=settings.node,
        first_seat=settings.first_seat,
    )
    state.steering = SupervisorService(carrying_out, steering, state.calls)
    state.own_call = OperatorService(carrying_out, steering, cases, settings)
    line = state.line = LineService(database, steering, live, publish=broadcast.publish)
    link.on_login(line.bring)

    callbacks = state.callbacks = CallbackService(
        database,
        settings,
        CallbackDialler(link, settings.node, settings.callback_ring_seconds),
        live,
        seats=SeatsOfAgents(agents),
        cases=cases,
        publish=broadcast.publish,
    )
    thresholds = QueueThresholds(queues)
    state.reports = ReportService(database, settings.time_zone, callbacks, thresholds=thresholds)
    day_book = LiveBook(database, settings.time_zone)
    floor_view = state.floor_view = LiveService(
        live,
        day_book,
        broadcast,
        database,
        node=settings.node,
        callbacks=callbacks,
        agents=AgentsOnTheFloor(agents),
        confidential=cases.confidential_calls,
        thresholds=thresholds,
    )
    queues.on_change(floor_view.queues_changed)
    link.subscribe(lambda _event: floor_view.touch())

    worker = MediaWorker(database, settings, note_media=cases.note_media, publish=broadcast.publish)
    media.on_work(worker.wake)

    def committed(changes: LedgerChanges) -> None:
        if changes.recordings or changes.voice_messages:
            worker.wake()
        if changes.rings or changes.talks:
            agents.wake()
        floor_view.take(changes)

    reader = JournalReader(
        database,
        settings,
        (cases, media, agents, callbacks, metrics),
        publish=broadcast.publish,
        committed=committed,
    )
    retention = Retention(
        database, settings, note_media=cases.note_media, publish=broadcast.publish
    )
    sweeper = OrphanSweeper(database, settings)

    tasks = state.tasks = Supervised()
    tasks.start("open-answers", answers.run)
    tasks.start("journal", reader.run)
    tasks.start("ami-link", link.run)
    tasks.start("seats", reconciler.run)
    tasks.start("registrations", registrations.run)
    tasks.start("agents", agents.run)
    tasks.start("agent-link", partial(agent_link.run, agents))
    tasks.start("floor-view", floor_view.run)
    tasks.start("shifts", shift_watch.run)
    tasks.start("media", worker.run)
    tasks.start("retention", retention.run)
    tasks.start("sweeper", sweeper.run)

    state.health = HealthService(
        {
            "database": partial(database_health, database),
            "ami": partial(link_health, link),
            "seats": partial(seats_health, reconciler),
            "journal": partial(journal_health, reader),
            "agi": partial(agi_health, settings),
            "disk": partial(disk_health, settings),
            "recordings": partial(recordings_health, settings),
            "tasks": partial(tasks_health, tasks),
            "holidays": partial(holidays_health, workdays),
        }
    )
    for source in (
        link_source(link),
        floor_source(live),
        seats_source(reconciler),
        journal_source(reader),
        media_source(media, worker),
        disk_source(settings),
        agi_source(settings),
        tasks_source(tasks),
    ):
        metrics.add_source(source)
    return tasks
