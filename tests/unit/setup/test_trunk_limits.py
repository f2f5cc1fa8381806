"""No time that ends a citizen's call stands in a file of the repository: each is a setting, and by
default nobody is cut off who was not asked first."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from callcenter.platform.config import SessionTimers, Settings, TrunkMode
from callcenter.setup.deployment import SOURCES
from tests.unit.setup.test_phone_transports import section


@pytest.mark.parametrize("mode", TrunkMode)
def test_every_trunk_takes_its_limits_from_the_settings_and_has_none_of_its_own(
    mode: TrunkMode,
) -> None:
    text = (SOURCES[0] / f"pjsip_trunk_{mode.value}.conf").read_text(encoding="utf-8")
    endpoint = re.search(r"^\[trunk\]\(([^)]*)\)\ntype = endpoint\n", text, re.MULTILINE)
    assert endpoint is not None
    assert "deploy-trunk-limits" in endpoint[1].split(",")
    assert not re.findall(r"^(?:\w*timeout\w*|timers\w*)\s*=.*$", text, re.MULTILINE)


def test_nobody_is_cut_off_for_silence_unless_the_city_wants_it() -> None:
    assert section("trunk-limits") == {
        "timers": "always",
        "timers_min_se": "90",
        "timers_sess_expires": "120",
        "rtp_timeout": "0",
        "rtp_timeout_hold": "0",
    }
    wanted = section(
        "trunk-limits",
        trunk_session_timers=SessionTimers.OFFERED,
        trunk_session_seconds=1800,
        trunk_session_min_seconds=120,
        trunk_rtp_timeout_seconds=120,
        trunk_rtp_timeout_hold_seconds=600,
    )
    assert wanted == {
        "timers": "yes",
        "timers_min_se": "120",
        "timers_sess_expires": "1800",
        "rtp_timeout": "120",
        "rtp_timeout_hold": "600",
    }


@pytest.mark.parametrize(
    "limits",
    [
        {"trunk_session_min_seconds": 89},
        {"trunk_session_seconds": 89},
        {"trunk_session_seconds": 200, "trunk_session_min_seconds": 201},
    ],
)
def test_what_the_pbx_would_refuse_is_refused_at_once(limits: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **limits)
