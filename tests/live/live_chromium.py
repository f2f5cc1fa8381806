"""Chromium for the tests: the host's, else one out of the packages of the host's own Debian,
unpacked into the cache as the PBX is. It is run by the host's loader, so the root's own C library
is left out: two of one release differ in what they have only for each other.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from callcenter.setup.private_root import PrivateRoot, Say, ensure_private_root

PACKAGES = ("chromium", "fonts-wqy-microhei")
"""With Chinese letters, for people who look at pictures of pages."""
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{root}/usr/share/fonts</dir><cachedir>{root}/font-cache</cachedir></fontconfig>
"""


@dataclass(frozen=True, slots=True)
class Chromium:
    """What is run, and with which environment besides."""

    program: str
    environment: dict[str, str] = field(default_factory=dict)


def ensure_chromium(cache: Path, say: Say) -> Chromium:
    """The program, brought if the host has none."""
    host = shutil.which("chromium")
    if host is not None:
        return Chromium(host)
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME") or "stable"
    return of_root(ensure_private_root(cache, PACKAGES, say, suite))


def of_root(root: PrivateRoot) -> Chromium:
    """The program of an unpacked root."""
    fonts = root.path / "fonts.conf"
    if not fonts.exists():
        _leave_out_the_c_library(root)
        fonts.write_text(FONTS.format(root=root.path), encoding="utf-8")
    libraries = [root.libraries, root.path / "lib" / root.architecture.triplet]
    return Chromium(
        str(root.path / "usr" / "lib" / "chromium" / "chromium"),
        {
            "LD_LIBRARY_PATH": os.pathsep.join(str(folder) for folder in libraries),
            "FONTCONFIG_FILE": str(fonts),
        },
    )


def _leave_out_the_c_library(root: PrivateRoot) -> None:
    listed = subprocess.run(["dpkg", "-L", "libc6"], capture_output=True, text=True, check=True)
    names = {Path(line).name for line in listed.stdout.splitlines() if ".so" in line}
    for folder in (root.libraries, root.path / "lib" / root.architecture.triplet):
        for name in names:
            (folder / name).unlink(missing_ok=True)
