"""docs/casework.md says what the table says, to the letter.

Run as a module it writes the page anew.
"""

from __future__ import annotations

from pathlib import Path

from callcenter.casework.domain.picture import ACT_WORDS, STATE_WORDS, page
from callcenter.casework.domain.states import Act, CaseState, RefusalCode
from callcenter.casework.domain.table import TABLE

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "casework.md"


def test_the_page_is_the_table() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page(), (
        "write it anew: .venv/bin/python -m tests.unit.casework.domain.test_picture"
    )


def test_every_word_and_every_row_is_on_it() -> None:
    assert set(STATE_WORDS) == set(CaseState)
    assert set(ACT_WORDS) == set(Act)
    assert len(set(STATE_WORDS.values())) == len(STATE_WORDS)
    text = page()
    lines = text.splitlines()
    for row in TABLE:
        assert any(f"| `{row.act}` " in line for line in lines)
    assert sum(line.startswith("| `") for line in lines) >= len(RefusalCode)
    for code in RefusalCode:
        assert f"| `{code}` |" in text
    assert "    dispatched --> in_hand: 签收" in lines
    assert "    returned --> consulting: 驳回退单" in lines
    assert "    [*] --> intake: 建单" in lines
    assert "    closed --> [*]" in lines


if __name__ == "__main__":
    DOCUMENT.write_text(page(), encoding="utf-8")
