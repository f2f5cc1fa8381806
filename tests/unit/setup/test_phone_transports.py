"""What the settings make of TLS and browser phones in the PBX's configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callcenter.platform.config import Settings
from callcenter.platform.secrets import Secrets
from callcenter.setup.deployment import render_deployment, write_configuration
from callcenter.telephony.domain.queues import PbxQueues


@dataclass(frozen=True)
class Places:
    asterisk_modules_dir: Path
    asterisk_data_dir: Path


def section(name: str, **settings: Any) -> dict[str, str]:
    """One template of deployment.conf."""
    text = render_deployment(Settings(home=Path("/home"), **settings), Secrets.make())
    body = re.search(rf"^\[deploy-{name}\]\(!\)\n(.*?)(?:^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    assert body is not None, name
    lines = [line for line in body[1].splitlines() if line]
    return dict(line.split(" = ", 1) for line in lines)


def etc(tmp_path: Path, **settings: Any) -> Path:
    """The configuration folder that set-up writes."""
    (tmp_path / "pbx" / "sounds").mkdir(parents=True, exist_ok=True)
    places = Places(tmp_path / "modules", tmp_path / "pbx")
    made = Settings(home=tmp_path / "home", **settings)
    queues = PbxQueues("12345", (), {}, {}, ())
    write_configuration(made, Secrets.make(), places, queues)
    return made.asterisk_dir / "etc"


def test_tls_is_there_unless_turned_off_and_browser_phones_if_wanted(tmp_path: Path) -> None:
    assert Settings(_env_file=None).wss_port == 0
    on = etc(tmp_path, wss_port=8089)
    assert "[transport-tls]" in (on / "pjsip_tls.conf").read_text(encoding="utf-8")
    assert (tmp_path / "home" / "tls" / "key.pem").exists()
    off = etc(tmp_path, sip_tls_port=0, wss_port=0)
    assert "transport" not in (off / "pjsip_tls.conf").read_text(encoding="utf-8")
    assert "tlsenable = no" in (off / "deployment.conf").read_text(encoding="utf-8")


def test_ari_stays_on_loopback_whatever_phones_use() -> None:
    for settings in ({}, {"sip_bind": "192.0.2.1"}, {"wss_port": 0}):
        http = section("http", **settings)
        assert http["bindaddr"] == "127.0.0.1"
    assert section("http", sip_bind="192.0.2.1", wss_port=8089)["tlsbindaddr"] == "192.0.2.1:8089"
    assert section("http", wss_port=0) == {
        "tlsenable": "no",
        "bindaddr": "127.0.0.1",
        "bindport": "8088",
    }


def test_the_files_of_the_admin_are_named() -> None:
    own = {"tls_certificate": "/c.pem", "tls_key": "/k.pem"}
    tls, http = section("tls-transport", **own), section("http", wss_port=8089, **own)
    assert (tls["cert_file"], tls["priv_key_file"]) == ("/c.pem", "/k.pem")
    assert (http["tlscertfile"], http["tlsprivatekey"]) == ("/c.pem", "/k.pem")
    assert tls["bind"] == "0.0.0.0:5061"


def test_behind_nat_browsers_are_told_the_public_address_too() -> None:
    assert section("ice", external_address="198.51.100.7", sip_bind="192.0.2.1") == {
        "192.0.2.1": "198.51.100.7,include_local_address"
    }
    assert section("ice", external_address="198.51.100.7") == {}
    assert section("media-address", external_address="198.51.100.7") == {
        "external_media_address": "198.51.100.7",
        "local_net": "127.0.0.0/8",
    }
    assert section("media-address") == {}
