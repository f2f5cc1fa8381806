"""Reading AMI's headers into our words: all is text there, and nobody is ``<unknown>``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callcenter.telephony.domain.floor import (
    Channel,
    ChannelState,
    DeviceState,
    Member,
    WaitingCaller,
)
from callcenter.telephony.domain.ids import Extension, Linkedid, Uniqueid
from callcenter.telephony.domain.registrations import Reachability, Registration, read_contact_uri

Headers = Mapping[str, Any]
"""One message; keys are compared without case (`wire.Fields`, or panoramisk's `Message`)."""

_NOBODY = frozenset({"<unknown>", "unknown", "<none>"})

_CHANNEL_STATES = {
    "0": ChannelState.DOWN,
    "1": ChannelState.DOWN,
    "3": ChannelState.DIALLING,
    "4": ChannelState.DIALLING,
    "5": ChannelState.RINGING,
    "6": ChannelState.UP,
}
"""Asterisk's ``enum ast_channel_state``: 4 is our own side ringing, i.e. a caller dialling in."""

_REACHABILITY = {
    "Reachable": Reachability.REACHABLE,
    "Unreachable": Reachability.UNREACHABLE,
}
"""The others (NonQualified, Unknown, Created …) say that no answer is known (pjsip_options.c)."""

_DEVICE_STATES = {
    "NOT_INUSE": DeviceState.IDLE,
    "INUSE": DeviceState.TALKING,
    "BUSY": DeviceState.BUSY,
    "INVALID": DeviceState.INVALID,
    "UNAVAILABLE": DeviceState.UNREACHABLE,
    "RINGING": DeviceState.RINGING,
    "RINGINUSE": DeviceState.TALKING_AND_RINGING,
    "ONHOLD": DeviceState.ON_HOLD,
    # The same states as PJSIPShowEndpoints says them.
    "Not in use": DeviceState.IDLE,
    "In use": DeviceState.TALKING,
    "Busy": DeviceState.BUSY,
    "Invalid": DeviceState.INVALID,
    "Unavailable": DeviceState.UNREACHABLE,
    "Ringing": DeviceState.RINGING,
    "Ring+Inuse": DeviceState.TALKING_AND_RINGING,
    "On Hold": DeviceState.ON_HOLD,
}


class Unreadable(Exception):
    """A header that must be there is not, or is not what it must be."""


def text(headers: Headers, name: str) -> str:
    """The header's text, '' if there is none; of a repeated one the first."""
    value = headers.get(name, "")
    if isinstance(value, list):
        value = value[0]
    return str(value)


def required(headers: Headers, name: str) -> str:
    """The header's text; `Unreadable` if it is missing or empty."""
    value = text(headers, name)
    if not value:
        raise Unreadable(f"no {name}")
    return value


def number(headers: Headers, name: str) -> int:
    """The header as a whole number; `Unreadable` if it is none."""
    value = text(headers, name)
    try:
        return int(value)
    except ValueError:
        raise Unreadable(f"{name}: {value[:40]!r} is no number") from None


def party(headers: Headers, name: str) -> str:
    """A caller's number or name, '' where Asterisk writes that it knows none."""
    value = text(headers, name)
    return "" if value in _NOBODY else value


def device_state(value: str) -> DeviceState:
    """A device's state from either of AMI's two vocabularies."""
    return _DEVICE_STATES.get(value, DeviceState.UNKNOWN)


def channel(headers: Headers, *, bridge: str = "") -> Channel:
    """The channel that an event or a list item speaks of."""
    uniqueid = required(headers, "Uniqueid")
    return Channel(
        uniqueid=Uniqueid(uniqueid),
        name=text(headers, "Channel"),
        linkedid=Linkedid(text(headers, "Linkedid") or uniqueid),
        state=_CHANNEL_STATES.get(text(headers, "ChannelState"), ChannelState.OTHER),
        number=party(headers, "CallerIDNum"),
        caller_name=party(headers, "CallerIDName"),
        connected_number=party(headers, "ConnectedLineNum"),
        connected_name=party(headers, "ConnectedLineName"),
        bridge=bridge,
    )


def waiting(headers: Headers, *, since: float) -> WaitingCaller:
    """The caller of QueueCallerJoin or of QueueStatus's QueueEntry."""
    return WaitingCaller(
        queue=required(headers, "Queue"),
        uniqueid=Uniqueid(required(headers, "Uniqueid")),
        channel=text(headers, "Channel"),
        number=party(headers, "CallerIDNum"),
        caller_name=party(headers, "CallerIDName"),
        since=since,
        position=number(headers, "Position"),
    )


def member(headers: Headers) -> Member:
    """The member of a QueueMember… event (MemberName, Interface) or list item (Name, Location)."""
    return Member(
        queue=required(headers, "Queue"),
        interface=text(headers, "Interface") or required(headers, "Location"),
        name=text(headers, "MemberName") or text(headers, "Name"),
        penalty=number(headers, "Penalty"),
        paused=text(headers, "Paused") == "1",
        paused_reason=text(headers, "PausedReason"),
        dynamic=text(headers, "Membership") == "dynamic",
    )


def registration(headers: Headers) -> Registration:
    """The registration of a ContactList item. The user agent is the phone's own words."""
    transport, address = read_contact_uri(text(headers, "Uri"))
    reachability = _REACHABILITY.get(text(headers, "Status"), Reachability.UNKNOWN)
    answered = reachability is Reachability.REACHABLE
    expires = text(headers, "ExpirationTime")
    return Registration(
        extension=Extension(text(headers, "Endpoint")),
        transport=transport,
        address=address,
        user_agent=text(headers, "UserAgent"),
        reachability=reachability,
        round_trip_us=number(headers, "RoundtripUsec") if answered else None,
        expires_at=float(expires) if expires.isdecimal() and int(expires) else None,
    )
