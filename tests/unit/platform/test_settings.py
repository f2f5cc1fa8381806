"""What no setting may be: refused when it is read, before anything is started with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from callcenter.platform.config import load_settings
from callcenter.platform.errors import SetupError

REGISTER = {"TRUNK_MODE": "register", "TRUNK_USERNAME": "u", "TRUNK_PASSWORD": "p"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALLCENTER_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIME_ZONE", "Asia/Shangai"),
        ("TIME_ZONE", "Asia"),
        ("TIME_ZONE", ""),
        ("TIME_ZONE", "../etc/passwd"),
        ("TIME_ZONE", "UTC+8"),
        ("HOTLINE_NUMBER", "１２３４５"),
        ("HOTLINE_NUMBER", "12"),
        ("EXTRA_NUMBERS", "0543-12345"),
        ("EXTRA_NUMBERS", "０５４３１２３４５"),
        ("SIP_PORT", "５０６０"),
        ("SIP_PORT", "0"),
        ("SIP_BIND", "our.host"),
        ("SIP_BIND", "300.1.1.1"),
        ("SIP_BIND", ""),
        ("API_BIND", "http://127.0.0.1"),
        ("EXTERNAL_ADDRESS", "198.51.100"),
        ("EXTERNAL_ADDRESS", "sip.example.cn; evil"),
        ("TRUNK_HOST", "sip:carrier.example"),
        ("TRUNK_HOST", "carrier.example:"),
        ("TRUNK_HOST", "carrier.example:99999"),
        ("TRUNK_HOST", "[2001:db8::1"),
        ("TRUNK_MATCH", "0.0.0.0/0"),
        ("TRUNK_MATCH", "::/0"),
        ("TRUNK_USERNAME", "me\nendpoint=evil"),
        ("TRUNK_PASSWORD", " blank "),
        ("PUBLIC_URL", "https://:443"),
        ("PUBLIC_URL", "https://hot.line:99999"),
        ("WEBRTC_URL", "wss://"),
        ("OIDC_ISSUER", "https://me:secret@id.example"),
        ("OIDC_ISSUER", "ftp://id.example"),
        ("ICE_SERVERS", "turn.example:3478"),
        ("ICE_SERVERS", "stun:turn.example:0"),
        ("NODE", "PBX1"),
        ("LANGUAGE", "zh\n"),
        ("LOG_LEVEL", "LOUD"),
        ("OUTBOUND_PATTERNS", "_[9-1]"),
        ("RTP_START", "11990"),
        ("VOICE_MESSAGE_MAX_SECONDS", "nan"),
        ("AMI_ACTION_SECONDS", "nan"),
        ("AMI_ACTION_SECONDS", "inf"),
    ],
)
def test_a_value_that_would_fail_later_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CALLCENTER_{name}", value)
    with pytest.raises(SetupError) as caught:
        load_settings()
    assert caught.value.error_code == "bad_setting"


@pytest.mark.parametrize(
    "values",
    [
        {"VOICE_MESSAGE_MIN_SECONDS": "20", "VOICE_MESSAGE_MAX_SECONDS": "15"},
        {"VOICE_MESSAGE_SILENCE_SECONDS": "30", "VOICE_MESSAGE_MAX_SECONDS": "20"},
        {"AMI_PING_SECONDS": "60", "AMI_DEAD_SECONDS": "30"},
        {"SESSION_IDLE_MINUTES": "120", "SESSION_HOURS": "1"},
        {"FORECAST_WITHIN_SHARE": "0.97", "FORECAST_CONNECT_SHARE": "0.95"},
        {"TLS_CERTIFICATE": "/x.pem"},
        REGISTER,
    ],
)
def test_settings_that_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"CALLCENTER_{name}", value)
    with pytest.raises(SetupError):
        load_settings()


def test_a_file_where_a_folder_must_be(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    for place in ("file", "file/below"):
        monkeypatch.setenv("CALLCENTER_CACHE", str(home / place))
        with pytest.raises(SetupError, match="is a file"):
            load_settings()


def test_the_nearest_zone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLCENTER_TIME_ZONE", "Asia/Shanghia")
    with pytest.raises(SetupError, match="did you mean Asia/Shanghai"):
        load_settings()


@pytest.mark.parametrize(
    "values",
    [
        {"TIME_ZONE": "America/Argentina/Buenos_Aires"},
        {"TIME_ZONE": "UTC"},
        {"SIP_BIND": "::", "API_BIND": "localhost"},
        {**REGISTER, "TRUNK_HOST": "sip-1.carrier.example:5080"},
        {**REGISTER, "TRUNK_HOST": "[2001:db8::1]:5060"},
        {"TRUNK_HOST": "[2001:db8::1]", "EXTERNAL_ADDRESS": "hotline.example.gov.cn"},
        {"PUBLIC_URL": "https://[2001:db8::1]:8443", "ICE_SERVERS": "stun:[::1]:3478,stun:s.cn"},
    ],
)
def test_what_may_be(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"CALLCENTER_{name}", value)
    load_settings()
