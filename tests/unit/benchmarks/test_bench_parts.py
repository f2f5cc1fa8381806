"""The benchmark's instruments, each against the thing it measures."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.bare import configuration
from benchmarks.case_watch import CaseWatch
from benchmarks.encoders import FORMATS, costs
from benchmarks.plan import BenchFailed, parse_arguments
from benchmarks.product import Product, forget_settings, make_settings
from benchmarks.queue_log import read_from, size_of
from benchmarks.usage import Usage, cpu_of, spent, usage_of
from callcenter.platform.config import Settings
from callcenter.setup.toolbox import Toolbox
from callcenter.simulator.sound import tone

BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"


# -- CPU and memory ---------------------------------------------------------------------------


def test_cpu_of_a_child_that_has_ended_is_its_parents() -> None:
    before = cpu_of(os.getpid())
    alone = cpu_of(os.getpid(), alone=True)
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert cpu_of(os.getpid()) - before >= 0.29
    assert cpu_of(os.getpid(), alone=True) - alone < 0.25


def test_cpu_of_a_child_that_lives_counts_too() -> None:
    before = cpu_of(os.getpid())
    program = BURN + "print('done', flush=True)\ninput()\n"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert cpu_of(os.getpid()) - before >= 0.29
        assert usage_of(child.pid).memory_bytes > 1 << 20
        child.kill()


def test_a_process_that_is_gone_uses_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert usage_of(child.pid) == Usage(0.0, 0)


def test_only_what_was_there_before_has_spent() -> None:
    before = {"asterisk": Usage(1.0, 5)}
    after = {"asterisk": Usage(1.5, 9), "agi": Usage(3.0, 1)}
    assert spent(before, after) == {"asterisk": 0.5}


# -- files ------------------------------------------------------------------------------------


def test_only_what_was_appended_is_read(tmp_path: Path) -> None:
    file = tmp_path / "queue_log"
    assert (size_of(file), read_from(file, 0)) == (0, b"")
    file.write_bytes(b"before\n")
    start = size_of(file)
    with file.open("ab") as stream:
        stream.write(b"after\n")
    assert read_from(file, start) == b"after\n"


# -- the sides --------------------------------------------------------------------------------


def toolbox(tmp_path: Path) -> Toolbox:
    """Programs that are not run."""
    return Toolbox(["asterisk"], "22", tmp_path / "modules", tmp_path / "data", ["sipp"], ["say"])


def test_the_bare_pbx_has_all_seats_and_nothing_of_the_product(tmp_path: Path) -> None:
    plan = replace(parse_arguments(["--ports", "34000"]), seats=3)
    files = configuration(plan, tmp_path, toolbox(tmp_path))
    assert files["queues.conf"].count("member => PJSIP/") == 3
    assert files["pjsip.conf"].count("contact = sip:") == 3
    applications = [
        line.split(",")[-1] if "=> n," in line else line.split(",", 2)[2]
        for line in files["extensions.conf"].splitlines()
        if "=>" in line
    ]
    assert [line.split("(")[0] for line in applications if "(" in line] == [
        "Answer",
        "Queue",
        "Hangup",
    ]
    assert "MixMonitor" in files["extensions.conf"]
    for name in ("res_agi", "cel_custom", "res_ari", "cdr_csv"):
        assert name not in files["modules.conf"]


def test_both_pbxs_share_ports_for_sound_and_no_other(tmp_path: Path) -> None:
    plan = parse_arguments(["--ports", "34000"])
    settings = make_settings(plan, tmp_path)
    bare = configuration(plan, tmp_path, toolbox(tmp_path))
    assert f"rtpstart = {settings.rtp_start}\n" in bare["rtp.conf"]
    assert f"rtpend = {settings.rtp_end}\n" in bare["rtp.conf"]
    assert plan.ports.bare_sip not in plan.ports.of_product().values()


def test_the_products_programs_read_the_settings_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLCENTER_SIP_PORT", "5099")
    monkeypatch.setenv("CALLCENTER_CACHE", str(tmp_path / "cache"))
    forget_settings()
    plan = replace(parse_arguments(["--ports", "34000"]), seats=20)
    made = make_settings(plan, tmp_path)
    read = Settings(_env_file=tmp_path / "callcenter.env", home=tmp_path)
    assert read == made
    assert (read.sip_port, read.seats, read.cache) == (34000, 20, tmp_path / "cache")
    assert not read.recording_notice


def test_a_setting_of_the_product_can_be_tried(tmp_path: Path) -> None:
    plan = parse_arguments(["--set", "recording_format=flac", "--set", "CALLCENTER_RATING=false"])
    settings = make_settings(plan, tmp_path)
    assert (settings.recording_format, settings.rating) == ("flac", False)


@pytest.mark.parametrize("wrong", ["recording_format=mp3", "no_such_thing=1"])
def test_a_setting_that_cannot_be_is_said(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match=wrong.split("=")[0]):
        make_settings(parse_arguments(["--set", wrong]), tmp_path)


async def test_a_part_that_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unfinished(_settings: Settings) -> Any:
        raise ModuleNotFoundError("gone", name="callcenter.telephony.seats.service")

    monkeypatch.setattr("benchmarks.product.check_ports", lambda _settings: None)
    monkeypatch.setattr("benchmarks.product.prepare", unfinished)
    product = Product(parse_arguments([]), tmp_path)
    with pytest.raises(BenchFailed, match=r"callcenter\.telephony\.seats\.service is missing"):
        await product.start()
    await product.stop()


# -- the case watch ---------------------------------------------------------------------------


def bridge_row(event: str, second: int) -> bytes:
    """A row of call 1.1."""
    fields = [event, f"{second}.000000", "1.1", "1.1", "13700000001", "", "12345", "from-pstn"]
    fields += ["PJSIP/trunk-0", "", "", "", event, ""]
    return (",".join(f'"{field}"' for field in fields) + "\n").encode()


async def test_the_case_is_asked_for_until_it_is_there(tmp_path: Path) -> None:
    asked: list[str] = []
    readable = asyncio.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["call_id"])
        if len(asked) == 1:
            raise httpx.ReadTimeout("slow for once")
        if len(asked) < 4:
            return httpx.Response(200, json={"items": []})
        readable.set()
        return httpx.Response(200, json={"items": [{"number": "20261124-00001"}]})

    journal = tmp_path / "journal.csv"
    journal.write_bytes(bridge_row("INBOUND", 1_000_000_000))
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://service")
    async with client:
        watch = CaseWatch(journal, "pbx1", client)
        async with watch.watching():
            # An answer in the future, so that no time is too late for the case.
            with journal.open("ab") as stream:
                stream.write(bridge_row("INBOUND", 4_000_000_000))
                stream.write(bridge_row("BRIDGE_ENTER", 4_000_000_001))
            await asyncio.wait_for(readable.wait(), 10)
    assert asked == ["pbx1:1.1"] * 4
    assert len(watch.seconds) == 1
    assert watch.never == 0


async def test_a_case_that_does_not_come_is_counted(tmp_path: Path) -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json={"items": []}))
    journal = tmp_path / "journal.csv"
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        watch = CaseWatch(journal, "pbx1", client)
        async with watch.watching():
            # Answered long ago, so the time for it is over at the first look.
            journal.write_bytes(
                bridge_row("INBOUND", 1_000_000_000) + bridge_row("BRIDGE_ENTER", 1_000_000_001)
            )
    assert (watch.seconds, watch.never) == ([], 1)


# -- formats ----------------------------------------------------------------------------------


def test_every_format_has_its_cost_and_size() -> None:
    found = {cost.name: cost for cost in costs(tone(440, 2.0), tone(660, 1.0))}
    assert set(found) == {f"{container} {coding}" for container, coding in FORMATS}
    # Two sides of 8,000 octets a second, and a header.
    assert 128 <= found["WAV ALAW"].kbit_per_second < 130
    assert found["OGG OPUS"].kbit_per_second < found["WAV ALAW"].kbit_per_second
