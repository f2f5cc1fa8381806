"""mutmut with three changes more, run in its own environment from the copy's folder.

mutmut changes operators, constants, arguments and assignments. It takes no statement away that is a
call for its effect, turns no bare condition round, and leaves what a function returns.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

import libcst
from libcst import matchers
from mutmut.__main__ import cli
from mutmut.mutation.mutators import mutation_operators

COMPARED = matchers.Comparison() | matchers.BooleanOperation() | matchers.UnaryOperation()
"""What mutmut changes by itself."""


def without_the_call(node: libcst.Expr) -> Iterator[libcst.Pass]:
    """A statement that is a call for its effect: gone."""
    if matchers.matches(node.value, matchers.Call() | matchers.Await()):
        yield libcst.Pass()


def turned_round(node: libcst.If | libcst.While) -> Iterator[libcst.If | libcst.While]:
    """A condition that is a name or a call: its contrary."""
    if not matchers.matches(node.test, COMPARED):
        test = node.test.with_changes(lpar=[libcst.LeftParen()], rpar=[libcst.RightParen()])
        yield node.with_changes(test=libcst.UnaryOperation(libcst.Not(), test))


def with_nothing(node: libcst.Return) -> Iterator[libcst.Return]:
    """What is returned: nothing instead."""
    if node.value is not None and not matchers.matches(node.value, matchers.Name("None")):
        yield node.with_changes(value=libcst.Name("None"))


mutation_operators.extend(
    (
        (libcst.Expr, without_the_call),
        (libcst.If, turned_round),
        (libcst.While, turned_round),
        (libcst.Return, with_nothing),
    )
)

# Each change is tried in a process of its own that lives for a moment: it has nothing to collect,
# least of all among what it got from its parent.
os.register_at_fork(before=gc.freeze, after_in_child=gc.disable)

if __name__ == "__main__":
    sys.exit(cli())
