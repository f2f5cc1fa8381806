"""Every setting, its unit, its default and the reason for the number.

Read from the environment (``CALLCENTER_*``) and from ``CALLCENTER_HOME/callcenter.env``;
the environment wins. A second instance on the same machine needs another home and other ports,
nothing else. The settings of each context are in `platform.settings`.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from callcenter.platform import setting_checks
from callcenter.platform.domain.dialling import to_regex
from callcenter.platform.errors import SetupError
from callcenter.platform.setting_names import PREFIX, check_names
from callcenter.platform.settings.doors import DoorSettings
from callcenter.platform.settings.kinds import (
    AgentSessionEnd,
    AudioFormat,
    LogLevel,
    PrivateRootUse,
    SeatSrtp,
    SessionTimers,
    TrunkMode,
)
from callcenter.platform.settings.records import RecordSettings
from callcenter.platform.settings.telephony import TelephonySettings
from callcenter.platform.settings.workforce import WorkforceSettings

__all__ = [
    "AgentSessionEnd",
    "AudioFormat",
    "LogLevel",
    "PrivateRootUse",
    "SeatSrtp",
    "SessionTimers",
    "Settings",
    "TrunkMode",
    "default_home",
    "load_settings",
]

SIP_PORT = 5060


def default_home() -> Path:
    """``CALLCENTER_HOME``, else ``var`` in the present folder."""
    return Path(os.environ.get("CALLCENTER_HOME", "var")).absolute()


_ORDERED = (
    ("voice_message_min_seconds", "voice_message_max_seconds", "every message would be a slip"),
    ("voice_message_silence_seconds", "voice_message_max_seconds", "silence would never end it"),
    ("ami_ping_seconds", "ami_dead_seconds", "a link that is asked must have time to answer"),
    ("forecast_within_share", "forecast_connect_share", "who is answered soon is answered"),
)
"""Settings of which the first is not above the second, and why."""


class Settings(TelephonySettings, RecordSettings, WorkforceSettings, DoorSettings, BaseSettings):
    """The whole configuration of one instance."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    # -- places -----------------------------------------------------------------------------
    home: Path = Field(default_factory=default_home, description="All state of this instance.")
    cache: Path = Field(
        default_factory=lambda: (
            Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "callcenter"
        ),
        description="Private PBX root and rendered prompts, shared by all checkouts.",
    )
    private_root: PrivateRootUse = PrivateRootUse.AUTO
    node: str = Field("pbx1", pattern=r"^[a-z0-9][a-z0-9_]{0,15}$", description="This PBX's name.")
    time_zone: str = Field("Asia/Shanghai", description="The city's zone; storage is UTC.")
    language: str = Field("zh", pattern=r"^(zh|en)$", description="Spoken language of prompts.")
    log_level: LogLevel = LogLevel.INFO
    """What the service's own log tells at least; in upper or lower case."""

    @field_validator(
        "trunk_match",
        "extra_numbers",
        "outbound_patterns",
        "ice_servers",
        "oidc_role_map",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("*")
    @classmethod
    def _texts(cls, value: object) -> object:
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, str) and not isinstance(part, StrEnum):
                setting_checks.plain(part)
        return value

    _zone = field_validator("time_zone")(setting_checks.time_zone)
    _bind = field_validator("sip_bind", "https_bind")(setting_checks.bind_address)
    _host = field_validator("external_address", "api_bind")(setting_checks.host)
    _peer = field_validator("trunk_host")(setting_checks.host_and_port)
    _urls = field_validator("webrtc_url", "public_url", "oidc_issuer")(setting_checks.url)

    @field_validator("trunk_match")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        setting_checks.networks(value)
        return value

    @field_validator("ice_servers")
    @classmethod
    def _stun(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        setting_checks.stun_servers(value)
        return value

    @field_validator("outbound_patterns")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            to_regex(part)
        return value

    @field_validator("extra_numbers")
    @classmethod
    def _numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            if re.fullmatch(r"\+?[0-9]{3,15}", part) is None:
                raise ValueError(f"{part!r} is no number: 3 to 15 digits, + may stand before them")
        return value

    @field_validator("home", "cache")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("cache")
    @classmethod
    def _folder(cls, value: Path) -> Path:
        return setting_checks.folder(value)  # the home is looked at when it is prepared

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rtp_end - self.rtp_start < 20:
            raise ValueError("rtp_end must be at least 20 above rtp_start")
        steps = ("reserve_free_mib", "log_free_floor_mib", "recording_end_free_mib")
        for lower, upper in zip(steps, (*steps[1:], "recording_stop_free_mib"), strict=True):
            if getattr(self, lower) > getattr(self, upper):
                raise ValueError(f"{lower} must not be above {upper}: recordings stop first")
        if self.trunk_session_seconds < self.trunk_session_min_seconds:
            raise ValueError("trunk_session_seconds must not be below trunk_session_min_seconds")
        for lower, upper, why in _ORDERED:
            if getattr(self, lower) > getattr(self, upper):
                raise ValueError(f"{lower} must not be above {upper}: {why}")
        if self.session_idle_minutes > self.session_hours * 60:
            raise ValueError(
                "session_idle_minutes must not be above session_hours: it never counts"
            )
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key belong together: set both or neither")
        host, port = setting_checks.split_host(self.trunk_host)
        if self.trunk_port and port not in (0, self.trunk_port):
            raise ValueError("trunk_port and the port in trunk_host differ: set one of them")
        if self.trunk_port and not host:
            raise ValueError("trunk_port needs trunk_host")
        if self.trunk_mode is TrunkMode.IP and not self.trunk_match:
            raise ValueError("trunk_mode=ip needs trunk_match, the carrier's addresses")
        if self.trunk_mode is TrunkMode.REGISTER and not (
            self.trunk_host and self.trunk_username and self.trunk_password
        ):
            raise ValueError(
                "trunk_mode=register needs trunk_host, trunk_username and trunk_password"
            )
        return self

    @cached_property
    def trunk_peer(self) -> str:
        """The carrier as a SIP URI names it: its host, and its port unless that is 5060."""
        host, port = setting_checks.split_host(self.trunk_host)
        port = self.trunk_port or port
        return host if port in (0, SIP_PORT) else f"{host}:{port}"

    @cached_property
    def trunk_name(self) -> str:
        """The carrier's host alone, without a port and brackets."""
        return setting_checks.split_host(self.trunk_host)[0].strip("[]")

    # -- derived places ---------------------------------------------------------------------
    @cached_property
    def asterisk_dir(self) -> Path:
        """Everything that belongs to the PBX of this instance."""
        return self.home / "asterisk"

    @cached_property
    def tls_dir(self) -> Path:
        """The authority and the certificate that were made here, with their keys."""
        return self.home / "tls"

    @cached_property
    def authority_file(self) -> Path:
        """The certificate of the authority that was made here: what other PCs are told to trust."""
        return self.tls_dir / "authority.pem"

    @cached_property
    def tls_files(self) -> tuple[Path, Path]:
        """Certificate and key of https, of SIP over TLS and of browser phones."""
        if self.tls_certificate:
            return Path(self.tls_certificate), Path(self.tls_key)
        return self.tls_dir / "certificate.pem", self.tls_dir / "key.pem"

    @cached_property
    def journal_dir(self) -> Path:
        """Folder of the CEL journal: ``journal.csv`` and its rotated predecessors."""
        return self.asterisk_dir / "log" / "cel-custom"

    @cached_property
    def journal_file(self) -> Path:
        """The journal that the PBX appends to."""
        return self.journal_dir / "journal.csv"

    @cached_property
    def queue_log_file(self) -> Path:
        """Asterisk's own queue_log; only `callcenter audit` reads it."""
        return self.asterisk_dir / "log" / "queue_log"

    @cached_property
    def cdr_file(self) -> Path:
        """Asterisk's own CDR file, with `pbx_cdr`; nothing of ours reads it."""
        return self.asterisk_dir / "log" / "cdr-csv" / "Master.csv"

    @cached_property
    def astdb_file(self) -> Path:
        """The PBX's own database: seats, registrations, queue members, switches."""
        return self.asterisk_dir / "db" / "astdb.sqlite3"

    @cached_property
    def recordings_dir(self) -> Path:
        """Recordings, ``YYYY/MM/DD/HH/`` below."""
        return self.home / "recordings"

    @cached_property
    def voice_messages_dir(self) -> Path:
        """Voice messages, ``YYYY/MM/DD/`` below."""
        return self.home / "voice-messages"

    @cached_property
    def secrets_file(self) -> Path:
        """Secrets made at first run, mode 600."""
        return self.home / "secrets.env"

    @cached_property
    def trail_key_path(self) -> Path:
        """The audit trail's key, mode 600."""
        return self.trail_key_file or self.home / "trail" / "key"

    @cached_property
    def trail_heads_path(self) -> Path:
        """The audit trail's heads, one a line."""
        return self.trail_heads_file or self.home / "trail" / "heads"

    @cached_property
    def token_file(self) -> Path:
        """The first API token, mode 600."""
        return self.home / "api-token"

    @cached_property
    def room_dir(self) -> Path:
        """Names by which the PBX is told what there is no room for; see `room.state`."""
        return self.home / "run" / "room"

    @cached_property
    def room_state_file(self) -> Path:
        """Where the guard of the disks says how they are."""
        return self.room_dir / "state.json"

    @cached_property
    def console_dir(self) -> Path:
        """What browsers load: a link that set-up makes to the console it has built."""
        return self.home / "console"

    @cached_property
    def log_dir(self) -> Path:
        """Logs of our own processes."""
        return self.home / "log"

    @cached_property
    def api_url(self) -> str:
        """Where the API is reached from this machine."""
        wild = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
        host = wild.get(self.api_bind, self.api_bind)
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"http://{host}:{self.api_port}"

    @cached_property
    def db_url(self) -> str:
        """The database's URL, SQLite in the home unless set."""
        return self.database_url or f"sqlite+aiosqlite:///{self.home / 'callcenter.db'}"


def load_settings() -> Settings:
    """Settings of this instance; `SetupError` names the first bad one and what it must be, or the
    first that is none (`setting_names.check_names`)."""
    home = default_home()
    settings_file = home / "callcenter.env"
    check_names(
        (f"{PREFIX}{name.upper()}" for name in Settings.model_fields), os.environ, settings_file
    )
    try:
        return Settings(_env_file=settings_file, home=home)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]) or "settings"
        raise SetupError(
            f"CALLCENTER_{name.upper()}: {first['msg']}; set it in the environment or in"
            f" {settings_file}",
            code="bad_setting",
            setting=name,
        ) from error
