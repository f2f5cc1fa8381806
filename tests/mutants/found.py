"""What mutmut found, and which survivors docs/mutants.md explains."""

from __future__ import annotations

import ast
import difflib
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.mutants.tree import REPOSITORY

EXPLAINED = REPOSITORY / "docs" / "mutants.md"

KILLED = frozenset({1, 3})
TOO_LONG = frozenset({24, 36, 152, 255, -24})
"""mutmut's marks of a change under which the tests did not end: noticed too."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed line. `function` is ``module.function`` or ``module.Class.method``."""

    name: str
    function: str
    was: str
    becomes: str
    noticed: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why nobody could notice a change. Each of the three is a pattern as of file names, where a
    ``*`` is anything and everything else is itself."""

    function: str
    was: str
    becomes: str
    reason: str

    def is_of(self, mutant: Mutant) -> bool:
        """Whether this is the reason for that one."""
        return (
            fnmatchcase(mutant.function, self.function)
            and matches(self.was, mutant.was)
            and matches(self.becomes, mutant.becomes)
        )


WORDS = re.compile(r'"[^"]*[a-z]+ [^"]*[a-z]+ [^"]*[a-z]')
"""A text of three words or more: a sentence for people."""


def is_wording(mutant: Mutant) -> bool:
    """Whether a sentence for people says the same in capitals, or between XX: that there is one is
    a rule, how it is worded is none."""
    plain = [side.casefold().replace("xx", "") for side in (mutant.was, mutant.becomes)]
    return plain[0] == plain[1] and WORDS.search(mutant.was) is not None


def matches(pattern: str, text: str) -> bool:
    """As `fnmatch`, but that brackets and question marks are themselves: this is source."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), text, re.DOTALL) is not None


def explanations(document: str) -> list[Explanation]:
    """The tables ``[[mutant]]`` of a document's TOML blocks; one without a reason is refused."""
    found = []
    for block in re.findall(r"^```toml\n(.*?)^```$", document, re.DOTALL | re.MULTILINE):
        for row in tomllib.loads(block).get("mutant", []):
            one = Explanation(row["function"], row["was"], row.get("becomes", "*"), row["reason"])
            if not one.reason.strip():
                raise ValueError(f"no reason: {one}")
            found.append(one)
    return found


def mutants_of(place: Path, domain: str) -> Iterator[Mutant]:
    """All that were tried in the copy at `place`; `names_of` has the others too.

    mutmut keeps beside each module what came of its functions, and in it each of them as it was and
    as it became.
    """
    for kept in sorted((place / "mutants" / domain).glob("*.meta")):
        verdicts: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"]
        if not verdicts:
            continue
        bodies = dict(functions(kept.with_suffix("").read_text(encoding="utf-8")))
        for name, code in verdicts.items():
            if code is None:
                continue
            module, mangled = name.rsplit(".", 1)
            original = re.sub(r"__mutmut_\d+$", "__mutmut_orig", mangled)
            was, becomes = difference(bodies[original], bodies[mangled])
            plain = re.sub(r"__mutmut_\d+$", "", mangled).removeprefix("x").strip("ǁ")
            plain = plain.removeprefix("_") if "ǁ" not in mangled else plain.replace("ǁ", ".")
            short = module.removeprefix("callcenter.").replace(".domain.", ".")
            yield Mutant(name, f"{short}.{plain}", was, becomes, code in KILLED | TOO_LONG)


def names_of(place: Path, domain: str) -> dict[str, bool]:
    """Every change that there is, and whether it was tried."""
    found: dict[str, bool] = {}
    for kept in sorted((place / "mutants" / domain).glob("*.meta")):
        verdicts = json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"]
        found |= {name: code is not None for name, code in verdicts.items()}
    return found


def functions(source: str) -> Iterator[tuple[str, list[str]]]:
    """Each function that mutmut made and its lines."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "__mutmut_" in node.name:
            yield node.name, lines[node.lineno : node.end_lineno]


def difference(before: list[str], after: list[str]) -> tuple[str, str]:
    """The lines that were changed and what they became, each as one line."""
    was, becomes = [], []
    for line in difflib.ndiff(before, after):
        if line.startswith("- "):
            was.append(line[2:].strip())
        elif line.startswith("+ "):
            becomes.append(line[2:].strip())
    return " ".join(was), " ".join(becomes)


def forget_survivors(place: Path, domain: str) -> None:
    """Have mutmut try again what was not noticed; what was is not tried again."""
    for kept in (place / "mutants" / domain).glob("*.meta"):
        data = json.loads(kept.read_text(encoding="utf-8"))
        verdicts = data["exit_code_by_key"]
        for name, code in verdicts.items():
            if code not in KILLED | TOO_LONG:
                verdicts[name] = None
        kept.write_text(json.dumps(data), encoding="utf-8")
    (place / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
