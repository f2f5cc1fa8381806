"""What people meet at the command line: one sentence for what is wrong, never a traceback."""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from callcenter.cli import instance as instance_module
from callcenter.cli import main as cli
from callcenter.cli.instance import (
    HOME_LENGTH_MAX,
    Prepared,
    check_home,
    how_to_dial,
    step,
    summary,
)
from callcenter.platform.config import Settings, TrunkMode
from callcenter.platform.db.migrate import upgrade
from callcenter.platform.errors import SetupError
from callcenter.platform.secrets import Secrets
from callcenter.setup.certificates import ensure_certificate, fingerprint
from callcenter.setup.run import alone
from callcenter.setup.toolbox import Toolbox
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.seating import DesiredSeat

SECRETS = Secrets("ami", "ari", "supervisor", "the-admin-password", "agi")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("CALLCENTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CALLCENTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CALLCENTER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The command line sets one; the tests that follow keep theirs."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of ``callcenter WORDS``."""
    monkeypatch.setattr(sys, "argv", ["callcenter", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIP_PORT", "abc"),
        ("RTP_END", "99999"),
        ("TRUNK_MODE", "carrier"),
        ("PRIVATE_ROOT", "perhaps"),
        ("TRUNK_MATCH", "not-a-network"),
    ],
)
def test_a_bad_setting_is_named_in_one_line(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(f"CALLCENTER_{name}", value)
    assert call(monkeypatch, "run") == 2
    said = capsys.readouterr().err
    assert f"CALLCENTER_{name}" in said
    assert str(home / "callcenter.env") in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [["seats"], ["journal", "status"], ["audit"], ["rebuild"], ["token", "list"], ["doctor"]],
    ids=" ".join,
)
@pytest.mark.usefixtures("home")
def test_before_set_up_every_command_names_set_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert call(monkeypatch, *words) == 2
    said = capsys.readouterr().err
    assert "callcenter setup" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(("port", "said"), [("5061", ":5061 (TLS)"), ("0", "(UDP or TCP)\n")])
def test_seats_name_the_port_of_tls_where_it_is_on(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    port: str,
    said: str,
) -> None:
    monkeypatch.setenv("CALLCENTER_SIP_TLS_PORT", port)
    settings = Settings(home=home)
    check_home(settings)
    upgrade(settings.db_url)
    assert call(monkeypatch, "seats") == 0
    assert said in capsys.readouterr().out
    assert call(monkeypatch, "seats", "--json") == 0
    server = json.loads(capsys.readouterr().out)["server"]
    assert server["tls_port"] == (int(port) or None)


def test_a_second_run_of_one_home_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=home)
    check_home(settings)
    with alone(settings):
        assert call(monkeypatch, "run") == 2
    assert f"runs already (pid {os.getpid()})" in capsys.readouterr().err


def test_a_home_too_long_for_the_pbx_socket_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ("x" * HOME_LENGTH_MAX)
    with pytest.raises(SetupError, match="CALLCENTER_HOME is longer"):
        check_home(Settings(home=home))
    assert not home.exists()


def test_a_home_that_is_a_file_is_said() -> None:
    # pytest's own folders may be too long for a home.
    with (
        tempfile.NamedTemporaryFile(prefix="cc-") as file,
        pytest.raises(SetupError, match="set CALLCENTER_HOME to a folder of yours"),
    ):
        check_home(Settings(home=Path(file.name) / "below"))


def prepared(settings: Settings, seats: int) -> Prepared:
    box = Toolbox(["asterisk"], "22.10.1", Path("/m"), Path("/d"), ["sipp"], ["espeak-ng"])
    rows = [
        DesiredSeat(Extension(str(8001 + index)), f"Seat {index}", f"secret-{index}", True)
        for index in range(seats)
    ]
    return Prepared(settings, SECRETS, box, rows)


def test_the_summary_has_what_a_phone_needs_and_no_password(home: Path) -> None:
    settings = Settings(home=home, sip_port=5070, external_address="198.51.100.7")
    ensure_certificate(settings)
    lines = summary(prepared(settings, 200))
    text = "\n".join(lines)
    console, trust = lines[1:3]
    assert console.startswith("console    https://198.51.100.7:8443/")
    assert fingerprint(settings.authority_file) in trust
    assert "198.51.100.7:5070" in text
    assert "200 seats; their passwords: callcenter seats" in text
    assert "callcenter user password admin" in text
    assert "sip:12345@127.0.0.1:5070" in text
    assert str(settings.token_file) in text
    assert "secret-" not in text
    assert SECRETS.admin_password not in text


def test_a_home_is_for_its_user_alone_whoever_made_it(home: Path) -> None:
    home.mkdir(exist_ok=True)
    home.chmod(0o755)
    check_home(Settings(home=home))
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_long_step_says_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    beaten = threading.Event()

    def listen(line: str) -> None:
        said.append(line)
        if line.startswith("  … 0 s: asking the mirror"):
            beaten.set()

    monkeypatch.setattr(instance_module, "say", listen)
    with step("programs", heartbeat=0.01) as current:
        current.progress("asking the mirror")
        assert beaten.wait(30)
    assert said[-1].startswith("programs")
    assert not any(thread.name == "step programs" for thread in threading.enumerate())


def test_with_a_carrier_the_summary_offers_no_loopback_call(home: Path) -> None:
    settings = Settings(
        home=home, trunk_mode=TrunkMode.IP, trunk_match=("203.0.113.0/28",), trunk_host=""
    )
    assert "127.0.0.1" not in how_to_dial(settings)
    assert "203.0.113.0/28" in how_to_dial(settings)


def test_the_state_of_a_running_instance_is_in_its_home(home: Path) -> None:
    check_home(Settings(home=home))
    assert {entry.name for entry in home.iterdir()} == {"run", "log"}
    assert stat.S_ISDIR((home / "run").stat().st_mode)
