"""mutmut with three changes more, run in its own environment from the copy's folder.

mutmut changes operators, constants, arguments and assignments. It takes no statement away that is a
call for its effect, turns no bare condition round, and leaves what a function returns.

For each change it would begin pytest anew, which takes longer than most tests of a domain do. Here
the tests are collected once, and each change is tried in a fork that has them.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn
from zlib import crc32

import libcst
import pytest
from _pytest.config import _prepareconfig
from libcst import matchers
from mutmut.__main__ import cli
from mutmut.configuration import config
from mutmut.mutation import trampoline
from mutmut.mutation.mutators import mutation_operators
from mutmut.state import state
from mutmut.workers.isolation import ForkRunner

FAILED = 1
"""pytest's own exit code."""

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


class Collected:
    """The tests as they were collected before the first change, and a fork's way through them."""

    def __init__(self) -> None:
        settings = config()
        with_these = [*settings.pytest_add_cli_args, *settings.pytest_add_cli_args_test_selection]
        os.chdir("mutants")
        prepared = _prepareconfig(
            ["--rootdir=.", "-q", "-s", "--tb=no", "--assert=plain", *with_these], [self]
        )
        prepared._do_configure()
        session = pytest.Session.from_config(prepared)
        prepared.hook.pytest_sessionstart(session=session)
        prepared.hook.pytest_collection(session=session)
        os.chdir("..")
        self._items = {item.nodeid: item for item in session.items}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One that fails is enough."""
        if report.failed:
            os._exit(FAILED)

    def run(self, tests: Iterable[str]) -> None:
        """Come back if none fails."""
        os.chdir("mutants")
        items = [self._items[name] for name in tests]
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def note(name: str, caller: str | None = None) -> None:
    """What mutmut does where a test reaches a function, without asking for its callers."""
    state()._stats.add(name)


trampoline.record_trampoline_hit = note


def start(runner: Any) -> None:
    """Before the first fork. Who lives for a moment has nothing to collect, least of all among what
    he got from his parent; and what a function remembers of the tests that it passed unchanged
    would be its answer when it is changed."""
    collected = Collected()

    def run_tests(*, mutant_name: str | None, tests: Iterable[str]) -> NoReturn:
        gc.disable()
        collected.run(tests)
        os._exit(0)

    runner.test_runner.run_tests = run_tests
    for one in gc.get_objects():
        if isinstance(one, functools._lru_cache_wrapper):
            one.cache_clear()
    gc.collect()
    gc.freeze()


def submit(runner: Any, name: str, *how: Any) -> None:
    """Leave out all but one in `ONE_IN`, always the same ones."""
    if crc32(name.encode()) % ONE_IN == 0:
        submit_all(runner, name, *how)


ONE_IN = int(os.environ.get("MUTANTS_ONE_IN", "1"))
submit_all = ForkRunner.submit
ForkRunner.submit = submit
ForkRunner.startup = start

if __name__ == "__main__":
    sys.exit(cli())
