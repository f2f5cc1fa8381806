"""Which schema this code needs, and which one a database has, without Alembic.

The service asks this for its health and migrates nothing: Alembic with its templates and every
migration loaded would be a tenth of its memory.
"""

from __future__ import annotations

import ast
from pathlib import Path

from sqlalchemy import Connection, inspect, text

SCRIPTS = Path(__file__).resolve().parents[3] / "migrations"
_TABLE = "alembic_version"


def head_revision() -> str:
    """The revision that this code needs: the one that no other stands upon."""
    revisions: set[str] = set()
    below: set[str] = set()
    for script in sorted((SCRIPTS / "versions").glob("*.py")):
        names = _texts(script)
        if "revision" in names:
            revisions.add(names["revision"])
        if "down_revision" in names:
            below.add(names["down_revision"])
    heads = revisions - below
    if len(heads) != 1:
        raise RuntimeError(f"{SCRIPTS} holds {len(heads)} newest migrations and should hold one")
    return heads.pop()


def present_revision(connection: Connection) -> str | None:
    """The revision that the database has; None if it was never migrated."""
    if not inspect(connection).has_table(_TABLE):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {_TABLE}"))  # noqa: S608
    return found


def _texts(script: Path) -> dict[str, str]:
    """The names that `script` sets to a text."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
