"""A PBX of our own out of Debian's packages, in a folder, without root rights and without chroot.

The host's apt fetches the packages and checks their signatures against Debian's archive keys;
`dpkg-deb -x` unpacks them; nothing on the host is changed, since apt keeps lists, cache and
status in folders of ours. Where to fetch from and through which proxy is taken from the host's
own apt. A program of the root is run through the root's own loader (`PrivateRoot.command`), so it
never meets the host's C library. The why is in docs/decisions/0001.

A root is made in a temporary folder and renamed: it is there wholly or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from callcenter.platform.errors import SetupError

Say = Callable[[str], None]
"""Takes one line of progress."""

SUITE = "sid"
"""Debian 12 and 13 carry no Asterisk; unstable does."""
LAYOUT = 1
"""Raised when a root of the same packages must be made again."""
NEEDED_BYTES = 1 << 30
"""Lists and archives (0.3 GB) beside what they unpack to (0.4 GB), and some air."""
COMMAND_SECONDS = 900.0
"""A slow line gets a quarter of an hour for one step."""

MIRROR_SECONDS = 15
"""A mirror that says nothing for so long will not: then it is asked again."""
MIRROR_RETRIES = 3

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
LIBRARY_FOLDERS = ("", "pulseaudio")
"""Below ``usr/lib/TRIPLET``; libpulse finds its second half by an absolute path, so we name it."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """What one Debian architecture calls its library folder and its loader."""

    name: str
    triplet: str
    loader: str


ARCHITECTURES = {
    "amd64": Architecture("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "arm64": Architecture("arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


@dataclass(frozen=True, slots=True)
class PrivateRoot:
    """An unpacked root; `path` exists."""

    path: Path
    architecture: Architecture

    @property
    def libraries(self) -> Path:
        """The root's library folder."""
        return self.path / "usr" / "lib" / self.architecture.triplet

    def command(self, program: str) -> list[str]:
        """The words that run `program` (``usr/sbin/asterisk``) through the root's own loader."""
        folders = [str(self.libraries / name).rstrip("/") for name in LIBRARY_FOLDERS]
        return [
            str(self.libraries / self.architecture.loader),
            "--library-path",
            ":".join(folders),
            str(self.path / program),
        ]


def root_path(
    cache: Path, packages: Sequence[str], architecture: Architecture, suite: str = SUITE
) -> Path:
    """Where the root of `packages` is; another list of packages is another root."""
    words = "\n".join((str(LAYOUT), suite, architecture.name, *sorted(packages)))
    key = hashlib.sha256(words.encode()).hexdigest()[:12]
    return cache / f"root-{architecture.name}-{key}"


def host_architecture() -> Architecture:
    """This machine's; `SetupError` if we know no loader for it, or this is not a Debian."""
    try:
        done = subprocess.run(
            ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(
            "This is no Debian (dpkg is missing), so no PBX can be made from Debian's packages;"
            " install Asterisk 20 or newer, sipp and espeak-ng, and start again.",
            code="no_dpkg",
        ) from error
    name = done.stdout.strip()
    if name not in ARCHITECTURES:
        raise SetupError(
            f"A private PBX is made for {' and '.join(ARCHITECTURES)}, not for {name}; install"
            " Asterisk 20 or newer, sipp and espeak-ng from your distribution and start again.",
            code="architecture",
        )
    return ARCHITECTURES[name]


def find_private_root(
    cache: Path, packages: Sequence[str], suite: str = SUITE
) -> PrivateRoot | None:
    """The root of `packages` if it has been made."""
    architecture = host_architecture()
    path = root_path(cache, packages, architecture, suite)
    return PrivateRoot(path, architecture) if path.is_dir() else None


def ensure_private_root(
    cache: Path, packages: Sequence[str], say: Say, suite: str = SUITE
) -> PrivateRoot:
    """The root of `packages`, made if it is not there; two callers at once make it once.

    `SetupError` says what is missing: apt, Debian's keys, the network, the package, disk.
    """
    found = find_private_root(cache, packages, suite)
    if found is not None:
        return found
    architecture = host_architecture()
    with _alone(cache, say):
        found = find_private_root(cache, packages, suite)
        return found or _build(cache, packages, architecture, say, suite)


@contextmanager
def _alone(cache: Path, say: Say) -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        stream = (cache / "root.lock").open("w")
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
            say("another set-up is making the private PBX; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _build(
    cache: Path, packages: Sequence[str], architecture: Architecture, say: Say, suite: str
) -> PrivateRoot:
    _check_host(cache)
    target = root_path(cache, packages, architecture, suite)
    for left in cache.glob(".root-*"):
        # We hold the lock: whoever made these is gone.
        shutil.rmtree(left, ignore_errors=True)
    work = cache / f".{target.name}.{os.getpid()}"
    try:
        apt = _Apt(work / "apt", architecture)
        say("private root: asking the host's apt for Debian's mirror")
        mirror = apt.mirror()
        say(f"private root: list of packages in Debian {suite}")
        apt.use(mirror, suite)
        begun = time.monotonic()
        archives = apt.download(packages)
        size = sum(file.stat().st_size for file in archives) / 1e6
        say(
            f"private root: {len(archives)} packages fetched and verified, {size:.0f} MB in"
            f" {time.monotonic() - begun:.0f} s; unpacking"
        )
        _unpack(archives, work / "root")
        (work / "root" / "packages.txt").write_text(
            "".join(f"{file.stem}\n" for file in archives), encoding="utf-8"
        )
        (work / "root").rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return PrivateRoot(target, architecture)


def _check_host(cache: Path) -> None:
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise SetupError(
                f"{program} is missing, so no PBX can be made from Debian's packages; install"
                " Asterisk 20 or newer, sipp and espeak-ng, and start again.",
                code="no_apt",
            )
    free = shutil.disk_usage(cache).free
    if free < NEEDED_BYTES:
        raise SetupError(
            f"{cache} has {free >> 20} MiB free, a private PBX needs {NEEDED_BYTES >> 20} MiB;"
            " make room, or set CALLCENTER_CACHE to a folder that has it.",
            code="disk_full",
        )


def _unpack(archives: Sequence[Path], root: Path) -> None:
    root.mkdir(parents=True)
    for archive in archives:
        done = _call(["dpkg-deb", "-x", str(archive), str(root)])
        if done.returncode:
            raise SetupError(
                f"{archive.name} cannot be unpacked ({_last_line(done)}); is the disk full?",
                code="unpack_failed",
            )
        archive.unlink()


class _Apt:
    """The host's apt with its settings, but with lists, cache and status of its own."""

    def __init__(self, folder: Path, architecture: Architecture) -> None:
        self._folder = folder
        self._architecture = architecture
        self._private = False
        self._suite = SUITE
        for name in ("lists/partial", "cache/archives/partial", "preferences.d"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()

    def _options(self) -> list[str]:
        folder = self._folder
        options = {
            "Dir::State": folder,
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            # Root would step down to _apt, which cannot write here.
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "1",
            "APT::Update::Error-Mode": "any",
            "APT::Install-Recommends": "false",
            "Acquire::Retries": f"{MIRROR_RETRIES}",
            "Acquire::http::Timeout": f"{MIRROR_SECONDS}",
            "Acquire::https::Timeout": f"{MIRROR_SECONDS}",
            "Acquire::Languages": "none",
            "Acquire::PDiffs": "false",
        }
        if self._private:
            options |= {
                "Dir::State::status": folder / "status",
                "Dir::Etc::sourcelist": folder / "sources.list",
                "Dir::Etc::sourceparts": "/dev/null",
                "Dir::Etc::preferences": "/dev/null",
                "Dir::Etc::preferencesparts": folder / "preferences.d",
            }
        return [f"-o{name}={value}" for name, value in options.items()]

    def mirror(self) -> str:
        """The address from which this host gets Debian itself."""
        host = _debian_mirror(_call([*_INDEXTARGETS]).stdout)
        if host is None:
            # A fresh image has sources but no lists yet: the origin stands only in the lists.
            _call(["apt-get", *self._options(), "-qq", "update"])
            host = _debian_mirror(
                _call([_INDEXTARGETS[0], *self._options(), *_INDEXTARGETS[1:]]).stdout
            )
        if host is None:
            raise SetupError(
                "The host's apt knows no reachable Debian mirror; check /etc/apt/sources.list"
                " and the network, or install Asterisk 20 or newer, sipp and espeak-ng.",
                code="no_mirror",
            )
        return host

    def use(self, mirror: str, suite: str) -> None:
        """Fetch the list of the suite's packages from `mirror`."""
        self._suite = suite
        keyring = next((file for file in KEYRINGS if file.exists()), None)
        if keyring is None:
            raise SetupError(
                "Debian's archive keys are missing, so its packages cannot be verified; run"
                " `apt-get install debian-archive-keyring` as root and start again.",
                code="no_keyring",
            )
        (self._folder / "sources.list").write_text(
            f"deb [arch={self._architecture.name} signed-by={keyring}] {mirror} {suite} main\n",
            encoding="utf-8",
        )
        self._private = True
        done = _call(["apt-get", *self._options(), "-q", "update"])
        if done.returncode:
            raise SetupError(
                f"Debian {suite}'s list of packages cannot be fetched ({_last_line(done)}); check"
                f" the network and start again. (The mirror's answers were waited for"
                f" {MIRROR_SECONDS} s each, {MIRROR_RETRIES + 1} times.)",
                code="no_network",
            )

    def download(self, packages: Sequence[str]) -> list[Path]:
        """Fetch and verify `packages` and all they depend on; the archives."""
        done = _call(
            ["apt-get", *self._options(), "-q", "-y", "--download-only", "install", *packages]
        )
        if done.returncode:
            raise SetupError(
                f"Debian {self._suite}'s packages cannot be fetched ({_last_line(done)}); check the"
                " network and start again, or install Asterisk 20 or newer on the host.",
                code="no_packages",
            )
        return sorted((self._folder / "cache" / "archives").glob("*.deb"))


_INDEXTARGETS = (
    "apt-get",
    "indextargets",
    "--format",
    "$(REPO_URI)|$(ORIGIN)|$(LABEL)",
    "Created-By: Packages",
)


def _debian_mirror(targets: str) -> str | None:
    """The first address of Debian's main archive in the output of ``apt-get indextargets``."""
    for line in targets.splitlines():
        uri, origin, label = (*line.split("|"), "", "")[:3]
        if origin == label == "Debian" and uri.startswith(("http", "mirror", "tor")):
            return uri
    return None


def _call(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
            env=environment,
            timeout=COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise SetupError(
            f"{command[0]} did not end within {COMMAND_SECONDS:.0f} s; check the network and start"
            " again.",
            code="no_network",
        ) from error


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What went wrong: the last error line, else the last line."""
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "dpkg-deb: error"))]
    return (errors or lines or [f"exit code {done.returncode}"])[-1].rstrip(".")
