"""Who may do what: the one table of roles and permissions.

Every endpoint names its permission (`access.rights.requires`); a test walks all endpoints and
all roles against this table. Roles are those of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """What a person is in the hotline."""

    OPERATOR = "operator"
    DISPATCHER = "dispatcher"
    REVIEWER = "reviewer"
    SUPERVISOR = "supervisor"
    LEADER = "leader"
    UNIT_USER = "unit_user"
    ANALYST = "analyst"
    ADMIN = "admin"


class Permission(StrEnum):
    """What an endpoint asks for."""

    CASE_READ = "case.read"
    CASE_WRITE = "case.write"
    CASE_CONFIDENTIAL = "case.confidential"
    """See who the citizen of a confidential case is."""
    NUMBER_SEE = "number.see"
    """See citizens' numbers whole; masked for everybody else."""
    CALL_READ = "call.read"
    CALL_TRANSFER = "call.transfer"
    CALL_OWN = "call.own"
    """Dial, answer, hold, mute, conference and end one's own calls."""
    RECORDING_READ = "recording.read"
    RECORDING_LISTEN = "recording.listen"
    RECORDING_RETRY = "recording.retry"
    """Have audio that was missing, or given up, looked for again."""
    BLOCKLIST_READ = "blocklist.read"
    BLOCKLIST_WRITE = "blocklist.write"
    OPENING_READ = "opening.read"
    OPENING_WRITE = "opening.write"
    SEAT_READ = "seat.read"
    SEAT_WRITE = "seat.write"
    QUEUE_READ = "queue.read"
    QUEUE_WRITE = "queue.write"
    AGENT_OWN = "agent.own"
    """Log in to a seat, be ready, take breaks: for oneself."""
    AGENT_READ = "agent.read"
    AGENT_WRITE = "agent.write"
    """Skills, break reasons, and the state of others."""
    SHIFT_OWN = "shift.own"
    """Read one's own shifts, ask for swaps and leave."""
    SHIFT_READ = "shift.read"
    SHIFT_WRITE = "shift.write"
    FORECAST_READ = "forecast.read"
    FLOOR_READ = "floor.read"
    FLOOR_STEER = "floor.steer"
    """Listen, whisper, barge, take over, end, move callers, close the line."""
    CALLBACK_OWN = "callback.own"
    CALLBACK_READ = "callback.read"
    USER_READ = "user.read"
    USER_WRITE = "user.write"
    TOKEN_WRITE = "token.write"  # noqa: S105
    TRAIL_READ = "trail.read"
    """Who read or changed what."""
    SELF = "self"
    """One's own account and session: whoever is logged in."""


P = Permission

_EVERYBODY = frozenset({P.SELF, P.OPENING_READ})
_OPERATOR = _EVERYBODY | {
    P.CASE_READ, P.CASE_WRITE, P.NUMBER_SEE, P.CALL_READ, P.CALL_TRANSFER, P.CALL_OWN,
    P.RECORDING_READ, P.AGENT_OWN, P.SEAT_READ, P.QUEUE_READ, P.SHIFT_OWN, P.CALLBACK_OWN,
}  # fmt: skip
_DISPATCHER = _EVERYBODY | {
    P.CASE_READ, P.CASE_WRITE, P.CASE_CONFIDENTIAL, P.NUMBER_SEE, P.CALL_READ, P.RECORDING_READ,
    P.RECORDING_LISTEN, P.SHIFT_OWN,
}  # fmt: skip
_REVIEWER = _EVERYBODY | {
    P.CASE_READ, P.CASE_WRITE, P.NUMBER_SEE, P.CALL_READ, P.CALL_OWN, P.RECORDING_READ,
    P.RECORDING_LISTEN, P.AGENT_OWN, P.SEAT_READ, P.SHIFT_OWN,
}  # fmt: skip
_SUPERVISOR = _OPERATOR | {
    P.RECORDING_LISTEN, P.RECORDING_RETRY, P.BLOCKLIST_READ, P.BLOCKLIST_WRITE, P.AGENT_READ,
    P.AGENT_WRITE,
    P.SHIFT_READ, P.SHIFT_WRITE, P.FORECAST_READ, P.FLOOR_READ, P.FLOOR_STEER, P.CALLBACK_READ,
}  # fmt: skip
_LEADER = _EVERYBODY | {
    P.CASE_READ, P.CASE_CONFIDENTIAL, P.FLOOR_READ, P.FORECAST_READ,
}  # fmt: skip
_UNIT_USER = _EVERYBODY | {P.CASE_READ, P.CASE_WRITE}
_ANALYST = _EVERYBODY | {
    P.CASE_READ, P.CALL_READ, P.RECORDING_READ, P.FLOOR_READ, P.FORECAST_READ, P.SHIFT_READ,
    P.AGENT_READ, P.QUEUE_READ, P.SEAT_READ, P.CALLBACK_READ,
}  # fmt: skip

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OPERATOR: _OPERATOR,
    Role.DISPATCHER: _DISPATCHER,
    Role.REVIEWER: _REVIEWER,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.LEADER: _LEADER,
    Role.UNIT_USER: _UNIT_USER,
    Role.ANALYST: _ANALYST,
    Role.ADMIN: frozenset(Permission),
}
"""The table."""


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """What somebody with all of `roles` may do."""
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles))


def words_of(roles: Iterable[Role]) -> str:
    """`roles` as one text, sorted, with a blank between."""
    return " ".join(sorted(set(roles)))


def roles_in(words: str) -> frozenset[Role]:
    """The roles in `words` of `words_of`. A word that is none gives nothing: it may be a role that
    a later version knew."""
    known = frozenset(Role)
    return frozenset(Role(word) for word in words.split() if word in known)
