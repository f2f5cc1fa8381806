"""AMI actions of queues and their members."""

from __future__ import annotations

from dataclasses import dataclass

from callcenter.telephony.pbx.ami import fields as read
from callcenter.telephony.pbx.ami.actions import Action, Answer, QueueAdd


@dataclass(frozen=True, slots=True)
class QueueReload(Action[None]):
    """Read queues.conf again; members, callers and statistics stay."""

    name = "QueueReload"

    def headers(self) -> dict[str, str]:
        return {"Parameters": "yes"}

    def result(self, answer: Answer) -> None:
        return None


@dataclass(frozen=True, slots=True)
class DialplanReload(Action[None]):
    """Read extensions.conf again; calls go on where they are."""

    name = "Reload"

    def headers(self) -> dict[str, str]:
        return {"Module": "pbx_config"}

    def result(self, answer: Answer) -> None:
        return None


@dataclass(frozen=True, slots=True)
class AclReload(Action[None]):
    """Read acl.conf again; what it denies is denied from the next request on."""

    name = "Reload"

    def headers(self) -> dict[str, str]:
        return {"Module": "acl"}

    def result(self, answer: Answer) -> None:
        return None


@dataclass(frozen=True, slots=True)
class LoggerReload(Action[None]):
    """Read logger.conf again; queue_log is closed, and opened by its name at the next line."""

    name = "Reload"

    def headers(self) -> dict[str, str]:
        return {"Module": "logger"}

    def result(self, answer: Answer) -> None:
        return None


@dataclass(frozen=True, slots=True)
class QueueCallers(Action[dict[str, int]]):
    """How many callers wait in each queue that the PBX has."""

    name = "QueueSummary"
    as_list = True

    def headers(self) -> dict[str, str]:
        return {}

    def result(self, answer: Answer) -> dict[str, int]:
        return {
            read.required(item, "Queue"): read.number(item, "Callers")
            for item in answer.items("QueueSummary")
        }


@dataclass(frozen=True, slots=True)
class QueueJoin(QueueAdd):
    """`QueueAdd` that can bring somebody in who is on a break."""

    paused: bool = False
    reason: str = ""

    def headers(self) -> dict[str, str]:
        headers = {**QueueAdd.headers(self), "Paused": "true" if self.paused else "false"}
        return {**headers, "Reason": self.reason} if self.paused and self.reason else headers


@dataclass(frozen=True, slots=True)
class MemberPause(Action[None]):
    """Begin or end a member's break in one queue; a break that is under way gets a new reason."""

    name = "QueuePause"
    queue: str
    interface: str
    paused: bool
    reason: str = ""

    def headers(self) -> dict[str, str]:
        headers = {
            "Queue": self.queue,
            "Interface": self.interface,
            "Paused": "true" if self.paused else "false",
        }
        return {**headers, "Reason": self.reason} if self.reason else headers

    def result(self, answer: Answer) -> None:
        return None


@dataclass(frozen=True, slots=True)
class MemberPenalty(Action[None]):
    """Change a member's penalty in one queue."""

    name = "QueuePenalty"
    queue: str
    interface: str
    penalty: int

    def headers(self) -> dict[str, str]:
        return {
            "Queue": self.queue,
            "Interface": self.interface,
            "Penalty": str(self.penalty),
        }

    def result(self, answer: Answer) -> None:
        return None


@dataclass(frozen=True, slots=True)
class HoldTimes(Action[dict[str, int]]):
    """How long callers of each queue wait on average, seconds: the PBX's own moving average over
    those who were answered. Asked with a member that nobody is, so that no members are listed."""

    name = "QueueStatus"
    as_list = True

    def headers(self) -> dict[str, str]:
        return {"Member": "-"}

    def result(self, answer: Answer) -> dict[str, int]:
        return {
            read.required(item, "Queue"): read.number(item, "Holdtime")
            for item in answer.items("QueueParams")
        }


@dataclass(frozen=True, slots=True)
class LookAgain(Action[None]):
    """Have the caller who waits on `channel` look now whether it is his turn.

    Who waits looks once a second (app_queue.c, RECHECK); any key would make him look at once, and
    so does this, which is the control of a playback (app_controlplayback.c) and no key: in a queue
    nothing is played that it could wind back, and a talk or a ringing seat does not hear of it.
    """

    name = "ControlPlayback"
    channel: str

    def headers(self) -> dict[str, str]:
        return {"Channel": self.channel, "Control": "reverse"}

    def result(self, answer: Answer) -> None:
        return None
