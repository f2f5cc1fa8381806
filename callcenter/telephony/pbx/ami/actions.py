"""AMI actions, typed. Each says its headers, whether it is answered by a list, and its result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from callcenter.telephony.domain.floor import Channel, DeviceState, Member, WaitingCaller
from callcenter.telephony.domain.registrations import Registration
from callcenter.telephony.pbx.ami import fields as read
from callcenter.telephony.pbx.ami.fields import Headers

R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the PBX said to an action that it accepted."""

    messages: Sequence[Headers]
    """The response; for a list its items and its end follow."""
    at: float
    """When it was whole, POSIX seconds."""
    skipped: list[str] = field(default_factory=list)
    """Why items were left out, filled by `readable`."""

    def items(self, event: str) -> Iterator[Headers]:
        """The list's items of one kind."""
        return (message for message in self.messages if read.text(message, "Event") == event)

    def readable(self, event: str, reader: Callable[[Headers], T]) -> Iterator[T]:
        """The items as `reader` reads them, but those that cannot be read.

        For lists in which a caller's own words stand: one hostile caller must not hide all others.
        """
        for message in self.items(event):
            try:
                yield reader(message)
            except read.Unreadable as error:
                self.skipped.append(f"{event}: {error}")


class Action(ABC, Generic[R]):
    """One action; its outcome is an `Outcome[R]`."""

    name: ClassVar[str]
    as_list: ClassVar[bool] = False
    """Whether items and an end follow the response. Never guessed from the answer."""
    nothing: ClassVar[str] = ""
    """The error that the PBX answers in place of an empty list; '' if it sends an empty list."""

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """All headers but Action and ActionID."""

    @abstractmethod
    def result(self, answer: Answer) -> R:
        """The typed result; may raise `fields.Unreadable`."""


class _Command(Action[None]):
    """An action whose success says all."""

    def result(self, answer: Answer) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Login(_Command):
    """Only the link itself sends this."""

    name = "Login"
    username: str
    secret: str = field(repr=False)

    def headers(self) -> dict[str, str]:
        return {"Username": self.username, "Secret": self.secret, "Events": "on"}


@dataclass(frozen=True, slots=True)
class Ping(_Command):
    """Anything alive answers."""

    name = "Ping"

    def headers(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True, slots=True)
class BlindTransfer(_Command):
    """Send whoever is bridged with `channel` (the sender's leg: name or uniqueid) to `exten`.

    Success means that the other side was put into the dialplan, not that anybody answered.
    """

    name = "BlindTransfer"
    channel: str
    context: str
    exten: str

    def headers(self) -> dict[str, str]:
        return {"Channel": self.channel, "Context": self.context, "Exten": self.exten}


@dataclass(frozen=True, slots=True)
class Atxfer(_Command):
    """Type the attended transfer code and `exten` into `channel`.

    Success means that digits were queued, even where nothing can come of them.
    """

    name = "Atxfer"
    channel: str
    context: str
    exten: str

    def headers(self) -> dict[str, str]:
        return {"Channel": self.channel, "Context": self.context, "Exten": self.exten}


@dataclass(frozen=True, slots=True)
class CancelAtxfer(_Command):
    """Type the code that ends a consult; success means that digits were queued."""

    name = "CancelAtxfer"
    channel: str

    def headers(self) -> dict[str, str]:
        return {"Channel": self.channel}


@dataclass(frozen=True, slots=True)
class Hangup(_Command):
    """End one channel, given by name or uniqueid, with a Q.850 cause."""

    name = "Hangup"
    channel: str
    cause: int = 16

    def headers(self) -> dict[str, str]:
        return {"Channel": self.channel, "Cause": str(self.cause)}


@dataclass(frozen=True, slots=True)
class Originate(_Command):
    """Begin a call; success means that it was begun. Its end comes as `events.OriginateEnded`."""

    name = "Originate"
    channel: str
    context: str
    exten: str
    timeout_ms: int = 30_000
    caller_id: str = ""

    def headers(self) -> dict[str, str]:
        headers = {
            "Channel": self.channel,
            "Context": self.context,
            "Exten": self.exten,
            "Priority": "1",
            "Timeout": str(self.timeout_ms),
            "Async": "true",
        }
        return {**headers, "CallerID": self.caller_id} if self.caller_id else headers


@dataclass(frozen=True, slots=True)
class QueueAdd(_Command):
    """Make `interface` a dynamic member of `queue`."""

    name = "QueueAdd"
    queue: str
    interface: str
    member_name: str
    penalty: int = 0

    def headers(self) -> dict[str, str]:
        return {
            "Queue": self.queue,
            "Interface": self.interface,
            "MemberName": self.member_name,
            "StateInterface": self.interface,
            "Penalty": str(self.penalty),
        }


@dataclass(frozen=True, slots=True)
class QueueRemove(_Command):
    """End a dynamic membership. A call that the member is in goes on."""

    name = "QueueRemove"
    queue: str
    interface: str

    def headers(self) -> dict[str, str]:
        return {"Queue": self.queue, "Interface": self.interface}


@dataclass(frozen=True, slots=True)
class QueueContents:
    """Who is in the queues, on both sides."""

    members: tuple[Member, ...]
    waiting: tuple[WaitingCaller, ...]


@dataclass(frozen=True, slots=True)
class QueueStatus(Action[QueueContents]):
    """Members and callers of one queue, or of all."""

    name = "QueueStatus"
    as_list = True
    queue: str = ""

    def headers(self) -> dict[str, str]:
        return {"Queue": self.queue} if self.queue else {}

    def result(self, answer: Answer) -> QueueContents:
        return QueueContents(
            members=tuple(read.member(item) for item in answer.items("QueueMember")),
            waiting=tuple(
                answer.readable(
                    "QueueEntry",
                    lambda item: read.waiting(item, since=answer.at - read.number(item, "Wait")),
                )
            ),
        )


@dataclass(frozen=True, slots=True)
class ShowChannels(Action[tuple[Channel, ...]]):
    """Every channel, with its bridge."""

    name = "CoreShowChannels"
    as_list = True

    def headers(self) -> dict[str, str]:
        return {}

    def result(self, answer: Answer) -> tuple[Channel, ...]:
        return tuple(
            answer.readable(
                "CoreShowChannel",
                lambda item: read.channel(item, bridge=read.text(item, "BridgeId")),
            )
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A SIP endpoint of the PBX."""

    name: str
    state: DeviceState
    registered: bool
    """It has a contact, so calls know where to go."""


@dataclass(frozen=True, slots=True)
class ShowEndpoints(Action[tuple[Endpoint, ...]]):
    """Every SIP endpoint: seats and trunks."""

    name = "PJSIPShowEndpoints"
    as_list = True
    nothing = "No endpoints found"

    def headers(self) -> dict[str, str]:
        return {}

    def result(self, answer: Answer) -> tuple[Endpoint, ...]:
        return tuple(
            Endpoint(
                name=read.required(item, "ObjectName"),
                state=read.device_state(read.text(item, "DeviceState")),
                registered=bool(read.text(item, "Contacts")),
            )
            for item in answer.items("EndpointList")
        )


@dataclass(frozen=True, slots=True)
class ShowContacts(Action[tuple[Registration, ...]]):
    """Every registration."""

    name = "PJSIPShowContacts"
    as_list = True
    nothing = "No Contacts found"

    def headers(self) -> dict[str, str]:
        return {}

    def result(self, answer: Answer) -> tuple[Registration, ...]:
        # A phone's own words stand here too; one that is hostile must not hide the others.
        return tuple(answer.readable("ContactList", read.registration))


@dataclass(frozen=True, slots=True)
class DbPut(_Command):
    """Write one entry of the PBX's own small database."""

    name = "DBPut"
    family: str
    key: str
    value: str

    def headers(self) -> dict[str, str]:
        return {"Family": self.family, "Key": self.key, "Val": self.value}


@dataclass(frozen=True, slots=True)
class CachePopulate(_Command):
    """Read all objects of a sorcery cache again, such as ``res_pjsip/aor``."""

    name = "SorceryMemoryCachePopulate"
    cache: str

    def headers(self) -> dict[str, str]:
        return {"Cache": self.cache}


@dataclass(frozen=True, slots=True)
class DbDel(_Command):
    """Remove one entry; refused if there is none."""

    name = "DBDel"
    family: str
    key: str

    def headers(self) -> dict[str, str]:
        return {"Family": self.family, "Key": self.key}


@dataclass(frozen=True, slots=True)
class DbTree(Action[dict[str, str]]):
    """All entries of a family, by key without the family."""

    name = "DBGetTree"
    as_list = True
    family: str

    def headers(self) -> dict[str, str]:
        return {"Family": self.family}

    def result(self, answer: Answer) -> dict[str, str]:
        return {
            read.required(item, "Key").removeprefix(f"/{self.family}/"): read.text(item, "Val")
            for item in answer.items("DBGetTreeResponse")
        }
