"""A port that cannot be had is said in one sentence that names the setting to change."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.setup.ports import check_ports, ports_of, try_bind

NAMES = (
    "sip_port", "ami_port", "ari_port", "agi_port", "api_port", "supervisor_port", "sip_tls_port",
    "wss_port", "https_port",
)  # fmt: skip


@contextmanager
def held(kind: socket.SocketKind) -> Iterator[int]:
    """A port that is in use for as long as the block lasts."""
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            holder.listen(1)
        yield int(holder.getsockname()[1])


def free_ports(count: int) -> list[int]:
    """Ports below the audio range's place that nobody holds for now, in both protocols."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def settings_with(tmp_path: Path, **changes: Any) -> Settings:
    ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
    audio = {"rtp_start": 20000, "rtp_end": 20100}
    return Settings(home=tmp_path, sip_bind="127.0.0.1", **{**ports, **audio, **changes})


def test_free_ports_are_no_problem(tmp_path: Path) -> None:
    check_ports(settings_with(tmp_path))


@pytest.mark.parametrize("name", NAMES)
def test_a_tcp_port_in_use_names_its_setting_and_its_holder(tmp_path: Path, name: str) -> None:
    with held(socket.SOCK_STREAM) as port:
        settings = settings_with(tmp_path, **{name: port})
        with pytest.raises(SetupError) as caught:
            check_ports(settings)
    assert f"CALLCENTER_{name.upper()}" in caught.value.message
    assert f"Port {port} (TCP" in caught.value.message
    assert f"(pid {os.getpid()})" in caught.value.message
    assert "\n" not in caught.value.message


def test_the_sip_port_in_use_on_udp_alone_is_found_too(tmp_path: Path) -> None:
    problem = pytest.raises(SetupError, match=r"UDP, for SIP.*CALLCENTER_SIP_PORT")
    with held(socket.SOCK_DGRAM) as port, problem:
        check_ports(settings_with(tmp_path, sip_port=port))


def test_two_settings_with_one_port_are_refused(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with pytest.raises(SetupError, match="CALLCENTER_AMI_PORT and CALLCENTER_API_PORT are both"):
        check_ports(settings_with(tmp_path, ami_port=port, api_port=port))


def test_sip_and_a_loopback_service_may_not_share_a_port(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with pytest.raises(SetupError, match="CALLCENTER_SIP_PORT and CALLCENTER_ARI_PORT are both"):
        check_ports(settings_with(tmp_path, sip_port=port, ari_port=port))


@pytest.mark.parametrize("sip_port", [20000, 20050, 20100])
def test_sip_in_the_audio_range_is_refused(tmp_path: Path, sip_port: int) -> None:
    with pytest.raises(SetupError, match="lies in the audio range"):
        check_ports(settings_with(tmp_path, sip_port=sip_port))


def test_an_audio_range_of_another_instance_is_found(tmp_path: Path) -> None:
    with held(socket.SOCK_DGRAM) as first, held(socket.SOCK_DGRAM) as second:
        low, high = sorted((first, second))
        if high - low < 20:
            pytest.skip("the system gave two ports too close to be a range")
        taken = settings_with(tmp_path).model_copy(update={"rtp_start": low, "rtp_end": high})
        outside = taken.model_copy(update={"sip_port": low - 1})
        with pytest.raises(SetupError, match="CALLCENTER_RTP_START"):
            check_ports(outside)


def test_one_busy_port_in_the_audio_range_is_the_pbx_own_business(tmp_path: Path) -> None:
    with held(socket.SOCK_DGRAM) as busy:
        settings = settings_with(tmp_path, rtp_start=busy, rtp_end=min(busy + 20, 65535))
        assert not settings.rtp_start <= settings.sip_port <= settings.rtp_end
        check_ports(settings)


def test_an_address_of_another_machine_names_the_address_setting(tmp_path: Path) -> None:
    # 192.0.2.0/24 belongs to nobody (RFC 5737).
    with pytest.raises(SetupError, match="CALLCENTER_API_BIND"):
        check_ports(settings_with(tmp_path, api_bind="192.0.2.77"))


def test_what_is_no_address_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"nowhere\.invalid is no address.*CALLCENTER_API_BIND"):
        check_ports(settings_with(tmp_path, api_bind="nowhere.invalid"))


def test_probing_a_port_leaves_it_free(tmp_path: Path) -> None:
    for use in ports_of(settings_with(tmp_path)):
        assert try_bind(use) is None
        assert try_bind(use) is None
