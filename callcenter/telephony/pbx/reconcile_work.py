"""What the PBX has of seats, and the steps that change it: the reconciler's hands.

What the PBX keeps of a seat (Asterisk 22, all in astdb): ``ps_auth/auth/8001``,
``ps_aor/aor/8001``, ``ps_endpoint/endpoint/8001``, its registration
``registrar/contact/8001;@…``; and ours, ``callcenter-seat/8001``, the fingerprint of what was
pushed, which is whole only after all of the rest is there and goes last when a seat is removed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callcenter.platform.errors import CallcenterError, PbxTimeout, PbxUnavailable
from callcenter.telephony.domain.floor import Member
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.reconcile import (
    NOTHING,
    ActualSeats,
    Fingerprint,
    JoinQueue,
    LeaveQueue,
    Place,
    PushSeat,
    RemoveSeat,
    SetPause,
    SetPenalty,
    Step,
)
from callcenter.telephony.pbx.ami.actions import (
    CachePopulate,
    DbDel,
    DbPut,
    DbTree,
    QueueRemove,
    QueueStatus,
    ShowEndpoints,
)
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import unwrap
from callcenter.telephony.pbx.ami.queue_actions import MemberPause, MemberPenalty, QueueJoin
from callcenter.telephony.pbx.ari import AriClient
from callcenter.telephony.pbx.seat_objects import SeatObjects

FAMILY = "callcenter-seat"
SEATS_AT_ONCE = 8
"""ARI has 4 connections; the rest wait for AMI meanwhile."""
LIST_SECONDS = 30.0
"""For one of the PBX's lists: 2,000 seats take about 1 s."""

OF_REGISTRAR = ("remove_existing", "remove_unavailable")
"""Options of an AOR that nothing but the registrar looks at (res_pjsip_registrar.c)."""
AOR_CACHE = "res_pjsip/aor"
"""As sorcery.conf makes it: all AORs, read at once."""
_WORDS = {"yes": "true", "no": "false"}
"""As sorcery writes them."""

Json = Mapping[str, Any]


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

    @property
    def with_members(self) -> frozenset[str]:
        """Queues of which somebody is a member who can leave."""
        return frozenset(member.queue for member in self.members if member.dynamic)

    def actual(self, queues: Collection[str]) -> ActualSeats:
        """In the words of the difference, with the members of `queues`. Only what is in astdb is
        ours: an endpoint of the administrator's own configuration is not."""
        seats = {
            Extension(name): self._fingerprint(name)
            for name in {*self.fingerprints, *self.auths, *self.aors}
        }
        places = {
            (member.queue, Extension(name)): Place(
                member.name, member.penalty, member.paused, member.paused_reason, member.dynamic
            )
            for member in self.members
            if member.queue in queues
            and (name := member.interface.removeprefix("PJSIP/")).isdecimal()
        }
        return ActualSeats(seats, places)

    def _fingerprint(self, name: str) -> Fingerprint:
        whole = name in self.auths and name in self.aors and name in self.endpoints
        if not whole or self.aors[name].get("contact"):
            # A contact of the AOR's own is a registration that became permanent, see `_push_aor`.
            return NOTHING
        return Fingerprint.decode(self.fingerprints.get(name, ""))


async def read_lists(link: AmiLink) -> PbxLists:
    """What the PBX has now; errors as of `unwrap`."""
    send, seconds = link.send, LIST_SECONDS
    prints, auths, aors, contacts, endpoints, queue = await asyncio.gather(
        send(DbTree(FAMILY), timeout=seconds),
        send(DbTree("ps_auth"), timeout=seconds),
        send(DbTree("ps_aor"), timeout=seconds),
        send(DbTree("registrar"), timeout=seconds),
        send(ShowEndpoints(), timeout=seconds),
        send(QueueStatus(), timeout=seconds),
    )
    return PbxLists(
        fingerprints=unwrap(prints, "list of pushed seats"),
        auths=_below("auth/", unwrap(auths, "list of SIP secrets")),
        aors={
            name: _json(text) for name, text in _below("aor/", unwrap(aors, "list of AORs")).items()
        },
        contacts=_by_seat(_below("contact/", unwrap(contacts, "list of registrations"))),
        endpoints=frozenset(one.name for one in unwrap(endpoints, "list of endpoints")),
        members=unwrap(queue, "list of queue members").members,
    )


class SeatWork:
    """The steps of one round."""

    def __init__(
        self,
        link: AmiLink,
        ari: AriClient,
        objects: Mapping[Extension, SeatObjects],
        lists: PbxLists,
    ) -> None:
        self._link = link
        self._ari = ari
        self._objects = objects
        self._lists = lists
        self._stopped = False

    async def carry_out(self, steps: Sequence[Step], counters: ReconcilerCounters) -> list[str]:
        """Each seat's steps in order, `SEATS_AT_ONCE` seats at a time; what went wrong.

        Nothing that comes after the last joining is begun before all joinings are over
        (`domain.reconcile.difference`). After a failed step the seat's others are left to the next
        round. A PBX that does not answer ends the round: every further seat would wait as long for
        nothing.
        """
        joinings = [at for at, step in enumerate(steps) if isinstance(step, JoinQueue)]
        last = joinings[-1] + 1 if joinings else 0
        failed: dict[Extension, str] = {}
        for part in (steps[:last], steps[last:]):
            await self._by_seat(part, failed, counters)
        return [f"seat {extension}: {message}" for extension, message in failed.items()]

    async def _by_seat(
        self, steps: Iterable[Step], failed: dict[Extension, str], counters: ReconcilerCounters
    ) -> None:
        """Carry out those of seats that have not `failed`."""
        by_seat: dict[Extension, list[Step]] = {}
        for step in steps:
            by_seat.setdefault(step.extension, []).append(step)
        queue = [item for item in by_seat.items() if item[0] not in failed][::-1]

        async def work() -> None:
            while queue and not self._stopped:
                extension, todo = queue.pop()
                try:
                    for step in todo:
                        await self._take(step)
                        counters.steps += 1
                except CallcenterError as error:
                    counters.failed_steps += 1
                    failed[extension] = error.message
                    if isinstance(error, PbxUnavailable | PbxTimeout):
                        self._stopped = True

        async with asyncio.TaskGroup() as group:
            for _ in range(min(SEATS_AT_ONCE, len(queue))):
                group.create_task(work())

    async def _take(self, step: Step) -> None:
        interface = f"PJSIP/{step.extension}"
        match step:
            case PushSeat(extension, keep_registered):
                await self._push(extension, keep_registered=keep_registered)
            case RemoveSeat(extension):
                await self._remove(extension)
            case JoinQueue(_, queue, name, work):
                joining = QueueJoin(queue, interface, name, work.penalty, work.paused, work.reason)
                unwrap(await self._link.send(joining), f"joining queue {queue}")
            case LeaveQueue(_, queue):
                leaving = QueueRemove(queue, interface)
                unwrap(await self._link.send(leaving), f"leaving queue {queue}")
            case SetPause(_, queue, paused, reason):
                pausing = MemberPause(queue, interface, paused, reason)
                unwrap(await self._link.send(pausing), f"pause in queue {queue}")
            case SetPenalty(_, queue, penalty):
                setting = MemberPenalty(queue, interface, penalty)
                unwrap(await self._link.send(setting), f"penalty in queue {queue}")

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
            if have is not None and _same(_but(options, OF_REGISTRAR), have):
                await self._turn_registrar(extension, options, have)
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

    async def _turn_registrar(
        self, extension: Extension, options: Mapping[str, str], have: Json
    ) -> None:
        """Set what only the registrar reads, at its next request, under a phone that stays.

        Over ARI its registrations would have to go for a moment, in which no call finds it and its
        agent is unreachable.
        """
        turned = {key: _WORDS[options[key]] for key in OF_REGISTRAR}
        text = json.dumps({**have, **turned}, separators=(",", ":"))
        put = DbPut("ps_aor", f"aor/{extension}", text)
        unwrap(await self._link.send(put), f"AOR {extension}")
        unwrap(await self._link.send(CachePopulate(AOR_CACHE)), "reading the AORs again")

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


def _but(options: Mapping[str, str], names: Collection[str]) -> Mapping[str, str]:
    return {key: value for key, value in options.items() if key not in names}


def _same(options: Mapping[str, str], have: Json) -> bool:
    """Whether the PBX's object has `options`; it writes yes and no as true and false."""
    return all(have.get(key) in (value, _WORDS.get(value, value)) for key, value in options.items())


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
