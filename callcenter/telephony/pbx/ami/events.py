"""AMI events as typed facts, parsed once at the edge. An unknown event is counted, never fatal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from callcenter.telephony.domain import floor
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.pbx.ami.fields import (
    Headers,
    channel,
    device_state,
    member,
    required,
    text,
    waiting,
)


@dataclass(frozen=True, slots=True)
class FullyBooted:
    """All modules of the PBX are loaded; it can be asked and told."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The PBX is going down; `restart`: to come back by itself."""

    restart: bool


@dataclass(frozen=True, slots=True)
class OriginateEnded:
    """What became of an asynchronous Originate."""

    action_id: str
    success: bool
    uniqueid: str


@dataclass(frozen=True, slots=True)
class ContactChanged:
    """Something about the phone of SIP endpoint `endpoint` changed; a list says what."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """Somebody at IP address `address` said to be `account` at the SIP port, and was not."""

    address: str
    account: str


Event = floor.Fact | FullyBooted | Shutdown | OriginateEnded | ContactChanged | LoginFailed

Parser = Callable[[Headers, float], Event | None]


def parse(headers: Headers, at: float) -> Event | None:
    """The event in `headers`, received at `at` (POSIX seconds).

    None for an event that is known and of no use here. Raises `KeyError` for one that is not
    known, `Unreadable` for one that lacks what it must have.
    """
    return _PARSERS[text(headers, "Event")](headers, at)


def _channel_began(headers: Headers, _at: float) -> Event:
    return floor.ChannelBegan(channel(headers))


def _channel_changed(headers: Headers, _at: float) -> Event:
    return floor.ChannelChanged(channel(headers))


def _channel_renamed(headers: Headers, _at: float) -> Event:
    return floor.ChannelRenamed(Uniqueid(required(headers, "Uniqueid")), text(headers, "Newname"))


def _channel_ended(headers: Headers, _at: float) -> Event:
    return floor.ChannelEnded(
        Uniqueid(required(headers, "Uniqueid")), channel(headers), text(headers, "TechCause")
    )


def _bridge_entered(headers: Headers, _at: float) -> Event:
    return floor.BridgeEntered(channel(headers), required(headers, "BridgeUniqueid"))


def _bridge_left(headers: Headers, _at: float) -> Event:
    return floor.BridgeLeft(channel(headers), required(headers, "BridgeUniqueid"))


def _caller_joined(headers: Headers, at: float) -> Event:
    return floor.CallerJoined(waiting(headers, since=at))


def _caller_left(headers: Headers, _at: float) -> Event:
    return floor.CallerLeft(required(headers, "Queue"), Uniqueid(required(headers, "Uniqueid")))


def _member_set(headers: Headers, _at: float) -> Event:
    return floor.MemberSet(member(headers))


def _member_removed(headers: Headers, _at: float) -> Event:
    return floor.MemberRemoved(required(headers, "Queue"), required(headers, "Interface"))


def _device_changed(headers: Headers, _at: float) -> Event | None:
    technology, _, endpoint = required(headers, "Device").partition("/")
    if technology != "PJSIP":
        return None  # Local channels, and the queue's own pseudo devices
    return floor.DeviceChanged(endpoint, device_state(text(headers, "State")))


def _booted(_headers: Headers, _at: float) -> Event:
    return FullyBooted()


def _shutdown(headers: Headers, _at: float) -> Event:
    return Shutdown(restart=text(headers, "Restart") == "True")


def _originate_ended(headers: Headers, _at: float) -> Event:
    return OriginateEnded(
        action_id=text(headers, "ActionID"),
        success=text(headers, "Response") == "Success",
        uniqueid=text(headers, "Uniqueid"),
    )


def _contact_changed(headers: Headers, _at: float) -> Event:
    return ContactChanged(text(headers, "EndpointName"))


def _login_failed(headers: Headers, _at: float) -> Event | None:
    if text(headers, "Service") != "PJSIP":
        return None  # AMI, which is on loopback
    # IPV4/UDP/192.0.2.7/5060
    parts = text(headers, "RemoteAddress").split("/")
    return LoginFailed(parts[2] if len(parts) == 4 else "", text(headers, "AccountID"))


def _no_use(_headers: Headers, _at: float) -> None:
    return None


_PARSERS: dict[str, Parser] = {
    "Newchannel": _channel_began,
    "Newstate": _channel_changed,
    "NewCallerid": _channel_changed,
    "NewConnectedLine": _channel_changed,
    "Rename": _channel_renamed,
    "Hangup": _channel_ended,
    "BridgeEnter": _bridge_entered,
    "BridgeLeave": _bridge_left,
    "QueueCallerJoin": _caller_joined,
    "QueueCallerLeave": _caller_left,
    "QueueMemberAdded": _member_set,
    "QueueMemberStatus": _member_set,
    "QueueMemberPause": _member_set,
    "QueueMemberPenalty": _member_set,
    "QueueMemberRinginuse": _member_set,
    "QueueMemberRemoved": _member_removed,
    "DeviceStateChange": _device_changed,
    "FullyBooted": _booted,
    "Shutdown": _shutdown,
    "OriginateResponse": _originate_ended,
    "ContactStatus": _contact_changed,
    # By another password; as nobody whom the PBX knows; in the plain.
    "ChallengeResponseFailed": _login_failed,
    "InvalidAccountID": _login_failed,
    "InvalidPassword": _login_failed,
    # QueueCallerAbandon also comes on timeout, empty and withdraw: QueueCallerLeave says it right.
    **dict.fromkeys(
        (
            "AgentCalled",
            "AgentComplete",
            "AgentConnect",
            "AgentDump",
            "AgentRingNoAnswer",
            "AttendedTransfer",
            "BlindTransfer",
            "BridgeCreate",
            "BridgeDestroy",
            "BridgeInfoChannel",
            "BridgeMerge",
            "BridgeVideoSourceUpdate",
            "CEL",
            "Cdr",
            "ChallengeSent",
            "ChannelTalkingStart",
            "ChannelTalkingStop",
            "DTMFBegin",
            "DTMFEnd",
            "DialBegin",
            "DialEnd",
            "DialState",
            "ExtensionStatus",
            "FailedACL",
            "HangupHandlerPop",
            "HangupHandlerPush",
            "HangupHandlerRun",
            "HangupRequest",
            "Hold",
            "Load",
            "LocalBridge",
            "LocalOptimizationBegin",
            "LocalOptimizationEnd",
            "MessageWaiting",
            "MixMonitorMute",
            "MixMonitorStart",
            "MixMonitorStop",
            "MonitorStart",
            "MonitorStop",
            "MusicOnHoldStart",
            "MusicOnHoldStop",
            "NewAccountCode",
            "NewExten",
            "Newexten",
            "PeerStatus",
            "Pickup",
            "PresenceStateChange",
            "QueueCallerAbandon",
            "RTCPReceived",
            "RTCPSent",
            "Registry",
            "Reload",
            "SoftHangupRequest",
            "SuccessfulAuth",
            "Unhold",
            "Unload",
            "UserEvent",
            "VarSet",
        ),
        _no_use,
    ),
}
