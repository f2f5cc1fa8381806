"""Leave and swaps: who may do what, when, and what it does to the rota."""

from __future__ import annotations

from typing import Any

import pytest

from callcenter.workforce.domain.requests import RequestState, RequestStep, leave_after, swap_after
from tests.unit.workforce.shifts.office import CHEN, LI, WANG, ZHAO, Office

DAYS = {"first_day": "2026-12-07", "last_day": "2026-12-08", "kind": "annual", "reason": "探亲"}


async def ask_leave(desk: Office, user_id: int, **more: Any) -> Any:
    desk.as_agent(user_id)
    made = await desk.send("POST", "/api/leave", DAYS | more, 201)
    desk.as_boss()
    return made


async def decide(desk: Office, what: str, number: int, step: str, answer: str = "") -> Any:
    desk.as_boss()
    return await desk.send("POST", f"/api/{what}/{number}/{step}", {"answer": answer})


# -- leave ------------------------------------------------------------------------------------


async def test_approved_leave_takes_people_off_the_rota_and_given_back_brings_them_again(
    desk: Office,
) -> None:
    await desk.entry(WANG, "2026-12-07", "early")
    made = await ask_leave(desk, WANG)
    assert (made["state"], made["name"], made["asked_by"]) == ("asked", "王芳", "agent7")
    desk.watch.at("2026-12-07 09:00")
    assert await desk.shifts.on_shift_now() == {WANG}
    approved = await decide(desk, "leave", made["id"], "approve", "同意")
    assert (approved["state"], approved["decided_by"], approved["answer"]) == (
        "approved",
        "boss",
        "同意",
    )
    assert await desk.shifts.on_shift_now() == set()
    now = await desk.get("/api/shifts/now")
    assert [(e["attendance"], e["needs_attention"]) for e in now["expected"]] == [
        ("on_leave", False)
    ]
    assert ("on_leave", WANG) in await desk.conflicts("2026-12-07", "2026-12-07")
    desk.as_agent(WANG)
    back = await desk.send("POST", f"/api/leave/{made['id']}/withdraw")
    assert back["state"] == "withdrawn"
    assert await desk.shifts.on_shift_now() == {WANG}


async def test_refused_leave_changes_nothing(desk: Office) -> None:
    await desk.entry(WANG, "2026-12-07", "early")
    made = await ask_leave(desk, WANG)
    await decide(desk, "leave", made["id"], "refuse", "人手不足")
    desk.watch.at("2026-12-07 09:00")
    assert await desk.shifts.on_shift_now() == {WANG}
    for step in ("approve", "refuse"):
        url = f"/api/leave/{made['id']}/{step}"
        assert await desk.refused("POST", url, {}) == (409, "request_decided")


async def test_nobody_decides_about_themselves(desk: Office) -> None:
    made = await desk.send("POST", "/api/leave", DAYS, 201)
    url = f"/api/leave/{made['id']}/approve"
    assert await desk.refused("POST", url, {}) == (403, "own_request")
    assert (await desk.get("/api/leave"))["items"][0]["state"] == "asked"


async def test_a_planner_may_ask_for_others_and_an_agent_may_not(desk: Office) -> None:
    made = await desk.send("POST", "/api/leave", DAYS | {"user_id": LI, "kind": "sick"}, 201)
    assert (made["user_id"], made["asked_by"]) == (LI, "boss")
    desk.as_agent(WANG)
    assert await desk.refused("POST", "/api/leave", DAYS | {"user_id": LI}) == (403, "forbidden")
    url = f"/api/leave/{made['id']}/withdraw"
    assert await desk.refused("POST", url) == (404, "leave_not_found")
    assert await desk.refused("POST", f"/api/leave/{made['id']}/approve", {}) == (403, "forbidden")


async def test_leave_does_not_overlap_leave(desk: Office) -> None:
    made = await ask_leave(desk, WANG)
    desk.as_agent(WANG)
    again = DAYS | {"first_day": "2026-12-08", "last_day": "2026-12-09"}
    assert await desk.refused("POST", "/api/leave", again) == (409, "leave_overlaps")
    await desk.send("POST", f"/api/leave/{made['id']}/withdraw")
    await desk.send("POST", "/api/leave", again, 201)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"last_day": "2026-12-06"}, "bad_range"),
        ({"last_day": "2028-12-06"}, "bad_range"),
        ({"kind": "strike"}, "bad_input"),
        ({"reason": "x" * 501}, "bad_input"),
        ({"user_id": 999}, "unknown_user"),
    ],
)
async def test_what_is_no_leave_is_refused(desk: Office, wrong: dict[str, Any], code: str) -> None:
    assert await desk.refused("POST", "/api/leave", DAYS | wrong) == (422, code)


async def test_a_machine_says_whose_leave_it_is(desk: Office) -> None:
    desk.as_machine()
    assert await desk.refused("POST", "/api/leave", DAYS) == (422, "bad_input")
    await desk.send("POST", "/api/leave", DAYS | {"user_id": WANG}, 201)


async def test_lists_go_page_by_page_and_by_state(desk: Office) -> None:
    numbers = []
    for month in range(1, 6):
        days = {"first_day": f"2027-0{month}-01", "last_day": f"2027-0{month}-01"}
        numbers.append((await ask_leave(desk, WANG, **days))["id"])
    await decide(desk, "leave", numbers[0], "approve")
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = await desk.get("/api/leave", limit=2, state="asked", **cursor)
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == numbers[:0:-1]
    assert await desk.refused("GET", "/api/leave?cursor=zzz") == (422, "bad_cursor")
    assert (await desk.get("/api/leave", user_id=LI))["items"] == []
    desk.as_agent(WANG)
    assert len((await desk.get("/api/leave/mine"))["items"]) == 5


# -- swaps ------------------------------------------------------------------------------------


async def ask_swap(desk: Office, own: Any, partner: int, theirs: Any = None) -> Any:
    desk.as_agent(own["user_id"])
    body = {
        "entry_id": own["id"],
        "partner_id": partner,
        "partner_entry_id": theirs["id"] if theirs else None,
    }
    return await desk.send("POST", "/api/swaps", body, 201)


async def accept(desk: Office, swap: Any) -> Any:
    desk.as_agent(swap["partner_id"])
    return await desk.send("POST", f"/api/swaps/{swap['id']}/accept")


async def test_a_swap_goes_from_one_to_the_other_and_to_the_supervisor(desk: Office) -> None:
    early = await desk.entry(WANG, "2026-12-07", "early")
    late = await desk.entry(LI, "2026-12-07", "late")
    swap = await ask_swap(desk, early, LI, late)
    assert (swap["state"], swap["name"], swap["partner_name"]) == ("asked", "王芳", "李强")
    desk.as_boss()
    url = f"/api/swaps/{swap['id']}"
    assert await desk.refused("POST", f"{url}/approve", {}) == (409, "request_decided")
    assert (await accept(desk, swap))["state"] == "accepted"
    assert (await decide(desk, "swaps", swap["id"], "approve"))["state"] == "approved"
    assert await desk.rota("2026-12-07", "2026-12-07") == [
        (LI, "2026-12-07", "early"),
        (WANG, "2026-12-07", "late"),
    ]
    entry = await desk.get(f"/api/rota/{early['id']}")
    assert (entry["source"], entry["version"]) == ("swap", 2)


async def test_a_shift_may_be_given_away(desk: Office) -> None:
    early = await desk.entry(WANG, "2026-12-07", "early")
    swap = await ask_swap(desk, early, LI)
    await accept(desk, swap)
    await decide(desk, "swaps", swap["id"], "approve")
    assert await desk.rota("2026-12-07", "2026-12-07") == [(LI, "2026-12-07", "early")]


async def test_what_was_swapped_stays_so_when_the_rotation_is_planned_anew(desk: Office) -> None:
    made = await desk.rotation(["early", "late"], {WANG: 0, LI: 1})
    await desk.plan(made["id"], "2026-11-25", "2026-11-26")
    rota = await desk.get("/api/rota", **{"from": "2026-11-25", "to": "2026-11-25"})
    own = next(entry for entry in rota if entry["user_id"] == WANG)
    theirs = next(entry for entry in rota if entry["user_id"] == LI)
    swap = await ask_swap(desk, own, LI, theirs)
    await accept(desk, swap)
    await decide(desk, "swaps", swap["id"], "approve")
    swapped = await desk.rota("2026-11-25", "2026-11-26")
    result = await desk.plan(made["id"], "2026-11-25", "2026-11-26")
    assert (result["kept"], result["unchanged"], result["added"]) == (2, 2, 0)
    assert await desk.rota("2026-11-25", "2026-11-26") == swapped


async def test_a_gift_of_the_shift_that_a_rotation_would_give_does_not_break_planning(
    desk: Office,
) -> None:
    """李 has 王's early already when the rotation wants to give him the same."""
    made = await desk.rotation(["early"], {WANG: 0})
    await desk.plan(made["id"], "2026-11-25", "2026-11-25")
    (own,) = await desk.get("/api/rota", **{"from": "2026-11-25", "to": "2026-11-25"})
    swap = await ask_swap(desk, own, LI)
    await accept(desk, swap)
    await decide(desk, "swaps", swap["id"], "approve")
    body = {
        "name": "轮班",
        "circle": [desk.shift_ids["early"]],
        "anchor": "2026-11-24",
        "members": [{"user_id": one, "place": 0} for one in (WANG, LI)],
    }
    await desk.send("PUT", f"/api/rota/rotations/{made['id']}", body)
    assert (await desk.plan(made["id"], "2026-11-25", "2026-11-25"))["kept"] == 2
    assert await desk.rota("2026-11-25", "2026-11-25") == [(LI, "2026-11-25", "early")]


async def test_only_the_two_and_the_supervisor_have_a_say(desk: Office) -> None:
    early = await desk.entry(WANG, "2026-12-07", "early")
    swap = await ask_swap(desk, early, LI)
    url = f"/api/swaps/{swap['id']}"
    desk.as_agent(ZHAO)
    for step in ("accept", "decline", "withdraw"):
        assert await desk.refused("POST", f"{url}/{step}") == (404, "swap_not_found")
    assert (await desk.get("/api/swaps/mine"))["items"] == []
    desk.as_agent(WANG)
    assert await desk.refused("POST", f"{url}/accept") == (404, "swap_not_found")
    assert await desk.refused("POST", f"{url}/approve", {}) == (403, "forbidden")
    desk.as_agent(LI)
    assert [s["id"] for s in (await desk.get("/api/swaps/mine"))["items"]] == [swap["id"]]
    declined = await desk.send("POST", f"{url}/decline")
    assert declined["state"] == "declined"
    assert declined["answered_at"] is not None
    desk.as_agent(WANG)
    assert await desk.refused("POST", f"{url}/withdraw") == (409, "request_decided")


async def test_a_supervisor_does_not_decide_about_a_swap_of_their_own(desk: Office) -> None:
    early = await desk.entry(WANG, "2026-12-07", "early")
    swap = await ask_swap(desk, early, 1)
    desk.as_boss()
    await desk.send("POST", f"/api/swaps/{swap['id']}/accept")
    url = f"/api/swaps/{swap['id']}/approve"
    assert await desk.refused("POST", url, {}) == (403, "own_request")


async def test_a_withdrawn_swap_frees_the_shift_for_another(desk: Office) -> None:
    early = await desk.entry(WANG, "2026-12-07", "early")
    swap = await ask_swap(desk, early, LI)
    body = {"entry_id": early["id"], "partner_id": ZHAO}
    assert await desk.refused("POST", "/api/swaps", body) == (409, "swap_open")
    await desk.send("POST", f"/api/swaps/{swap['id']}/withdraw")
    await desk.send("POST", "/api/swaps", body, 201)


async def test_a_shift_that_changed_meanwhile_is_not_swapped(desk: Office) -> None:
    early = await desk.entry(WANG, "2026-12-07", "early")
    swap = await ask_swap(desk, early, LI)
    await accept(desk, swap)
    desk.as_boss()
    change = {"version": 1, "shift_id": desk.shift_ids["night"]}
    await desk.send("PATCH", f"/api/rota/{early['id']}", change)
    url = f"/api/swaps/{swap['id']}"
    assert await desk.refused("POST", f"{url}/approve", {}) == (409, "entry_changed")
    await decide(desk, "swaps", swap["id"], "refuse", "班次已改")
    assert await desk.rota("2026-12-07", "2026-12-07") == [(WANG, "2026-12-07", "night")]


async def test_nobody_is_booked_twice_by_a_swap(desk: Office) -> None:
    early = await desk.entry(WANG, "2026-12-07", "early")
    await desk.pattern("long", 6, 4)
    await desk.entry(LI, "2026-12-07", "long")
    swap = await ask_swap(desk, early, LI)
    await accept(desk, swap)
    desk.as_boss()
    url = f"/api/swaps/{swap['id']}/approve"
    assert await desk.refused("POST", url, {}) == (409, "swap_conflict")
    assert (await desk.get("/api/swaps", state="accepted"))["items"][0]["id"] == swap["id"]


async def test_a_night_before_is_in_the_way_too(desk: Office) -> None:
    dawn = await desk.pattern("dawn", 7, 4)
    assert dawn
    own = await desk.entry(WANG, "2026-12-08", "dawn")
    await desk.entry(LI, "2026-12-07", "night")
    swap = await ask_swap(desk, own, LI)
    await accept(desk, swap)
    desk.as_boss()
    url = f"/api/swaps/{swap['id']}/approve"
    assert await desk.refused("POST", url, {}) == (409, "swap_conflict")


async def test_nobody_on_leave_takes_a_shift(desk: Office) -> None:
    early = await desk.entry(WANG, "2026-12-07", "early")
    leave = await ask_leave(desk, LI)
    swap = await ask_swap(desk, early, LI)
    await accept(desk, swap)
    await decide(desk, "leave", leave["id"], "approve")
    url = f"/api/swaps/{swap['id']}/approve"
    assert await desk.refused("POST", url, {}) == (409, "swap_conflict")


async def test_what_is_no_swap_is_refused(desk: Office) -> None:
    early = await desk.entry(WANG, "2026-12-07", "early")
    other = await desk.entry(LI, "2026-12-07", "late")
    past = await desk.entry(WANG, "2026-11-24", "early")
    desk.as_agent(WANG)
    for body, expected in (
        ({"entry_id": early["id"], "partner_id": WANG}, (422, "bad_swap")),
        ({"entry_id": early["id"], "partner_id": 999}, (422, "unknown_user")),
        ({"entry_id": other["id"], "partner_id": LI}, (404, "rota_entry_not_found")),
        (
            {"entry_id": early["id"], "partner_id": CHEN, "partner_entry_id": other["id"]},
            (404, "rota_entry_not_found"),
        ),
        ({"entry_id": past["id"], "partner_id": LI}, (422, "bad_swap")),
    ):
        assert await desk.refused("POST", "/api/swaps", body) == expected


# -- the rules --------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [leave_after, swap_after])
def test_what_is_decided_is_decided(after: Any) -> None:
    """From a state that is not open nothing leads on, but for leave that is given back."""
    for state in RequestState:
        steps = {step for step in RequestStep if after(state, step) is not None}
        given_back = after is leave_after and state is RequestState.APPROVED
        if given_back:
            assert steps == {RequestStep.WITHDRAW}
        elif not state.open:
            assert steps == set()
    assert after(RequestState.ASKED, RequestStep.WITHDRAW) is RequestState.WITHDRAWN


def test_a_swap_is_approved_only_after_the_colleague_has_accepted() -> None:
    before = {
        state
        for state in RequestState
        if swap_after(state, RequestStep.APPROVE) is RequestState.APPROVED
    }
    assert before == {RequestState.ACCEPTED}
