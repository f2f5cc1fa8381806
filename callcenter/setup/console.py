"""The console that browsers load: built from `callcenter/web` once, and kept by its content.

What it is made from names the folder that it is kept in: the sources, the lock of its packages and
the API's description, from which its types are generated. So a second start builds nothing, two
checkouts of the same state share one, and a changed endpoint has it built, and its types checked,
again. The build happens in a copy, outside of the checkout, and is there wholly or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from callcenter.platform.errors import SetupError
from callcenter.setup.deployment import REPOSITORY
from callcenter.setup.node import Node, ensure_node
from callcenter.setup.private_root import Say

WEB = REPOSITORY / "callcenter" / "web"
LAYOUT = 1
"""Raised when the same sources must be built again."""
LEFT_OUT = frozenset({"node_modules", "dist", "node.in"})
"""Of `WEB`: nothing that it is made from."""
PACKAGES = ("package.json", "package-lock.json", ".npmrc")
STEP_SECONDS = 900.0
"""A slow line gets a quarter of an hour to bring the packages."""
SHOWN_LINES = 20
OPENAPI = "src/api/openapi.json"
TYPES = "src/api/schema.d.ts"


def sources(web: Path = WEB) -> list[Path]:
    """What it is made from, sorted; links and what was made are left out."""
    found: list[Path] = []
    for folder, names, files in os.walk(web):
        names[:] = sorted(name for name in names if name not in LEFT_OUT)
        found += [Path(folder) / name for name in sorted(files) if name not in LEFT_OUT]
    return [file for file in found if not file.is_symlink() and str(file.relative_to(web)) != TYPES]


def _digest(parts: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(f"{LAYOUT}\n".encode())
    for name, content in sorted(parts.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def console_path(cache: Path, described: bytes, web: Path = WEB) -> Path:
    """Where the console of these sources and this API is kept."""
    parts = {str(file.relative_to(web)): file.read_bytes() for file in sources(web)}
    return cache / f"console-{_digest(parts | {OPENAPI: described})}"


def modules_path(cache: Path, web: Path = WEB) -> Path:
    """Where the packages of the lock are kept."""
    parts = {name: (web / name).read_bytes() for name in PACKAGES}
    return cache / f"web-{platform.machine()}-{_digest(parts)}"


def ensure_console(cache: Path, described: bytes, say: Say, web: Path = WEB) -> Path:
    """The built console, made if it is not there; two callers at once make it once.

    `described` is the API's description (OpenAPI, JSON). `SetupError`: ``no_node``,
    ``no_packages``, ``console_broken`` (types or build, with their words), ``cache_not_writable``.
    """
    target = console_path(cache, described, web)
    if target.is_dir():
        return target
    with _alone(cache, say):
        if target.is_dir():
            return target
        with workshop(cache, described, say, web) as (node, folder):
            say("console: types are checked and files built (half a minute)")
            _both(
                node,
                folder,
                ("vue-tsc/bin/vue-tsc.js", "--noEmit"),
                ("vite/bin/vite.js", "build", "--logLevel", "warn"),
            )
            (folder / "dist").rename(target)
    return target


@contextmanager
def workshop(
    cache: Path, described: bytes, say: Say, web: Path = WEB
) -> Iterator[tuple[Node, Path]]:
    """A copy of the sources with their packages and the API's types, until the end: for the build,
    and for whatever checks them."""
    node = ensure_node(cache, say)
    modules = ensure_modules(cache, node, say, web)
    with tempfile.TemporaryDirectory(prefix=".console-", dir=cache) as work:
        folder = Path(work) / "web"
        for file in sources(web):
            copy = folder / file.relative_to(web)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        (folder / "node_modules").symlink_to(modules / "node_modules")
        (folder / OPENAPI).write_bytes(described)
        run_tool(node, folder, "openapi-typescript/bin/cli.js", OPENAPI, "-o", TYPES)
        yield node, folder


def ensure_modules(cache: Path, node: Node, say: Say, web: Path = WEB) -> Path:
    """The folder with the packages of the lock, brought if it is not there."""
    target = modules_path(cache, web)
    if target.is_dir():
        return target
    with _alone(cache, say, "packages"):
        if target.is_dir():
            return target
        say("console: packages of its lock (half a minute)")
        with tempfile.TemporaryDirectory(prefix=".web-", dir=cache) as work:
            folder = Path(work) / "web"
            folder.mkdir()
            for name in PACKAGES:
                shutil.copyfile(web / name, folder / name)
            try:
                _finish(_start([*node.npm, "ci", "--no-progress"], node, folder))
            except SetupError as error:
                raise SetupError(
                    "The console's packages cannot be brought; is the package registry reachable?"
                    f" {error.message}",
                    code="no_packages",
                ) from error
            folder.rename(target)
    return target


def run_tool(node: Node, folder: Path, tool: str, *arguments: str) -> str:
    """What a tool of the packages said; `SetupError` ``console_broken`` with its words."""
    return _finish(_start(_tool(node, tool, arguments), node, folder))


def _tool(node: Node, tool: str, arguments: Sequence[str]) -> list[str]:
    return [*node.command, f"node_modules/{tool}", *arguments]


def _both(node: Node, folder: Path, *tools: Sequence[str]) -> None:
    """Side by side; the first one's words come first if both fail."""
    running = [_start(_tool(node, tool, rest), node, folder) for tool, *rest in tools]
    try:
        for process in running:
            _finish(process)
    finally:
        for process in running:
            process.kill()
            process.wait()


def _start(command: Sequence[str], node: Node, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=node.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def _finish(process: subprocess.Popen[str]) -> str:
    try:
        said, _ = process.communicate(timeout=STEP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        said += f"\nit did not end within {STEP_SECONDS:.0f} s"
    if process.returncode:
        tail = "\n".join(f"  | {line}" for line in said.strip().splitlines()[-SHOWN_LINES:])
        raise SetupError(
            f"The console cannot be built from its sources and the API's description:\n{tail}",
            code="console_broken",
        )
    return said


@contextmanager
def _alone(cache: Path, say: Say, what: str = "console") -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        stream = (cache / f"{what}.lock").open("w")
    except OSError as error:
        raise SetupError(
            f"{cache} cannot be written ({error.strerror}); set CALLCENTER_CACHE to a folder that"
            " can.",
            code="cache_not_writable",
        ) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up builds the console; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
