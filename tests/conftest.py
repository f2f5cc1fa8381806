"""Every test has an id of its own.

Test processes are told by these ids what to run, so of two with the same id one would be left out
without a word. Schemathesis gives one id to the tests of all operations; pytest has no way but its
own attribute to set it.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

# A slow machine is no fault: time is measured in benchmarks.
settings.register_profile("callcenter", deadline=None)
# Where thousands of changed lines are tried (tests/mutants) it is enough to see that one is
# noticed, and with the same examples each time.
settings.register_profile(
    "mutants",
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
PROFILE = os.environ.get("TEST_PROFILE", "callcenter")
settings.load_profile(PROFILE)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Name a schemathesis test by its operation; refuse to run if two tests have one id."""
    for item in items:
        operation = getattr(item, "operation_label", None)
        if operation is not None:
            item._id = item.id.with_params(operation)
    if PROFILE == "mutants":
        for item in items:
            _take_fewer_examples(getattr(item, "function", None))
    twice = [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twice:
        raise pytest.UsageError(f"tests with one id, of which some would not run: {twice[:5]}")


def _take_fewer_examples(test: Any) -> None:
    """Also where a test asks for more than others."""
    own = getattr(test, "_hypothesis_internal_use_settings", None)
    if own is not None:
        few = min(own.max_examples, settings().max_examples)
        test._hypothesis_internal_use_settings = settings(own, max_examples=few)
