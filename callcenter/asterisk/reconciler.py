"""Makes the PBX have the seats that the database says: at each login, when asked, and in between.

A round reads what the PBX has, takes the difference (`domain.reconcile`) and carries its steps
out, many seats at once, each seat's own in order. It may be run at any time, ended at any moment
and begun again. Nothing that goes wrong ends `run`: it is counted, shown, and tried again.

What the PBX keeps of a seat (Asterisk 22, all in astdb): ``ps_auth/auth/8001``,
``ps_aor/aor/8001``, ``ps_endpoint/endpoint/8001``, its registration
``registrar/contact/8001;@…``; and ours, ``callcenter-seat/8001``, the fingerprint of what was
pushed, which is whole only after all of the rest is there and goes last when a seat is removed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from callcenter.asterisk.ami.actions import (
    DbDel,
    DbPut,
    DbTree,
    QueueAdd,
    QueueRemove,
    QueueStatus,
    ShowEndpoints,
)
from callcenter.asterisk.ami.link import AmiLink, LinkState
from callcenter.asterisk.ami.outcomes import unwrap
from callcenter.asterisk.ari import AriClient
from callcenter.asterisk.seat_objects import SeatObjects, seat_objects
from callcenter.clock import Clock, utc_now
from callcenter.config import Settings
from callcenter.domain.floor import Member
from callcenter.domain.ids import Extension
from callcenter.domain.reconcile import (
    NOTHING,
    ActualSeats,
    Fingerprint,
    JoinQueue,
    LeaveQueue,
    Place,
    PushSeat,
    RemoveSeat,
    Step,
    WantedSeat,
    difference,
    pbx_name,
)
from callcenter.domain.seating import DesiredSeat
from callcenter.errors import CallcenterError, PbxTimeout, PbxUnavailable

_log = logging.getLogger(__name__)

FAMILY = "callcenter-seat"
SEATS_AT_ONCE = 8
"""ARI has 4 connections; the rest wait for AMI meanwhile."""
LIST_SECONDS = 30.0
"""For one of the PBX's lists: 2,000 seats take about 1 s."""
FIRST_PAUSE_SECONDS = 1.0
"""After a round that failed; doubles up to the setting `reconcile_seconds`."""

Json = Mapping[str, Any]
Desired = Callable[[], Awaitable[Sequence[DesiredSeat]]]


@dataclass(frozen=True, slots=True)
class QueueJoin(QueueAdd):
    """`QueueAdd` that can bring somebody in who is on a break."""

    paused: bool = False

    def headers(self) -> dict[str, str]:
        return {**QueueAdd.headers(self), "Paused": "true" if self.paused else "false"}


@dataclass(slots=True)
class ReconcilerCounters:
    """Since the process began."""

    rounds: int = 0
    failed_rounds: int = 0
    steps: int = 0
    """Carried out."""
    failed_steps: int = 0


@dataclass(frozen=True, slots=True)
class PbxLists:
    """What the PBX's lists say of seats, by extension."""

    fingerprints: Mapping[str, str] = field(default_factory=dict)
    auths: Mapping[str, str] = field(default_factory=dict, repr=False)
    aors: Mapping[str, Json] = field(default_factory=dict)
    contacts: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Registrations by their names."""
    endpoints: frozenset[str] = frozenset()
    """Of every kind, ours or not, as the SIP stack knows them."""
    members: tuple[Member, ...] = ()

    def actual(self) -> ActualSeats:
        """In the words of the difference. Only what is in astdb is ours: an endpoint of the
        administrator's own configuration is not."""
        seats = {
            Extension(name): self._fingerprint(name)
            for name in {*self.fingerprints, *self.auths, *self.aors}
        }
        places = {
            Extension(name): Place(member.name, member.penalty, member.paused, member.dynamic)
            for member in self.members
            if (name := member.interface.removeprefix("PJSIP/")).isdecimal()
        }
        return ActualSeats(seats, places)

    def _fingerprint(self, name: str) -> Fingerprint:
        whole = name in self.auths and name in self.aors and name in self.endpoints
        if not whole or self.aors[name].get("contact"):
            # A contact of the AOR's own is a registration that became permanent, see `_push_aor`.
            return NOTHING
        return Fingerprint.decode(self.fingerprints.get(name, ""))


class Reconciler:
    """For one PBX; `run` it as a task for as long as the process lives."""

    def __init__(
        self,
        link: AmiLink,
        ari: AriClient,
        desired: Desired,
        settings: Settings,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._link = link
        self._ari = ari
        self._desired = desired
        self._queue = settings.hotline_number
        self._language = settings.language
        self._seconds = settings.reconcile_seconds
        self._clock = clock
        self._wake = asyncio.Event()
        self._wake.set()
        self._matched = False
        self._failures = 0
        self._round_over = asyncio.Event()
        self.last_round_at: datetime | None = None
        """When the last round ended, well or not."""
        self.problem = "no round yet"
        """Why the PBX may not have what it should, one sentence; '' when it has."""
        self.counters = ReconcilerCounters()
        link.on_login(self._on_login)

    @property
    def in_step(self) -> bool:
        """Whether the PBX has what the database says, as far as is known."""
        return self._matched and not self._wake.is_set() and self._link.state is LinkState.UP

    def request(self) -> None:
        """Something changed: a round as soon as possible."""
        self._wake.set()

    async def run(self) -> None:
        """Rounds, one at a time, until cancelled."""
        pause = self._seconds
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            if self._wake.is_set():
                self._wake.clear()
                self._matched = False  # Until the round that was asked for is over.
            if self._link.state is LinkState.UP:
                pause = await self._attempt()

    async def wait_round(self) -> None:
        """Wait until the next round is over."""
        over = self._round_over
        await over.wait()

    async def _on_login(self) -> None:
        self._wake.set()  # It may be another PBX than before, or one that lost its memory.

    async def _attempt(self) -> float:
        """One round; then the seconds until the next."""
        self.counters.rounds += 1
        try:
            problems = await self._round()
        except CallcenterError as error:
            problems = [error.message]
        except Exception as error:
            _log.exception("reconciler: the round failed")
            problems = [f"{type(error).__name__}: {error}"]
        self._matched = not problems
        self.last_round_at = self._clock()
        if problems:
            self.counters.failed_rounds += 1
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self.problem = f"{problems[0]}{more}"
            _log.warning("reconciler: %s; trying again", self.problem)
            pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 16), self._seconds)
            self._failures += 1
        else:
            self.problem, self._failures, pause = "", 0, self._seconds
        over, self._round_over = self._round_over, asyncio.Event()
        over.set()
        return pause

    async def _round(self) -> list[str]:
        """Match once; what went wrong, one sentence each."""
        objects: dict[Extension, SeatObjects] = {}
        wanted: list[WantedSeat] = []
        for seat in await self._desired():
            made = objects[seat.extension] = seat_objects(seat, self._language)
            # app_queue would call a member without a name by its interface.
            name = (pbx_name(seat.name) or seat.extension) if seat.in_queue else None
            wanted.append(WantedSeat(seat.extension, made.fingerprint(), name))
        lists = await self._read()
        steps = difference(wanted, lists.actual())
        if not steps:
            return []
        problems = await _Work(self._link, self._ari, self._queue, objects, lists).carry_out(
            steps, self.counters
        )
        _log.info("reconciler: %d steps, %d failed", len(steps), len(problems))
        return problems

    async def _read(self) -> PbxLists:
        send, seconds = self._link.send, LIST_SECONDS
        prints, auths, aors, contacts, endpoints, queue = await asyncio.gather(
            send(DbTree(FAMILY), timeout=seconds),
            send(DbTree("ps_auth"), timeout=seconds),
            send(DbTree("ps_aor"), timeout=seconds),
            send(DbTree("registrar"), timeout=seconds),
            send(ShowEndpoints(), timeout=seconds),
            send(QueueStatus(self._queue), timeout=seconds),
        )
        return PbxLists(
            fingerprints=unwrap(prints, "list of pushed seats"),
            auths=_below("auth/", unwrap(auths, "list of SIP secrets")),
            aors={
                name: _json(text)
                for name, text in _below("aor/", unwrap(aors, "list of AORs")).items()
            },
            contacts=_by_seat(_below("contact/", unwrap(contacts, "list of registrations"))),
            endpoints=frozenset(one.name for one in unwrap(endpoints, "list of endpoints")),
            members=unwrap(queue, "list of queue members").members,
        )


class _Work:
    """The steps of one round."""

    def __init__(
        self,
        link: AmiLink,
        ari: AriClient,
        queue: str,
        objects: Mapping[Extension, SeatObjects],
        lists: PbxLists,
    ) -> None:
        self._link = link
        self._ari = ari
        self._queue = queue
        self._objects = objects
        self._lists = lists
        self._stopped = False

    async def carry_out(self, steps: Iterable[Step], counters: ReconcilerCounters) -> list[str]:
        """Each seat's steps in order, `SEATS_AT_ONCE` seats at a time; what went wrong.

        After a failed step the seat's others are left to the next round. A PBX that does not
        answer ends the round: every further seat would wait as long for nothing.
        """
        by_seat: dict[Extension, list[Step]] = {}
        for step in steps:
            by_seat.setdefault(step.extension, []).append(step)
        queue = list(by_seat.items())[::-1]
        problems: list[str] = []

        async def work() -> None:
            while queue and not self._stopped:
                extension, todo = queue.pop()
                try:
                    for step in todo:
                        await self._take(step)
                        counters.steps += 1
                except CallcenterError as error:
                    counters.failed_steps += 1
                    problems.append(f"seat {extension}: {error.message}")
                    if isinstance(error, PbxUnavailable | PbxTimeout):
                        self._stopped = True

        async with asyncio.TaskGroup() as group:
            for _ in range(min(SEATS_AT_ONCE, len(queue))):
                group.create_task(work())
        return problems

    async def _take(self, step: Step) -> None:
        interface = f"PJSIP/{step.extension}"
        match step:
            case PushSeat(extension, keep_registered):
                await self._push(extension, keep_registered=keep_registered)
            case RemoveSeat(extension):
                await self._remove(extension)
            case JoinQueue(_, name, penalty, paused):
                joining = QueueJoin(self._queue, interface, name, penalty, paused)
                unwrap(await self._link.send(joining), "joining the queue")
            case LeaveQueue():
                leaving = QueueRemove(self._queue, interface)
                unwrap(await self._link.send(leaving), "leaving the queue")

    async def _push(self, extension: Extension, *, keep_registered: bool) -> None:
        objects = self._objects[extension]
        whole = objects.fingerprint()
        # If we end half-way, the next round knows no more than this, and pushes again.
        await self._note(extension, Fingerprint(whole.secret if keep_registered else "", ""))
        # The secret before the registrations: nobody can register with the old one in between.
        await self._put("auth", extension, objects.auth)
        await self._push_aor(extension, objects.aor, keep_registered=keep_registered)
        await self._put("endpoint", extension, objects.endpoint)
        await self._note(extension, whole)

    async def _push_aor(
        self, extension: Extension, options: Mapping[str, str], *, keep_registered: bool
    ) -> None:
        """Set the AOR's options, and keep its registrations or end them.

        An AOR must have no registration while it is changed over ARI: Asterisk writes the
        registrations that it finds back as contacts of the AOR itself, and those never end.
        """
        have = self._lists.aors.get(extension)
        contacts = self._lists.contacts.get(extension, {})
        if keep_registered:
            if have is not None and _same(options, have):
                return
            for name in contacts:
                await self._delete("contact", name)
            await self._put("aor", extension, options)
            for name, contact in contacts.items():
                await self._put("contact", name, {key: str(at) for key, at in contact.items()})
            return
        if have is not None:
            await self._delete("aor", extension)
        for name in contacts:
            await self._delete("contact", name)
        await self._put("aor", extension, options)

    async def _remove(self, extension: Extension) -> None:
        await self._delete("endpoint", extension)
        await self._delete("aor", extension)
        for name in self._lists.contacts.get(extension, {}):
            await self._delete("contact", name)
        await self._delete("auth", extension)
        if extension in self._lists.fingerprints:
            outcome = await self._link.send(DbDel(FAMILY, extension))
            unwrap(outcome, "removal of the fingerprint")

    async def _put(self, kind: str, name: str, options: Mapping[str, str]) -> None:
        unwrap(await self._ari.put(kind, name, options), f"{kind} {name}")

    async def _delete(self, kind: str, name: str) -> None:
        unwrap(await self._ari.delete(kind, name), f"removal of {kind} {name}")

    async def _note(self, extension: Extension, fingerprint: Fingerprint) -> None:
        noted = DbPut(FAMILY, extension, fingerprint.encode())
        unwrap(await self._link.send(noted), "fingerprint")


def _below(prefix: str, entries: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(prefix): text for key, text in entries.items() if key.startswith(prefix)
    }


def _by_seat(contacts: Mapping[str, str]) -> dict[str, dict[str, Json]]:
    """Registrations by AOR; a registration is named ``8001;@…`` (res_pjsip_registrar.c)."""
    found: dict[str, dict[str, Json]] = {}
    for name, text in contacts.items():
        found.setdefault(name.partition(";@")[0], {})[name] = _json(text)
    return found


def _json(text: str) -> Json:
    """What sorcery wrote; an object that is damaged is one without options."""
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _same(options: Mapping[str, str], have: Json) -> bool:
    """Whether the PBX's object has `options`; it writes yes and no as true and false."""
    words = {"yes": "true", "no": "false"}
    return all(have.get(key) in (value, words.get(value, value)) for key, value in options.items())
