"""No folder stands outside of the import contracts, and tests stand where their code does."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCE, UNIT = ROOT / "callcenter", ROOT / "tests" / "unit"
CONTRACTS: list[dict[str, Any]] = tomllib.loads(
    (ROOT / "pyproject.toml").read_text(encoding="utf-8")
)["tool"]["importlinter"]["contracts"]
CONTEXTS = ("platform", "people", "telephony", "workforce", "casework", "insight")
BESIDE = {"cli", "setup", "simulator"}
"""Folders that are no trade: what wires, brings programs, or plays the citizens."""
OF_NO_FOLDER = {"agi", "app", "benchmarks", "dialplan", "mutants"}
"""Unit tests of what stands beside callcenter/, and of the whole service."""


def packages(folder: Path) -> set[str]:
    return {entry.parent.name for entry in folder.glob("*/__init__.py")}


def contract(words: str) -> dict[str, Any]:
    (found,) = [one for one in CONTRACTS if words in one["name"]]
    return found


def test_every_folder_is_a_context_or_named_beside_them() -> None:
    assert packages(SOURCE) == {*CONTEXTS, *BESIDE}


def test_the_contexts_stand_in_the_contract_in_their_order() -> None:
    layers = contract("A context looks only")["layers"]
    assert [layer for layer in layers if layer in CONTEXTS] == list(reversed(CONTEXTS))
    assert contract("A context looks only")["exhaustive"] is True


def test_no_contract_names_a_feature_that_a_new_one_would_have_to_join() -> None:
    """Features are named only where one of them is special: the PBX's room, and the audit."""
    special = {"callcenter.telephony.pbx", "callcenter.insight.audit"}
    features = {
        f"callcenter.{context}.{feature}"
        for context in CONTEXTS
        for feature in packages(SOURCE / context) - {"domain"}
    }
    for one in CONTRACTS:
        named = {
            word.rsplit(".**", 1)[0].rsplit(".*", 1)[0]
            for key in ("containers", "source_modules", "features", "allowed_importers")
            for word in one.get(key, ())
        }
        assert not (named & features) - special, one["name"]


def test_a_context_has_a_pure_domain_and_says_what_it_is() -> None:
    for context in CONTEXTS:
        text = (SOURCE / context / "__init__.py").read_text(encoding="utf-8")
        assert text.startswith('"""'), context
        if context != "insight":  # which only counts what the others decide
            assert (SOURCE / context / "domain" / "__init__.py").exists(), context


def test_unit_tests_stand_where_their_code_does() -> None:
    for folder in sorted(UNIT.rglob("__init__.py")):
        place = folder.parent.relative_to(UNIT)
        if place.parts and place.parts[0] not in OF_NO_FOLDER:
            assert (SOURCE / place).is_dir(), place
