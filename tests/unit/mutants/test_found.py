"""What mutmut kept is read back, and what docs/mutants.md explains is told from the rest."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.mutants import found
from tests.mutants.__main__ import told
from tests.mutants.tree import (
    CONTEXTS,
    REPOSITORY,
    domain_of,
    noticing,
    without_property_decorators,
)

MODULE = """
def x_open__mutmut_orig(hour):
    return 8 <= hour < 20

def x_open__mutmut_1(hour):
    return 8 < hour < 20

def x_open__mutmut_2(hour):
    return 8 <= hour <= 20

class Line:
    def xǁLineǁlong__mutmut_orig(self):
        raise ValueError("this is no number")

    def xǁLineǁlong__mutmut_1(self):
        raise ValueError("XXthis is no numberXX")
"""
DOCUMENT = """
```toml
[[mutant]]
function = "people.hours.open"
was = "return 8 * hour*"
becomes = "return 8 <= hour <= 20"
reason = "nobody asks at eight in the evening"
```
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy in which three changes were tried and one was noticed."""
    folder = tmp_path / "mutants" / domain_of("people")
    folder.mkdir(parents=True)
    (folder / "hours.py").write_text(MODULE)
    of = "callcenter.people.domain.hours"
    codes = {f"{of}.x_open__mutmut_1": 1, f"{of}.x_open__mutmut_2": 0}
    codes[f"{of}.xǁLineǁlong__mutmut_1"] = 0
    (folder / "hours.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
    return tmp_path


def test_each_change_is_told_by_its_function_and_its_line(place: Path) -> None:
    first, second, third = found.mutants_of(place, domain_of("people"))
    assert (first.function, first.noticed) == ("people.hours.open", True)
    assert (first.was, first.becomes) == ("return 8 <= hour < 20", "return 8 < hour < 20")
    assert (second.becomes, second.noticed) == ("return 8 <= hour <= 20", False)
    assert third.function == "people.hours.Line.long"
    assert found.is_wording(third)
    assert not found.is_wording(second)


def test_only_what_is_explained_is_left_out(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not told("people", place, [])
    assert "1 of wording, 0 explained, 1 not noticed: 50.0 %" in capsys.readouterr().out
    explained = found.explanations(DOCUMENT)
    assert told("people", place, explained)
    assert "1 explained, 0 not noticed: 100.0 %" in capsys.readouterr().out


def test_an_explanation_of_nothing_is_told(place: Path) -> None:
    stale = DOCUMENT.replace("<= 20", "<= 21")
    assert not told("people", place, found.explanations(DOCUMENT + stale))


def test_what_was_not_tried_is_no_result(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = place / "mutants" / domain_of("people") / "hours.py.meta"
    kept.write_text(kept.read_text().replace(": 1", ": null"))
    assert len(list(found.mutants_of(place, domain_of("people")))) == 2
    assert not told("people", place, [])
    assert "2 of 3 changes tried, 0 noticed" in capsys.readouterr().out


def test_survivors_are_tried_again_and_nothing_else(place: Path) -> None:
    found.forget_survivors(place, domain_of("people"))
    kept = place / "mutants" / domain_of("people") / "hours.py.meta"
    assert list(json.loads(kept.read_text())["exit_code_by_key"].values()) == [1, None, None]


def test_an_explanation_has_a_reason() -> None:
    with pytest.raises(ValueError, match="no reason"):
        found.explanations(DOCUMENT.replace("nobody asks at eight in the evening", " "))
    assert all(one.reason for one in found.explanations(found.EXPLAINED.read_text()))


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_property_that_is_made_afterwards_is_the_same(context: str) -> None:
    for path in (REPOSITORY / domain_of(context)).glob("*.py"):
        source = path.read_text()
        changed = without_property_decorators(source)
        ast.parse(changed)
        assert changed.count("= property(") == source.count("    @property\n")
        assert "@property" not in changed


def test_a_property_is_made_behind_its_own_last_line() -> None:
    source = "class A:\n    @property\n    def one(self):\n        return 1\n\n    b = 2\n"
    assert without_property_decorators(source) == (
        "class A:\n    def one(self):\n        return 1\n    one = property(one)\n\n    b = 2\n"
    )


def test_every_domain_is_tried_and_has_tests() -> None:
    domains = {
        path.parent.parent.name for path in REPOSITORY.glob("callcenter/*/domain/__init__.py")
    }
    assert domains == set(CONTEXTS)
    assert all((REPOSITORY / path).exists() for context in CONTEXTS for path in noticing(context))
