"""A confidential talk on a real PBX: nobody hears it who may not see its citizen, also when it
becomes confidential while he listens."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import CALLER_HZ, SEAT_HZ
from tests.live.live_people import Office, Person, ok, refusal
from tests.live.live_stories import Stories, Talk
from tests.live.test_live_people import admin, office

__all__ = ["admin", "office"]

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]
HIDDEN = (403, "citizen_hidden")


async def set_confidential(stories: Stories, talk: Talk, secret: bool) -> None:
    """The case of `talk`, by somebody who may."""

    async def opened() -> str:
        call_id = await stories.call_id(talk.number)
        found = (await stories.system.get("/api/cases", call_id=call_id))["items"]
        return str(found[0]["number"]) if found else ""

    number = await stories.system.until(opened, 10)
    case = await stories.system.get(f"/api/cases/{number}")
    body = {"version": case["version"], "confidential": secret}
    ok(await stories.system.api.patch(f"/api/cases/{number}", json=body))


async def steered(stories: Stories, talk: Talk, step: str) -> str:
    """The path of a command about `talk`."""
    call_id = quote(await stories.call_id(talk.number), safe="")
    return f"/api/steering/calls/{call_id}/{step}"


async def listens(chief: Person, stories: Stories, talk: Talk, phone: Phone) -> Call:
    """`chief` hears both at `phone`."""
    await chief.post(await steered(stories, talk, "spy"), seat=phone.user)
    leg = await phone.next_call()
    await leg.answer()
    await asyncio.gather(leg.hears(CALLER_HZ), leg.hears(SEAT_HZ))
    return leg


async def test_nobody_hears_a_confidential_talk_who_may_not_see_its_citizen(
    office: Office,
) -> None:
    stories = office.stories
    first, phone = await stories.seat(0), await stories.seat(1)
    chief = await office.person("supervisor")
    talk = await stories.talk_with(first, phone)
    await set_confidential(stories, talk, secret=True)
    phone.log.clear()  # The queue may have offered it the call, too.
    for step, body in (
        ("spy", {"mode": "listen"}), ("spy", {"mode": "whisper"}), ("spy", {"mode": "barge"}),
        ("take-over", {}),
    ):  # fmt: skip
        path = await steered(stories, talk, step)
        assert await chief.refused(path, seat=phone.user, **body) == HIDDEN
    # Whoever may see the citizen hears him.
    trusted = await office.person("supervisor", "dispatcher")
    leg = await listens(trusted, stories, talk, phone)
    await leg.hang_up()
    await talk.out.hang_up()
    told = await stories.told(talk.number)
    assert told.seats == [first.user]
    # The recording of it is ruled by the same word.
    await stories.whole_recording(told)
    audio = f"/api/recordings/{quote(told.media[0].id, safe='')}/audio"
    assert refusal(await chief.browser.get(audio)) == HIDDEN
    assert (await chief.browser.head(audio)).status_code == 403
    assert (await trusted.browser.get(audio)).status_code == 200
    assert len([line for line in phone.log if line.startswith("< INVITE")]) == 1


async def test_listening_ends_when_the_case_becomes_confidential(office: Office) -> None:
    stories = office.stories
    first, phone = await stories.seat(0), await stories.seat(1)
    chief = await office.person("supervisor")
    talk = await stories.talk_with(first, phone)
    leg = await listens(chief, stories, talk, phone)
    await set_confidential(stories, talk, secret=True)
    await leg.ended()
    # Seat and citizen never noticed.
    await stories.speak(talk.out, talk.taken)
    assert "steer.ended" in [
        one["action"] for one in (await office.admin.get("/api/trail", limit=20))["items"]
    ]
    await talk.out.hang_up()
    assert (await stories.told(talk.number)).seats == [first.user]


async def test_listening_ends_with_the_role_that_allowed_it(office: Office) -> None:
    stories = office.stories
    first, phone = await stories.seat(0), await stories.seat(1)
    chief = await office.person("supervisor")
    talk = await stories.talk_with(first, phone)
    leg = await listens(chief, stories, talk, phone)
    path = f"/api/users/{chief.user_id}"
    ok(await office.admin.send("PATCH", path, {"roles": ["operator"]}))
    await leg.ended()
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    await stories.told(talk.number)
