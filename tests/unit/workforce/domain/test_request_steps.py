"""Leave and swaps: every step from every state."""

from __future__ import annotations

import pytest

from callcenter.workforce.domain.requests import RequestState, RequestStep, leave_after, swap_after

LEAVE = {
    "asked": {"approve": "approved", "refuse": "refused", "withdraw": "withdrawn"},
    "approved": {"withdraw": "withdrawn"},
}
SWAP = {
    "asked": {
        "accept": "accepted",
        "decline": "declined",
        "refuse": "refused",
        "withdraw": "withdrawn",
    },
    "accepted": {"approve": "approved", "refuse": "refused", "withdraw": "withdrawn"},
}


@pytest.mark.parametrize("state", RequestState)
@pytest.mark.parametrize("step", RequestStep)
def test_what_becomes_of_a_request(state: RequestState, step: RequestStep) -> None:
    assert leave_after(state, step) == LEAVE.get(state, {}).get(step)
    assert swap_after(state, step) == SWAP.get(state, {}).get(step)


@pytest.mark.parametrize("state", RequestState)
def test_only_an_open_request_can_be_decided(state: RequestState) -> None:
    assert state.open is (state in ("asked", "accepted"))
    decided = [swap_after(state, step) for step in RequestStep]
    assert state.open is any(decided)
