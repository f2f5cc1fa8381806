"""When the virtual environment is made again, and that it is left alone otherwise."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from callcenter.setup import bootstrap

SOURCE = Path(bootstrap.__file__)


def made(environment: Path, lock: Path, python: str) -> None:
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "callcenter").touch()
    (environment / f".{lock.name}.made").write_text(bootstrap.key_of(lock, python))


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.lock"
    file.write_text("one==1 --hash=sha256:00\n")
    return file


def test_what_was_made_is_left_alone(tmp_path: Path, lock: Path) -> None:
    made(tmp_path / "venv", lock, "3.11.7")
    assert bootstrap.is_made(tmp_path / "venv", lock, "3.11.7")


def test_another_lock_or_python_makes_it_again(tmp_path: Path, lock: Path) -> None:
    made(tmp_path / "venv", lock, "3.11.7")
    assert not bootstrap.is_made(tmp_path / "venv", lock, "3.12.1")
    lock.write_text("one==2 --hash=sha256:11\n")
    assert not bootstrap.is_made(tmp_path / "venv", lock, "3.11.7")


def test_an_environment_cut_off_half_way_is_made_again(tmp_path: Path, lock: Path) -> None:
    made(tmp_path / "venv", lock, "3.11.7")
    (tmp_path / "venv" / "bin" / "callcenter").unlink()
    assert not bootstrap.is_made(tmp_path / "venv", lock, "3.11.7")
    assert not bootstrap.is_made(tmp_path / "nothing", lock, "3.11.7")


def test_it_needs_nothing_but_the_standard_library() -> None:
    names = set()
    for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    assert names <= sys.stdlib_module_names


def test_every_package_of_both_locks_is_pinned_by_hash() -> None:
    for lock in (bootstrap.RUN_LOCK, bootstrap.DEV_LOCK):
        text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        assert lines
        assert all("==" in line and "--hash=sha256:" in line for line in lines)
        assert "://" not in text


def test_the_development_lock_holds_the_other_one() -> None:
    def pins(lock: Path) -> set[str]:
        text = lock.read_text(encoding="utf-8")
        return {line.split(" ")[0] for line in text.splitlines() if "==" in line}

    assert pins(bootstrap.RUN_LOCK) <= pins(bootstrap.DEV_LOCK)


def test_an_old_python_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "OLDEST", (99, 0))
    assert bootstrap.main([]) == 2
    assert "make PYTHON=" in capsys.readouterr().out


def test_a_failing_step_shows_the_last_lines_of_its_output(tmp_path: Path) -> None:
    script = "import sys; [print('line', n) for n in range(100)]; sys.exit(3)"
    with pytest.raises(bootstrap.BootstrapError) as caught:
        bootstrap._run([sys.executable, "-c", script], "It failed.", tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "It failed."
    assert lines[-1] == "  | line 99"
    assert len(lines) < 20


def test_settings_on_makes_command_line_reach_the_program(tmp_path: Path) -> None:
    """`make run CALLCENTER_SIP_PORT=5070` is how a second instance is started."""
    makefile = (bootstrap.REPOSITORY / "Makefile").read_text(encoding="utf-8")
    head = makefile.split(".PHONY")[0]
    (tmp_path / "Makefile").write_text(f'{head}\nshow:\n\t@echo "port=$$CALLCENTER_SIP_PORT"\n')
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(
        ["make", "-C", str(tmp_path), "show", "CALLCENTER_SIP_PORT=5070"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "port=5070" in done.stdout


def test_whoever_waits_is_told_what_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if "Collecting one" in line:
            told.touch()

    monkeypatch.setattr(bootstrap, "say", say)
    # Ends only once a line about it has been said.
    waits = (
        "import pathlib, time; print('Collecting one', flush=True)\n"
        f"while not pathlib.Path({str(told)!r}).exists(): time.sleep(0.01)\n"
        "print('Installed one')"
    )
    output = bootstrap._run([sys.executable, "-c", waits], "failed", heartbeat=0.05)
    assert output == "Collecting one\nInstalled one\n"
    assert re.search(r"^  … \d+ s: Collecting one$", "\n".join(said), re.MULTILINE)
