"""What steering asks of the PBX (`domain.steering` says when it makes sense).

Policy:

- Nothing of a talk's own bridge is touched: a supervisor listens by ChanSpy, music for a held
  citizen is whispered into his leg, silence is a volume. So app_queue, the recording and the
  journal see one and the same talk, and all of it ends by itself with the leg that it is about.
- What the journal cannot see by itself is said to it in a row of its own (`mark`), before the
  deed where the deed is the end of a leg.
- The switches of the line stand in the PBX's own database, where the dialplan reads them: they
  hold with nobody of ours alive.
- A volume of -32767 divides every sample by that: silence, but the packets go on. (MuteAudio drops
  the frames, and with them whatever is whispered.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.errors import PbxTimeout
from callcenter.telephony.domain.floor import Floor, WaitingCaller
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.domain.steering import (
    HOLD_CHANNEL,
    LegUse,
    LineState,
    Mark,
    Place,
    SpyMode,
    Talk,
    steered_id,
)
from callcenter.telephony.pbx.ami.actions import Action, DbDel, DbPut, DbTree, Hangup
from callcenter.telephony.pbx.ami.actions_steering import (
    CallOut,
    EndRecording,
    GetVariable,
    GoOnRecording,
    MuteRecording,
    PressKey,
    QueueCallerPriority,
    QueueNames,
    QueueWithdraw,
    Redirect,
    SetVariable,
)
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import Refused, unwrap
from callcenter.telephony.pbx.live import LiveFloor

FAMILY = "steering"
LINE, ANNOUNCEMENT = "line", "announcement"
FIRST_PRIORITY = 2_000_000_000
"""Above every place that the dialplan gives (``queue-order``), and what the PBX can keep."""
SILENT, LOUD = "-32767", "0"
MUTED, PAUSED = "STEER_MUTED", "STEER_PAUSED"
"""Variables of the seat's and of the citizen's leg; they live and end with the leg."""
HELD = "STEER_HELD"
"""On the citizen's leg: music of a hold is whispered into it."""
STALE = "CC_RECORDING_STALE"
"""On the citizen's leg: somebody else came to speak to him while the recording was paused, so that
it could not be begun anew (dialplan, recording-anew)."""
FORGET_SECONDS = 0.1
"""The PBX forgets a recording that was stopped with the next packet, 20 ms later."""
STEP_SECONDS = 5.0
"""Until the floor must show what was done at once."""
RING_MS = 20_000
"""A seat that is called for a command of its own: somebody sits there."""
JOIN_KEYS = "*3"
"""features.conf, atxferthreeway."""
MICROS = 1_000_000


class SteeringSwitch:
    """The commands, over one link. Each has one outcome: it returns, or raises `PbxUnavailable`,
    `PbxRefused` or `PbxTimeout`; nothing is ever sent again."""

    def __init__(
        self,
        link: AmiLink,
        live: LiveFloor,
        clock: Clock = utc_now,
        *,
        step_seconds: float = STEP_SECONDS,
    ) -> None:
        self._link = link
        self._live = live
        self._clock = clock
        self._step_seconds = step_seconds
        self._last_us = 0

    # -- supervisors --------------------------------------------------------------------------

    async def spy(self, supervisor: str, talk: Talk, mode: SpyMode, place: Place) -> None:
        """Bring the supervisor's phone into `talk`, or change how it is in it.

        A phone that is not in it yet is called: returns once it is being called.
        """
        target = talk.seat.endpoint
        what = f"{mode} of seat {target}"
        if place.leg is not None:
            await self._do(Redirect(place.leg.name, "steer-spy", mode.value), what)
            return
        await self._call_seat(
            LegUse.SPY, supervisor, target, "steer-spy", mode.value,
            {"STEER_LEG": talk.seat.name}, f'"{mode.value} {target}" <{target}>', what,
        )  # fmt: skip

    async def take_over(self, supervisor: str, talk: Talk, place: Place) -> None:
        """Put the supervisor in the seat's place. From a phone that is in the talk already it is
        done when this returns; another one is called, and nothing changes until it answers."""
        target = talk.seat.endpoint
        what = f"take-over from seat {target}"
        variables = {
            "STEER_LEG": talk.citizen.name,
            "STEER_ID": talk.citizen.uniqueid,
            "STEER_FROM": target,
            "STEER_SEAT": supervisor,
        }
        if place.leg is None:
            await self._call_seat(
                LegUse.SPY, supervisor, target, "steer-take", "s",
                variables, f"<{talk.citizen.number}>" if talk.citizen.number else "", what,
            )  # fmt: skip
            return
        leg = place.leg
        for name, value in variables.items():
            await self._do(SetVariable(leg.name, name, value), what)
        await self._do(Redirect(leg.name, "steer-take", "s"), what)

        def together(floor: Floor) -> bool:
            return any(
                other.uniqueid == talk.citizen.uniqueid
                for other in floor.others_in_bridge(leg.uniqueid)
            )

        await self._seen(together, what)

    async def to_front(self, caller: WaitingCaller) -> None:
        """Make a waiting caller the first of his queue; the journal is told before it is so, and
        the floor shows it when this returns."""
        what = f"move to the front of {caller.queue}"
        await self.mark(Mark.TO_FRONT, caller.uniqueid, "supervisor")
        action = QueueCallerPriority(caller.queue, caller.channel, FIRST_PRIORITY)
        await self._do(action, what)
        # The PBX tells nobody of the new order.
        await self._live.resync()

    async def to_queue(self, caller: WaitingCaller, queue: str) -> None:
        """Have a waiting caller leave his queue for another one.

        The PBX does it as soon as he is told nothing and nobody rings for him: within a second,
        or when the announcement he hears has ended. Whoever is served before that stays served.
        """
        what = f"move from {caller.queue} to {queue}"
        await self._do(SetVariable(caller.channel, "CC_MOVE_TO", queue), what)
        await self._do(QueueWithdraw(caller.queue, caller.channel), what)

    async def withdraw(self, caller: WaitingCaller) -> bool:
        """Have a waiting caller leave his queue, to be told why by the dialplan; False if he has
        left meanwhile."""
        # An order to another queue that the PBX did not carry out is none any more.
        await self._link.send(SetVariable(caller.channel, "CC_MOVE_TO", ""))
        outcome = await self._link.send(QueueWithdraw(caller.queue, caller.channel))
        if isinstance(outcome, Refused):
            return False
        unwrap(outcome, f"withdrawal from {caller.queue}")
        return True

    async def queues(self) -> frozenset[str]:
        """The queues that the PBX knows."""
        return unwrap(await self._link.send(QueueNames()), "list of queues")

    # -- operators ----------------------------------------------------------------------------

    async def dial(self, seat: str, number: str, case_number: str) -> Uniqueid:
        """Call the seat's phone, and from it `number`; the identifier of the seat's leg, which is
        the call's. Returns once the phone is being called."""
        return await self._call_seat(
            LegUse.DIAL, seat, "", "steer-dial", number,
            {"STEER_CASE": case_number} if case_number else {}, f"<{number}>",
            f"call from seat {seat}",
        )  # fmt: skip

    async def hold(self, talk: Talk) -> None:
        """Music for the citizen, silence for the seat, until `unhold`."""
        seat = talk.seat
        what = f"hold at seat {seat.endpoint}"
        await self._volume(seat.name, heard=False, hears=False, what=what)
        try:
            # The dialplan ends the music when the citizen comes to somebody else.
            await self._do(SetVariable(talk.citizen.name, HELD, "1"), what)
            await self._do(
                CallOut(
                    f"{HOLD_CHANNEL}/n", "steer-hold", "relay",
                    self._identifier(LegUse.HOLD, seat.endpoint, ""),
                    {"__STEER_LEG": talk.citizen.name, "__STEER_ID": talk.citizen.uniqueid},
                ),
                what,
            )  # fmt: skip
        except BaseException:
            # Without the music it would be a dead line: rather not held at all.
            await asyncio.shield(self._link.send(SetVariable(seat.name, "VOLUME(RX)", LOUD)))
            await asyncio.shield(self._link.send(SetVariable(seat.name, "VOLUME(TX)", LOUD)))
            await asyncio.shield(self._link.send(SetVariable(talk.citizen.name, HELD, "")))
            raise

    async def unhold(self, talk: Talk, music: str) -> None:
        """End the music on leg `music`; a seat that was mute before is mute again."""
        what = f"end of the hold at seat {talk.seat.endpoint}"
        muted = await self.muted(talk)
        await self._do(Hangup(music), what)
        await self._do(SetVariable(talk.citizen.name, HELD, ""), what)
        await self._volume(talk.seat.name, heard=not muted, hears=True, what=what)

    async def mute(self, talk: Talk, *, on: bool) -> None:
        """Nobody hears the seat, or everybody again."""
        what = f"mute of seat {talk.seat.endpoint}"
        volume = SetVariable(talk.seat.name, "VOLUME(RX)", SILENT if on else LOUD)
        await self._do(volume, what)
        await self._do(SetVariable(talk.seat.name, MUTED, "1" if on else ""), what)

    async def muted(self, talk: Talk) -> bool:
        """Whether the seat is mute."""
        return await self._variable(talk.seat.name, MUTED) == "1"

    async def pause_recording(self, talk: Talk, *, on: bool) -> None:
        """Silence in the recording, or sound again. Silence begins before the journal's mark and
        ends behind it: the gap that is marked is never longer than the silence."""
        what = f"{'pause' if on else 'resumption'} of the recording"
        citizen, seat = talk.citizen, talk.seat.endpoint
        # Colleagues among themselves are not recorded: the PBX refuses this.
        if on:
            # First of all, so that the dialplan begins no recording that is not silent.
            await self._do(SetVariable(citizen.name, PAUSED, "1"), what)
            try:
                await self._do(MuteRecording(citizen.name, muted=True), what)
            except BaseException:
                await asyncio.shield(self._link.send(SetVariable(citizen.name, PAUSED, "")))
                raise
            await self.mark(Mark.RECORDING_PAUSED, citizen.uniqueid, seat)
            return
        await self.mark(Mark.RECORDING_RESUMED, citizen.uniqueid, seat)
        if await self._variable(citizen.name, STALE) == "1":
            await self._begin_recording_anew(citizen.name, what)
        else:
            await self._do(MuteRecording(citizen.name, muted=False), what)
        await self._do(SetVariable(citizen.name, PAUSED, ""), what)

    async def _begin_recording_anew(self, leg: str, what: str) -> None:
        folder = await self._variable(leg, "CC_RECORDINGS_DIR")
        path = await self._variable(leg, "CC_RECORDING")
        await self._link.send(EndRecording(leg))
        await asyncio.sleep(FORGET_SECONDS)
        await self._do(GoOnRecording(leg, f"{folder}/{path}"), what)
        await self._do(SetVariable(leg, STALE, ""), what)

    async def recording_paused(self, talk: Talk) -> bool:
        """Whether the recording is paused."""
        return await self._variable(talk.citizen.name, PAUSED) == "1"

    async def join(self, leg_name: str) -> None:
        """Bring the three of a consult together; the floor shows it when this returns."""
        what = "three-way call"
        leg = self._uniqueid_of(leg_name)
        for key in JOIN_KEYS:
            await self._do(PressKey(leg_name, key), what)

        def joined(floor: Floor) -> bool:
            return len(floor.others_in_bridge(leg)) > 1

        await self._seen(joined, what)

    async def hang_up(self, channel: str, uniqueid: Uniqueid, by: str) -> None:
        """End one leg on the order of `by`; the journal is told first who ends it."""
        await self.mark(Mark.HANG_UP, uniqueid, by)
        await self._do(Hangup(channel), f"hang-up of {channel}")

    # -- the line -----------------------------------------------------------------------------

    async def switches(self) -> Mapping[str, str]:
        """What the PBX has: `LINE` and `ANNOUNCEMENT`, where they are not as usual."""
        outcome = await self._link.send(DbTree(FAMILY))
        if isinstance(outcome, Refused):  # There is no such family while nothing is switched.
            return {}
        return unwrap(outcome, "switches of the line")

    async def set_line(self, state: LineState) -> None:
        """Close or open the line, for every call that comes in from now on."""
        await self._store(LINE, "" if state is LineState.OPEN else state.value)

    async def set_announcement(self, *, on: bool) -> None:
        """Whether callers hear the announcement before they wait."""
        await self._store(ANNOUNCEMENT, "on" if on else "")

    async def _store(self, key: str, value: str) -> None:
        what = f"switch {key}"
        if value:
            await self._do(DbPut(FAMILY, key, value), what)
            return
        outcome = await self._link.send(DbDel(FAMILY, key))
        if not isinstance(outcome, Refused):  # Refused: it is not there, as wanted.
            unwrap(outcome, what)

    # -- parts --------------------------------------------------------------------------------

    async def about_case(self, leg: Uniqueid, by: str, case_number: str) -> None:
        """Have the journal say which case the call that `leg` began is about."""
        await self.mark(Mark.ABOUT_CASE, leg, by, case_number)

    async def mark(self, what: Mark, uniqueid: Uniqueid, by: str, case_number: str = "") -> None:
        """Have the journal say something about the channel `uniqueid`. Written when this returns.

        Only a channel can write there, so one is begun for it: a Local one, gone in a millisecond.
        """
        action = CallOut(
            "Local/s@steer-mark/n", "steer-mark", "done",
            self._identifier(LegUse.MARK, by if by.isdecimal() else "0", ""),
            {"STEER_WHAT": what.value, "STEER_ID": uniqueid, "STEER_BY": by}
            | ({"STEER_CASE": case_number} if case_number else {}),
            timeout_ms=2000, wait=True,
        )  # fmt: skip
        await self._do(action, f"mark {what}")

    async def _call_seat(
        self, use: LegUse, seat: str, target: str, context: str, exten: str,
        variables: Mapping[str, str], caller_id: str, what: str,
    ) -> Uniqueid:  # fmt: skip
        uniqueid = self._identifier(use, seat, target)
        await self._do(
            CallOut(
                f"PJSIP/{seat}", context, exten, uniqueid, variables, caller_id, timeout_ms=RING_MS
            ),
            what,
        )
        return uniqueid

    async def _volume(self, channel: str, *, heard: bool, hears: bool, what: str) -> None:
        await self._do(SetVariable(channel, "VOLUME(RX)", LOUD if heard else SILENT), what)
        await self._do(SetVariable(channel, "VOLUME(TX)", LOUD if hears else SILENT), what)

    async def _variable(self, channel: str, name: str) -> str:
        return unwrap(await self._link.send(GetVariable(channel, name)), f"state of {channel}")

    async def _do(self, action: Action[None], what: str) -> None:
        unwrap(await self._link.send(action), what)

    async def _seen(self, holds: Callable[[Floor], bool], what: str) -> None:
        if not await self._live.wait_until(holds, self._step_seconds):
            raise PbxTimeout(f"{what}: not seen in time; look before trying again")

    def _uniqueid_of(self, name: str) -> Uniqueid:
        floor = self._live.floor or Floor()
        found = (leg.uniqueid for leg in floor.channels.values() if leg.name == name)
        return next(found, Uniqueid(""))

    def _identifier(self, use: LegUse, seat: str, target: str) -> Uniqueid:
        """Never the same twice, also within a microsecond."""
        now = int(self._clock().timestamp() * MICROS)
        self._last_us = max(now, self._last_us + 2)
        return steered_id(use, seat, target, self._last_us)
