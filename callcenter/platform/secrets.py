"""Secrets of one instance: made at first run, kept in ``secrets.env`` with mode 600."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from callcenter.platform.errors import SetupError


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """Passwords between our own processes, and the admin's first one."""

    ami_password: str
    ari_password: str
    supervisor_password: str
    admin_password: str
    agi_secret: str
    """By which the AGI server knows that it is the PBX's dialplan that asks."""

    @staticmethod
    def make() -> Secrets:
        """Fresh random secrets, 128 bits each."""
        return Secrets(*(secrets.token_urlsafe(16) for _ in fields(Secrets)))


def write_private(path: Path, text: str) -> None:
    """Write `text` so that nobody else can read it at any moment: mode 600 before content.

    What is there already is left, so that a start needs no room on a full disk.
    """
    with suppress(OSError, ValueError):
        if path.stat().st_mode & 0o777 == 0o600 and path.read_text(encoding="utf-8") == text:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(text)
    temporary.replace(path)


def load_secrets(path: Path) -> Secrets:
    """The secrets in `path`; `SetupError` if the file is missing or lacks one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read ({error.strerror}); run `callcenter setup`"
        ) from error
    values = _values(lines)
    try:
        return Secrets(**{field.name: values[field.name.upper()] for field in fields(Secrets)})
    except KeyError as error:
        raise SetupError(
            f"{path} lacks {error.args[0]}; remove the file and run set-up again"
        ) from error


_NEW = ("AGI_SECRET",)
"""Which came after the first release."""


def ensure_secrets(path: Path) -> Secrets:
    """The secrets in `path`, made if the file does not exist, or has not one of a newer release."""
    lines: list[str] = []
    if path.exists():
        with suppress(OSError):  # `load_secrets` says why
            lines = path.read_text(encoding="utf-8").splitlines()
            # One that this release brings is made; one of an older file is never made anew.
            missing = [name for name in _NEW if name not in _values(lines)]
            if lines and missing:
                lines += [f"{name}={secrets.token_urlsafe(16)}" for name in missing]
                write_private(path, "\n".join(lines) + "\n")
        return load_secrets(path)
    made = Secrets.make()
    lines = [f"{field.name.upper()}={getattr(made, field.name)}" for field in fields(Secrets)]
    write_private(path, "\n".join(lines) + "\n")
    return made


def _values(lines: list[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
