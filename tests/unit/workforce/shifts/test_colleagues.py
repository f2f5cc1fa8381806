"""An operator sees whom he can ask for a swap: names, and which shifts are taken; no more."""

from __future__ import annotations

from callcenter.people.domain.permissions import Role
from callcenter.workforce.domain.shifts import ShiftKind
from tests.unit.asking import person
from tests.unit.workforce.shifts.office import LI, NAMES, WANG, ZHAO, Office

WEEK = {"from": "2026-11-23", "to": "2026-11-29"}


async def test_an_operator_finds_a_colleagues_shift_and_asks_for_it(desk: Office) -> None:
    own = await desk.entry(WANG, "2026-11-26", "early")
    theirs = await desk.entry(LI, "2026-11-27", "late")
    await desk.entry(LI, "2026-11-23", "early")  # over
    await desk.send("PATCH", f"/api/rota/{theirs['id']}", {"note": "家事", "version": 1})
    desk.door.who = person("wang", Role.OPERATOR, user_id=WANG)
    found = await desk.get("/api/rota/colleagues", **WEEK)
    assert WANG not in [one["user_id"] for one in found]
    assert {one["name"] for one in found} == {NAMES[one] for one in NAMES if one != WANG}
    li = next(one for one in found if one["user_id"] == LI)
    # No note, no leave, nobody who planned it.
    assert set(li) == {"user_id", "name", "taken"}
    assert [(one["entry_id"], one["day"]) for one in li["taken"]] == [(theirs["id"], "2026-11-27")]
    assert set(li["taken"][0]) == {"entry_id", "day", "shift_id", "shift_name", "starts", "ends"}
    assert next(one for one in found if one["user_id"] == ZHAO)["taken"] == []
    body = {"entry_id": own["id"], "partner_id": LI, "partner_entry_id": theirs["id"]}
    assert (await desk.send("POST", "/api/swaps", body, 201))["state"] == "asked"


async def test_who_may_not_sit_at_a_seat_is_nobody_to_swap_with(desk: Office) -> None:
    desk.staff.lost[LI] = [ShiftKind.SEAT]
    desk.door.who = person("wang", Role.OPERATOR, user_id=WANG)
    found = await desk.get("/api/rota/colleagues", **WEEK)
    assert LI not in [one["user_id"] for one in found]
