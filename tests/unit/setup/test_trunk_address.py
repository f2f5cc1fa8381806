"""Where the carrier is: host and port, each in its place of the PBX's configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from callcenter.platform.config import Settings
from callcenter.platform.secrets import Secrets
from callcenter.setup.deployment import render_deployment


def rendered(tmp_path: Path, **changes: Any) -> dict[str, str]:
    settings = Settings(_env_file=None, home=tmp_path, **changes)
    text = render_deployment(settings, Secrets.make())
    return dict(
        re.findall(r"^(CC_TRUNK_HOST|contact|match|server_uri) = (.*)$", text, re.MULTILINE)
    )


@pytest.mark.parametrize(
    ("given", "peer", "match"),
    [
        ({"trunk_host": "10.0.0.5"}, "10.0.0.5", "10.0.0.5"),
        ({"trunk_host": "10.0.0.5:5060"}, "10.0.0.5", "10.0.0.5"),
        ({"trunk_host": "10.0.0.5:5080"}, "10.0.0.5:5080", "10.0.0.5"),
        ({"trunk_host": "10.0.0.5", "trunk_port": 5080}, "10.0.0.5:5080", "10.0.0.5"),
        (
            {"trunk_host": "sbc.example.cn", "trunk_port": 6000},
            "sbc.example.cn:6000",
            "sbc.example.cn",
        ),
        ({"trunk_host": "[2001:db8::5]:5080"}, "[2001:db8::5]:5080", "2001:db8::5"),
        ({"trunk_host": "[2001:db8::5]", "trunk_port": 7}, "[2001:db8::5]:7", "2001:db8::5"),
    ],
)
def test_every_call_and_probe_goes_to_the_carriers_own_port(
    tmp_path: Path, given: dict[str, Any], peer: str, match: str
) -> None:
    account = {"trunk_mode": "register", "trunk_username": "u", "trunk_password": "p"}
    told = rendered(tmp_path, **account, **given)
    assert told["CC_TRUNK_HOST"] == peer
    assert told["contact"] == told["server_uri"] == f"sip:{peer}"
    assert told["match"] == match


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"trunk_host": "10.0.0.5:5080", "trunk_port": 5090}, "differ"),
        ({"trunk_port": 5090}, "needs trunk_host"),
        ({"trunk_host": "10.0.0.5:0"}, "host"),
        ({"trunk_host": "10.0.0.5:70000"}, "host"),
        ({"trunk_host": "sip:10.0.0.5"}, "host"),
        ({"trunk_host": "2001:db8::5"}, "IPv6"),
        ({"trunk_host": "[10.0.0.5]:5080"}, "write it as"),
        ({"trunk_host": "[2001:db8::5"}, "write it as"),
        ({"trunk_host": "10.0.0.5:"}, "which port"),
        ({"trunk_host": "a b"}, "host"),
        ({"trunk_host": "host;x=y"}, "host"),
    ],
)
def test_what_is_no_address_is_refused_where_it_is_entered(
    given: dict[str, Any], word: str
) -> None:
    with pytest.raises(ValidationError, match=word):
        Settings(_env_file=None, **given)
