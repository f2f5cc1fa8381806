"""Every program of ours begins by keeping what it writes to itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
WRITES_THE_CHECKOUT_ALONE = {"callcenter/setup/bootstrap.py"}
"""Makes the virtual environment, which holds nothing of anybody."""


def entries() -> list[Path]:
    """Modules that are run as programs."""
    return [
        path
        for folder in ("callcenter", "agi")
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if "__main__" in path.read_text(encoding="utf-8") or path.name == "__main__.py"
    ]


@pytest.mark.parametrize("path", entries(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_program_keeps_what_it_writes_private_first(path: Path) -> None:
    if str(path.relative_to(REPOSITORY)) in WRITES_THE_CHECKOUT_ALONE:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    mains = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"
    ]
    if not mains:
        # It only calls another one's main, which is an entry itself.
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        assert any(alias.name == "main" for node in imports for alias in node.names)
        return
    first = next(
        node for node in mains[0].body if not isinstance(getattr(node, "value", None), ast.Constant)
    )
    assert ast.unparse(first) == "keep_private()"


def test_there_are_programs() -> None:
    assert len(entries()) >= 7
