"""Settings that are none: a misspelt name is told, with the one that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from agi import watchdog
from callcenter.platform.config import Settings, load_settings
from callcenter.platform.errors import SetupError
from callcenter.platform.setting_names import BETWEEN_PROCESSES, PREFIX, check_names
from callcenter.setup import keeper

KNOWN = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]


def said(
    tmp_path: Path, text: str | bytes, environment: dict[str, str] | None = None
) -> SetupError:
    file = tmp_path / "callcenter.env"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SetupError) as caught:
        check_names(KNOWN, environment or {}, file)
    return caught.value


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CALLCENTER_SIP_PROT", "CALLCENTER_SIP_PORT"),
        ("callcenter_sip_prot", "CALLCENTER_SIP_PORT"),
        ("CALLCENTER_HOTLINE", "CALLCENTER_HOTLINE_NUMBER"),
        ("CALLCENTER_RECORDINGS_KEEP_DAYS", "CALLCENTER_RECORDING_KEEP_DAYS"),
        ("CALLCENTER_", None),
    ],
)
def test_a_misspelt_name_in_the_environment_or_the_file(
    tmp_path: Path, name: str, meant: str | None
) -> None:
    for error in (said(tmp_path, "", {name: "1"}), said(tmp_path, f"# ours\n{name}=1\n")):
        assert error.error_code == "unknown_setting"
        assert error.details == {"setting": name}
        if meant:
            assert f"did you mean {meant}?" in error.message
    assert "line 2" in error.message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n\nCALLCENTER_MENU\n", 3),
        ("CALLCENTER_MENU true\n", 1),
        ("# x\nCALLCENTER_NODE='pbx2\n", 2),
        ("CALLCENTER_MENU=1\n\nCALLCENTER_MENU=0\n", 3),
        ("CALLCENTER_MENU=1\ncallcenter_menu=0\n", 2),
        ("CALLCENTER_HOME=/elsewhere\n", 1),
    ],
)
def test_a_line_of_the_file_that_would_say_nothing(tmp_path: Path, text: str, line: int) -> None:
    error = said(tmp_path, text)
    assert error.error_code == "bad_setting_line"
    assert error.details["line"] == line


@pytest.mark.parametrize("text", [b"\xff\xfeC\0A\0", b"CALLCENTER_NODE=\xd6\xd0\n"])
def test_a_file_that_is_no_text_of_ours(tmp_path: Path, text: bytes) -> None:
    assert said(tmp_path, text).error_code == "bad_setting_line"


def test_a_name_without_our_prefix_is_no_setting_in_our_file(tmp_path: Path) -> None:
    assert said(tmp_path, "SIP_PORT=5070\n").error_code == "unknown_setting"


def test_what_is_known_or_not_ours_passes(tmp_path: Path) -> None:
    file = tmp_path / "callcenter.env"
    check_names(KNOWN, {"PATH": "/bin"}, file)  # there need be none
    file.write_text("\ufeff# comment\nexport CALLCENTER_SIP_PORT=5070\n\nCALLCENTER_MENU=\n")
    check_names(KNOWN, dict.fromkeys([*KNOWN, *BETWEEN_PROCESSES, "CALLCENTRE"], "1"), file)


def test_our_processes_tell_each_other_by_these_names_alone() -> None:
    assert {keeper.MARK, keeper.NAME, watchdog.BEAT_FD, watchdog.RESTARTS} == BETWEEN_PROCESSES


def test_settings_are_not_loaded_past_a_misspelt_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLCENTER_HOME", str(tmp_path))
    monkeypatch.setenv("CALLCENTER_LOG_LEVEL", "debug")
    assert load_settings().log_level == "DEBUG"
    (tmp_path / "callcenter.env").write_text("CALLCENTER_QUEUE_RING_SECOND=20\n")
    with pytest.raises(SetupError, match="CALLCENTER_QUEUE_RING_SECONDS"):
        load_settings()
