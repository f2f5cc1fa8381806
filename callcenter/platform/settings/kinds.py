"""What a setting may be, where it is one of a few words or a port."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

Port = Annotated[int, Field(ge=1, le=65535)]
PortOrOff = Annotated[int, Field(ge=0, le=65535)]
"""0: nobody listens."""


class TrunkMode(StrEnum):
    """How calls from the telephone network reach us."""

    LOOPBACK = "loopback"
    """No carrier: any SIP tester on 127.0.0.0/8 is a trunk caller. For trials only."""
    IP = "ip"
    """The carrier is known by its addresses (`trunk_match`)."""
    REGISTER = "register"
    """We register at the carrier with `trunk_username` and `trunk_password`."""


class AudioFormat(StrEnum):
    """What a finished recording is kept as."""

    OPUS = "opus"
    FLAC = "flac"


class LogLevel(StrEnum):
    """Python's own levels."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class PrivateRootUse(StrEnum):
    """Whether a PBX of our own, made from Debian's packages, is used."""

    AUTO = "auto"
    """Only where the host has no Asterisk that will do."""
    ALWAYS = "always"
    NEVER = "never"


class SessionTimers(StrEnum):
    """Whether a call's other side is asked from time to time if it is still there (RFC 4028)."""

    ALWAYS = "always"
    """We ask, whatever the other side can: the answer to a plain re-INVITE or UPDATE is enough."""
    OFFERED = "offered"
    """Only where the other side takes part."""
    OFF = "off"


class SeatSrtp(StrEnum):
    """Whether the sound of SIP phones is encrypted (SRTP, its key in SDP: RFC 4568). Of browsers it
    always is."""

    OFF = "off"
    OFFERED = "offered"
    """Every phone that can does it; the others go on in the clear. Over UDP and TCP the key can be
    read along with the rest: only with TLS does it hide anything."""
    REQUIRED = "required"
    """A phone that cannot has no calls."""


class AgentSessionEnd(StrEnum):
    """What becomes of an agent whose last session is over: logged out, a new password, disabled, or
    idle for too long."""

    LOG_OUT = "log_out"
    """He is off the seat once he is in no call, and is offered none until then."""
    BREAK = "break"
    """He keeps the seat, on a break, until he logs in again and is ready."""
    KEEP = "keep"
    """Nothing: for houses whose agents work by their phones alone, with programs in between."""
