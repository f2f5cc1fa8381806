"""docs/interworking.md is what the parser does, line by line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callcenter.platform.domain.numbers import normalise

PAGE = Path(__file__).resolve().parents[4] / "docs" / "interworking.md"


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below `heading`, without the marks of code."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    lines = re.match(r"[^|]*((?:\|.*\n)+)", text)
    assert lines, heading
    table = [line.strip("|").split("|") for line in lines[1].splitlines()[2:]]
    return [[cell.strip().strip("`") for cell in line] for line in table]


@pytest.mark.parametrize(("written", "form", "why"), rows("A caller's number"))
def test_a_callers_number(written: str, form: str, why: str) -> None:
    assert normalise(written) == form, why
