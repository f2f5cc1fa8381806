"""A seat's objects: complete, known by their fingerprint, and not to be broken by a name."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.platform.config import SeatSrtp
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.reconcile import Fingerprint
from callcenter.telephony.domain.seating import DesiredSeat
from callcenter.telephony.pbx.ami.wire import check_fields
from callcenter.telephony.pbx.seat_objects import SeatObjects, SoundRules, seat_objects


def seat(**changes: object) -> DesiredSeat:
    usual = DesiredSeat(Extension("8001"), "王芳", "geheim", in_queue=True)
    return replace(usual, **changes)  # type: ignore[arg-type]


def test_the_objects_are_tied_together_by_the_extension() -> None:
    objects = seat_objects(seat(), "zh")
    assert (objects.endpoint["auth"], objects.endpoint["aors"]) == ("8001", "8001")
    assert objects.auth == {"auth_type": "userpass", "username": "8001", "password": "geheim"}
    assert objects.endpoint["callerid"] == '"王芳" <8001>'
    assert objects.endpoint["language"] == "zh"


def test_a_seat_that_is_kept_takes_another_phone_only_for_one_that_is_gone() -> None:
    usual, kept = (seat_objects(seat(), "zh", keep_phone=keep) for keep in (False, True))
    assert (usual.aor["remove_existing"], usual.aor["remove_unavailable"]) == ("yes", "no")
    assert (kept.aor["remove_existing"], kept.aor["remove_unavailable"]) == ("no", "yes")
    assert usual.aor["max_contacts"] == kept.aor["max_contacts"] == "1"
    assert usual.endpoint == kept.endpoint
    assert usual.fingerprint() != kept.fingerprint()


def test_a_seat_can_do_only_what_a_seat_may() -> None:
    """Toll fraud begins with an endpoint in the wrong context, or one that is taken on trust."""
    endpoint = seat_objects(seat(), "zh").endpoint
    assert endpoint["context"] == "from-seat"
    assert endpoint["trust_id_inbound"] == "no"
    assert "ip" not in endpoint["identify_by"].split(",")
    assert endpoint["disallow"] == "all"
    # Recorded means: the sound goes through us.
    assert endpoint["direct_media"] == "no"


def test_a_phone_that_dies_in_a_talk_is_given_up_of_either_kind() -> None:
    rules = SoundRules(rtp_timeout_seconds=30, rtp_timeout_hold_seconds=600)
    for one in (seat(), seat(browser=True)):
        endpoint = seat_objects(one, "zh", rules).endpoint
        assert (endpoint["rtp_timeout"], endpoint["rtp_timeout_hold"]) == ("30", "600")


@pytest.mark.parametrize(
    ("srtp", "encryption", "optimistic"),
    [
        (SeatSrtp.OFF, "no", "no"),
        (SeatSrtp.OFFERED, "sdes", "yes"),
        (SeatSrtp.REQUIRED, "sdes", "no"),
    ],
)
def test_the_sound_of_sip_phones_is_encrypted_as_the_setting_says(
    srtp: SeatSrtp, encryption: str, optimistic: str
) -> None:
    rules = SoundRules(srtp=srtp)
    sip = seat_objects(seat(), "zh", rules).endpoint
    assert (sip["media_encryption"], sip["media_encryption_optimistic"]) == (
        encryption,
        optimistic,
    )
    browser = seat_objects(seat(browser=True), "zh", rules).endpoint
    assert (browser["media_encryption"], browser["media_encryption_optimistic"]) == ("dtls", "no")


BROWSER_MEDIA = {"media_encryption": "dtls", "use_avpf": "yes", "ice_support": "yes"}


def test_a_browser_is_spoken_to_as_one_and_a_sip_phone_as_one() -> None:
    """An endpoint turns from the one into the other and back: each option is said both times, for
    the PBX keeps what is not said (webrtc=yes sets options that webrtc=no would not take back)."""
    sip = seat_objects(seat(), "zh").endpoint
    browser = seat_objects(seat(browser=True), "zh").endpoint
    assert sip.keys() == browser.keys()
    assert browser.items() >= {"webrtc": "yes", "rtcp_mux": "yes", **BROWSER_MEDIA}.items()
    assert sip.items() >= {**dict.fromkeys(BROWSER_MEDIA, "no"), "webrtc": "no"}.items()
    same = {name for name in sip if sip[name] == browser[name]}
    assert {"context", "auth", "aors", "allow", "direct_media", "callerid"} <= same


def test_another_kind_of_phone_is_no_new_secret() -> None:
    """Else the phone that just registered would be signed off."""
    sip, browser = seat_objects(seat(), "zh"), seat_objects(seat(browser=True), "zh")
    assert sip.fingerprint().secret == browser.fingerprint().secret
    assert sip.fingerprint().options != browser.fingerprint().options
    assert sip.aor == browser.aor


def test_one_phone_at_a_seat_and_a_dead_one_is_noticed() -> None:
    aor = seat_objects(seat(), "zh").aor
    assert (aor["max_contacts"], aor["remove_existing"]) == ("1", "yes")
    assert 0 < int(aor["qualify_frequency"]) <= 30


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_name_breaks_out_of_the_caller_id(name: str) -> None:
    objects = seat_objects(seat(name=name), "zh")
    callerid = objects.endpoint["callerid"]
    assert re.fullmatch(r'"[^"<>\\;|,]*" <8001>', callerid)
    for options in (objects.auth, objects.aor, objects.endpoint):
        check_fields(options)


def test_the_fingerprint_changes_with_every_option_and_with_nothing_else() -> None:
    objects = seat_objects(seat(), "zh")
    known = objects.fingerprint()
    assert seat_objects(seat(), "zh").fingerprint() == known
    for kind in ("aor", "endpoint"):
        for option in getattr(objects, kind):
            parts = {name: dict(getattr(objects, name)) for name in ("auth", "aor", "endpoint")}
            parts[kind][option] += "x"
            changed = SeatObjects(**parts).fingerprint()
            assert (changed.secret == known.secret, changed.options == known.options) == (
                True,
                False,
            ), option
    for option in objects.auth:
        auth = {**objects.auth, option: "x"}
        changed = SeatObjects(auth, objects.aor, objects.endpoint).fingerprint()
        assert (changed.secret == known.secret, changed.options == known.options) == (False, True)


def test_the_order_of_options_does_not_matter() -> None:
    objects = seat_objects(seat(), "zh")
    turned = SeatObjects(
        dict(reversed([*objects.auth.items()])),
        dict(reversed([*objects.aor.items()])),
        dict(reversed([*objects.endpoint.items()])),
    )
    assert turned.fingerprint() == objects.fingerprint()


@pytest.mark.parametrize("changes", [{"name": "李娜"}, {"extension": Extension("8002")}])
def test_another_seat_has_another_fingerprint(changes: dict[str, object]) -> None:
    known = seat_objects(seat(), "zh").fingerprint()
    assert seat_objects(seat(**changes), "zh").fingerprint().options != known.options


def test_a_fingerprint_is_kept_as_text_and_does_not_tell_the_secret() -> None:
    objects = seat_objects(seat(secret="geheim123"), "zh")
    fingerprint = objects.fingerprint()
    assert Fingerprint.decode(fingerprint.encode()) == fingerprint
    assert "geheim123" not in fingerprint.encode()
    assert "geheim123" not in repr(objects)
    check_fields({"Val": fingerprint.encode()})
