"""The steps of a case: append-only, each with the hash of the one before it.

A step says who did what, when, why, what was before and what is after. Nothing of it is edited;
what was wrong is put right by another step.

Privacy law can take free text away and nothing else. So the hash of a step does not cover its texts
but their own hash, which stays: a step without its texts (a tombstone) still proves that the chain
is whole, and the case still folds to the same. Short texts could be guessed from their hash; a salt
that goes with them prevents that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from callcenter.casework.domain.folded import START, Plain
from callcenter.casework.domain.states import Act, ClockAct, ClockKind


@dataclass(frozen=True, slots=True)
class ClockChange:
    """What a step does to one clock."""

    kind: ClockKind
    act: ClockAct
    amount: int = 0
    """Of `ClockAct.EXTEND`, in the measure of the clock's rule."""


@dataclass(frozen=True, slots=True)
class Step:
    """One append-only fact of a case."""

    number: int
    """From 1, without a gap."""
    act: Act
    at: datetime
    person: str
    """Who; '' if the service by itself."""
    unit: str
    roles: tuple[str, ...]
    given: Mapping[str, Plain]
    """What was said that is no free text."""
    before: Mapping[str, Plain]
    """The fields of the case that this step changes, as they were."""
    after: Mapping[str, Plain]
    clocks: tuple[ClockChange, ...]
    words: Mapping[str, str] | None
    """The free texts; None: taken away."""
    salt: str
    words_sha256: str
    previous: str
    sha256: str = ""

    @property
    def is_tombstone(self) -> bool:
        """Whether its texts were taken away."""
        return self.words is None


def words_hash(words: Mapping[str, str], salt: str) -> str:
    """The hash that stays when `words` go."""
    return _sha256([salt, sorted(words.items())])


def step_hash(step: Step) -> str:
    """The hash of all that stays of `step`."""
    said: list[object] = [
        step.number,
        str(step.act),
        step.at.astimezone(UTC).isoformat(timespec="microseconds"),
        step.person,
        step.unit,
        list(step.roles),
        dict(step.given),
        dict(step.before),
        dict(step.after),
        [[str(change.kind), str(change.act), change.amount] for change in step.clocks],
        step.words_sha256,
        step.previous,
    ]
    return _sha256(said)


def chained(step: Step) -> Step:
    """`step` with its hash."""
    return replace(step, sha256=step_hash(step))


def tombstone(step: Step) -> Step:
    """`step` without its texts; its place in the chain stays."""
    return replace(step, words=None, salt="")


def fault(steps: Iterable[Step]) -> str | None:
    """The first thing that is wrong with the chain of one case's steps, or None.

    That its end was cut off no chain shows by itself: compare the last hash with the case's head.
    """
    number, previous = 0, START
    for step in steps:
        if step.number != number + 1:
            return f"step {number + 1} is missing"
        if step.previous != previous:
            return f"step {step.number} does not follow on the one before it"
        if not hmac.compare_digest(step_hash(step), step.sha256):
            return f"step {step.number} was changed after it was written"
        if step.words is not None and words_hash(step.words, step.salt) != step.words_sha256:
            return f"the texts of step {step.number} were changed after they were written"
        number, previous = step.number, step.sha256
    return None


def step_as_json(step: Step) -> dict[str, Any]:
    """`step` in what JSON can hold."""
    return {
        "number": step.number,
        "act": str(step.act),
        "at": step.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "person": step.person,
        "unit": step.unit,
        "roles": list(step.roles),
        "given": dict(step.given),
        "before": dict(step.before),
        "after": dict(step.after),
        "clocks": [[str(c.kind), str(c.act), c.amount] for c in step.clocks],
        "words": None if step.words is None else dict(step.words),
        "salt": step.salt,
        "words_sha256": step.words_sha256,
        "previous": step.previous,
        "sha256": step.sha256,
    }


def step_from_json(data: Mapping[str, Any]) -> Step:
    """The step that `step_as_json` wrote."""
    return Step(
        number=data["number"],
        act=Act(data["act"]),
        at=datetime.fromisoformat(data["at"]),
        person=data["person"],
        unit=data["unit"],
        roles=tuple(data["roles"]),
        given=data["given"],
        before=data["before"],
        after=data["after"],
        clocks=tuple(ClockChange(ClockKind(k), ClockAct(a), n) for k, a, n in data["clocks"]),
        words=data["words"],
        salt=data["salt"],
        words_sha256=data["words_sha256"],
        previous=data["previous"],
        sha256=data["sha256"],
    )


def _sha256(value: object) -> str:
    # Sorted keys and no other writing: no two different steps are written alike, and the same one
    # always alike.
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
