"""A PostgreSQL server's programs, for tests and benchmarks alone: `make run` never asks for them.

As with the other programs we did not write (`toolbox`), the host's own are taken if they are new
enough; else Debian's package is unpacked into a private root of its own. ``initdb`` starts the
server's program by its path, past the root's loader, so that path holds a two-line script.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from callcenter.platform.config import PrivateRootUse, Settings
from callcenter.platform.errors import SetupError
from callcenter.setup.private_root import PrivateRoot, Say, ensure_private_root

OLDEST_POSTGRESQL = 15
"""Debian 12's; older ones were never tried."""
PACKAGES = ("postgresql-18",)
HOST_FOLDERS = Path("/usr/lib/postgresql")
"""Debian keeps each version's programs in ``VERSION/bin`` below it, off the PATH."""


@dataclass(frozen=True, slots=True)
class PostgresqlPrograms:
    """Where ``initdb`` and ``postgres`` are and how each is run; `folder` holds everything that
    they need and that is not the host's."""

    version: int
    folder: Path
    initdb_command: list[str]
    server_command: list[str]


def ensure_postgresql(settings: Settings, say: Say) -> PostgresqlPrograms:
    """The programs, brought if they are missing; `SetupError` says what failed."""
    if settings.private_root is not PrivateRootUse.ALWAYS:
        found = find_host_postgresql()
        if found is not None:
            return found
        if settings.private_root is PrivateRootUse.NEVER:
            raise SetupError(
                f"CALLCENTER_PRIVATE_ROOT is never, but the host lacks PostgreSQL"
                f" {OLDEST_POSTGRESQL} or newer; install it, or set CALLCENTER_PRIVATE_ROOT=auto.",
                code="host_lacks_tools",
                missing=["postgresql"],
            )
    return private_programs(ensure_private_root(settings.cache, PACKAGES, say))


def find_host_postgresql(folders: Path = HOST_FOLDERS) -> PostgresqlPrograms | None:
    """The host's newest, if it is new enough and whole."""
    for version, folder in reversed(_versions(folders)):
        initdb, server = folder / "initdb", folder / "postgres"
        if version >= OLDEST_POSTGRESQL and initdb.exists() and server.exists():
            return PostgresqlPrograms(version, folder, [str(initdb)], [str(server)])
    return None


def private_programs(root: PrivateRoot) -> PostgresqlPrograms:
    """The programs in `root`, made ready to be started by one another."""
    versions = _versions(root.path / "usr" / "lib" / "postgresql")
    if not versions:
        raise AssertionError(f"{root.path} holds no PostgreSQL")
    version, folder = versions[-1]
    inside = folder.relative_to(root.path)
    real, script = folder / "postgres.real", folder / "postgres"
    # A moved or linked root needs its own words: they hold its path.
    words = " ".join(shlex.quote(word) for word in root.command(str(inside / "postgres.real")))
    text = f'#!/bin/sh\nexec {words} "$@"\n'
    if not real.exists():
        os.link(script, real)
    if script.stat().st_ino == real.stat().st_ino or script.read_text("utf-8") != text:
        fresh = folder / f".postgres.{os.getpid()}"
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o755)
        fresh.rename(script)
    return PostgresqlPrograms(
        version, root.path, root.command(str(inside / "initdb")), [str(script)]
    )


def _versions(folders: Path) -> list[tuple[int, Path]]:
    """The versions below `folders` with their programs' folders, the newest last."""
    return sorted(
        (int(path.parent.name), path)
        for path in folders.glob("*/bin")
        if re.fullmatch(r"\d+", path.parent.name)
    )
