"""Encrypted sound: the vectors of RFC 3711, and both directions of a stream."""

from __future__ import annotations

import pytest

from callcenter.simulator.sdp import Sdp, answer_to
from callcenter.simulator.srtp import Srtp, SrtpError, derive, keystream, new_key

MASTER = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6")


def test_the_keystream_of_rfc_3711_appendix_b_2() -> None:
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    start = int("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000", 16)
    stream = keystream(key, start, 48).hex().upper()
    assert stream == (
        "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB"
        "41E95B3BB0A2E8DD477901E4FCA894C0"
    )


def test_the_session_keys_of_rfc_3711_appendix_b_3() -> None:
    assert derive(MASTER, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert derive(MASTER, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    assert derive(MASTER, 1, 20).hex().upper().startswith("CEBE321F6FF7716B6FD4AB49AF256A15")


def packet(sequence: int) -> bytes:
    return b"\x80\x08" + sequence.to_bytes(2, "big") + b"\0\0\0\1\xde\xad\xbe\xef" + b"sound"


def test_what_one_protects_the_other_reads_also_when_the_numbers_begin_anew() -> None:
    key = new_key()
    out, back = Srtp(key), Srtp(key)
    for number in (65534, 65535, 0, 1):
        sent = out.protect(packet(number), 12)
        assert b"sound" not in sent
        assert back.unprotect(sent, 12) == packet(number)


def test_another_key_or_a_changed_packet_is_seen() -> None:
    sent = Srtp(new_key()).protect(packet(7), 12)
    key = new_key()
    changed = bytearray(Srtp(key).protect(packet(7), 12))
    changed[13] ^= 1
    for wrong in (sent, bytes(changed), b"\x80\x08\0\7"):
        with pytest.raises(SrtpError):
            Srtp(key).unprotect(wrong, 12)


def test_a_key_is_taken_only_by_a_phone_that_has_one_and_of_an_offer_that_does() -> None:
    plain = Sdp("127.0.0.1", 4000, (8,), None)
    secret = Sdp("127.0.0.1", 4000, (8,), None, crypto=(3, new_key()), savp=True)
    read = Sdp.parse(secret.encode())
    assert (read.crypto, read.savp) == (secret.crypto, True)
    mine = Sdp("127.0.0.1", 4002, (8,), None, crypto=(1, new_key()))
    taken = answer_to(secret, mine)
    assert taken.crypto == (3, mine.crypto[1] if mine.crypto else b"")
    assert taken.savp
    assert answer_to(plain, mine).crypto is None
    assert answer_to(Sdp.parse(plain.encode()), plain).crypto is None
