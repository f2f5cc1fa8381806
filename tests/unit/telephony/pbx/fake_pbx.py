"""A PBX that remembers, forgets, refuses and dies, for the reconciler's tests.

`Pbx` behaves as Asterisk 22.10.1 was seen to: what ARI and AMI write is in one astdb, an AOR that
is removed takes its registrations along, and one that is changed while somebody is registered
makes them permanent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote

import httpx

from callcenter.platform.config import Settings
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.queues import PbxQueues
from callcenter.telephony.domain.seating import DesiredMember, DesiredSeat
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ari import AriClient
from callcenter.telephony.pbx.queue_config import DIALPLAN_FILE, QUEUES_FILE, sections
from callcenter.telephony.pbx.reconciler import Reconciler
from callcenter.telephony.pbx.seat_objects import SoundRules, seat_objects
from tests.unit.telephony.pbx.fake_ami import FakeAmi, Fields, error, listing, success

QUEUE = "12345"
KINDS = ("auth", "aor", "endpoint", "contact")


class Pbx:
    """What ARI and AMI see of one PBX; `log` has every write in order."""

    def __init__(self, ami: FakeAmi) -> None:
        self.objects: dict[str, dict[str, dict[str, str]]] = {kind: {} for kind in KINDS}
        self.stored: dict[str, dict[str, str]] = {}
        """AORs that were written below the cache, which nobody sees before it is read again."""
        self.prints: dict[str, str] = {}
        self.members: dict[tuple[str, str], dict[str, str]] = {}
        """By queue and interface."""
        self.folder: Path | None = None
        self.queues: set[str] = {QUEUE}
        self.waiting: dict[str, int] = {}
        self.numbers: set[str] = set()
        self.static_endpoints = {"trunk", "9001"}
        self.log: list[str] = []
        self.refuse: Callable[[str], bool] = lambda _write: False
        """Whether to refuse a write, given as it stands in the log."""
        ami.answers |= {
            "DBGetTree": self._tree,
            "DBPut": self._put,
            "DBDel": self._delete,
            "SorceryMemoryCachePopulate": self._populate,
            "PJSIPShowEndpoints": self._endpoints,
            "QueueStatus": self._queue,
            "QueueAdd": self._join,
            "QueueRemove": self._leave,
            "QueuePause": self._pause,
            "QueuePenalty": self._penalise,
            "QueueSummary": self._summary,
            "QueueReload": self._reload_queues,
            "Reload": self._reload_dialplan,
        }

    def refuse_nth(self, at: int) -> None:
        """Refuse one write: the next one is number 0."""
        stop = len(self.log) + at + 1
        self.refuse = lambda _write: len(self.log) == stop

    def register(self, seat: str) -> str:
        """A phone registers; the registration's name."""
        name = f"{seat};@6a255fcf"
        self.objects["contact"][name] = {"uri": f"sip:{seat}@127.0.0.1:5062", "endpoint": seat}
        return name

    def lose_memory(self) -> None:
        """As after a crash before anything was on disk."""
        for kind in KINDS:
            self.objects[kind].clear()
        self.prints.clear()
        self.members.clear()

    @property
    def seats(self) -> set[str]:
        """Of which there is any trace."""
        return {
            *self.prints,
            *(name.removeprefix("PJSIP/") for _queue, name in self.members),
            *(name.partition(";")[0] for kind in KINDS for name in self.objects[kind]),
        }

    def _write(self, what: str) -> bool:
        self.log.append(what)
        return not self.refuse(what)

    # -- ARI ----------------------------------------------------------------------------------

    def ari(self, request: httpx.Request) -> httpx.Response:
        kind, name = unquote(request.url.path).split("/res_pjsip/")[1].split("/", 1)
        if not self._write(f"{request.method} {kind} {name}"):
            return httpx.Response(500, json={"message": "no"})
        if request.method == "DELETE":
            if self.objects[kind].pop(name, None) is None:
                return httpx.Response(404)
            if kind == "aor":
                for contact in self._contacts(name):
                    del self.objects["contact"][contact]
            return httpx.Response(204)
        fields = json.loads(request.content)["fields"]
        written = {field["attribute"]: field["value"] for field in fields}
        words = {"yes": "true", "no": "false"}
        known = self.objects[kind].setdefault(name, {})
        known |= {key: words.get(value, value) for key, value in written.items()}
        if kind == "aor":
            for contact in self._contacts(name):
                known["contact"] = self.objects["contact"][contact]["uri"]
        return httpx.Response(200, json=[])

    def _contacts(self, seat: str) -> list[str]:
        return [name for name in self.objects["contact"] if name.startswith(f"{seat};@")]

    # -- AMI ----------------------------------------------------------------------------------

    def _tree(self, action: Fields) -> str:
        family = action["Family"]
        kind = {"ps_auth": "auth", "ps_aor": "aor", "registrar": "contact"}.get(family)
        if kind is None:
            entries = self.prints
        else:
            stored = self.objects[kind]
            entries = {f"{kind}/{name}": json.dumps(one) for name, one in stored.items()}
        items = [
            f"Event: DBGetTreeResponse\nKey: /{family}/{key}\nVal: {value}"
            for key, value in entries.items()
        ]
        return listing("DBGetTreeComplete", *items)(action)

    def _put(self, action: Fields) -> str:
        if not self._write(f"DBPut {action['Key']}"):
            return error("no")(action)
        if action["Family"] == "ps_aor":
            self.stored[action["Key"].removeprefix("aor/")] = json.loads(action["Val"])
        else:
            self.prints[action["Key"]] = action["Val"]
        return success()(action)

    def _populate(self, action: Fields) -> str:
        if not self._write(f"Populate {action['Cache']}"):
            return error("no")(action)
        self.objects["aor"] |= self.stored
        self.stored.clear()
        return success()(action)

    def _delete(self, action: Fields) -> str:
        if not self._write(f"DBDel {action['Key']}"):
            return error("no")(action)
        found = self.prints.pop(action["Key"], None)
        return (error("Database entry not found") if found is None else success())(action)

    def _endpoints(self, action: Fields) -> str:
        items = [
            f"Event: EndpointList\nObjectName: {name}\nDeviceState: Unavailable\nContacts: "
            for name in (*self.static_endpoints, *self.objects["endpoint"])
        ]
        return listing("EndpointListComplete", *items)(action)

    def _queue(self, action: Fields) -> str:
        items = [
            f"Event: QueueMember\nQueue: {queue}\nLocation: {interface}\nName: {member['name']}\n"
            f"Penalty: {member['penalty']}\nPaused: {member['paused']}\n"
            f"PausedReason: {member['reason']}\nMembership: {member['kind']}"
            for (queue, interface), member in self.members.items()
        ]
        return listing("QueueStatusComplete", *items)(action)

    def _join(self, action: Fields) -> str:
        queue, interface = action["Queue"], action["Interface"]
        if queue not in self.queues:
            return error("Unable to add interface to queue: No such queue")(action)
        seat = interface.removeprefix("PJSIP/")
        if not self._write(f"join {_place(queue, seat)}") or (queue, interface) in self.members:
            return error("Unable to add interface: Already there")(action)
        assert seat in self.objects["endpoint"], "a caller would be offered to nobody"
        self.members[queue, interface] = member(
            action["MemberName"],
            action["Penalty"],
            paused=action["Paused"] == "true",
            reason=action.get("Reason", ""),
        )
        return success()(action)

    def _leave(self, action: Fields) -> str:
        key = action["Queue"], action["Interface"]
        seat = action["Interface"].removeprefix("PJSIP/")
        if not self._write(f"leave {_place(key[0], seat)}") or key not in self.members:
            return error("Unable to remove interface: Not there")(action)
        del self.members[key]
        return success()(action)

    def _pause(self, action: Fields) -> str:
        key, paused = (action["Queue"], action["Interface"]), action["Paused"] == "true"
        seat = action["Interface"].removeprefix("PJSIP/")
        reason = action.get("Reason", "")
        if not self._write(f"pause {_place(key[0], seat)} {paused} {reason}".rstrip()):
            return error("no")(action)
        self.members[key] |= {"paused": str(int(paused)), "reason": reason}
        return success()(action)

    def _penalise(self, action: Fields) -> str:
        key = action["Queue"], action["Interface"]
        seat = action["Interface"].removeprefix("PJSIP/")
        if not self._write(f"penalty {_place(key[0], seat)} {action['Penalty']}"):
            return error("no")(action)
        self.members[key]["penalty"] = action["Penalty"]
        return success()(action)

    # -- queues -------------------------------------------------------------------------------

    def _summary(self, action: Fields) -> str:
        items = [
            f"Event: QueueSummary\nQueue: {queue}\nCallers: {self.waiting.get(queue, 0)}"
            for queue in self.queues
        ]
        return listing("QueueSummaryComplete", *items)(action)

    def _reload_queues(self, action: Fields) -> str:
        if not self._write("reload queues"):
            return error("no")(action)
        assert action["Parameters"] == "yes"
        assert self.folder is not None
        self.queues = set(sections((self.folder / QUEUES_FILE).read_text(encoding="utf-8")))
        for queue, _interface in self.members:
            assert queue in self.queues, "members would be left in a queue that is gone"
        return success()(action)

    def _reload_dialplan(self, action: Fields) -> str:
        if not self._write("reload dialplan"):
            return error("no")(action)
        assert action["Module"] == "pbx_config"
        assert self.folder is not None
        text = (self.folder / DIALPLAN_FILE).read_text(encoding="utf-8")
        self.numbers = set(re.findall(r"(?m)^exten => 0\w+,1,MSet\(.*CC_DID=(\w+)\)", text))
        return success()(action)


def _place(queue: str, seat: str) -> str:
    return seat if queue == QUEUE else f"{seat}@{queue}"


def member(
    name: str,
    penalty: str = "0",
    *,
    paused: bool = False,
    reason: str = "",
    kind: str = "dynamic",
) -> dict[str, str]:
    return {
        "name": name,
        "penalty": penalty,
        "paused": str(int(paused)),
        "reason": reason,
        "kind": kind,
    }


def seat(
    extension: str,
    name: str = "座席",
    secret: str = "s",  # noqa: S107
    *,
    in_queue: bool = True,
) -> DesiredSeat:
    return DesiredSeat(Extension(extension), name, secret, in_queue)


class Stage:
    """A PBX, what it should have, and the reconciler between them."""

    def __init__(self, pbx: Pbx, link: AmiLink, settings: Settings) -> None:
        self.pbx = pbx
        self.link = link
        self.wanted: list[DesiredSeat] = []
        self.broken: list[Exception] = []
        self.members: list[DesiredMember] | None = None
        self.plan: PbxQueues | None = None
        self.ari = AriClient(1, "x", transport=httpx.MockTransport(pbx.ari))
        self.settings = settings
        self.reconciler = Reconciler(link, self.ari, self.desired, settings)

    async def desired(self) -> Sequence[DesiredSeat]:
        if self.broken:
            raise self.broken.pop()
        return tuple(self.wanted)

    async def want(self, *wanted: DesiredSeat) -> list[str]:
        """Change what is wanted, and wait until the PBX has it; the writes that it took."""
        self.wanted = list(wanted)
        begun = len(self.pbx.log)
        self.reconciler.request()
        await self.settle()
        self.as_wanted()
        return self.pbx.log[begun:]

    async def settle(self) -> None:
        while not self.reconciler.in_step:
            await self.reconciler.wait_round()

    def as_wanted(self) -> None:
        """Every seat is whole and nothing else is there."""
        pbx = self.pbx
        assert pbx.seats == {one.extension for one in self.wanted}
        for one in self.wanted:
            objects = seat_objects(one, "zh", SoundRules.of(Settings(_env_file=None)))
            assert pbx.objects["auth"][one.extension]["password"] == one.secret
            assert (
                pbx.objects["endpoint"][one.extension]["callerid"] == (objects.endpoint["callerid"])
            )
            assert "contact" not in pbx.objects["aor"][one.extension]
            assert pbx.prints[one.extension] == objects.fingerprint().encode()
            if self.members is None:
                assert ((QUEUE, f"PJSIP/{one.extension}") in pbx.members) == one.in_queue
