"""Those who answer: agents, call-backs, shifts and the forecast."""

from __future__ import annotations

from pydantic import BaseModel, Field

from callcenter.platform.settings.kinds import SeatSrtp


class WorkforceSettings(BaseModel):
    """Mixed into `platform.config.Settings`."""

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
