"""Every setting, its unit, its default and the reason for the number.

Read from the environment (``CALLCENTER_*``) and from ``CALLCENTER_HOME/callcenter.env``;
the environment wins. A second instance on the same machine needs another home and other ports,
nothing else.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from callcenter.platform import setting_checks
from callcenter.platform.domain.dialling import to_regex
from callcenter.platform.errors import SetupError
from callcenter.platform.setting_names import PREFIX, check_names

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


SIP_PORT = 5060


def default_home() -> Path:
    """``CALLCENTER_HOME``, else ``var`` in the present folder."""
    return Path(os.environ.get("CALLCENTER_HOME", "var")).absolute()


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


_ORDERED = (
    ("voice_message_min_seconds", "voice_message_max_seconds", "every message would be a slip"),
    ("voice_message_silence_seconds", "voice_message_max_seconds", "silence would never end it"),
    ("ami_ping_seconds", "ami_dead_seconds", "a link that is asked must have time to answer"),
    ("forecast_within_share", "forecast_connect_share", "who is answered soon is answered"),
)
"""Settings of which the first is not above the second, and why."""


class AgentSessionEnd(StrEnum):
    """What becomes of an agent whose last session is over: logged out, a new password, disabled, or
    idle for too long."""

    LOG_OUT = "log_out"
    """He is off the seat once he is in no call, and is offered none until then."""
    BREAK = "break"
    """He keeps the seat, on a break, until he logs in again and is ready."""
    KEEP = "keep"
    """Nothing: for houses whose agents work by their phones alone, with programs in between."""


class Settings(BaseSettings):
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

    # -- addresses and ports ----------------------------------------------------------------
    sip_bind: str = Field("0.0.0.0", description="Where phones and the trunk reach us.")  # noqa: S104
    sip_port: Port = 5060
    sip_tls_port: PortOrOff = 5061
    """Phones that speak SIP over TLS; 0 turns it off."""
    sip_failures_max: int = Field(
        30, ge=3, le=1000, description="Failed SIP log-ins of one address: a person mistypes three."
    )
    sip_failures_minutes: int = Field(
        10,
        ge=1,
        le=1440,
        description="Within so long: phones with an old password try each minute.",
    )
    sip_shut_out_minutes: int = Field(
        15, ge=0, le=1440, description="The PBX does not listen to it then; 0: nobody is shut out."
    )
    sip_shut_out_max: int = Field(
        256, ge=1, le=5000, description="At once: the PBX looks through them at each request."
    )
    sip_idle_max: int = Field(
        16,
        ge=1,
        le=10_000,
        description="Connections of one address to the SIP TLS port on which nobody registers: more"
        " are told in health. A router with phones behind it that begin anew has some.",
    )
    wss_port: PortOrOff = 0
    """Browser phones: SIP over WebSocket over TLS, on `sip_bind`. Off (0) unless somebody wants
    them: the same port of the PBX answers ARI too, and ARI belongs on loopback."""
    https_bind: str = Field("0.0.0.0", description="Where browsers of other PCs reach us.")  # noqa: S104
    https_port: PortOrOff = 8443
    """The console and the API over TLS; 0 turns it off, for a proxy that has TLS of its own. Not
    443: a port below 1024 needs root."""
    tls_certificate: str = Field(
        "",
        description="PEM file, with its chain; empty: made here, signed by an authority of ours.",
    )
    tls_key: str = Field("", description="PEM file of its private key, without a passphrase.")
    webrtc_url: str = Field(
        "",
        pattern=r"^(wss?://\S+)?$",
        description="Where browsers reach `wss_port` through a proxy.",
    )
    ice_servers: Annotated[tuple[str, ...], NoDecode] = ()
    """STUN servers for browser phones outside our network, ``stun:host:port``, comma-separated."""
    rtp_start: Port = 10000
    rtp_end: Port = 12000
    """2,000 ports carry 1,000 legs: 500 calls in conversation at once."""
    ami_port: Port = 5038
    ari_port: Port = 8088
    agi_port: Port = 4573
    api_bind: str = "127.0.0.1"
    api_port: Port = 8000
    supervisor_port: Port = 9001
    external_address: str = Field("", description="Public address for SIP/RTP behind NAT.")

    # -- trunk ------------------------------------------------------------------------------
    trunk_mode: TrunkMode = TrunkMode.LOOPBACK
    trunk_host: str = Field("", description="Carrier's SIP host[:port]; for ip and register.")
    trunk_port: PortOrOff = 0
    """Carrier's SIP port where it is not 5060; 0: as `trunk_host` says."""
    trunk_match: Annotated[tuple[str, ...], NoDecode] = ()
    """Carrier's addresses or networks, comma-separated; only for `ip`."""
    trunk_username: str = ""
    trunk_password: str = ""
    trunk_session_timers: SessionTimers = SessionTimers.ALWAYS
    """A citizen who is silent is not a citizen who has gone: carriers and mobiles send no sound in
    silence, so a call is ended only after its other side was asked and did not answer."""
    trunk_session_seconds: int = Field(
        120,
        ge=90,
        le=7200,
        description="Where we ask, we do so after half of it: who has vanished without a word is"
        " gone 64 s later (RFC 3261, timer F: of the question, then of the farewell), in two"
        " minutes. Where the carrier asks for another time, his holds.",
    )
    trunk_session_min_seconds: int = Field(
        90, ge=90, le=7200, description="Less is refused (422); RFC 4028 allows no less than 90."
    )
    trunk_rtp_timeout_seconds: int = Field(
        0,
        ge=0,
        le=7200,
        description="A citizen's side that sends no sound for so long is cut off unasked, waiting"
        " or talking; 0: never. For a carrier that always sends sound and answers for the dead.",
    )
    trunk_rtp_timeout_hold_seconds: int = Field(
        0, ge=0, le=7200, description="The same while that side holds us; 0: never."
    )
    hotline_number: str = Field("12345", pattern=r"^[0-9]{3,15}$")
    extra_numbers: Annotated[tuple[str, ...], NoDecode] = ()
    """Further numbers (DID) that reach the hotline, comma-separated."""
    outbound_patterns: Annotated[tuple[str, ...], NoDecode] = ()
    """Asterisk patterns of outside numbers that a seat may call or transfer to; none by default,
    because every pattern here is money that a stolen seat can spend."""

    # -- the caller's way -------------------------------------------------------------------
    recording_notice: bool = Field(True, description="Say before the queue that it is recorded.")
    menu: bool = Field(False, description="Menu before the queue; GB/T 33358 discourages menus.")
    queue_max_waiting: int = Field(50, ge=1, le=1000, description="More callers go to overflow.")
    waiting_of_one: int = Field(
        5,
        ge=0,
        le=1000,
        description="Calls of one number that may wait at once: a family or a small office shares"
        " one; a machine that dials on and on takes no more places. 0: no limit.",
    )
    waiting_anonymous: int = Field(
        20,
        ge=0,
        le=1000,
        description="The same of all callers without a number together, who cannot be told apart:"
        " room for the others is left in a queue of 50. 0: no limit.",
    )
    queue_ring_seconds: int = Field(15, ge=5, le=60, description="Then the next seat rings.")
    queue_wait_limit_seconds: int = Field(
        600, ge=10, le=7200, description="Then a voice message is offered: few wait longer."
    )
    queue_wrapup_seconds: int = Field(3, ge=0, le=300, description="Guard between two calls.")
    members_return_seconds: int = Field(
        15,
        ge=0,
        le=120,
        description="So long after a start of the PBX a caller waits for the first seat of his"
        " queue to be back, before he is told that nobody is there: it starts in 2 s and has asked"
        " every phone within 4 s more; a busy machine is twice as slow.",
    )
    announce_position_seconds: int = Field(30, ge=0, le=600, description="0 turns it off.")
    announce_voice_message_seconds: int = Field(
        45, ge=0, le=600, description="How often the way to a voice message is said; 0: never."
    )
    announcements_at_once: int = Field(
        30, ge=1, le=1000, description="Callers spoken to at once: 2 legs and 0.5 % of a core each."
    )
    max_channels: int = Field(
        1500, ge=10, le=100000, description="PBX refuses more: 500 calls of at most three legs."
    )
    priority_minutes: int = Field(
        15, ge=0, le=1440, description="A caller cut off this recently goes first."
    )
    voice_message_min_seconds: int = Field(3, ge=1, le=30, description="Shorter is a slip.")
    voice_message_max_seconds: int = Field(180, ge=10, le=900)
    voice_message_silence_seconds: int = Field(5, ge=2, le=30, description="Silence that ends it.")
    voice_message_free_floor_mib: int = Field(
        1024, ge=0, description="Below it none is taken: 1 GiB is 350 messages of 180 s."
    )
    voice_messages_per_hour: int = Field(
        5, ge=1, le=1000, description="Of one number, so that one caller cannot fill the disk."
    )
    voice_messages_anonymous_per_hour: int = Field(
        30, ge=0, le=10000, description="Of all callers without a number together."
    )
    rating: bool = Field(True, description="Ask for a score when the seat hangs up.")
    rating_again_hours: int = Field(
        24, ge=0, le=8760, description="Who gave a score is not asked again so soon; 0: always."
    )
    transfer_ring_seconds: int = Field(15, ge=5, le=60, description="Then it comes back.")
    shortest_talk_ms: int = Field(
        1000,
        ge=0,
        le=5000,
        description="A phone that answers and leaves sooner has not talked: nobody says a word and"
        " hears one in less. The caller goes to the next seat.",
    )

    # -- limits of the AGI server -----------------------------------------------------------
    agi_deadline_ms: int = Field(800, ge=50, le=5000, description="Dialplan default after it.")
    agi_max_connections: int = Field(200, ge=1, le=5000, description="3x 60 calls/s x 1 s.")
    agi_max_header_bytes: int = Field(16384, ge=1024, le=262144, description="Asterisk sends ~1 k.")
    agi_max_header_lines: int = Field(128, ge=16, le=1024, description="Asterisk sends ~25.")
    agi_header_seconds: float = Field(1.0, gt=0, le=10, description="Slower is not Asterisk.")
    agi_hang_seconds: float = Field(3.0, gt=0.5, le=60, description="Watchdog restarts after it.")

    # -- AMI link ---------------------------------------------------------------------------
    ami_action_seconds: float = Field(5.0, gt=0, le=60, description="One action's deadline.")
    ami_ping_seconds: float = Field(5.0, gt=0, le=300, description="Silence before a ping.")
    ami_dead_seconds: float = Field(10.0, gt=0, le=600, description="Silence that drops the link.")
    ami_backoff_max_seconds: float = Field(15.0, gt=0, le=600)
    ami_queue_events: int = Field(20000, ge=100, description="~1 s of a PBX at its limit.")
    reconcile_seconds: float = Field(60.0, gt=0, le=3600, description="PBX matched at least so.")

    # -- audit ------------------------------------------------------------------------------
    audit_order_days: int = Field(
        7, ge=1, le=400, description="Who was served in which order: a day of 20,000 calls is 1 s."
    )

    # -- agents -----------------------------------------------------------------------------
    agents_required: bool = Field(
        False, description="A seat takes calls only while somebody is logged in to it."
    )
    wrap_up_seconds: int = Field(
        30, ge=0, le=3600, description="After a talk, unless its queue says otherwise; 0: none."
    )
    ring_no_answer_limit: int = Field(
        2,
        ge=1,
        le=20,
        description="Calls left ringing or refused, and the seat is on a break: once is a slip.",
    )

    seat_srtp: SeatSrtp = SeatSrtp.OFFERED
    """Offered: a phone over TLS, whose signalling is encrypted, has its sound encrypted too, and
    none is shut out."""
    seat_registration_seconds: int = Field(
        300,
        ge=60,
        le=7200,
        description="A phone registers at least so often. One over TCP may not notice that the PBX"
        " was killed: until then it is unreachable.",
    )
    seat_rtp_timeout_seconds: int = Field(
        60,
        ge=0,
        le=3600,
        description="A seat in a talk that sends no sound for so long is taken as dead: phones send"
        " 50 packets a second, most of them in silence too. A minute, for those that do not: few"
        " listen longer without a word. 0: never.",
    )
    seat_rtp_timeout_hold_seconds: int = Field(
        600,
        ge=0,
        le=7200,
        description="The same while its phone holds the citizen, and sends nothing; 0: never.",
    )

    # -- journal ----------------------------------------------------------------------------
    journal_poll_ms: int = Field(
        70, ge=5, le=1000, description="Within the 100 ms promised; one commit costs 4 ms of CPU."
    )
    journal_gather_ms: int = Field(
        250,
        ge=0,
        le=5000,
        description="So late at most are rows committed that nobody waits for: a commit costs the"
        " same for one as for twenty. An answer is not kept waiting.",
    )
    journal_batch_rows: int = Field(4000, ge=1, le=100000, description="Rows per transaction.")
    pbx_cdr: bool = Field(
        False,
        description="Whether the PBX keeps its own CDR file, for outside tools: 6 ms of CPU a call,"
        " and nothing of ours reads it.",
    )
    pbx_log_rotate_mib: int = Field(
        64,
        ge=1,
        le=4096,
        description="Of queue_log and the CDR file: weeks of calls.",
    )
    journal_rotate_mib: int = Field(256, ge=1, le=4096, description="~1 million rows a file.")
    journal_keep_days: int = Field(400, ge=1, description="A year's ledger can be rebuilt.")

    # -- recordings -------------------------------------------------------------------------
    recording_format: AudioFormat = AudioFormat.FLAC
    """FLAC keeps what was heard, bit for bit, at a thirtieth of Opus' CPU (0.3 against 9.7 ms for a
    second of talk) and three times its room: see docs/decisions/0011."""
    recording_keep_wav: bool = Field(False, description="Keep the PBX's own WAV beside it.")
    recording_short_tolerance_ms: int = Field(
        1500, ge=0, description="File may be shorter than the bridged time by this."
    )
    recording_side_tolerance_ms: int = Field(
        3000,
        ge=0,
        le=60000,
        description="So much of what was sent may be missing on one side: a phone sends no voice"
        " while a key is pressed (0.15 s each, seen), and twenty keys may be.",
    )
    recording_listen: bool = Field(
        True,
        description="Listen while it is written, and begin anew where a voice is lost: 50 us of CPU"
        " for a second of talk.",
    )
    recording_workers: int = Field(1, ge=1, le=16, description="Compressing threads.")
    recording_settle_ms: int = Field(
        1000, ge=0, le=60000, description="After the call: the PBX closes the file a moment late."
    )
    recording_attempts: int = Field(
        20, ge=1, le=1000, description="Before a file is given up: with the waits, half a day."
    )
    recording_retry_seconds: float = Field(
        5.0, gt=0, le=3600, description="After the first failed attempt; doubles up to an hour."
    )
    recording_keep_days: int = Field(1095, ge=1, description="Three years; a city sets its own.")
    recording_free_floor_mib: int = Field(2048, ge=0, description="Oldest go below this.")

    # -- room on the disks: each is judged by its own disk (docs/decisions/0021) ---------------
    recording_stop_free_mib: int = Field(
        512,
        ge=1,
        description="Below it no new recording and no voice message: a quarter of the floor above,"
        " which retention could not hold; 500 running calls write it full in half a minute.",
    )
    recording_end_free_mib: int = Field(
        256, ge=1, description="Below it those that run are ended, for logs and database."
    )
    log_free_floor_mib: int = Field(
        128, ge=1, description="Below it logs are dropped: a day of an idle hotline's database."
    )
    reserve_mib: int = Field(
        64, ge=0, description="Given free on a full disk, for registrations and other small things."
    )
    reserve_free_mib: int = Field(
        32, ge=1, description="Below it the reserve is given free; nothing of ours goes so far."
    )
    journal_ahead_mib: int = Field(
        64,
        ge=1,
        description="Blocks that the journal owns before it needs them: at 4.6 kB a call 24 minutes"
        " at 10 calls a second, four hours at one.",
    )
    database_ahead_mib: int = Field(
        32, ge=1, description="The same for the SQLite file: at 1.6 kB a call 20,000 calls."
    )

    # -- call-backs -------------------------------------------------------------------------
    callback_attempts: int = Field(
        3, ge=1, le=20, description="Then a missed caller is not called any more."
    )
    callback_retry_minutes: int = Field(
        30, ge=1, le=1440, description="After an attempt in vain: who was busy is free by then."
    )
    callback_taken_minutes: int = Field(
        30, ge=1, le=1440, description="A task that was taken and forgotten is free again."
    )
    callback_ring_seconds: int = Field(
        20, ge=5, le=60, description="The agent's own phone rings so long, then nobody is called."
    )

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

    # -- shifts and forecast ----------------------------------------------------------------
    members_by_shift: bool = Field(
        False, description="Callers are offered only to agents whose shift runs."
    )
    shift_min_rest_hours: float = Field(
        11.0, ge=0, le=48, description="Between two shifts; 11 h leave room for a night's sleep."
    )
    shift_max_hours: float = Field(
        12.0,
        gt=0,
        le=48,
        description="Of work without rest. Eight and three of overtime are the law's most (Labour "
        "Law, Articles 36 and 41); one more for the hand-over and a meal in a long night.",
    )
    shift_max_days_in_a_row: int = Field(
        6, ge=1, le=31, description="Labour Law, Article 38: at least one day off a week."
    )
    shift_min_covered: int = Field(1, ge=1, le=2000, description="Seats, while the line is open.")
    shift_grace_seconds: int = Field(
        300, ge=0, le=3600, description="Later, or gone earlier, is told as late or early."
    )
    shift_watch_seconds: float = Field(
        10.0, gt=0, le=600, description="How late a rota changed by another process is noticed."
    )
    forecast_weeks: int = Field(8, ge=1, le=104, description="History; older calls tell less.")
    forecast_patience_seconds: float = Field(
        120.0, ge=1, le=3600, description="Mean patience, until enough callers have given up."
    )
    forecast_shrinkage: float = Field(
        0.15, ge=0, lt=0.9, description="Share of a shift not at the seat: breaks, training."
    )
    forecast_within_seconds: float = Field(
        15.0, ge=0, le=600, description="GB/T 33358-2016; a queue has its own service level."
    )
    forecast_within_share: float = Field(
        0.80, gt=0, lt=1, description="To be answered within it; the trade's usual share."
    )
    forecast_connect_share: float = Field(
        0.95, gt=0, lt=1, description="To be answered at all: GB/T 33358-2016."
    )
    forecast_wrap_up_days: int = Field(
        14, ge=1, le=92, description="Wrap-up is measured over so many: enough, and recent."
    )

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
