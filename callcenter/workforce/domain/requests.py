"""Leave and swaps: what may become of somebody's request, and by whom.

Leave is asked for and decided. A swap is asked of a colleague first: who must work in somebody's
place says so before a supervisor decides. Nobody decides their own request. What is decided stays
as it is; approved leave can be given back by its owner, or taken back by a supervisor.
"""

from __future__ import annotations

from enum import StrEnum


class RequestState(StrEnum):
    """Where a request stands."""

    ASKED = "asked"
    """Of a swap: the colleague has not answered. Of leave: a supervisor has not."""
    ACCEPTED = "accepted"
    """Of a swap only: the colleague will; a supervisor has not decided."""
    DECLINED = "declined"
    """Of a swap only: the colleague will not."""
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def open(self) -> bool:
        """Whether somebody still has to act."""
        return self in (RequestState.ASKED, RequestState.ACCEPTED)


class LeaveKind(StrEnum):
    """Why somebody is away."""

    ANNUAL = "annual"
    SICK = "sick"
    PERSONAL = "personal"
    TRAINING = "training"
    OTHER = "other"


class RequestStep(StrEnum):
    """What somebody does with it."""

    ACCEPT = "accept"
    DECLINE = "decline"
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


S, T = RequestState, RequestStep

_LEAVE = {
    (S.ASKED, T.APPROVE): S.APPROVED,
    (S.ASKED, T.REFUSE): S.REFUSED,
    (S.ASKED, T.WITHDRAW): S.WITHDRAWN,
    (S.APPROVED, T.WITHDRAW): S.WITHDRAWN,
}
_SWAP = {
    (S.ASKED, T.ACCEPT): S.ACCEPTED,
    (S.ASKED, T.DECLINE): S.DECLINED,
    (S.ASKED, T.REFUSE): S.REFUSED,
    (S.ASKED, T.WITHDRAW): S.WITHDRAWN,
    (S.ACCEPTED, T.APPROVE): S.APPROVED,
    (S.ACCEPTED, T.REFUSE): S.REFUSED,
    (S.ACCEPTED, T.WITHDRAW): S.WITHDRAWN,
}


def leave_after(state: RequestState, step: RequestStep) -> RequestState | None:
    """Where leave stands after `step`; None if it makes no sense now."""
    return _LEAVE.get((state, step))


def swap_after(state: RequestState, step: RequestStep) -> RequestState | None:
    """Where a swap stands after `step`; None if it makes no sense now."""
    return _SWAP.get((state, step))
