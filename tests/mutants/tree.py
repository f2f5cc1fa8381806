"""The copy of the checkout that mutmut changes: one for each context, below build/mutants.

mutmut leaves functions with a decorator as they are, and in a domain a property is where a rule
stands as often as not. In the copy a property is a function that is made one after its end, which
is the same to all who ask for it.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
COPIED = ("callcenter", "agi", "benchmarks", "tests", "migrations", "docs")
CONTEXTS = ("casework", "people", "platform", "workforce", "telephony")
"""Those with a domain, the small ones first."""

ALSO_NOTICING = {
    "casework": (),
    "people": (),
    "platform": (),
    "workforce": (),
    "telephony": (),
}
"""Beside a context's own unit tests of its domain: where else it is held to its word."""


def domain_of(context: str) -> str:
    """The folder of a context's domain in the checkout."""
    return f"callcenter/{context}/domain"


def noticing(context: str) -> list[str]:
    """What must notice a change of that domain."""
    return [f"tests/unit/{path}" for path in (f"{context}/domain", *ALSO_NOTICING[context])]


def without_property_decorators(source: str) -> str:
    """The same module with `name = property(name)` instead of each lone ``@property``."""
    lines = source.splitlines(keepends=True)
    after: dict[int, str] = {}
    gone: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef) or len(node.decorator_list) != 1:
            continue
        decorator = node.decorator_list[0]
        if not isinstance(decorator, ast.Name) or decorator.id != "property":
            continue
        assert node.end_lineno is not None
        gone.add(decorator.lineno)
        after[node.end_lineno] = f"{' ' * node.col_offset}{node.name} = property({node.name})\n"
    return "".join(
        ("" if number in gone else line) + after.get(number, "")
        for number, line in enumerate(lines, start=1)
    )


def files_of(folder: Path) -> Iterable[Path]:
    """What of `folder` is the checkout's own."""
    return (
        path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )


def settings_of(context: str) -> str:
    """mutmut's settings, which it reads from the copy's pyproject.toml alone.

    Tests of megabytes are left out: each call of a changed function goes over mutmut, and they make
    millions.
    """
    return f"""
[tool.mutmut]
source_paths = ["callcenter", "agi"]
only_mutate = ["{domain_of(context)}/*"]
also_copy = ["benchmarks", "migrations", "docs"]
pytest_add_cli_args_test_selection = {noticing(context)!r}
pytest_add_cli_args = [
    "-p", "no:schemathesis", "-p", "no:xdist", "-p", "no:cacheprovider",
    "-p", "no:unraisableexception", "-k", "not megabyte",
]
timeout_constant = 2.0
timeout_multiplier = 5.0
use_git_change_detection = false
track_dependencies = false
"""


def bring_up(context: str, place: Path) -> None:
    """Make `place` the checkout as it is now; a file that is the same already is not touched, so
    that mutmut knows what it has tried."""
    place.mkdir(parents=True, exist_ok=True)
    present = set()
    for top in COPIED:
        for path in files_of(REPOSITORY / top):
            relative = path.relative_to(REPOSITORY)
            present.add(relative)
            content = path.read_bytes()
            if relative.is_relative_to(domain_of(context)) and path.suffix == ".py":
                content = without_property_decorators(content.decode()).encode()
            write(place / relative, content)
    settings = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8") + settings_of(context)
    write(place / "pyproject.toml", settings.encode())
    for top in COPIED:
        for copy in (place / top, place / "mutants" / top):
            for path in files_of(copy):
                shown = path.relative_to(copy.parent)
                if path.suffix == ".py" and shown not in present:
                    path.unlink()


def write(path: Path, content: bytes) -> None:
    """Write a file unless it has that content."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def anew(place: Path) -> None:
    """Forget what was found there."""
    shutil.rmtree(place, ignore_errors=True)
