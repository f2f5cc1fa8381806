"""Who holds a connection to the SIP TLS port and registers nobody is counted by his address."""

from __future__ import annotations

from callcenter.telephony.domain.idle_connections import (
    GRACE_SECONDS,
    IdleConnections,
    established,
)

PORT = 5061
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue\n"
# 127.0.0.1:5061 with 192.0.2.7:40000; a listener; one that closes; another port; nonsense;
# and behind all that 192.0.2.10:40003.
TABLE = (
    HEAD + "   0: 0100007F:13C5 070200C0:9C40 01 00000000:00000000\n"
    "   1: 00000000:13C5 00000000:0000 0A 00000000:00000000\n"
    "   2: 0100007F:13C5 080200C0:9C41 06 00000000:00000000\n"
    "   3: 0100007F:1F90 090200C0:9C42 01 00000000:00000000\n"
    "   4: xyz\n   5: 0100007F:13C5 zz:zz 01\n"
    "   6: 0100007F:13C5 0A0200C0:9C43 01 00000000:00000000\n"
)
# ::1, 2001:db8::7 and an IPv4 address in IPv6's clothes.
TABLE6 = (
    HEAD + "   0: 00000000000000000000000001000000:13C5"
    " B80D0120000000000000000007000000:9C40 01 0:0\n"
    "   1: 00000000000000000000000001000000:13C5 0000000000000000FFFF0000070200C0:9C41 01 0:0\n"
)


def test_the_kernels_table_is_read_and_only_what_is_established_there() -> None:
    assert established(TABLE, PORT) == {("192.0.2.7", 40000), ("192.0.2.10", 40003)}
    assert established(TABLE, 8080) == {("192.0.2.9", 40002)}
    assert established(HEAD, PORT) == frozenset()
    assert established(TABLE6, PORT) == {("2001:db8::7", 40000), ("192.0.2.7", 40001)}
    assert established("", PORT) == frozenset()


def test_only_what_stays_open_without_a_phone_counts() -> None:
    phone, first, second = ("192.0.2.7", 1), ("192.0.2.8", 1), ("192.0.2.8", 2)
    seen = IdleConnections()
    seen.seen([phone, first], [phone], 0.0)
    assert seen.idle == {}
    seen.seen([phone, first, second], [phone], GRACE_SECONDS + 1)
    assert seen.idle == {"192.0.2.8": 1}
    seen.seen([phone, first, second], [phone], 2 * GRACE_SECONDS + 2)
    assert seen.idle == {"192.0.2.8": 2}
    # One that came again is another one, whatever its port.
    seen.seen([phone], [phone], 200.0)
    seen.seen([phone, first], [phone], 201.0)
    assert seen.idle == {}
    # A phone that has unregistered and keeps its connection is nobody any more.
    seen.seen([phone, first], [], 201.0)
    assert seen.idle == {"192.0.2.7": 1}


def test_a_handshake_has_its_time_to_the_last_moment() -> None:
    seen = IdleConnections()
    assert seen.idle == {}
    seen.seen([("192.0.2.8", 1)], [], 1000.0)
    seen.seen([("192.0.2.8", 1)], [], 1000.0 + GRACE_SECONDS)
    assert seen.idle == {}
    seen.seen([("192.0.2.8", 1)], [], 1000.5 + GRACE_SECONDS)
    assert seen.idle == {"192.0.2.8": 1}
    assert seen.now == 1000.5 + GRACE_SECONDS


def test_nothing_was_seen_before_the_first_look() -> None:
    assert IdleConnections().now == 0.0
