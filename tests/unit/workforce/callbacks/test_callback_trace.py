"""What a real PBX wrote when a caller pressed the call-back key and was called back, and the ledger
of it. `callback_requested.csv` and `called_back.csv` are the journals of the two calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from callcenter.workforce.domain.callbacks import MissedReason, missed
from tests.unit.traces import ledger_of, tell

FOLDER = Path(__file__).parent

STORIES = {
    "callback_requested": """
inbound 12345: callback by system, answered …, ended 9.45, queue 12345, - -
  waited 0.01–0.27 exit_key
  rang 8001 0.01–0.01 refused (queue)
""",
    "called_back": """
outbound 13903592217: answered by caller, answered 0.02, ended 0.52, - -, 13903592217 13903592217
  rang 13903592217 0.01–0.02 answered (dial)
  talked 13903592217 0.02–0.52 via direct, ended by caller
  recorded 496 ms
""",
}


def trace(name: str) -> bytes:
    return (FOLDER / f"{name}.csv").read_bytes()


@pytest.mark.parametrize("name", STORIES)
def test_the_ledger_tells_the_story(name: str) -> None:
    assert tell(ledger_of(trace(name))) == STORIES[name].strip().splitlines()


def test_who_pressed_the_key_is_to_be_called_back() -> None:
    (call,) = ledger_of(trace("callback_requested")).calls
    found = missed(call)
    assert found is not None
    assert (found.reason, found.number) == (MissedReason.REQUESTED, "13903592217")


def test_a_caller_who_hung_up_during_the_confirmation_has_asked_all_the_same() -> None:
    """The journal said so before he heard it: the rest of the call does not matter."""
    data = trace("callback_requested")
    early = data.replace(b"dialplan/builtin", b"PJSIP/trunk-00000000")
    (call,) = ledger_of(early).calls
    assert (call.outcome, call.ended_by) == ("callback", "caller")
