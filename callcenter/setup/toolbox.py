"""The programs we did not write: the PBX, the SIP tester, the speech synthesiser.

The host's Asterisk is taken if it is new enough and has the modules of ``modules.conf``; else, and
for what else the host lacks, a private root is made (`private_root`). Nothing outside this module
asks which of the two it is.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from callcenter.platform.config import PrivateRootUse, Settings
from callcenter.platform.errors import SetupError
from callcenter.setup.deployment import SOURCES
from callcenter.setup.private_root import (
    PrivateRoot,
    Say,
    ensure_private_root,
    find_private_root,
)

OLDEST_ASTERISK = 20
TOOL_PACKAGES = ("espeak-ng", "sip-tester")
PBX_PACKAGES = ("asterisk", "asterisk-modules", "asterisk-core-sounds-en-wav", *TOOL_PACKAGES)
SPARE_MODULES = frozenset({"res_cdrel_custom.so", "res_websocket_client.so"})
"""Split off or new after Asterisk 20: there the others do without them."""

HOST_CONFIGURATIONS = (
    Path("/etc/asterisk/asterisk.conf"),
    Path("/usr/local/etc/asterisk/asterisk.conf"),
)

_VERSION = re.compile(r"Asterisk (?:GIT-|certified/|certified-)?(\d+)(\S*)")
_DIRECTORY = re.compile(r"^(astmoddir|astdatadir)\s*=>?\s*(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Where the PBX and the tools are and how each is run.

    A command is a list of words to which arguments are added. `asterisk_version` is the PBX's own
    word for it, ``22.10.1``; `private` is None when everything is the host's.
    """

    asterisk_command: list[str]
    asterisk_version: str
    asterisk_modules_dir: Path
    asterisk_data_dir: Path
    sipp_command: list[str]
    espeak_command: list[str]
    private: PrivateRoot | None = None

    def describe(self) -> str:
        """One phrase for people: which PBX, from where."""
        origin = "the host's" if self.private is None or self._host_pbx() else "private root"
        return f"Asterisk {self.asterisk_version} ({origin})"

    def _host_pbx(self) -> bool:
        return self.private is not None and not str(self.asterisk_modules_dir).startswith(
            str(self.private.path)
        )


@dataclass(frozen=True, slots=True)
class HostPbx:
    """An Asterisk of the host that will do."""

    program: str
    version: str
    modules_dir: Path
    data_dir: Path


def parse_version(text: str) -> tuple[int, str] | None:
    """Major version and whole version in the output of ``asterisk -V``; None if there is none."""
    match = _VERSION.search(text)
    if match is None:
        return None
    return int(match[1]), (match[1] + match[2]).split("~")[0].split("+")[0]


def needed_modules() -> frozenset[str]:
    """The modules that our modules.conf loads and no supported Asterisk lacks."""
    text = (SOURCES[0] / "modules.conf").read_text(encoding="utf-8")
    named = re.findall(r"^(?:pre)?load\s*=>?\s*(\S+\.so)", text, re.MULTILINE)
    return frozenset(named) - SPARE_MODULES


def find_host_pbx() -> HostPbx | None:
    """The host's Asterisk, if it is new enough and whole."""
    program = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "-V"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = parse_version(done.stdout)
    if version is None or version[0] < OLDEST_ASTERISK:
        return None
    modules, data = _host_folders(Path(program))
    if modules is None or data is None:
        return None
    return HostPbx(program, version[1], modules, data)


def _host_folders(program: Path) -> tuple[Path | None, Path | None]:
    """Module and data folder: where its asterisk.conf says, else where packages put them."""
    named: dict[str, str] = {}
    for file in (
        Path("/etc/asterisk/asterisk.conf"),
        Path("/usr/local/etc/asterisk/asterisk.conf"),
    ):
        try:
            named |= dict(_DIRECTORY.findall(file.read_text(encoding="utf-8", errors="replace")))
        except OSError:
            continue
    prefix = program.resolve().parent.parent
    modules = [Path(named["astmoddir"])] if "astmoddir" in named else []
    modules += sorted((prefix / "lib").glob("*-linux-gnu/asterisk/modules"))
    modules += [prefix / "lib" / "asterisk" / "modules", prefix / "lib64" / "asterisk" / "modules"]
    data = [Path(named["astdatadir"])] if "astdatadir" in named else []
    data += [prefix / "share" / "asterisk", Path("/usr/share/asterisk"), Path("/var/lib/asterisk")]
    needed = needed_modules()
    return (
        next((dir_ for dir_ in modules if all((dir_ / name).exists() for name in needed)), None),
        next((dir_ for dir_ in data if (dir_ / "documentation").is_dir()), None),
    )


def _host_tools() -> dict[str, str]:
    """The host's own tools by name, those that are there."""
    found = {name: shutil.which(name) for name in ("sipp", "espeak-ng")}
    return {name: path for name, path in found.items() if path is not None}


def _packages(settings: Settings, host: HostPbx | None) -> tuple[str, ...]:
    """What a private root must hold; empty if none is needed."""
    if settings.private_root is PrivateRootUse.ALWAYS:
        return PBX_PACKAGES
    if settings.private_root is PrivateRootUse.NEVER:
        missing = [] if host else [f"Asterisk {OLDEST_ASTERISK} or newer with our modules"]
        missing += [name for name in ("sipp", "espeak-ng") if name not in _host_tools()]
        if missing:
            raise SetupError(
                f"CALLCENTER_PRIVATE_ROOT is never, but the host lacks {', '.join(missing)};"
                " install it, or set CALLCENTER_PRIVATE_ROOT=auto.",
                code="host_lacks_tools",
                missing=missing,
            )
        return ()
    if host is None:
        return PBX_PACKAGES
    return () if len(_host_tools()) == 2 else TOOL_PACKAGES


def find_toolbox(settings: Settings) -> Toolbox:
    """The programs, if set-up has brought them; else `SetupError` says to run it."""
    host = _host_pbx(settings)
    packages = _packages(settings, host)
    root = find_private_root(settings.cache, packages) if packages else None
    if packages and root is None:
        raise SetupError(
            f"The private PBX in {settings.cache} has not been made; run `callcenter setup`.",
            code="no_pbx",
        )
    return _toolbox(host, root)


def ensure_toolbox(settings: Settings, say: Say) -> Toolbox:
    """The programs, brought if they are missing; `say` gets progress, `SetupError` what failed."""
    host = _host_pbx(settings)
    packages = _packages(settings, host)
    root = ensure_private_root(settings.cache, packages, say) if packages else None
    return _toolbox(host, root)


def _host_pbx(settings: Settings) -> HostPbx | None:
    return None if settings.private_root is PrivateRootUse.ALWAYS else find_host_pbx()


def _toolbox(host: HostPbx | None, root: PrivateRoot | None) -> Toolbox:
    if root is None:
        tools = _host_tools()
        sipp, espeak = [tools["sipp"]], [tools["espeak-ng"]]
    else:
        sipp = root.command("usr/bin/sipp")
        espeak = [*root.command("usr/bin/espeak-ng"), f"--path={root.libraries}"]
    if host is not None:
        return Toolbox(
            [host.program], host.version, host.modules_dir, host.data_dir, sipp, espeak, root
        )
    if root is None:
        raise AssertionError("neither a host's PBX nor a private root")
    return Toolbox(
        root.command("usr/sbin/asterisk"),
        _root_version(root),
        root.libraries / "asterisk" / "modules",
        root.path / "usr" / "share" / "asterisk",
        sipp,
        espeak,
        root,
    )


def _root_version(root: PrivateRoot) -> str:
    """From the list of packages: starting the PBX to ask would take a quarter of a second."""
    text = (root.path / "packages.txt").read_text(encoding="utf-8")
    match = re.search(r"^asterisk_(?:\d+%3a)?([\d.]+)", text, re.MULTILINE)
    return match[1] if match else "unknown"
