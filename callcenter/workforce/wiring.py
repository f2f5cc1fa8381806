"""Builds the workforce: agents, shifts, the opening calendar, the live floor and its steering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from callcenter.people.voices import Voices
from callcenter.people.wiring import People
from callcenter.platform.health import Check
from callcenter.platform.port import Port
from callcenter.platform.wiring import Platform, Routers, Task
from callcenter.telephony.calls.arrivals import Arrivals
from callcenter.telephony.pbx.agent_link import AgentLink
from callcenter.telephony.pbx.callback_dial import CallbackDialler
from callcenter.telephony.pbx.steering_switch import SteeringSwitch
from callcenter.telephony.seats.ports import Sitting as SeatHolders
from callcenter.telephony.wiring import Telephony
from callcenter.workforce.agents import endpoints as agents_api
from callcenter.workforce.agents import reason_endpoints
from callcenter.workforce.agents.behind import SomebodyBehind
from callcenter.workforce.agents.break_reasons import BreakReasons
from callcenter.workforce.agents.history import AgentHistory
from callcenter.workforce.agents.neighbours import QueueCodes, UsersAsAgents
from callcenter.workforce.agents.planning import AgentPlanning
from callcenter.workforce.agents.service import AgentService
from callcenter.workforce.agents.sitting import Sitting
from callcenter.workforce.callbacks import endpoints as callbacks_api
from callcenter.workforce.callbacks.service import CallbackService
from callcenter.workforce.desk import endpoints as desk_api
from callcenter.workforce.figures.measure import QueueThresholds, ThresholdsNow
from callcenter.workforce.forecast import endpoints as forecast_api
from callcenter.workforce.forecast.service import ForecastService
from callcenter.workforce.health import holidays_health
from callcenter.workforce.live import endpoints as live_api
from callcenter.workforce.live.book import LiveBook
from callcenter.workforce.live.neighbours import AgentsOnTheFloor
from callcenter.workforce.live.service import LiveService
from callcenter.workforce.opening import endpoints as opening_api
from callcenter.workforce.opening import holiday_endpoints
from callcenter.workforce.opening.holiday_sheet import HolidayImport
from callcenter.workforce.opening.service import OpeningService
from callcenter.workforce.opening.watch import OpeningWatch
from callcenter.workforce.opening.workdays import WorkdayService
from callcenter.workforce.ports import Cases, CasesAbove
from callcenter.workforce.shifts import endpoints as shifts_api
from callcenter.workforce.shifts import request_endpoints, rota_endpoints
from callcenter.workforce.shifts.attendance import AttendanceService
from callcenter.workforce.shifts.changes import RotaChanges
from callcenter.workforce.shifts.feed import FeedService
from callcenter.workforce.shifts.neighbours import AgentPresence, MembersByShift, UsersOnTheRota
from callcenter.workforce.shifts.patterns import PatternService
from callcenter.workforce.shifts.requests import RequestService
from callcenter.workforce.shifts.rota_sheet import RotaImport
from callcenter.workforce.shifts.service import ShiftService
from callcenter.workforce.shifts.watch import ShiftWatch
from callcenter.workforce.steering import endpoints as steering_api
from callcenter.workforce.steering import own_call_endpoints
from callcenter.workforce.steering.carrying_out import CarryingOut
from callcenter.workforce.steering.hearing import Hearing
from callcenter.workforce.steering.line_service import LineService
from callcenter.workforce.steering.operator_service import OperatorService
from callcenter.workforce.steering.supervisor_service import SupervisorService

ROUTERS = Routers(
    guarded=(
        live_api.router,
        callbacks_api.router,
        steering_api.router,
        own_call_endpoints.router,
        agents_api.router,
        desk_api.router,
        reason_endpoints.router,
        opening_api.router,
        holiday_endpoints.router,
        shifts_api.router,
        rota_endpoints.router,
        request_endpoints.leave_router,
        request_endpoints.swap_router,
        forecast_api.router,
    ),
    # A calendar program cannot log in: the address is its key.
    plain=(rota_endpoints.feed_router,),
)


@dataclass(frozen=True, slots=True)
class Workforce:
    """What the other contexts may have of the workforce, and the port that they fill."""

    callbacks: CallbackService
    thresholds: ThresholdsNow
    cases: Port[Cases]
    tasks: Sequence[Task]
    checks: Mapping[str, Check]


def wire_workforce(platform: Platform, people: People, telephony: Telephony) -> Workforce:
    """Agents first: shifts, steering and the floor ask them."""
    cases = CasesAbove()
    agents, sitting = _agents(platform, people, telephony)
    workdays, watches = _shifts(platform, people, telephony, agents)
    hearing = _steering(platform, people, telephony, sitting, cases)
    callbacks = CallbackService(
        platform.database,
        platform.settings,
        CallbackDialler(
            telephony.link, platform.settings.node, platform.settings.callback_ring_seconds
        ),
        telephony.live,
        seats=sitting,
        cases=cases,
        publish=platform.broadcast.publish,
    )
    platform.shelf.put(callbacks)
    telephony.audience.follow("callbacks", callbacks, wants=callbacks.wants)
    thresholds = QueueThresholds(telephony.queues)
    floor_view = _floor(platform, telephony, agents.service, callbacks, thresholds, cases)
    tasks = (
        *agents.tasks,
        Task("floor-view", floor_view.run),
        *watches,
        Task("hearing", hearing.run),
    )
    checks = {"holidays": partial(holidays_health, workdays)}
    return Workforce(callbacks, thresholds, cases.port, tasks, checks)


@dataclass(frozen=True, slots=True)
class _Agents:
    service: AgentService
    history: AgentHistory
    tasks: Sequence[Task]


def _agents(platform: Platform, people: People, telephony: Telephony) -> tuple[_Agents, Sitting]:
    database, settings = platform.database, platform.settings
    link = AgentLink(telephony.link, telephony.live)
    agents = AgentService(
        database,
        settings,
        people=UsersAsAgents(people.users),
        seats=telephony.seats,
        pbx=link,
        queues=QueueCodes(telephony.queues),
        publish=platform.broadcast.publish,
    )
    agents.on_change(telephony.reconciler.request)
    telephony.contests.watch(agents.seats_if_known)
    agents.on_change(telephony.contests.look)
    people.users.on_change(agents.user_changed)
    telephony.seats.on_change(agents.seats_changed)

    telephony.audience.follow("agents", agents, wants=agents.wants, then=agents.ledger_grew)
    sitting, history = Sitting(agents), AgentHistory(database, settings)
    telephony.sitting.fill(sitting)
    platform.shelf.put(agents, history, BreakReasons(database))
    platform.shelf.put_as(SeatHolders, sitting)
    behind = SomebodyBehind(agents, people.sessions, settings.agent_session_end)
    people.sessions.on_end(behind.changed)
    agents.on_change(behind.changed)
    tasks = (
        Task("agents", agents.run),
        Task("agent-link", partial(link.run, agents)),
        Task("agent-sessions", behind.run),
    )
    return _Agents(agents, history, tasks), sitting


def _shifts(
    platform: Platform, people: People, telephony: Telephony, agents: _Agents
) -> tuple[WorkdayService, Sequence[Task]]:
    database, settings = platform.database, platform.settings
    opening = OpeningService(database, settings.time_zone)
    workdays = WorkdayService(database, settings.time_zone)
    telephony.hours.fill(opening.hours)
    shifts = ShiftService(database, settings, opening, UsersOnTheRota(people.users))
    watch = ShiftWatch(settings, shifts, platform.broadcast.publish)
    watch.on_change(telephony.reconciler.request)
    members = agents.service.memberships
    telephony.members.fill(
        MembersByShift(shifts, members) if settings.members_by_shift else members
    )
    presence = AgentPresence(agents.history, agents.service)
    platform.shelf.put(
        opening,
        workdays,
        HolidayImport(workdays),
        shifts,
        RotaChanges(database, shifts, opening),
        PatternService(database, settings),
        RequestService(database, shifts),
        AttendanceService(settings, shifts, opening, workdays, presence),
        RotaImport(database, shifts),
        FeedService(database, settings, shifts),
        ForecastService(
            settings,
            Arrivals(database, settings.first_seat),
            opening,
            shifts,
            AgentPlanning(database, settings),
            telephony.queues,
        ),
    )
    hours = OpeningWatch(opening, changed=telephony.reconciler.request)
    return workdays, (Task("shifts", watch.run), Task("opening", hours.run))


def _steering(
    platform: Platform,
    people: People,
    telephony: Telephony,
    sitting: Sitting,
    cases: CasesAbove,
) -> Hearing:
    settings, live = platform.settings, telephony.live
    switch = SteeringSwitch(telephony.link, live)
    carrying_out = CarryingOut(
        live, sitting, people.trail, node=settings.node, first_seat=settings.first_seat
    )
    hearing = Hearing(
        Voices(cases), people.rights, live, sitting, switch, people.trail,
        node=settings.node, first_seat=settings.first_seat,
    )  # fmt: skip
    line = LineService(platform.database, switch, live, publish=platform.broadcast.publish)
    telephony.link.on_login(line.bring)
    platform.shelf.put(
        line,
        SupervisorService(carrying_out, switch, telephony.calls, hearing),
        OperatorService(carrying_out, switch, cases, settings, hearing),
    )
    return hearing


def _floor(
    platform: Platform,
    telephony: Telephony,
    agents: AgentService,
    callbacks: CallbackService,
    thresholds: ThresholdsNow,
    cases: CasesAbove,
) -> LiveService:
    floor_view = LiveService(
        telephony.live,
        LiveBook(platform.database, platform.settings.time_zone),
        platform.broadcast,
        platform.database,
        node=platform.settings.node,
        callbacks=callbacks,
        agents=AgentsOnTheFloor(agents),
        confidential=cases.confidential_calls,
        thresholds=thresholds,
    )
    telephony.queues.on_change(floor_view.queues_changed)
    telephony.link.subscribe(lambda _event: floor_view.touch())
    telephony.audience.after_commit(floor_view.take)
    platform.shelf.put(floor_view)
    return floor_view
