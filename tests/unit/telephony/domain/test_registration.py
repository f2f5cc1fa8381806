"""How a phone came is read from its contact, whatever it wrote there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.registrations import PhoneKinds, Transport, read_contact_uri


@pytest.mark.parametrize(
    ("uri", "transport", "address"),
    [
        ("sip:8001@127.0.0.1:59222", Transport.UDP, "127.0.0.1:59222"),
        ("sip:8002@127.0.0.1:53233;transport=TCP", Transport.TCP, "127.0.0.1:53233"),
        ("sip:8003@192.0.2.7:43941;transport=TLS;ob", Transport.TLS, "192.0.2.7:43941"),
        ("sips:8003@192.0.2.7", Transport.TLS, "192.0.2.7"),
        (
            "sip:8004@127.0.0.1:33115;transport=WS;x-ast-orig-host=a.invalid:0",
            Transport.WEBSOCKET,
            "127.0.0.1:33115",
        ),
        ("sip:8004@127.0.0.1:33115;transport=wss", Transport.WEBSOCKET, "127.0.0.1:33115"),
        ("sip:8001@[2001:db8::1]:5060;transport=tcp", Transport.TCP, "[2001:db8::1]:5060"),
        ("sip:8001@192.0.2.7;transport=carrier", Transport.OTHER, "192.0.2.7"),
        ("sip:8001@192.0.2.7;transport=other", Transport.OTHER, "192.0.2.7"),
        ("tel:12345", Transport.OTHER, ""),
        ("", Transport.OTHER, ""),
    ],
)
def test_contacts_of_real_phones(uri: str, transport: Transport, address: str) -> None:
    assert read_contact_uri(uri) == (transport, address)


@given(st.text(max_size=300))
def test_no_contact_does_more_than_be_unknown(uri: str) -> None:
    transport, address = read_contact_uri(uri)
    assert transport in Transport
    assert address in uri


def test_a_seat_that_may_have_either_follows_its_last_phone() -> None:
    for last in (False, True):
        assert not PhoneKinds.SIP.is_browser(last)
        assert PhoneKinds.WEBRTC.is_browser(last)
        assert PhoneKinds.BOTH.is_browser(last) is last


@pytest.mark.parametrize("transport", Transport)
def test_only_a_browser_comes_over_a_websocket(transport: Transport) -> None:
    assert transport.browser is (transport == "ws")
