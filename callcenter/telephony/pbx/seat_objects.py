"""A seat as the PBX's SIP stack knows it: three objects under the seat's extension."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from callcenter.platform.config import SeatSrtp, Settings
from callcenter.telephony.domain.reconcile import Fingerprint, pbx_name
from callcenter.telephony.domain.seating import DesiredSeat

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SeatObjects:
    """Options of a seat's objects, every one that matters: nothing is left to a template."""

    auth: Options = field(repr=False)
    aor: Options
    endpoint: Options

    def fingerprint(self) -> Fingerprint:
        """Changes when any option does; the secret cannot be had from it."""
        options = json.dumps([self.aor, self.endpoint], sort_keys=True)
        secret = json.dumps(self.auth, sort_keys=True)
        return Fingerprint(secret=_digest(secret), options=_digest(options))


_BROWSER: Options = {
    "webrtc": "yes",
    "use_avpf": "yes",
    "ice_support": "yes",
    "rtcp_mux": "yes",
    "media_use_received_transport": "yes",
    "media_encryption": "dtls",
    "media_encryption_optimistic": "no",
    "dtls_verify": "fingerprint",
    "dtls_setup": "actpass",
    "dtls_auto_generate_cert": "yes",
}
"""``webrtc`` alone sets the others too (pjsip_configuration.c), but would not take them back."""

DEFAULT_EXPIRATION = 120
"""Seconds, of a phone that names none (RFC 3261, section 10.2.1.1 leaves it to us)."""

_SIP_PHONE: Options = {
    "webrtc": "no",
    "use_avpf": "no",
    "ice_support": "no",
    "rtcp_mux": "no",
    "media_use_received_transport": "no",
    "dtls_verify": "no",
    "dtls_setup": "active",
    "dtls_auto_generate_cert": "no",
}


_SRTP: Mapping[SeatSrtp, Options] = {
    SeatSrtp.OFF: {"media_encryption": "no", "media_encryption_optimistic": "no"},
    SeatSrtp.OFFERED: {"media_encryption": "sdes", "media_encryption_optimistic": "yes"},
    SeatSrtp.REQUIRED: {"media_encryption": "sdes", "media_encryption_optimistic": "no"},
}


@dataclass(frozen=True, slots=True)
class SoundRules:
    """What the settings say of all phones; see them for the reasons."""

    rtp_timeout_seconds: int = 0
    """A phone in a talk that is silent on the wire for so long is hung up; 0: never."""
    rtp_timeout_hold_seconds: int = 0
    """The same for one that holds."""
    srtp: SeatSrtp = SeatSrtp.OFF
    """Of SIP phones."""
    registration_seconds: int = 300
    """The longest that a phone may stay registered without a word."""

    @staticmethod
    def of(settings: Settings) -> SoundRules:
        """As the settings say."""
        return SoundRules(
            settings.seat_rtp_timeout_seconds,
            settings.seat_rtp_timeout_hold_seconds,
            settings.seat_srtp,
            settings.seat_registration_seconds,
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def seat_objects(
    seat: DesiredSeat,
    language: str,
    sound: SoundRules = SoundRules(),
    *,
    keep_phone: bool = False,
) -> SeatObjects:
    """The objects of `seat` (options of Asterisk's res_pjsip). `keep_phone`: no other phone may
    take the place of the one that is there.

    A browser wants its sound encrypted (DTLS-SRTP) over a path that ICE has found; a SIP phone
    refuses an offer that asks for it. So an endpoint is the one or the other at a time. Each option
    is named for both: what is left out of a later push would stay as it was.

    There is no ``set_var``: Asterisk loses it when it reads an object back from astdb, so the
    dialplan says where a seat may transfer to.
    """
    extension = str(seat.extension)
    return SeatObjects(
        auth={"auth_type": "userpass", "username": extension, "password": seat.secret},
        aor={
            # One phone a seat; a phone that comes back from another address takes over. Of a seat
            # that is kept it does so only from one that cannot be reached.
            "max_contacts": "1",
            "remove_existing": "no" if keep_phone else "yes",
            "remove_unavailable": "yes" if keep_phone else "no",
            # A phone over TCP that does not notice that its connection has gone (the PBX was
            # killed) comes back with its next registration.
            "default_expiration": str(min(DEFAULT_EXPIRATION, sound.registration_seconds)),
            "maximum_expiration": str(sound.registration_seconds),
            # A phone that is gone stops being offered callers within half a minute.
            "qualify_frequency": "30",
            "support_path": "yes",
        },
        endpoint={
            "context": "from-seat",
            "auth": extension,
            "aors": extension,
            # By its name, then proven by its secret; never by its address.
            "identify_by": "username,auth_username",
            "disallow": "all",
            "allow": "alaw,ulaw",
            # Sound goes through us: it is recorded, and phones sit behind NAT.
            "direct_media": "no",
            **(_BROWSER if seat.browser else {**_SIP_PHONE, **_SRTP[sound.srtp]}),
            # A phone that dies in a talk says nothing: its citizen would have a dead line until he
            # hangs up himself.
            "rtp_timeout": str(sound.rtp_timeout_seconds),
            "rtp_timeout_hold": str(sound.rtp_timeout_hold_seconds),
            "rtp_symmetric": "yes",
            "force_rport": "yes",
            "rewrite_contact": "yes",
            "dtmf_mode": "auto",
            "device_state_busy_at": "1",
            "allow_transfer": "yes",
            "trust_id_inbound": "no",
            "callerid": f'"{pbx_name(seat.name)}" <{extension}>',
            "language": language,
        },
    )
