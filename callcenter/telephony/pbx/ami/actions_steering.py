"""AMI actions of steering, typed; see `actions` for what each must say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from callcenter.telephony.pbx.ami import fields as read
from callcenter.telephony.pbx.ami.actions import Action, Answer


class _Command(Action[None]):
    """An action whose success says all."""

    def result(self, answer: Answer) -> None:
        return None


@dataclass(frozen=True, slots=True)
class CallOut(_Command):
    """Begin a call with an identifier and variables of our own.

    Answered when it was begun, or, with `wait`, when `channel` has answered: for Local channels,
    which do so at once. Values of variables may hold no comma: AMI would split there.
    """

    name = "Originate"
    channel: str
    context: str
    exten: str
    uniqueid: str
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    caller_id: str = ""
    timeout_ms: int = 20_000
    wait: bool = False

    def headers(self) -> dict[str, str]:
        headers = {
            "Channel": self.channel,
            "Context": self.context,
            "Exten": self.exten,
            "Priority": "1",
            "Timeout": str(self.timeout_ms),
            "Async": "false" if self.wait else "true",
            "ChannelId": self.uniqueid,
        }
        if self.channel.startswith("Local/"):
            # Of the other half: longer than any that `domain.steering` reads.
            headers["OtherChannelId"] = f"{self.uniqueid}000001"
        if self.variables:
            headers["Variable"] = ",".join(f"{key}={it}" for key, it in self.variables.items())
        return {**headers, "CallerID": self.caller_id} if self.caller_id else headers


@dataclass(frozen=True, slots=True)
class Redirect(_Command):
    """Send one channel to another place of the dialplan, now."""

    name = "Redirect"
    channel: str
    context: str
    exten: str

    def headers(self) -> dict[str, str]:
        return {
            "Channel": self.channel,
            "Context": self.context,
            "Exten": self.exten,
            "Priority": "1",
        }


@dataclass(frozen=True, slots=True)
class SetVariable(_Command):
    """Set a channel's variable, or write one of its functions (``VOLUME(RX)``)."""

    name = "Setvar"
    channel: str
    variable: str
    value: str

    def headers(self) -> dict[str, str]:
        return {"Channel": self.channel, "Variable": self.variable, "Value": self.value}


@dataclass(frozen=True, slots=True)
class GetVariable(Action[str]):
    """A channel's variable; '' if it is not set."""

    name = "Getvar"
    channel: str
    variable: str

    def headers(self) -> dict[str, str]:
        return {"Channel": self.channel, "Variable": self.variable}

    def result(self, answer: Answer) -> str:
        return read.text(answer.messages[0], "Value")


@dataclass(frozen=True, slots=True)
class MuteRecording(_Command):
    """Write silence, or sound again, into the recording that hangs on `channel`."""

    name = "MixMonitorMute"
    channel: str
    muted: bool

    def headers(self) -> dict[str, str]:
        return {
            "Channel": self.channel,
            "Direction": "both",
            "State": "1" if self.muted else "0",
        }


@dataclass(frozen=True, slots=True)
class EndRecording(_Command):
    """End the recording that hangs on `channel`; refused if none does. What it has is kept."""

    name = "StopMixMonitor"
    channel: str

    def headers(self) -> dict[str, str]:
        return {"Channel": self.channel}


@dataclass(frozen=True, slots=True)
class GoOnRecording(_Command):
    """Record `channel` at the end of `file`, as the dialplan does (context recording-anew)."""

    name = "MixMonitor"
    channel: str
    file: str

    def headers(self) -> dict[str, str]:
        return {"Channel": self.channel, "File": self.file, "options": "abD"}


@dataclass(frozen=True, slots=True)
class PressKey(_Command):
    """As if the phone on `channel` had pressed one key."""

    name = "PlayDTMF"
    channel: str
    key: str

    def headers(self) -> dict[str, str]:
        return {
            "Channel": self.channel,
            "Digit": self.key,
            "Duration": "100",
            "Receive": "true",
        }


@dataclass(frozen=True, slots=True)
class QueueCallerPriority(_Command):
    """Give a waiting caller another priority and, at once, the place that goes with it.

    The PBX sends no event of the new order.
    """

    name = "QueueChangePriorityCaller"
    queue: str
    channel: str
    priority: int

    def headers(self) -> dict[str, str]:
        return {
            "Queue": self.queue,
            "Caller": self.channel,
            "Priority": str(self.priority),
            "Immediate": "yes",
        }


@dataclass(frozen=True, slots=True)
class QueueWithdraw(_Command):
    """Have a waiting caller leave the queue as soon as he is told nothing and not rung for."""

    name = "QueueWithdrawCaller"
    queue: str
    channel: str

    def headers(self) -> dict[str, str]:
        return {"Queue": self.queue, "Caller": self.channel}


@dataclass(frozen=True, slots=True)
class QueueNames(Action[frozenset[str]]):
    """The queues that the PBX knows."""

    name = "QueueSummary"
    as_list = True

    def headers(self) -> dict[str, str]:
        return {}

    def result(self, answer: Answer) -> frozenset[str]:
        return frozenset(read.required(item, "Queue") for item in answer.items("QueueSummary"))
