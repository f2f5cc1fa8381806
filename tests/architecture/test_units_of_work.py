"""Inside a unit of work nobody else is asked who would begin one of his own: whoever is asked there
takes the session, or is asked before or after. What this reading of the code overlooks,
`Database` refuses when it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNITS = ("read", "reading", "writing")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def begins_unit(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in UNITS
        and "database" in ast.unparse(node.func.value)
    )


def asked(node: ast.AST) -> Iterator[tuple[list[str], bool]]:
    """What is awaited of the class's own parts: its name in parts, whether a session goes along."""
    for one in ast.walk(node):
        if isinstance(one, ast.Await) and isinstance(one.value, ast.Call):
            name = ast.unparse(one.value.func).split(".")
            if name[0] == "self" and len(name) in (2, 3) and "database" not in name[1]:
                given = [*one.value.args, *(keyword.value for keyword in one.value.keywords)]
                yield name, any(ast.unparse(value) == "session" for value in given)


def faults(methods: dict[str, Function], node: ast.AST, seen: set[str]) -> Iterator[str]:
    for name, with_session in asked(node):
        if len(name) == 3:
            if not with_session:
                yield ".".join(name)
            continue
        method = methods.get(name[1])
        if method is None or name[1] in seen:
            continue
        seen.add(name[1])
        if any(begins_unit(inner) for inner in ast.walk(method)):
            yield ".".join(name)
        yield from faults(methods, method, seen)


def test_no_unit_of_work_asks_somebody_who_begins_another() -> None:
    found: list[str] = []
    units = 0
    for path in (*ROOT.glob("callcenter/**/*.py"), *ROOT.glob("agi/**/*.py")):
        for kind in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(kind, ast.ClassDef):
                continue
            methods = {one.name: one for one in kind.body if isinstance(one, Function)}
            for method in methods.values():
                for block in ast.walk(method):
                    if not isinstance(block, ast.AsyncWith) or not any(
                        begins_unit(item.context_expr) for item in block.items
                    ):
                        continue
                    units += 1
                    for part in block.body:
                        for fault in faults(methods, part, set()):
                            found.append(f"{path.relative_to(ROOT)}: {method.name} asks {fault}")
    assert found == []
    assert units > 100
