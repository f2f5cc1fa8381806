"""The API and its doors: requests, sessions, passwords, the identity provider, the trail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field
from pydantic_settings import NoDecode

from callcenter.platform.settings.kinds import AgentSessionEnd


class DoorSettings(BaseModel):
    """Mixed into `platform.config.Settings`."""

    # -- API --------------------------------------------------------------------------------
    database_url: str = Field("", description="Empty: SQLite in the home.")
    outbox_attempts: int = Field(
        8,
        ge=1,
        le=100,
        description="What follows from a call and fails is tried so often, with pauses that double"
        " from 2 s: four minutes, in which a passing trouble is over. Then it is parked.",
    )
    database_connections: int = Field(
        20,
        ge=1,
        le=500,
        description="Of a process, for requests and tasks: a step takes a millisecond or two, so 20"
        " carry thousands a second, and two processes stay far below a PostgreSQL server's usual"
        " 100. Journal reader and health have one each beside them.",
    )
    database_lock_seconds: float = Field(
        10.0,
        gt=0,
        le=60,
        description="For the other writer, in this process or another: no step of ours takes a"
        " second, so who is kept waiting longer is told so, while the browser still waits.",
    )
    database_wait_seconds: float = Field(
        10.0,
        gt=0,
        le=60,
        description="For a connection, as long as for the other writer; then `database_unavailable`"
        " (503), while the browser still waits.",
    )
    page_size_max: int = Field(200, ge=10, le=1000)
    request_max_bytes: int = Field(1_048_576, ge=1024, description="A case is text: 1 MiB.")
    http_head_seconds: float = Field(
        10, ge=0.1, le=120, description="Of a request; a browser sends it in one go."
    )
    http_body_seconds: float = Field(
        60, ge=0.1, le=600, description="1 MiB over a line of 140 kbit/s."
    )
    http_unfinished_max: int = Field(
        128,
        ge=4,
        le=10_000,
        description="Of one address, on which no whole request has come: an office behind one"
        " address has six a browser for a moment.",
    )
    sheet_rows_max: int = Field(
        20_000, ge=10, le=200_000, description="Of one import: 600 people's rota of a month."
    )
    sheet_unpacked_max_bytes: int = Field(
        33_554_432,
        ge=1_048_576,
        le=1_073_741_824,
        description="An .xlsx packs to a tenth: what the request may hold, three times over.",
    )
    public_url: str = Field(
        "", pattern=r"^(https?://[^/\s]+)?$", description="Of the browser; for a proxy and OIDC."
    )
    docs_open: bool = Field(
        False,
        description="Whether strangers may read the API's description (`/docs`, `/openapi.json`).",
    )
    metrics_open: bool = Field(
        False,
        description="Whether strangers may read `/metrics`: for a collector that knows no token.",
    )
    cookie_secure: bool = Field(
        False, description="True behind a TLS proxy: cookies go over TLS alone."
    )
    trail_key_file: Path | None = Field(
        None,
        description="What the audit trail is signed with; else trail/key in the home. Keep it where"
        " the database's owner cannot read it.",
    )
    trail_heads_file: Path | None = Field(
        None,
        description="Where the trail's head is written each day and at each stop; else trail/heads"
        " in the home. A place that can only be appended to is best.",
    )
    trail_syslog: str = Field(
        "",
        pattern=r"^(|/\S+|[^\s/:]+:[0-9]{1,5})$",
        description="A socket (/dev/log) or host:port that is told each head too; empty: none.",
    )
    token_days: int = Field(
        365,
        ge=1,
        le=3650,
        description="How long a new API token is valid: what nobody renews, nobody uses.",
    )
    agent_session_end: AgentSessionEnd = Field(
        AgentSessionEnd.LOG_OUT,
        description="Of an agent with nobody behind him: callers would ring at an empty seat.",
    )
    session_idle_minutes: int = Field(
        60, ge=5, le=1440, description="A screen asks every few seconds; this one is left."
    )
    session_hours: int = Field(12, ge=1, le=168, description="A shift with its overtime.")
    users_new_max: int = Field(
        1000,
        ge=1,
        le=20_000,
        description="Made by one sheet: a password takes 30 ms to hash, 1000 half a minute.",
    )
    argon2_memory_kib: int = Field(
        19456, ge=8192, le=1048576, description="OWASP's least for 2 passes: 25 ms a login."
    )
    argon2_passes: int = Field(2, ge=1, le=20, description="750 log in as a shift begins.")
    known_device_days: int = Field(
        90, ge=1, le=3650, description="So long a browser or address is known: a long leave."
    )
    oidc_issuer: str = Field(
        "", pattern=r"^(https?://\S+)?$", description="Identity provider; empty: passwords only."
    )
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_scopes: str = Field(
        "openid profile",
        pattern=r"^(\S+ )*openid( \S+)*$",
        description="Asked for; many providers tell groups only with a scope of their own.",
    )
    oidc_roles_claim: str = Field("roles", description="Claim with the groups; a.b.c goes deeper.")
    oidc_role_map: Annotated[tuple[str, ...], NoDecode] = ()
    """``group=role``, comma-separated; a group called like a role needs no line."""
    seats: int = Field(6, ge=1, le=2000, description="Seats made at first run.")
    first_seat: int = Field(8001, ge=1000, le=89999)
