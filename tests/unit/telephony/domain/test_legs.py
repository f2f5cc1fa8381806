"""Channels by their names: who is there, whom a Dial calls, and who hears whom."""

from __future__ import annotations

import pytest

from callcenter.telephony.domain.legs import LegKind, dialled_number, kind_of


@pytest.mark.parametrize(
    ("channel", "kind", "endpoint"),
    [
        ("PJSIP/8001-0000002a", LegKind.SEAT, "8001"),
        ("PJSIP/8001", LegKind.SEAT, "8001"),
        ("PJSIP/trunk-0000002a", LegKind.TRUNK, "trunk"),
        ("PJSIP/trunk-second-0000002a", LegKind.TRUNK, "trunk-second"),
        ("PJSIP/door-0000002a", LegKind.PHONE, "door"),
        ("PJSIP/٨٠٠١-0000002a", LegKind.PHONE, "٨٠٠١"),
        ("PJSIP/80a1-0000002a", LegKind.PHONE, "80a1"),
        ("Local/8002@seat-transfer-00000001;2", LegKind.LOCAL, "8002@seat-transfer-00000001"),
        ("Snoop/1795407499.12-0000002a", LegKind.OTHER, "1795407499.12-0000002a"),
        ("", LegKind.OTHER, ""),
    ],
)
def test_what_a_channels_name_says(channel: str, kind: LegKind, endpoint: str) -> None:
    assert kind_of(channel) == (kind, endpoint)
    assert kind.is_party is (kind in (LegKind.SEAT, LegKind.TRUNK, LegKind.PHONE))


@pytest.mark.parametrize(
    ("appdata", "endpoint", "number"),
    [
        ("PJSIP/13800138000@trunk,30,g", "trunk", "13800138000"),
        ("PJSIP/trunk/sip:13800138000@10.0.0.1:5060,30", "trunk", "13800138000"),
        ("PJSIP/trunk/sips:13800138000@10.0.0.1", "trunk", "13800138000"),
        ("PJSIP/8001,20", "8001", ""),
        ("PJSIP/8001&PJSIP/8002", "8002", ""),
        ("Local/8001@x&PJSIP/110@trunk", "trunk", "110"),
        ("PJSIP/8001,PJSIP/8002", "8002", None),
        ("PJSIP/13800138000@trunk", "trunk2", None),
        ("PJSIP/a@b@trunk", "trunk", "a@b"),
        ("SIP/8001", "8001", None),
        ("", "8001", None),
    ],
)
def test_what_dial_calls_an_endpoint_for(appdata: str, endpoint: str, number: str | None) -> None:
    assert dialled_number(appdata, endpoint) == number
