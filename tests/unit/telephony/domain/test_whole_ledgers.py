"""Every field of every row that real journals give: the stories tell what a person checks by eye,
this holds the rest (identities, paths, numbers, priorities, microseconds).

`tests/traces/ledgers.txt` is what they gave when the stories were checked. When a line of it
changes, somebody must be able to say why it was wrong before; then `python -m
tests.unit.telephony.domain.test_whole_ledgers` writes it anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

import pytest

from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.journal import parse
from callcenter.telephony.domain.ledger import LedgerChanges
from tests.unit.traces import FOLDER

WHOLE = FOLDER / "ledgers.txt"
JOURNALS = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.csv"))


def lines_of(changes: LedgerChanges) -> Iterator[str]:
    """A line for each row: its kind, and each field with its value."""
    for kind in changes.__slots__:
        for row in sorted(getattr(changes, kind), key=lambda one: one.id):
            values = ((one.name, getattr(row, one.name)) for one in fields(row))
            yield f"{kind}: " + " ".join(f"{name}={value!s}" for name, value in values)


def told(name: str) -> list[str]:
    """The ledger half-way through the journal, and what changes until its end."""
    rows = parse((FOLDER / name).read_bytes()).rows
    book = CallBook("pbx1")
    lines = []
    for place, row in enumerate(rows):
        book.apply(row, row.position)
        if place == len(rows) // 2:
            lines = [f"open={book.open_calls} from={book.resume_position()}"]
            lines += [f"half-way {line}" for line in lines_of(book.take())]
    return [*lines, *lines_of(book.take())]


def kept() -> dict[str, list[str]]:
    """The lines of each journal in the file."""
    text = WHOLE.read_text(encoding="utf-8")
    return {
        name: block.splitlines()
        for name, block in re.findall(r"^== (\S+)\n((?:[^=\n].*\n)*)", text, re.MULTILINE)
    }


KEPT = kept() if WHOLE.exists() else {}


def test_every_journal_is_there() -> None:
    assert sorted(KEPT) == JOURNALS


@pytest.mark.parametrize("name", JOURNALS)
def test_every_field_of_every_row(name: str) -> None:
    assert told(name) == KEPT[name]


if __name__ == "__main__":
    blocks = (f"== {name}\n" + "\n".join(told(name)) + "\n" for name in JOURNALS)
    WHOLE.write_text("".join(blocks), encoding="utf-8")
