"""SIPp's scenarios are whole, and what it wrote is read back; SIPp itself takes each of them."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.config import Settings
from callcenter.setup.toolbox import ensure_toolbox
from callcenter.simulator.phone import Phone
from callcenter.simulator.sipp import (
    Sipp,
    SippCounts,
    SippFailed,
    caller_scenario,
    callers_file,
    read_counts,
    read_moments,
    register_scenario,
    seat_scenario,
    seats_file,
)
from callcenter.simulator.sound import CALLER_HZ, power_at, tone
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.seating import DesiredSeat

SCENARIOS = {
    "callers": caller_scenario(2000),
    "seats": seat_scenario(200),
    "register": register_scenario(),
}
FORBIDDEN = ' ;[]"<>\n\r\t'


def read(scenario: str) -> ElementTree.Element:
    """The scenario's tree."""
    return ElementTree.fromstring(scenario)  # noqa: S314 - our own text


def steps(scenario: str) -> list[tuple[str, str]]:
    """What a scenario does: sends and receptions, with the method or status."""
    found = []
    for element in read(scenario):
        if element.tag == "send":
            found.append(("send", (element.text or "").strip().splitlines()[0]))
        elif element.tag == "recv":
            found.append(("recv", element.get("request") or element.get("response") or ""))
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_message_has_what_rfc_3261_demands(name: str) -> None:
    for element in read(SCENARIOS[name]).iter("send"):
        head, _, body = (element.text or "").lstrip().partition("\n\n")
        first, *lines = head.splitlines()
        fields = {line.split(":")[0].strip("[]").removeprefix("last_") for line in lines}
        assert {"Via", "From", "To", "Call-ID", "CSeq"} <= fields, first
        if not first.startswith("SIP/2.0"):
            assert "Max-Forwards" in fields
        declared = re.search(r"^Content-Length: (.+)$", head, re.MULTILINE)
        assert declared is not None
        # A body's length is counted by SIPp; without a body it is none.
        assert declared[1] == ("[len]" if body.strip() else "0")


def test_a_caller_talks_and_hangs_up() -> None:
    methods = [what.split()[0] for kind, what in steps(SCENARIOS["callers"]) if kind == "send"]
    assert methods == ["INVITE", "ACK", "BYE"]
    assert '<pause milliseconds="2000"' in SCENARIOS["callers"]
    assert "rtp_stream" in SCENARIOS["callers"]


@pytest.mark.parametrize("milliseconds", [0, -1])
def test_no_time_is_no_call(milliseconds: int) -> None:
    with pytest.raises(ValueError, match="talk_ms"):
        caller_scenario(milliseconds)
    with pytest.raises(ValueError, match="ring_ms"):
        seat_scenario(milliseconds)


def test_every_jump_of_the_seats_has_its_label() -> None:
    tree = read(SCENARIOS["seats"])
    jumps = {element.get("next") for element in tree.iter() if element.get("next")}
    assert jumps == {label.get("id") for label in tree.iter("label")}


@given(st.lists(st.text("0123456789+*#abc", min_size=1, max_size=20), max_size=20))
def test_every_caller_has_his_line(numbers: Sequence[str]) -> None:
    lines = callers_file(numbers).splitlines()
    assert lines[0] == "SEQUENTIAL"
    assert [line.split(";")[0] for line in lines[1:]] == list(numbers)


@given(st.text(max_size=5), st.sampled_from(FORBIDDEN), st.text(max_size=5))
def test_nothing_breaks_out_of_its_field(before: str, bad: str, after: str) -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        callers_file([before + bad + after])
    with pytest.raises(ValueError, match="cannot stand"):
        seats_file([DesiredSeat(Extension("8001"), "Seat", before + bad + after, True)])


def test_a_seat_registers_with_its_own_secret() -> None:
    text = seats_file([DesiredSeat(Extension("8001"), "Seat", "s3cret-_x", True)])
    assert text.splitlines()[1] == "8001;[authentication username=8001 password=s3cret-_x];"


def test_the_last_row_of_the_statistics_counts() -> None:
    head = "StartTime;TotalCallCreated;SuccessfulCall(C);FailedCall(C);Retransmissions(C);"
    text = f"{head}\nx;5;1;0;0;\nx;20;17;3;4;\n"
    assert read_counts(text) == SippCounts(created=20, succeeded=17, failed=3, retransmissions=4)


@pytest.mark.parametrize("text", ["", "A;B\n", "TotalCallCreated;\n5;\n"])
def test_statistics_that_are_none_are_an_error(text: str) -> None:
    with pytest.raises(SippFailed, match="statistics"):
        read_counts(text)


def test_only_the_first_moment_of_a_number_counts() -> None:
    text = (
        "2026-11-24\t22:19:34.909891\t1795558774.909891 13700000001\n"
        "2026-11-24\t22:19:35.010613\t1795558775.010613 13700000002\n"
        "2026-11-24\t22:19:36.000000\t1795558776.000000 13700000001\n"
        "torn 13700000003\n"
    )
    assert read_moments(text) == {
        "13700000001": 1795558774.909891,
        "13700000002": 1795558775.010613,
    }


# -- SIPp itself ------------------------------------------------------------------------------


def free_ports() -> int:
    """A free UDP port; those above it are free as a rule, since systems give them upwards or at
    random."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def sipp_command() -> list[str]:
    return ensure_toolbox(Settings(_env_file=None), print).sipp_command


async def test_sipp_calls_a_phone_with_sound(sipp_command: list[str], tmp_path: Path) -> None:
    async with Phone("127.0.0.1", 5060, "12345") as phone:
        sipp = Sipp(sipp_command, tmp_path, ("127.0.0.1", phone.local_port))
        port = free_ports()
        callers = await sipp.call(
            ["13700000001"],
            tone(CALLER_HZ, 1.0),
            rate=1,
            talk_ms=1000,
            port=port,
            rtp_ports=(port + 2, port + 9),
        )
        call = await phone.next_call(10)
        await call.answer()
        await call.hears(CALLER_HZ)
        await call.ended(10)
        counts = await callers.wait(10)
    assert call.caller == "13700000001"
    assert power_at(call.heard(), CALLER_HZ) > 0.05
    assert counts == SippCounts(created=1, succeeded=1, failed=0, retransmissions=0)
    assert set(callers.moments()) == {"13700000001"}


async def test_a_refused_call_is_a_failed_one(sipp_command: list[str], tmp_path: Path) -> None:
    async with Phone("127.0.0.1", 5060, "12345") as phone:
        phone.refuse_with = 486
        sipp = Sipp(sipp_command, tmp_path, ("127.0.0.1", phone.local_port))
        port = free_ports()
        callers = await sipp.call(
            ["13700000001", "13700000002"],
            tone(CALLER_HZ, 1.0),
            rate=10,
            talk_ms=1000,
            port=port,
            rtp_ports=(port + 2, port + 9),
        )
        counts = await callers.wait(10)
    assert (counts.created, counts.succeeded, counts.failed) == (2, 0, 2)
    assert "486" in callers.said()


async def test_seats_of_sipp_answer_and_echo(sipp_command: list[str], tmp_path: Path) -> None:
    port = free_ports()
    seats = await Sipp(sipp_command, tmp_path, ("127.0.0.1", 5060)).seats(
        port=port, echo_port=port + 2, ring_ms=50
    )
    try:
        async with Phone("127.0.0.1", port, "13700000001") as phone:
            call = await phone.dial("8001")
            await call.answered(10)
            call.say(tone(CALLER_HZ, 1.0), repeat=True)
            await call.hears(CALLER_HZ)
            await call.hang_up()
        assert set(seats.moments()) == {"13700000001"}
        assert seats.running
    finally:
        await seats.stop()
    assert not seats.running


async def test_calls_without_end_are_an_error(sipp_command: list[str], tmp_path: Path) -> None:
    async with Phone("127.0.0.1", 5060, "12345") as phone:
        sipp = Sipp(sipp_command, tmp_path, ("127.0.0.1", phone.local_port))
        port = free_ports()
        callers = await sipp.call(
            ["13700000001"],
            tone(CALLER_HZ, 1.0),
            rate=1,
            talk_ms=60_000,
            port=port,
            rtp_ports=(port + 2, port + 9),
        )
        await (await phone.next_call(10)).answer()
        with pytest.raises(SippFailed, match="not over after"):
            await callers.wait(0.5)
        assert not callers.running


async def test_a_taken_port_is_said(sipp_command: list[str], tmp_path: Path) -> None:
    async with Phone("127.0.0.1", 5060, "8001") as phone:
        seats = await Sipp(sipp_command, tmp_path, ("127.0.0.1", 5060)).seats(
            port=phone.local_port, echo_port=free_ports()
        )
        with pytest.raises(SippFailed, match="ended with"):
            await asyncio.wait_for(seats.wait(10), 15)
