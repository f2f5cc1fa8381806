"""Makes the virtual environment from the lock; the first thing `make` does.

Runs under the host's bare Python, so it imports nothing but the standard library. The environment
is keyed by what it was made from: a second call only compares one hash. Debian splits pip out of
its Python; where it is missing, Debian's own pip wheel is fetched by the host's apt into the
environment's folder, so nothing has to be installed on the host and no root rights are needed.

    python3 -I callcenter/setup/bootstrap.py          what `make run` needs
    python3 -I callcenter/setup/bootstrap.py --dev    and what `make test` needs
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENT = REPOSITORY / ".venv"
RUN_LOCK = REPOSITORY / "requirements.lock"
DEV_LOCK = REPOSITORY / "requirements-dev.lock"
OLDEST = (3, 11)

INDEX_SECONDS = 15
"""An answer of the package index that does not begin by then does not come: the slowest of mirrors
answers within a few."""
INDEX_RETRIES = 3
"""With pip's growing pauses an index that is away is told after a minute or so, not after ten."""
HEARTBEAT_SECONDS = 5.0
"""Whoever waits sees in time that it goes on, and what for."""
LINE_BYTES = 4096
LINE_SHOWN = 240

PIP = (
    "--disable-pip-version-check",
    "--no-input",
    "--progress-bar=off",
    f"--retries={INDEX_RETRIES}",
    f"--timeout={INDEX_SECONDS}",
)


class BootstrapError(Exception):
    """The environment cannot be made; the message says what to do."""


def say(line: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(
    command: Sequence[str | Path],
    failure: str,
    folder: Path = REPOSITORY,
    heartbeat: float = HEARTBEAT_SECONDS,
) -> str:
    """The output of `command`; its last lines and `failure` are the error if it fails.

    Every `heartbeat` seconds its latest line is said, with the seconds that have gone by.
    """
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=folder,
            )
        except OSError as error:
            raise BootstrapError(f"{failure} ({command[0]}: {error.strerror})") from error
        while True:
            try:
                process.wait(heartbeat)
                break
            except subprocess.TimeoutExpired:
                doing = _latest_line(output) or Path(command[0]).name
                say(f"  … {time.monotonic() - begun:.0f} s: {doing}")
            except BaseException:
                process.kill()
                process.wait()
                raise
        output.seek(0)
        said = output.read()
    if process.returncode:
        tail = "\n".join(f"  | {line}" for line in said.strip().splitlines()[-12:])
        raise BootstrapError(f"{failure}\n{tail}")
    return said


def _latest_line(output: TextIO) -> str:
    # Another offset than the one that the program writes at: it is shared with it.
    size = os.fstat(output.fileno()).st_size
    text = os.pread(output.fileno(), LINE_BYTES, max(0, size - LINE_BYTES))
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:LINE_SHOWN] if lines else ""


def key_of(lock: Path, python: str) -> str:
    """What an environment was made from: Python, the lock, and the project's own metadata."""
    digest = hashlib.sha256(f"{python}\0{REPOSITORY}\0".encode())
    for file in (lock, REPOSITORY / "pyproject.toml"):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_made(environment: Path, lock: Path, python: str) -> bool:
    """Whether `environment` already holds what `lock` names."""
    stamp = environment / f".{lock.name}.made"
    try:
        made = stamp.read_text(encoding="ascii")
    except OSError:
        return False
    return made == key_of(lock, python) and (environment / "bin" / "callcenter").exists()


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the checkout's lock, so that two `make` at once do it once."""
    with (REPOSITORY / ".venv.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _fetch_pip(folder: Path) -> Path:
    """Debian's pip wheel, unpacked into `folder` by the host's apt without installing it."""
    remedy = (
        "This Python has no pip, and Debian's could not be fetched;"
        " run `apt-get update && apt-get install -y python3-venv` as root, then try again."
    )
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise BootstrapError(remedy)
    for name in ("lists/partial", "cache/archives/partial", "download"):
        (folder / name).mkdir(parents=True)
    apt: list[str | Path] = [
        "apt-get",
        f"-oDir::State::lists={folder / 'lists'}",
        f"-oDir::Cache={folder / 'cache'}",
        "-oAPT::Sandbox::User=",
        "-oDebug::NoLocking=1",
        f"-oAcquire::http::Timeout={INDEX_SECONDS}",
        f"-oAcquire::https::Timeout={INDEX_SECONDS}",
        "-qq",
    ]
    say("fetching pip: this Python comes without it")
    _run([*apt, "update"], remedy)
    _run([*apt, "download", "python3-pip-whl"], remedy, folder / "download")
    for package in (folder / "download").glob("*.deb"):
        _run(["dpkg-deb", "-x", package, folder / "root"], remedy)
    for wheel in sorted((folder / "root").rglob("pip-*.whl")):
        return wheel
    raise BootstrapError(remedy)


def _make_environment(environment: Path) -> None:
    """A virtual environment with pip in it; a broken or older one is thrown away."""
    python = environment / "bin" / "python"
    probe: list[str | Path] = [
        python,
        "-c",
        "import pip, sys; print('%d.%d' % sys.version_info[:2])",
    ]
    try:
        if _run(probe, "").strip() == f"{sys.version_info[0]}.{sys.version_info[1]}":
            return
    except BootstrapError:
        pass
    shutil.rmtree(environment, ignore_errors=True)
    failure = f"A virtual environment cannot be made in {environment}"
    _run([sys.executable, "-m", "venv", "--without-pip", environment], failure)
    try:
        _run([python, "-m", "ensurepip", "--default-pip"], "")
    except BootstrapError:
        with tempfile.TemporaryDirectory(prefix="callcenter-pip-") as folder:
            wheel = _fetch_pip(Path(folder))
            install: list[str | Path] = [
                python,
                wheel / "pip",
                "install",
                *PIP,
                "--no-index",
                wheel,
            ]
            _run(install, "Debian's pip cannot be put into the virtual environment.")


def ensure_environment(environment: Path, lock: Path) -> None:
    """Make `environment` hold exactly what `lock` names, with hashes, and the project itself."""
    begun = time.monotonic()
    say(f"python packages from {lock.name} into {environment.name} (the first time a minute or so)")
    _make_environment(environment)
    pip: list[str | Path] = [environment / "bin" / "python", "-m", "pip", "install", *PIP]
    _run(
        [*pip, "--require-hashes", "--no-deps", "-r", lock],
        f"The packages of {lock.name} could not be installed; is the package index reachable?"
        f" (Each of its answers was waited for {INDEX_SECONDS} s, {INDEX_RETRIES + 1} times.)",
    )
    _run(
        [*pip, "--no-deps", "--no-build-isolation", "--editable", REPOSITORY],
        "The project itself could not be installed into its virtual environment.",
    )
    key = key_of(lock, sys.version)
    (environment / f".{lock.name}.made").write_text(key, encoding="ascii")
    if lock == DEV_LOCK:
        # The development lock holds everything the other one does, at the same versions.
        key = key_of(RUN_LOCK, sys.version)
        (environment / f".{RUN_LOCK.name}.made").write_text(key, encoding="ascii")
    say(f"python packages ready ({time.monotonic() - begun:.0f} s)")


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    if sys.version_info < OLDEST:
        say(
            f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; {sys.executable} is"
            f" {sys.version.split()[0]}. Name another one: make PYTHON=/path/to/python3"
        )
        return 2
    lock = DEV_LOCK if "--dev" in arguments else RUN_LOCK
    try:
        with _alone():
            if not is_made(ENVIRONMENT, lock, sys.version):
                ensure_environment(ENVIRONMENT, lock)
    except BootstrapError as error:
        say(str(error))
        return 2
    except OSError as error:
        say(f"{error.filename or ENVIRONMENT} cannot be written ({error.strerror}).")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
