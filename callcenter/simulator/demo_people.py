"""Who calls in the demo, what they want, and what becomes of them; and who answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from callcenter.simulator.call import Call, CallRefused
from callcenter.simulator.phone import Phone
from callcenter.simulator.rtp import StreamClosed
from callcenter.simulator.sound import SEAT_HZ
from callcenter.simulator.speech import Speech

HOTLINE = "12345"
BUSY = 486
HOTLINE_SECONDS = 90.0
"""A citizen who waits longer for a seat gives up, so that the demo ends."""
KEY_SECONDS = 4.0
KEY_PRESSES = 4
"""A citizen who is tired of waiting presses 1 so often, so far apart."""
MESSAGE_SECONDS = 25.0
"""Until the beep has been heard and the message said."""


class Ending(StrEnum):
    """How a citizen's call is meant to end."""

    SERVED = "served"
    """Talks, then hangs up."""
    RATED = "rated"
    """The seat hangs up; the citizen presses 5."""
    TRANSFERRED = "transferred"
    """The first seat sends the citizen to a second one."""
    GIVES_UP = "gives up"
    """Hangs up while waiting."""
    MESSAGE = "leaves a message"
    """Presses 1 while waiting and speaks after the beep."""


@dataclass(frozen=True, slots=True)
class Citizen:
    """One caller of the demo; `at` is seconds after its beginning, `patience` seconds waiting."""

    at: float
    name: str
    number: str
    matter: str
    says: str
    ending: Ending
    talks: float = 6.0
    patience: float = 6.0


CAST: Sequence[Citizen] = (
    Citizen(0, "张女士", "13900010001", "street lamps out", "您好,我们小区门口的路灯不亮,"
            "已经三天了,晚上很黑。", Ending.SERVED, talks=26),
    Citizen(2, "王先生", "13900010002", "night noise", "你好,楼下工地半夜还在施工,"
            "吵得睡不着。", Ending.TRANSFERRED, talks=24),
    Citizen(4, "李先生", "13900010003", "residence permit", "请问办理居住证需要什么材料?",
            Ending.RATED, talks=28),
    Citizen(7, "赵女士", "13900010004", "water pressure", "我们家水压太低了。",
            Ending.GIVES_UP, patience=12),
    Citizen(9, "陈先生", "13900010005", "illegal parking", "人行道上停满了车,行人没法走,"
            "请处理一下。", Ending.MESSAGE),
    Citizen(12, "Anonymous", "anonymous", "price complaint", "菜市场缺斤少两,我要投诉。",
            Ending.SERVED, talks=6),
    Citizen(15, "周女士", "13900010007", "praise for a bus driver", "我要表扬三路公交车的司机,"
            "他捡到我的钱包还给我了。", Ending.SERVED, talks=6),
    Citizen(18, "吴先生", "13900010008", "heating", "暖气不热,请派人来看看。",
            Ending.RATED, talks=6),
)  # fmt: skip

SECOND_TALK_SECONDS = 6.0

Tell = Callable[[str], None]


class Story:
    """What happens in the demo, told with the seconds since its beginning."""

    def __init__(self, speech: Speech, tell: Tell) -> None:
        self.speech = speech
        self._tell = tell
        self._begun = time.monotonic()
        self.as_planned: dict[str, bool] = {}
        self._served_before: set[str] = set()

    def say(self, line: str) -> None:
        """One line."""
        self._tell(f"[{time.monotonic() - self._begun:5.1f} s] {line}")

    def citizen_of(self, caller: str) -> Citizen | None:
        """Who in the cast has this number."""
        return next((citizen for citizen in CAST if citizen.number == caller), None)

    # -- citizens -----------------------------------------------------------------------------

    async def call(self, citizen: Citizen, phone: Phone, hotline: str, after: float) -> None:
        """One citizen's call, `after` seconds from now, from dialling to the end."""
        await asyncio.sleep(after)
        self.as_planned[citizen.name] = False
        async with phone:
            call = await phone.dial(hotline)
            self.say(f"{citizen.name} calls {hotline}: {citizen.matter}")
            try:
                await call.answered(15)
                await self._ways[citizen.ending](self, citizen, call)
                self.as_planned[citizen.name] = True
            except CallRefused as refused:
                self.say(f"{citizen.name} was not put through ({refused})")
            except (TimeoutError, StreamClosed):
                self.say(f"{citizen.name} did not get what was hoped for, and hangs up")
            await call.hang_up()

    async def _served(self, citizen: Citizen, call: Call) -> None:
        await self._reach_a_seat(citizen, call)
        await asyncio.sleep(citizen.talks)
        self.say(f"{citizen.name} says thank you and hangs up")

    async def _rated(self, citizen: Citizen, call: Call) -> None:
        await self._reach_a_seat(citizen, call)
        # The seat hangs up; what is heard next is the question.
        await call.stops_hearing(SEAT_HZ, timeout=HOTLINE_SECONDS)
        await asyncio.sleep(1.5)
        await call.dtmf("5")
        self.say(f"{citizen.name} gives 5 of 5")
        with contextlib.suppress(TimeoutError):
            await call.ended(8)

    async def _transferred(self, citizen: Citizen, call: Call) -> None:
        await self._reach_a_seat(citizen, call)
        await call.stops_hearing(SEAT_HZ, timeout=HOTLINE_SECONDS)
        await call.hears(SEAT_HZ, timeout=HOTLINE_SECONDS)
        await asyncio.sleep(SECOND_TALK_SECONDS)
        self.say(f"{citizen.name} hangs up")

    async def _gives_up(self, citizen: Citizen, call: Call) -> None:
        if await self._seat_within(call, citizen.patience):
            await self._served(citizen, call)
            return
        self.say(f"{citizen.name} will not wait and hangs up")

    async def _leaves_message(self, citizen: Citizen, call: Call) -> None:
        # The key counts in the queue only, and how long the welcome is, is the city's choice. In
        # the greeting and the message a further 1 does nothing.
        for _ in range(KEY_PRESSES):
            if await self._seat_within(call, KEY_SECONDS):
                await self._served(citizen, call)
                return
            # Speaking all the while, because silence ends a message.
            call.say(self.speech.caller(citizen.says), repeat=True)
            await call.dtmf("1")
        self.say(f"{citizen.name} presses 1 for a voice message")
        await asyncio.sleep(MESSAGE_SECONDS)
        self.say(f"{citizen.name} has left a message and hangs up")

    @staticmethod
    async def _seat_within(call: Call, seconds: float) -> bool:
        """Whether a seat takes the call within that time."""
        try:
            await call.hears(SEAT_HZ, timeout=seconds)
        except TimeoutError:
            return False
        return True

    async def _reach_a_seat(self, citizen: Citizen, call: Call) -> None:
        """Wait for a seat's voice, then speak."""
        await call.hears(SEAT_HZ, timeout=HOTLINE_SECONDS)
        call.say(self.speech.caller(citizen.says), repeat=True)

    _ways = {  # noqa: RUF012
        Ending.SERVED: _served,
        Ending.RATED: _rated,
        Ending.TRANSFERRED: _transferred,
        Ending.GIVES_UP: _gives_up,
        Ending.MESSAGE: _leaves_message,
    }

    # -- seats --------------------------------------------------------------------------------

    async def work(self, phone: Phone, colleagues: Sequence[Phone]) -> None:
        """A seat takes one call after the other, until cancelled."""
        while True:
            call = await phone.next_call(3600)
            citizen = self.citizen_of(call.caller)
            name = citizen.name if citizen else "somebody"
            await asyncio.sleep(1.5)
            if call.over:
                continue
            phone.refuse_with = BUSY
            await call.answer()
            self.say(f"seat {phone.user} answers {name}")
            with contextlib.suppress(StreamClosed, TimeoutError):
                await self._serve(phone, call, citizen, colleagues)
            await call.hang_up()
            phone.refuse_with = 0

    async def _serve(
        self, phone: Phone, call: Call, citizen: Citizen | None, colleagues: Sequence[Phone]
    ) -> None:
        call.say(self.speech.seat("您好,一二三四五热线,请问有什么可以帮您?"), repeat=True)
        if citizen is None:
            await call.ended(120)
            return
        first_time = citizen.name not in self._served_before
        self._served_before.add(citizen.name)
        if citizen.ending is Ending.TRANSFERRED and first_time:
            await asyncio.sleep(citizen.talks)
            target = next((seat.user for seat in colleagues if not seat.refuse_with), None)
            if target is None:
                # Everybody talks: back to the queue, where the next free seat takes it.
                target = HOTLINE
            self.say(f"seat {phone.user} transfers {citizen.name} to {target}")
            await call.refer(target)
        elif citizen.ending is Ending.RATED:
            await asyncio.sleep(citizen.talks)
            self.say(f"seat {phone.user} has helped {citizen.name} and hangs up")
        else:
            await call.ended(120)
