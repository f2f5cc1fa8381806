"""Who may come into a talk, and stay in it, once its case is confidential."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callcenter.people.access.rights import Actor
from callcenter.people.domain.permissions import Permission, Role, permissions_of
from callcenter.telephony.domain.floor import Floor
from tests.unit.telephony.domain.test_steering import CITIZEN, CONSULT, SEAT, SPY, THERE, floor, leg
from tests.unit.workforce.steering.test_steering_api import (
    CALL,
    HOMELESS,
    MACHINE,
    OPERATOR,
    SUPERVISOR,
    URL,
    Room,
    code,
    room,
)

__all__ = ["room"]

TRUSTED = Actor(
    "chief", permissions_of([Role.SUPERVISOR]) | {Permission.CASE_CONFIDENTIAL}, user_id=2
)
WAYS = [
    ("spy", {"mode": "listen"}),
    ("spy", {"mode": "whisper"}),
    ("spy", {"mode": "barge"}),
    ("take-over", {}),
]
HIDDEN = (403, "citizen_hidden")


@pytest.mark.parametrize(("step", "body"), WAYS)
async def test_nobody_comes_into_a_confidential_call_who_may_not_see_its_citizen(
    room: Room, step: str, body: dict[str, str]
) -> None:
    room.cases.secret.add(CALL)
    assert code(await room.client.post(f"{URL}/{step}", json=body)) == HIDDEN
    assert room.pbx.given == []
    # That he tried is in the trail.
    assert [data["outcome"] for _what, _of, data in await room.notes()] == ["citizen_hidden"]
    room.who = room.rights.users[2] = TRUSTED
    assert (await room.client.post(f"{URL}/{step}", json=body)).status_code == 202


@pytest.mark.parametrize(("step", "body"), WAYS)
async def test_whoever_is_in_it_already_changes_nothing_of_it(
    room: Room, step: str, body: dict[str, str]
) -> None:
    room.live.floor = floor(CITIZEN, SEAT, SPY)
    room.cases.secret.add(CALL)
    assert code(await room.client.post(f"{URL}/{step}", json=body)) == HIDDEN
    assert room.pbx.given == []


async def test_another_call_in_the_same_bridge_is_heard_too(room: Room) -> None:
    other = leg("19.4", "PJSIP/trunk-00000009", CITIZEN.bridge, linkedid="19.0")
    room.live.floor = floor(CITIZEN, SEAT, other)
    room.cases.secret.add("pbx1:19.0")
    assert code(await room.client.post(f"{URL}/spy", json={})) == HIDDEN


async def test_a_phone_at_which_somebody_else_sits_is_his_ear(room: Room) -> None:
    room.cases.secret.add(CALL)
    room.who = MACHINE
    assert code(await room.client.post(f"{URL}/spy", json={"seat": "8002"})) == HIDDEN
    assert (await room.client.post(f"{URL}/spy", json={"seat": "8003"})).status_code == 202


def three_way(third: str) -> Floor:
    """8001 consults; the far half of the consult is in a bridge with `third`."""
    far = replace(CONSULT, name="Local/021@seat-transfer-00000000;2", bridge="b9")
    far = replace(far, uniqueid=type(far.uniqueid)("17.6"))
    asked = leg("17.7", third, "b9")
    return floor(CITIZEN, replace(SEAT, bridge=THERE), CONSULT, far, asked)


async def test_a_third_party_must_be_allowed_to_hear(room: Room) -> None:
    room.who = OPERATOR
    room.live.floor = three_way("PJSIP/8002-00000021")
    room.cases.secret.add(CALL)
    assert code(await room.client.post("/api/own-call/join", json={})) == HIDDEN
    room.rights.users[2] = TRUSTED
    assert (await room.client.post("/api/own-call/join", json={})).status_code == 200
    # For somebody outside the one answers who brings him in.
    room.live.floor = three_way("PJSIP/trunk-00000021")
    assert code(await room.client.post("/api/own-call/join", json={})) == HIDDEN
    room.who = replace(TRUSTED, user_id=1)
    assert (await room.client.post("/api/own-call/join", json={})).status_code == 200


# -- while it goes on ---------------------------------------------------------------------------


async def listens(room: Room, who: Actor, **body: str) -> None:
    room.live.floor = floor(CITIZEN, SEAT)
    room.who = who
    assert (await room.client.post(f"{URL}/spy", json=body)).status_code == 202
    room.live.floor = floor(CITIZEN, SEAT, SPY)
    room.pbx.given.clear()
    await room.hearing.look()
    assert room.pbx.given == []


ENDED = [("hang up", SPY.name, "8002")]


async def test_listening_ends_when_the_case_becomes_confidential(room: Room) -> None:
    await listens(room, SUPERVISOR)
    room.cases.secret.add(CALL)
    await room.hearing.look()
    assert room.pbx.given == ENDED
    assert (await room.notes())[-1] == (
        "steer.ended", "seat:8001", {"seat": "8002", "outcome": "citizen_hidden"},
    )  # fmt: skip


async def test_listening_ends_when_the_seat_has_a_confidential_citizen_next(room: Room) -> None:
    await listens(room, SUPERVISOR)
    room.cases.secret.add("pbx1:19.0")
    nexts = leg("19.0", "PJSIP/trunk-00000009", "b5", linkedid="19.0")
    taken = leg("19.1", "PJSIP/8001-00000011", "b5", linkedid="19.0")
    room.live.floor = floor(nexts, taken, SPY)
    await room.hearing.look()
    assert room.pbx.given == ENDED


async def test_listening_ends_with_the_right_to_it(room: Room) -> None:
    await listens(room, SUPERVISOR)
    room.rights.users[2] = Actor("li", permissions_of([Role.OPERATOR]), user_id=2)
    await room.hearing.look()
    assert room.pbx.given == ENDED


async def test_listening_ends_with_the_person_and_with_the_token(room: Room) -> None:
    await listens(room, SUPERVISOR)
    del room.rights.users[2]
    await room.hearing.look()
    assert room.pbx.given == ENDED
    room.rights.users[2] = SUPERVISOR
    await listens(room, MACHINE, seat="8002")
    room.rights.gone.add(MACHINE.name)
    await room.hearing.look()
    assert room.pbx.given == ENDED


async def test_who_may_see_the_citizen_stays(room: Room) -> None:
    room.rights.users[2] = TRUSTED
    await listens(room, TRUSTED)
    room.cases.secret.add(CALL)
    await room.hearing.look()
    assert room.pbx.given == []


async def test_after_a_restart_it_is_who_sits_there_and_else_nobody(room: Room) -> None:
    room.live.floor = floor(CITIZEN, SEAT, SPY)
    await room.hearing.look()
    assert room.pbx.given == []  # the supervisor at 8002
    room.cases.secret.add(CALL)
    await room.hearing.look()
    assert room.pbx.given == ENDED
    room.pbx.given.clear()
    nobody = replace(SPY, uniqueid=type(SPY.uniqueid)("spy-8003-8001-20.7"), name="PJSIP/8003-2")
    room.live.floor = floor(CITIZEN, SEAT, nobody)
    await room.hearing.look()
    assert room.pbx.given == [("hang up", "PJSIP/8003-2", "8003")]
    room.pbx.given.clear()
    room.cases.secret.clear()
    await room.hearing.look()
    assert room.pbx.given == []


async def test_who_has_no_seat_is_told_so_first(room: Room) -> None:
    room.who = HOMELESS
    room.cases.secret.add(CALL)
    assert code(await room.client.post(f"{URL}/spy", json={})) == (409, "no_seat")
