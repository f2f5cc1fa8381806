"""The staffing forecast from a ledger with calls in it, over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.calls.arrivals import Arrivals, Waiting
from callcenter.telephony.calls.models import Call, QueueVisit, Talk
from callcenter.telephony.queues.first import main_queue
from callcenter.telephony.queues.service import QueueService
from callcenter.workforce.agents.models import AgentInterval, AgentSkill, WrapUpTime
from callcenter.workforce.agents.planning import AgentPlanning
from callcenter.workforce.forecast.endpoints import router
from callcenter.workforce.forecast.service import GAVE_UP_ENOUGH, WRAP_UPS_ENOUGH, ForecastService
from tests.unit.asking import let_in
from tests.unit.workforce.shifts.office import CITY, LI, WANG, ZHAO, Office, office

URL = "/api/forecast"
TUESDAY = date(2026, 12, 1)


@dataclass
class Ledger:
    """Writes calls as the journal reader would."""

    office: Office
    number: int = 0

    async def calls(
        self,
        moments: list[datetime],
        *,
        talk: int | None = 180,
        wait: int = 10,
        seat: str = "8001",
        queue: str = "12345",
        direction: str = "inbound",
    ) -> None:
        """Calls at `moments`; `talk` None: each gave up after `wait` seconds."""
        async with self.office.database.writing() as session:
            for begun in moments:
                self.number += 1
                one = f"pbx1:{self.number}"
                answered = begun + timedelta(seconds=wait)
                over = answered + timedelta(seconds=talk or 0)
                session.add(
                    Call(
                        id=one,
                        node="pbx1",
                        linkedid=one,
                        direction=direction,
                        caller_number="13800138000",
                        caller_name="",
                        called_number="12345",
                        started_at=begun,
                        answered_at=None if talk is None else answered,
                        ended_at=over,
                        ended_by="caller",
                        outcome="abandoned" if talk is None else "answered",
                        route="queue",
                        queue=queue,
                        seat=seat,
                        first_seat=seat,
                    )
                )
                session.add(
                    QueueVisit(
                        id=f"{one}/q1",
                        call_id=one,
                        channel=one,
                        queue=queue,
                        joined_at=begun,
                        left_at=answered,
                        how="abandoned" if talk is None else "connected",
                    )
                )
                if talk is not None:
                    session.add(
                        Talk(
                            id=f"{one}/t1",
                            call_id=one,
                            seat=seat,
                            channel=one,
                            channel_name="",
                            via="queue",
                            started_at=answered,
                            ended_at=over,
                            ended_by="caller",
                        )
                    )


@dataclass
class Desk:
    office: Office
    ledger: Ledger
    arrivals: Arrivals
    queues: QueueService
    client: httpx.AsyncClient

    async def forecast(self, first: date = TUESDAY, last: date | None = None, **more: Any) -> Any:
        query = {"from": str(first), "to": str(last or first), **more}
        answer = await self.client.get(URL, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def at(self, clock: str, *, line: str | None = None, **more: Any) -> Any:
        """The half-hour of Tuesday that begins at `clock` in the city, of the whole line or of the
        queue `line`."""
        starts = datetime.fromisoformat(f"{TUESDAY} {clock}").replace(tzinfo=CITY)
        made = of(await self.forecast(**more), line)
        (found,) = [
            one for one in made["intervals"] if datetime.fromisoformat(one["starts"]) == starts
        ]
        return found

    async def wrapped_up(
        self, moments: list[datetime], seconds: float, *, user_id: int = WANG, seat: str = "8001"
    ) -> None:
        """Wrap-ups that began at `moments`."""
        async with self.office.database.writing() as session:
            session.add_all(
                AgentInterval(
                    user_id=user_id,
                    seat=seat,
                    state="wrap_up",
                    reason="",
                    begun_at=begun,
                    ended_at=begun + timedelta(seconds=seconds),
                )
                for begun in moments
            )

    async def queue(self, code: str, **more: Any) -> None:
        plan = main_queue(self.office.settings)
        changes = {"code": code, "name": code, "transfer_number": None} | more
        await self.queues.create(replace(plan, **changes), actor="test")

    async def skills(self, user_id: int, **levels: int) -> None:
        async with self.office.database.writing() as session:
            session.add_all(
                AgentSkill(user_id=user_id, queue=queue.removeprefix("q"), level=level)
                for queue, level in levels.items()
            )

    async def refused(self, url: str, **query: Any) -> tuple[int, str]:
        answer = await self.client.get(url, params=query)
        return answer.status_code, answer.json()["error"]["code"]


def of(made: Any, queue: str | None) -> Any:
    """The whole line of a forecast, or one queue."""
    if queue is None:
        return made["overall"]
    (found,) = [line for line in made["queues"] if line["queue"] == queue]
    return found


def on(day: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=CITY).astimezone(UTC)


def tuesdays(clock: str, calls: int, weeks: int = 4) -> list[datetime]:
    """So many calls in the half-hour from `clock` on, on each of the last Tuesdays."""
    first = [on(f"2026-11-{day:02}", clock) for day in (24, 17, 10, 3)[4 - weeks :]]
    return [begun + timedelta(seconds=n) for begun in first for n in range(calls)]


def recent(clock: str, calls: int) -> list[datetime]:
    """So many calls in the half-hour from `clock` on, on each of the last two Tuesdays."""
    begun = [on(f"2026-11-{day}", clock) for day in (17, 24)]
    return [one + timedelta(seconds=n) for one in begun for n in range(calls)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with office(tmp_path, forecast_shrinkage=0.2, wrap_up_seconds=3) as made:
        made.watch.at("2026-11-28 12:00")
        await made.usual()
        app = FastAPI()
        install_error_handlers(app)
        app.include_router(router)
        arrivals = Arrivals(made.database, made.settings.first_seat)
        queues = QueueService(made.database, made.settings, made.watch)
        await queues.ensure_first()
        shelf_of(app).put(
            ForecastService(
                made.settings,
                arrivals,
                made.opening,
                made.shifts,
                AgentPlanning(made.database, made.settings),
                queues,
                made.watch,
            )
        )
        let_in(app, made.database, made.settings)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
            yield Desk(made, Ledger(made), arrivals, queues, client)


# -- the ledger's answers ---------------------------------------------------------------------


async def test_arrivals_are_counted_by_the_half_hour_that_they_begin_in(desk: Desk) -> None:
    edge = on("2026-11-24", "10:30")
    just_before = edge - timedelta(milliseconds=1)
    await desk.ledger.calls([just_before, edge, edge + timedelta(minutes=29, seconds=59)])
    await desk.ledger.calls([edge], talk=None, wait=40)
    found = await desk.arrivals.half_hours(on("2026-11-24", "00:00"), on("2026-11-25", "00:00"))
    assert [(one.starts, one.offered, one.answered, one.talk_seconds) for one in found] == [
        (edge - timedelta(minutes=30), 1, 1, 180.0),
        (edge, 3, 2, 360.0),
    ]


async def test_only_calls_that_asked_for_a_seat_are_arrivals(desk: Desk) -> None:
    when = [on("2026-11-24", "10:00")]
    await desk.ledger.calls(when, queue="")
    await desk.ledger.calls(when, direction="outbound")
    span = on("2026-11-24", "00:00"), on("2026-11-25", "00:00")
    assert await desk.arrivals.half_hours(*span) == []
    await desk.ledger.calls([span[1]])
    assert await desk.arrivals.half_hours(*span) == []


async def test_talks_of_outside_numbers_bind_no_seat(desk: Desk) -> None:
    await desk.ledger.calls([on("2026-11-24", "10:00")], seat="13912345678")
    span = on("2026-11-24", "00:00"), on("2026-11-25", "00:00")
    (found,) = await desk.arrivals.half_hours(*span)
    assert (found.answered, found.talk_seconds) == (1, 0.0)


async def test_waiting_is_of_everybody_and_gave_up_of_some(desk: Desk) -> None:
    await desk.ledger.calls([on("2026-11-24", "10:00")] * 3, wait=10)
    await desk.ledger.calls([on("2026-11-24", "10:00")], talk=None, wait=70)
    await desk.ledger.calls([on("2026-11-24", "10:00")], talk=None, wait=5, queue="night")
    span = on("2026-11-24", "00:00"), on("2026-11-25", "00:00")
    assert await desk.arrivals.waiting(*span) == [
        Waiting("12345", 100.0, 4, 1),
        Waiting("night", 5.0, 1, 1),
    ]


# -- the forecast -----------------------------------------------------------------------------


async def test_the_worked_example_comes_out_of_the_ledger(desk: Desk) -> None:
    """100 calls of 180 s in half an hour need 14 seats for 80/20: talk 177 s and 3 s wrap-up."""
    await desk.ledger.calls(tuesdays("10:00", 100), talk=177)
    found = await desk.at("10:00", within_seconds=20)
    assert (found["basis"], found["based_on_days"]) == ("same_weekday", 4)
    assert (found["calls"], found["handle_seconds"], found["erlangs"]) == (100.0, 180.0, 10.0)
    assert found["needed_within"] == found["needed_seats"] == 14
    assert found["needed_people"] == 18  # 14 / 0.8
    assert (found["staffing"], found["difference"]) == ("short", -18)
    assert found["expected"]["connected"] == 0.0


async def test_the_rota_is_held_against_it_half_hour_by_half_hour(desk: Desk) -> None:
    await desk.ledger.calls(tuesdays("10:00", 2) + tuesdays("15:30", 2) + tuesdays("16:00", 2))
    for user_id in (WANG, LI, ZHAO):
        await desk.office.entry(user_id, str(TUESDAY), "early")
    early = await desk.at("15:30")
    assert (early["needed_seats"], early["needed_people"], early["rostered"]) == (2, 3, 3)
    assert early["staffing"] == "enough"
    assert early["expected"]["seats"] == 2
    late = await desk.at("16:00")
    assert (late["rostered"], late["staffing"], late["difference"]) == (0, "short", -3)
    night = await desk.at("03:00")
    assert (night["calls"], night["needed_seats"], night["staffing"]) == (0.0, 1, "short")
    spare = await desk.at("09:00")
    assert (spare["needed_people"], spare["rostered"], spare["staffing"]) == (1, 3, "spare")


async def test_a_shift_that_ends_within_a_half_hour_leaves_it_short(desk: Desk) -> None:
    body = {"code": "odd", "name": "短", "starts": 600, "minutes": 45}
    made = await desk.office.send("POST", "/api/shifts", body, 201)
    desk.office.shift_ids["odd"] = made["id"]
    await desk.office.entry(WANG, str(TUESDAY), "odd")
    assert [(await desk.at(clock))["rostered"] for clock in ("10:00", "10:30", "11:00")] == [
        1,
        0,
        0,
    ]


async def test_leave_leaves_a_gap(desk: Desk) -> None:
    await desk.office.entry(WANG, str(TUESDAY), "early")
    assert (await desk.at("10:00"))["rostered"] == 1
    days = {"first_day": str(TUESDAY), "last_day": str(TUESDAY), "kind": "sick", "user_id": WANG}
    leave = await desk.office.send("POST", "/api/leave", days, 201)
    await desk.office.send("POST", f"/api/leave/{leave['id']}/approve", {})
    assert (await desk.at("10:00"))["rostered"] == 0


async def test_a_closed_line_needs_nobody(desk: Desk) -> None:
    await desk.ledger.calls(tuesdays("10:00", 6))
    hours = [{"weekday": 1, "opens": 660, "closes": 1080}]
    desk.office.door.ask_as()
    await desk.office.send("PUT", "/api/opening", {"week": hours, "special_days": []})
    ten = await desk.at("10:00")
    assert (ten["calls"], ten["needed_seats"], ten["staffing"]) == (6.0, 0, "closed")
    assert [(await desk.at(clock))["staffing"] for clock in ("10:30", "11:00", "18:00")] == [
        "closed",
        "short",
        "closed",
    ]


async def test_without_history_the_number_is_not_made_up(desk: Desk) -> None:
    await desk.office.entry(WANG, str(TUESDAY), "early")
    found = await desk.at("10:00")
    assert (found["basis"], found["handle_seconds"], found["expected"]) == ("none", None, None)
    assert (found["staffing"], found["needed_seats"]) == ("unknown", 1)
    made = await desk.forecast()
    assert made["history_to"] < made["history_from"]


async def test_today_is_no_history_yet(desk: Desk) -> None:
    await desk.ledger.calls([on("2026-11-28", "10:00")] * 50)
    made = await desk.forecast(date(2026, 12, 5))
    assert {one["calls"] for one in made["overall"]["intervals"]} == {0.0}


async def test_patience_is_what_callers_showed_once_enough_gave_up(desk: Desk) -> None:
    """All waiting over those who gave up, 30 of 50 s and 30 who were answered after 25 s: 75 s."""

    def patience(made: Any, queue: str | None = None) -> tuple[float, str, int, str | None]:
        told = of(made, queue)["patience"]
        return told["seconds"], told["source"], told["count"], told["method"]

    made = await desk.forecast()
    assert patience(made) == (120.0, "setting", 0, None)
    await desk.ledger.calls([on("2026-11-24", "10:00")] * GAVE_UP_ENOUGH, talk=None, wait=50)
    await desk.ledger.calls([on("2026-11-24", "10:00")] * GAVE_UP_ENOUGH, wait=25)
    made = await desk.forecast()
    assert patience(made) == (75.0, "measured", GAVE_UP_ENOUGH, "censored_exponential")
    await desk.queue("night")
    await desk.ledger.calls([on("2026-11-24", "23:00")], talk=None, wait=300, queue="night")
    made = await desk.forecast()
    whole = round((GAVE_UP_ENOUGH * 75 + 300) / (GAVE_UP_ENOUGH + 1), 1)
    method = "censored_exponential"
    assert patience(made) == (whole, "measured", GAVE_UP_ENOUGH + 1, method)
    assert patience(made, "night") == (whole, "measured_overall", 1, method)
    assert patience(made, "12345") == (75.0, "measured", GAVE_UP_ENOUGH, method)
    made = await desk.forecast(patience_seconds=40)
    assert patience(made) == (40.0, "request", GAVE_UP_ENOUGH + 1, None)


async def test_a_stricter_target_needs_more(desk: Desk) -> None:
    await desk.ledger.calls(tuesdays("10:00", 100), talk=177)
    usual = await desk.at("10:00")
    strict = await desk.at("10:00", within_share=0.95, connect_share=0.99)
    assert strict["needed_within"] > usual["needed_within"]
    assert strict["needed_connect"] > usual["needed_connect"]


async def test_a_month_has_every_half_hour_once(desk: Desk) -> None:
    await desk.ledger.calls(tuesdays("10:00", 3))
    made = await desk.forecast(date(2026, 12, 1), date(2026, 12, 31))
    for line in (made["overall"], *made["queues"]):
        starts = [datetime.fromisoformat(one["starts"]) for one in line["intervals"]]
        assert len(starts) == 31 * 48
        assert {b - a for a, b in pairwise(starts)} == {timedelta(minutes=30)}
    assert [w["code"] for w in made["warnings"]] == ["next_year_missing"]


@pytest.mark.parametrize(
    ("first", "last"), [("2026-12-02", "2026-12-01"), ("2026-12-01", "2027-01-01")]
)
async def test_days_that_cannot_be_forecast(desk: Desk, first: str, last: str) -> None:
    assert await desk.refused(URL, **{"from": first, "to": last}) == (422, "bad_range")


@pytest.mark.parametrize(
    "wrong",
    [
        {"within_share": 1},
        {"within_share": 0},
        {"connect_share": 1.5},
        {"weeks": 0},
        {"patience_seconds": 0},
        {"patience_seconds": 5e-324},
        {"shrinkage": 1},
        {"within_seconds": "nan"},
        {"patience_seconds": "nan"},
    ],
)
async def test_what_is_no_target_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    query = {"from": str(TUESDAY), "to": str(TUESDAY)} | wrong
    assert await desk.refused(URL, **query) == (422, "bad_input")


# -- handle time ------------------------------------------------------------------------------


async def test_wrap_up_is_what_agents_took(desk: Desk) -> None:
    """Talk 177 s from the ledger, wrap-up 63 s from the intervals that followed: 240 s."""
    begun = recent("10:00", 30)
    await desk.ledger.calls(begun, talk=177, wait=10)
    over = [one + timedelta(seconds=187) for one in begun]
    await desk.wrapped_up(over[: WRAP_UPS_ENOUGH - 1], 63)
    few = await desk.forecast()
    assert few["overall"]["wrap_up"] == {
        "seconds": 3.0,
        "source": "setting",
        "count": WRAP_UPS_ENOUGH - 1,
    }
    await desk.wrapped_up(over[WRAP_UPS_ENOUGH - 1 :], 63)
    made = await desk.forecast()
    assert made["overall"]["wrap_up"] == {"seconds": 63.0, "source": "measured", "count": 60}
    assert made["overall"]["talk"] == {"seconds": 177.0, "source": "measured", "count": 60}
    ten = await desk.at("10:00")
    assert (ten["talk_seconds"], ten["handle_seconds"]) == (177.0, 240.0)
    assert ten["erlangs"] == 4.0


async def test_each_queue_has_its_own_handle_time(desk: Desk) -> None:
    await desk.queue("business")
    await desk.queue("night")
    main, business = recent("10:00", 40), recent("11:00", 40)
    await desk.ledger.calls(main, talk=120, seat="8001")
    await desk.ledger.calls(business, talk=600, seat="8002", queue="business")
    await desk.wrapped_up([one + timedelta(seconds=130) for one in main], 20)
    # Told by the floor a little before the journal has it.
    early = [one + timedelta(seconds=609.6) for one in business]
    await desk.wrapped_up(early, 100, user_id=LI, seat="8002")
    made = await desk.forecast()
    told = {
        line["queue"]: (
            line["talk"]["seconds"],
            line["talk"]["source"],
            line["wrap_up"]["seconds"],
            line["wrap_up"]["source"],
        )
        for line in (made["overall"], *made["queues"])
    }
    assert told == {
        None: (360.0, "measured", 60.0, "measured"),
        "12345": (120.0, "measured", 20.0, "measured"),
        "business": (600.0, "measured", 100.0, "measured"),
        "night": (360.0, "measured_overall", 60.0, "measured_overall"),
    }
    assert (await desk.at("11:00", line="business"))["handle_seconds"] == 700.0
    assert (await desk.at("10:00", line="12345"))["handle_seconds"] == 140.0
    assert (await desk.at("10:00", line="business"))["calls"] == 0.0
    assert (await desk.at("10:00"))["calls"] == 40.0


async def test_without_measured_wrap_ups_a_queue_takes_the_time_that_was_set(desk: Desk) -> None:
    await desk.queue("business")
    async with desk.office.database.writing() as session:
        session.add(WrapUpTime(queue="business", seconds=90))
    made = await desk.forecast()
    wrap_ups = {
        line["queue"]: line["wrap_up"]["seconds"] for line in (made["overall"], *made["queues"])
    }
    assert wrap_ups == {None: 3.0, "12345": 3.0, "business": 90.0}
    assert of(made, "business")["wrap_up"]["source"] == "setting"
    assert made["overall"]["talk"] is None


async def test_wrap_up_is_measured_over_the_last_days_only(desk: Desk) -> None:
    """People work otherwise than they did a month ago."""
    begun = [on("2026-11-03", "10:00") + timedelta(seconds=n) for n in range(60)]
    await desk.ledger.calls(begun)
    await desk.wrapped_up([one + timedelta(seconds=190) for one in begun], 500)
    assert (await desk.forecast())["overall"]["wrap_up"]["source"] == "setting"


# -- queues -----------------------------------------------------------------------------------


async def test_a_queue_is_held_against_the_people_who_have_its_skill(desk: Desk) -> None:
    """Wang serves the business queue alone, Li both, Zhao has no skill and so the main queue."""
    await desk.queue("business")
    await desk.skills(WANG, business=1)
    await desk.skills(LI, q12345=2, business=1)
    await desk.ledger.calls(tuesdays("10:00", 8, weeks=4), queue="business")
    for user_id in (WANG, LI, ZHAO):
        await desk.office.entry(user_id, str(TUESDAY), "early")
    assert (await desk.at("10:00"))["rostered"] == 3
    assert (await desk.at("10:00", line="business"))["rostered"] == 2
    assert (await desk.at("10:00", line="12345"))["rostered"] == 2
    business = await desk.at("10:00", line="business")
    assert (business["calls"], business["needed_people"]) == (8.0, 4)
    assert (business["staffing"], business["difference"]) == ("short", -2)
    main = await desk.at("10:00", line="12345")
    assert (main["calls"], main["needed_people"], main["staffing"]) == (0.0, 0, "spare")
    assert (await desk.at("16:00", line="business"))["rostered"] == 0


async def test_a_queues_target_is_its_own_service_level(desk: Desk) -> None:
    await desk.queue("patient", service_level_seconds=120)
    calls = tuesdays("10:00", 50)
    await desk.ledger.calls(calls)
    await desk.ledger.calls(calls, queue="patient")
    made = await desk.forecast()
    targets = {line["queue"]: line["target"] for line in (made["overall"], *made["queues"])}
    usual = {"within_seconds": 15.0, "within_share": 0.8, "connect_share": 0.95}
    assert targets == {
        None: usual,
        "12345": usual,
        "patient": usual | {"within_seconds": 120.0},
    }
    within = [(await desk.at("10:00", line=code))["needed_within"] for code in ("patient", "12345")]
    assert within[0] < within[1]
    asked = await desk.forecast(within_seconds=30, connect_share=0.9)
    assert {line["target"]["within_seconds"] for line in asked["queues"]} == {30.0}
    assert asked["overall"]["target"]["connect_share"] == 0.9


async def test_only_the_queues_that_are_asked_for(desk: Desk) -> None:
    await desk.queue("business")
    await desk.queue("old", enabled=False)

    async def lines(**query: Any) -> list[str]:
        return [line["queue"] for line in (await desk.forecast(**query))["queues"]]

    assert await lines() == ["12345", "business"]
    assert await lines(queue=["old", "business", "old"]) == ["business", "old"]
    assert await lines(queue="") == []
    query = {"from": str(TUESDAY), "to": str(TUESDAY), "queue": "nowhere"}
    assert await desk.refused(URL, **query) == (404, "queue_not_found")


async def test_calls_that_nobody_ever_answered_leave_the_need_unknown(desk: Desk) -> None:
    await desk.ledger.calls(tuesdays("10:00", 5), talk=None)
    await desk.office.entry(WANG, str(TUESDAY), "early")
    ten = await desk.at("10:00")
    assert (ten["calls"], ten["handle_seconds"], ten["staffing"]) == (5.0, None, "unknown")


# -- one load ---------------------------------------------------------------------------------


async def test_one_load_by_both_models(desk: Desk) -> None:
    query = {"calls": 100, "handle_seconds": 180, "within_seconds": 20}
    answer = (await desk.client.get(f"{URL}/erlang", params=query)).json()
    assert (answer["erlangs"], answer["needed_within"]) == (10.0, 14)
    assert answer["erlang_c"] == {
        "seats": 14,
        "waits": 0.1741,
        "within": 0.8884,
        "connected": 1.0,
        "wait_seconds": 7.8,
        "occupancy": 0.7143,
    }
    assert answer["erlang_a"]["wait_seconds"] < 7.8
    overload = (await desk.client.get(f"{URL}/erlang", params=query | {"seats": 9})).json()
    assert overload["erlang_c"]["wait_seconds"] is None
    assert 0.5 < overload["erlang_a"]["connected"] < 0.9


@pytest.mark.parametrize(
    "query",
    [
        {"calls": 1_000_000, "handle_seconds": 7200},
        {"calls": 4500, "handle_seconds": 900, "within_share": 0.999999, "within_seconds": 0},
    ],
)
async def test_a_load_beyond_all_seats_is_refused_or_reckoned(
    desk: Desk, query: dict[str, Any]
) -> None:
    answer = await desk.client.get(f"{URL}/erlang", params=query)
    if answer.status_code == 200:
        assert answer.json()["needed_within"] > answer.json()["erlangs"]
    else:
        assert answer.json()["error"]["code"] == "load_too_high"


async def test_what_is_no_load_is_refused(desk: Desk) -> None:
    for query in (
        {"calls": -1, "handle_seconds": 180},
        {"calls": 1, "handle_seconds": 0},
        {"calls": "nan", "handle_seconds": 180},
        {"calls": 1},
    ):
        assert await desk.refused(f"{URL}/erlang", **query) == (422, "bad_input")
