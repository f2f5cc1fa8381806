"""Sound and RTP: what goes in comes out."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.simulator.rtp import RtpError, RtpPacket, digit_payloads
from callcenter.simulator.sound import (
    CALLER_HZ,
    FRAME,
    RATE,
    SEAT_HZ,
    decode_g711,
    encode_g711,
    mixed,
    power_at,
    resampled,
    rms,
    silence,
    tone,
)

PACKETS = st.builds(
    RtpPacket,
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=200),
)


@given(PACKETS)
def test_a_packet_is_read_back(packet: RtpPacket) -> None:
    assert RtpPacket.parse(packet.encode()) == packet


@given(st.binary(max_size=60))
def test_no_datagram_does_more_than_raise_rtp_error(data: bytes) -> None:
    with contextlib.suppress(RtpError):
        RtpPacket.parse(data)


def test_csrc_extension_and_padding_are_read_over() -> None:
    head = bytes([0x80 | 0x20 | 0x10 | 1, 8, 0, 1]) + bytes(8)
    packet = RtpPacket.parse(head + bytes(4) + b"\xbe\xde\x00\x01" + bytes(4) + b"hi" + b"\x00\x02")
    assert packet.payload == b"hi"


def test_a_digit_ends_three_times_with_its_whole_length() -> None:
    payloads = [payload for payload, _first in digit_payloads("#")]
    assert {payload[0] for payload in payloads} == {11}
    lengths = [int.from_bytes(payload[2:4]) for payload in payloads]
    assert lengths == [160, 320, 480, 640, 800, 800, 800, 800]
    assert [bool(payload[1] & 0x80) for payload in payloads] == [False] * 5 + [True] * 3


@pytest.mark.parametrize("payload", [0, 8])
def test_every_octet_of_g711_survives(payload: int) -> None:
    octets = bytes(range(256))
    values = decode_g711(octets, payload)
    # mu-law has two zeros; every other value has one octet.
    assert np.array_equal(decode_g711(encode_g711(values, payload), payload), values)


def test_g711_agrees_with_the_standard() -> None:
    # ITU-T G.711 tables 1a and 2a: full scale, silence, the smallest steps.
    assert decode_g711(b"\xaa\xd5\x55\x2a", 8).tolist() == [32256, 8, -8, -32256]
    assert decode_g711(b"\x80\xff\x00", 0).tolist() == [32124, 0, -32124]


@given(st.integers(-32000, 32000))
def test_g711_keeps_a_value_within_its_step(value: int) -> None:
    for payload in (0, 8):
        found = int(decode_g711(encode_g711(np.array([value], np.int16), payload), payload)[0])
        assert abs(found - value) <= max(8, abs(value) // 24)


def test_a_marker_tone_is_found_in_speech_and_only_where_it_is() -> None:
    noise = np.random.default_rng(1).normal(0, 2000, RATE * 2).astype(np.int16)
    caller = mixed(noise, tone(CALLER_HZ, 1, 0.05))
    assert power_at(caller, CALLER_HZ) == pytest.approx(0.05, abs=0.01)
    assert power_at(caller, SEAT_HZ) < 0.01
    assert power_at(silence(1), CALLER_HZ) == 0


def test_levels() -> None:
    assert rms(tone(440, 1, 0.5)) == pytest.approx(0.5 / 2**0.5, rel=0.01)
    assert rms(silence(1)) == rms(silence(0)) == 0


def test_resampling_keeps_a_tone_and_takes_out_what_would_fold_back() -> None:
    times = np.arange(22050) / 22050
    low = (8000 * np.sin(2 * np.pi * 1000 * times)).astype(np.int16)
    high = (8000 * np.sin(2 * np.pi * 6500 * times)).astype(np.int16)
    assert resampled(low, 22050).size == pytest.approx(RATE, abs=FRAME)
    assert power_at(resampled(low, 22050), 1000) == pytest.approx(8000 / 32768, rel=0.05)
    assert rms(resampled(high, 22050)) < 0.01
