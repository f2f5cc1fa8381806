"""Two phones that call each other without a PBX between them, over a wire that may lose things."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from callcenter.simulator.call import Call, CallRefused
from callcenter.simulator.phone import Phone, RegistrationRefused
from callcenter.simulator.sound import CALLER_HZ, SEAT_HZ, tone
from callcenter.simulator.transactions import SipTimeout, Timers

QUICK = Timers(t1=0.02, t2=0.08)


def pair() -> tuple[Phone, Phone]:
    """A caller and the one it calls."""
    return Phone("127.0.0.1", 9, "caller", timers=QUICK), Phone(
        "127.0.0.1", 9, "callee", timers=QUICK
    )


async def connected(caller: Phone, callee: Phone) -> tuple[Call, Call]:
    """A call of both, answered."""
    caller.server = ("127.0.0.1", callee.local_port)
    out = await caller.dial("callee")
    received = await callee.next_call(2)
    await received.answer()
    await out.answered(2)
    return out, received


def lose_first(count: int, *starts: bytes) -> Callable[[bytes], bool]:
    """Lose the first `count` datagrams that begin with each of `starts`."""
    seen: Counter[bytes] = Counter()

    def drop(data: bytes) -> bool:
        for start in starts:
            if data.startswith(start):
                seen[start] += 1
                return seen[start] <= count
        return False

    return drop


async def test_both_hear_each_other_and_the_digits() -> None:
    caller, callee = pair()
    async with caller, callee:
        out, received = await connected(caller, callee)
        out.say(tone(CALLER_HZ, 1), repeat=True)
        received.say(tone(SEAT_HZ, 1), repeat=True)
        await received.hears(CALLER_HZ)
        await out.hears(SEAT_HZ)
        await out.dtmf("1#2")
        await received.stream.until(lambda: received.stream.digits == "1#2", 5)
        await out.hang_up()
        await received.ended(2)
        assert (out.ended_by, received.ended_by) == ("us", "them")


async def test_a_call_comes_about_though_each_message_is_lost_twice() -> None:
    caller, callee = pair()
    caller.drop = lose_first(2, b"INVITE", b"ACK", b"BYE")
    callee.drop = lose_first(2, b"SIP/2.0 100", b"SIP/2.0 180", b"SIP/2.0 200")
    async with caller, callee:
        out, received = await connected(caller, callee)
        await out.hang_up()
        await received.ended(2)
        assert received.ended_by == "them"


async def test_a_refusal_reaches_the_caller_though_it_and_its_ack_are_lost() -> None:
    caller, callee = pair()
    caller.drop = lose_first(1, b"ACK")
    callee.drop = lose_first(1, b"SIP/2.0 486")
    async with caller, callee:
        caller.server = ("127.0.0.1", callee.local_port)
        callee.refuse_with = 486
        out = await caller.dial("callee")
        with pytest.raises(CallRefused) as refused:
            await out.answered(2)
        assert (refused.value.status, out.ended_by) == (486, "refused")


async def test_a_caller_gives_up_while_it_rings() -> None:
    caller, callee = pair()
    async with caller, callee:
        caller.server = ("127.0.0.1", callee.local_port)
        out = await caller.dial("callee")
        received = await callee.next_call(2)
        await out.ringing(2)
        await out.hang_up()
        await received.ended(2)
        assert (out.status, out.ended_by, received.ended_by) == (487, "us", "them")


async def test_an_answer_that_crosses_the_cancel_is_hung_up() -> None:
    caller, callee = pair()
    caller.drop = lose_first(100, b"CANCEL")
    async with caller, callee:
        caller.server = ("127.0.0.1", callee.local_port)
        out = await caller.dial("callee")
        received = await callee.next_call(2)
        await out.ringing(2)
        giving_up = asyncio.create_task(out.hang_up())
        await asyncio.sleep(0)
        await received.answer()
        await received.ended(2)
        await giving_up
        assert received.ended_by == "them"


async def test_hold_and_resume_are_answered() -> None:
    caller, callee = pair()
    async with caller, callee:
        out, received = await connected(caller, callee)
        assert await out.hold() == 200
        assert await out.resume() == 200
        received.say(tone(SEAT_HZ, 1), repeat=True)
        await out.hears(SEAT_HZ)


async def test_a_phone_that_refers_to_nobody_is_told() -> None:
    caller, callee = pair()
    async with caller, callee:
        out, _ = await connected(caller, callee)
        assert await out.refer("8002") == 603


async def test_no_answer_from_anybody_is_a_timeout() -> None:
    silent = Phone("127.0.0.1", 9, "8001", "x", timers=Timers(t1=0.002, t2=0.01))
    async with silent:
        with pytest.raises(SipTimeout):
            await silent.register()


async def test_a_refused_registration_says_its_status() -> None:
    phone, other = pair()
    async with phone, other:
        phone.server = ("127.0.0.1", other.local_port)
        with pytest.raises(RegistrationRefused) as refused:
            await phone.register()
        assert refused.value.status == 481


async def test_fifty_phones_live_in_one_process() -> None:
    phones = [pair() for _ in range(25)]
    async with asyncio.timeout(20):
        for caller, callee in phones:
            await caller.__aenter__()
            await callee.__aenter__()
        calls = await asyncio.gather(*(connected(*both) for both in phones))
        assert all(out.state == received.state == "talking" for out, received in calls)
        await asyncio.gather(*(caller.close() for caller, _ in phones))
        await asyncio.gather(*(received.ended(2) for _, received in calls))
        await asyncio.gather(*(callee.close() for _, callee in phones))
