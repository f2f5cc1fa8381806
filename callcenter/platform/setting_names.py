"""Every name that a setting may have: a misspelt one is refused, it would be a default unnoticed.

Looked at are the environment (``CALLCENTER_*``; the rest is other programs' business) and the whole
of ``callcenter.env``, which is ours alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from callcenter.platform.domain.nearest import nearest
from callcenter.platform.errors import SetupError

PREFIX = "CALLCENTER_"
HOME = "CALLCENTER_HOME"
BETWEEN_PROCESSES = frozenset(
    {
        "CALLCENTER_SUPERVISED",  # setup.keeper.MARK
        "CALLCENTER_PROGRAM",  # setup.keeper.NAME
        "CALLCENTER_AGI_BEAT_FD",  # agi.watchdog.BEAT_FD
        "CALLCENTER_AGI_RESTARTS",  # agi.watchdog.RESTARTS
    }
)
"""What our own processes tell each other by the environment; no settings. A test compares."""


def check_names(known: Iterable[str], environment: Mapping[str, str], settings_file: Path) -> None:
    """`SetupError` ``unknown_setting``, ``bad_setting_line`` for the first name that nobody reads,
    the first line that says nothing, or the first name that the file has twice.

    `known` are the settings' names in upper case, with `PREFIX`. Upper and lower case mean the
    same, as they do to the settings.
    """
    names = sorted(known)
    for name in sorted(environment):
        upper = name.upper()
        if upper.startswith(PREFIX) and upper not in names and upper not in BETWEEN_PROCESSES:
            raise _unknown(name, names, "the environment")
    seen: dict[str, int] = {}
    for binding in _bindings(settings_file):
        text = binding.original.string
        line = binding.original.line + len(text) - len(text.lstrip("\n"))
        if binding.error or (binding.key is not None and binding.value is None):
            raise _bad_line(settings_file, line, "write NAME=VALUE")
        if binding.key is None:
            continue  # empty, or a comment
        upper = binding.key.upper()
        if upper not in names:
            raise _unknown(binding.key, names, f"{settings_file}, line {line}")
        if upper == HOME:
            raise _bad_line(settings_file, line, f"{HOME} says where this file is; set it outside")
        if upper in seen:
            raise _bad_line(
                settings_file, line, f"{binding.key} stands in line {seen[upper]} already"
            )
        seen[upper] = line


def _bindings(settings_file: Path) -> Iterator[Binding]:
    try:
        with settings_file.open(encoding="utf-8-sig") as lines:
            yield from parse_stream(lines)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"{settings_file} cannot be read ({error}); save it as a text in UTF-8.",
            code="bad_setting_line",
        ) from error


def _unknown(name: str, names: Iterable[str], where: str) -> SetupError:
    # Without what all have in common: it would make any two of them alike.
    short = {one.removeprefix(PREFIX): one for one in names}
    meant = nearest(name.upper().removeprefix(PREFIX), short)
    question = f"; did you mean {short[meant]}?" if meant else "."
    return SetupError(
        f"{name}: there is no such setting{question} It stands in {where};"
        " docs/operations.md lists all.",
        code="unknown_setting",
        setting=name,
    )


def _bad_line(settings_file: Path, line: int, why: str) -> SetupError:
    return SetupError(f"{settings_file}, line {line}: {why}", code="bad_setting_line", line=line)
