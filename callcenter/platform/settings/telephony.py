"""The PBX: where it is reached, its trunk, and what becomes of a caller."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field
from pydantic_settings import NoDecode

from callcenter.platform.settings.kinds import Port, PortOrOff, SessionTimers, TrunkMode


class TelephonySettings(BaseModel):
    """Mixed into `platform.config.Settings`."""

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
