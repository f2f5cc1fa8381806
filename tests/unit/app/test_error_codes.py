"""docs/errors.md lists every code that the source can give, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import callcenter

SOURCE = Path(callcenter.__file__).parent
DOCUMENT = SOURCE.parent / "docs" / "errors.md"

# Of the handler that turns the framework's own errors into our shape.
OF_HTTP = {"http_error", "method_not_allowed"}


def codes(tree: ast.AST) -> Iterator[str]:
    """Codes in `tree`: class attributes, `code=` arguments, and bodies made by hand."""
    for node in ast.walk(tree):
        value: ast.expr | None = None
        match node:
            case ast.Assign(targets=[ast.Name(id="code")], value=found):
                value = found
            case ast.AnnAssign(target=ast.Name(id="code"), value=found):
                value = found
            case ast.keyword(arg="code", value=found):
                value = found
            case ast.Call(func=ast.Name(id="error_body"), args=[found, *_]):
                value = found
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    used = set(OF_HTTP)
    for path in SOURCE.rglob("*.py"):
        used.update(codes(ast.parse(path.read_text(encoding="utf-8"))))
    rows = re.findall(r"^\| `([a-z_]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(set(rows))
    assert set(rows) == used


def test_codes_are_found_in_every_form() -> None:
    text = "class A:\n    code = 'a'\n    code: str = 'b'\nraise E('x', code='c')\nerror_body('d')"
    assert sorted(codes(ast.parse(text))) == ["a", "b", "c", "d"]
