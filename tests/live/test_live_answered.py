"""Calls that reach a seat, or do not."""

from __future__ import annotations

import asyncio

import pytest

from callcenter.platform.secrets import load_secrets
from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import SEAT_HZ
from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig, LinkState
from callcenter.telephony.pbx.old_logs import OldLogs, with_old
from tests.live.live_stories import HOTLINE, Stories, assert_not_silent
from tests.live.live_system import new_number
from tests.live.live_told import told_about

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="module"),
]


async def test_a_call_is_answered_and_opens_its_case_at_once(stories: Stories) -> None:
    seat = await stories.seat()
    talk = await stories.talk(seat)
    case = await stories.case_of(talk.number, timeout=2)
    assert (case.source, case.seat, case.status) == ("call", seat.user, "open")
    await asyncio.sleep(2)
    await talk.out.hang_up()
    await talk.taken.ended()
    assert_not_silent(talk.out)
    told = await stories.answered_story(talk.number, seat.user)
    assert told.call.ended_by == "caller"
    assert [visit.how for visit in told.visits] == ["connected"]
    assert told.cases[0].id == case.id


async def test_the_seat_hangs_up_and_the_caller_gives_a_score(stories: Stories) -> None:
    seat = await stories.seat()
    talk = await stories.talk(seat)
    await talk.taken.hang_up()
    # The question is asked; a key may be pressed into it.
    await asyncio.sleep(1)
    await talk.out.dtmf("5")
    await talk.out.ended(15)
    told = await stories.answered_story(talk.number, seat.user)
    assert told.call.ended_by == "seat"
    assert [(rating.seat, rating.score) for rating in told.ratings] == [(seat.user, 5)]


async def test_a_caller_gives_up_while_waiting(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    citizen, out = await stories.dial()
    await out.answered()
    await asyncio.sleep(1)
    await out.hang_up()
    told = await stories.told(citizen.user)
    assert (told.call.outcome, told.call.ended_by) == ("abandoned", "caller")
    assert [visit.how for visit in told.visits] == ["abandoned"]
    assert not told.talks
    assert not told.cases


async def test_a_caller_gives_up_while_it_rings(stories: Stories) -> None:
    seat = await stories.seat()
    citizen, out = await stories.dial()
    ringing = await seat.next_call()
    await out.hang_up()
    await ringing.ended()
    assert ringing.ended_by == "them"
    told = await stories.told(citizen.user)
    assert told.call.outcome == "abandoned"
    assert [(ring.seat, ring.how) for ring in told.rings] == [(seat.user, "cancelled")]
    assert not told.cases


async def test_one_seat_lets_it_ring_and_the_next_one_answers(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    citizen, out = await stories.dial()
    waits = {asyncio.create_task(phone.next_call()): phone for phone in (first, second)}
    done, rest = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    silent, other = waits[done.pop()], waits[next(iter(rest))]
    ringing = await rest.pop()
    await ringing.answer()
    await stories.speak(out, ringing)
    await out.hang_up()
    told = await stories.answered_story(citizen.user, other.user)
    how = {ring.seat: ring.how for ring in told.rings}
    assert how == {silent.user: "no_answer", other.user: "answered"}


async def test_a_seat_that_is_not_registered_is_passed_over(stories: Stories) -> None:
    gone = await stories.seat(0)
    seat = await stories.seat(1)
    await gone.unregister()
    talk = await stories.talk(seat)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, seat.user)
    assert {ring.seat for ring in told.rings} == {seat.user}


async def test_two_calls_at_once_for_one_seat_are_answered_one_after_the_other(
    stories: Stories,
) -> None:
    seat = await stories.seat()
    first = await stories.talk(seat)
    citizen, out = await stories.dial()
    await out.answered()
    await asyncio.sleep(1.5)
    assert not [line for line in seat.log[-3:] if "INVITE" in line and line.startswith("<")]
    await first.out.hang_up()
    await stories.answer(seat, out)
    await out.hang_up()
    await stories.answered_story(first.number, seat.user)
    second = await stories.answered_story(citizen.user, seat.user)
    assert [ring.how for ring in second.rings] == ["answered"]


async def test_who_waited_in_vain_before_goes_first(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    first, out = await stories.dial()
    await out.answered()
    await asyncio.sleep(0.5)
    await out.hang_up()
    await stories.told(first.user)
    patient, waiting = await stories.dial()
    await waiting.answered()
    again = await first.dial(HOTLINE)
    await again.answered()
    # Both are in the queue once the PBX has offered each of them: the ledger has both visits.
    await stories.system.until(lambda: two_wait(stories, patient.user, first.user), 10)
    seat.refuse_with = 0
    taken = await stories.answer(seat, again)
    assert taken.caller == first.user
    await again.hang_up()
    await stories.answer(seat, waiting)
    await waiting.hang_up()
    await stories.answered_story(first.user, seat.user)
    await stories.answered_story(patient.user, seat.user)


async def two_wait(stories: Stories, *numbers: str) -> bool:
    """Whether the newest call of each of `numbers` waits in the queue."""
    found = [await told_about(stories.system.database, number) for number in numbers]
    return all(calls and calls[0].visits and calls[0].visits[-1].how is None for calls in found)


async def auto_answer(stories: Stories, seat: Phone, count: int) -> None:
    """`seat` takes `count` calls, and is hung up on."""
    for _ in range(count):
        call = await seat.next_call()
        await call.answer()
        call.say(stories.seat_voice, repeat=True)
        await call.ended()


HOSTILE = {
    "quotes": '"a\\"b\\\\" <sip:{}@127.0.0.1>',
    "percent": '"%0A%0D%00%n" <sip:{}@127.0.0.1>',
    "semicolons": '";rm -rf;,|&$(id)" <sip:{}@127.0.0.1;x=1>',
    "variables": '"${{SHELL(id)}}${{HASH(a)}}" <sip:{}@127.0.0.1>',
    "sql": '"\'); DROP TABLE call;--" <sip:{}@127.0.0.1>',
    "json": '"{{\\"a\\":[1,\\"" <sip:{}@127.0.0.1>',
    "chinese": '"张三丰（市民）" <sip:{}@127.0.0.1>',
    "long": '"' + "长" * 600 + '" <sip:{}@127.0.0.1>',
    "script": '"<script>alert(1)</script>" <sip:{}@127.0.0.1>',
}


async def test_no_caller_name_breaks_a_call_or_the_books(stories: Stories) -> None:
    seats = [await stories.seat(at) for at in range(3)]
    share = len(HOSTILE) // len(seats)
    takers = [asyncio.create_task(auto_answer(stories, seat, share)) for seat in seats]
    numbers = {}

    async def one(kind: str, pattern: str) -> None:
        number = numbers[kind] = new_number()
        citizen = await stories.citizen(number)
        out = await citizen.dial(HOTLINE, caller=pattern.format(number))
        await out.answered()
        out.say(stories.caller_voice, repeat=True)
        await out.hears(SEAT_HZ, timeout=40)
        await out.hang_up()

    async with asyncio.TaskGroup() as group:
        for kind, pattern in HOSTILE.items():
            group.create_task(one(kind, pattern))
    for taker in takers:
        taker.cancel()
    for number in numbers.values():
        told = await stories.told(number)
        assert told.call.outcome == "answered"
        assert len(told.cases) == 1
        assert told.media[0].status == "ready"
    chinese = await stories.told(numbers["chinese"])
    assert chinese.call.caller_name == "张三丰（市民）"
    assert chinese.cases[0].caller_name == "张三丰（市民）"


@pytest.mark.parametrize(
    "caller",
    [
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "<sip:127.0.0.1>",
        "<sip:" + "7" * 2000 + "@127.0.0.1>",
        "<sip:1%0A2%22%3B%27@127.0.0.1>",
        "<sip:$%7BEXTEN%7D@127.0.0.1>",
    ],
    ids=["anonymous", "empty", "long", "escapes", "variable"],
)
async def test_no_caller_number_breaks_a_call_or_the_books(stories: Stories, caller: str) -> None:
    seat = await stories.seat()
    citizen = await stories.citizen()
    out = await citizen.dial(HOTLINE, caller=caller)
    await stories.answer(seat, out)
    await out.hang_up()
    told = await stories.newest()
    assert told.call.outcome == "answered"
    assert told.seats == [seat.user]
    assert len(told.cases) == 1


async def test_the_pbxs_logs_are_put_aside_under_calls(stories: Stories) -> None:
    """And the books, which are compared after each test, balance over the seam."""
    system = stories.system
    settings = system.settings
    seat = await stories.seat()
    _citizen, out = await stories.dial()
    taken = await seat.next_call(10)
    await taken.answer()
    await stories.speak(out, taken)
    link = AmiLink(LinkConfig.of(settings, load_secrets(settings.secrets_file).ami_password))
    running = asyncio.create_task(link.run())
    try:
        await link.wait_for(LinkState.UP)
        await OldLogs(link, settings).look(1)
    finally:
        running.cancel()
    await out.hang_up()
    await taken.ended()
    await system.settle()
    old, current = with_old(settings.queue_log_file)
    assert "|CONNECT|" in old.read_text(encoding="utf-8")
    assert "|COMPLETECALLER|" in current.read_text(encoding="utf-8")
