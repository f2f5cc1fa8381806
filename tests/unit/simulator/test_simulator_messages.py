"""SIP messages, digest and session descriptions, against the RFCs' own examples."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.simulator.digest import Challenge, DigestError, answer, strongest
from callcenter.simulator.message import (
    Headers,
    MessageError,
    Request,
    Response,
    address_uri,
    parameter,
    parse_message,
    quoted,
    split_authority,
    split_outside_quotes,
)
from callcenter.simulator.sdp import Sdp, SdpError, answer_to

# RFC 2617 section 3.5 and RFC 7616 section 3.9.1; their passwords differ in one letter.
RFC2617 = (
    'Digest realm="testrealm@host.com", qop="auth,auth-int",'
    ' nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
RFC7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={},'
    ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",'
    ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("challenge", "password", "cnonce", "response"),
    [
        (RFC2617, "Circle Of Life", "0a4f113b", "6629fae49393a05397450978507c4ef1"),
        (
            RFC7616.format("MD5"),
            "Circle of Life",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "8ca523f5e9506fed4657c9700eebdbec",
        ),
        (
            RFC7616.format("SHA-256"),
            "Circle of Life",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ],
)
def test_digest_gives_the_rfcs_answers(
    challenge: str, password: str, cnonce: str, response: str
) -> None:
    value = answer(
        Challenge.parse(challenge),
        username="Mufasa",
        password=password,
        method="GET",
        uri="/dir/index.html",
        cnonce=cnonce,
    )
    assert f'response="{response}"' in value


def test_the_strongest_challenge_is_answered_and_unknown_ones_are_passed_over() -> None:
    offered = [RFC7616.format("MD5"), RFC7616.format("SHA-256"), RFC7616.format("SHA-999")]
    assert strongest(offered).algorithm == "SHA-256"
    with pytest.raises(DigestError):
        strongest([RFC7616.format("SHA-999"), "Basic realm=x"])


def test_a_message_as_real_proxies_send_it_is_read() -> None:
    data = (
        b"\r\nINVITE sip:12345@host SIP/2.0\r\n"
        b"v: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2\r\n"
        b'f: "A, \\"B\\" <c>"\r\n <sip:1@h;transport=udp>;tag=7\r\n'
        b"i: x@y\r\nl: 3\r\n\r\nabcdef"
    )
    message = parse_message(data)
    assert isinstance(message, Request)
    assert [parameter(via, "branch") for via in message.headers.all("Via")] == [
        "z9hG4bK1",
        "z9hG4bK2",
    ]
    sender = message.headers.get("From")
    assert (address_uri(sender), parameter(sender, "tag")) == ("sip:1@h;transport=udp", "7")
    assert message.body == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"INVITE sip:x SIP/3.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\nnot a header\r\n\r\n",
        b"SIP/2.0 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"SIP/2.0 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_no_message_is_an_error(data: bytes) -> None:
    with pytest.raises(MessageError):
        parse_message(data)


@given(st.binary(max_size=300))
def test_no_datagram_does_more_than_raise_message_error(data: bytes) -> None:
    with contextlib.suppress(MessageError):
        parse_message(b"SIP/2.0 200 OK\r\n" + data)


_VALUES = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)


@given(_VALUES, st.integers(100, 699), st.binary(max_size=50))
def test_what_is_written_is_read_back(value: str, status: int, body: bytes) -> None:
    headers = Headers([("X-Value", value.strip()), ("Call-ID", "1")])
    response = parse_message(Response(status, "Why Not", headers, body).encode())
    assert isinstance(response, Response)
    assert (response.status, response.body) == (status, body)
    assert response.headers.get("x-value") == value.strip()


@given(st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=40))
def test_a_quoted_name_never_breaks_the_address(name: str) -> None:
    value = f"{quoted(name)} <sip:1@h>;tag=t"
    assert address_uri(value) == "sip:1@h"
    assert parameter(value, "tag") == "t"
    assert split_outside_quotes(value, ",") == [value]


def test_where_a_uri_is_sent_to() -> None:
    assert split_authority("sip:8001@127.0.0.1:5070;transport=udp") == ("127.0.0.1", 5070)
    assert split_authority("sip:127.0.0.1") == ("127.0.0.1", 5060)


MINE = Sdp("127.0.0.1", 4000, (8, 0), 101)


def test_an_offer_is_read_back_and_answered_with_its_first_common_codec() -> None:
    offer = Sdp("127.0.0.2", 6000, (0, 8), 96, "sendonly")
    assert Sdp.parse(offer.encode()) == offer
    assert answer_to(offer, MINE) == Sdp("127.0.0.1", 4000, (0,), 96, "recvonly")


def test_an_offer_without_a_common_codec_or_audio_is_refused() -> None:
    video = b"v=0\r\nc=IN IP4 1.2.3.4\r\nm=video 1 RTP/AVP 96\r\n"
    with pytest.raises(SdpError):
        Sdp.parse(video)
    with pytest.raises(SdpError):
        answer_to(Sdp("127.0.0.2", 6000, (0,), None), Sdp("127.0.0.1", 4000, (8,), None))
