"""A case as its steps tell it: every field is somewhere in a step, and none is anywhere else.

The values are plain (texts, numbers, yes or no, and rows of them), so that a step can say them
before and after as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, tzinfo

from callcenter.casework.domain.states import (
    CaseState,
    ClockKind,
    Field,
    OrderState,
    RefusalCode,
    Review,
)
from callcenter.casework.domain.working_time import Pause
from callcenter.people.domain.permissions import Role

Plain = str | int | bool | list["Plain"]
"""What a step can say: as JSON has it."""
Value = str | int | bool | tuple[str, ...]
"""What a command can be told."""
START = "0" * 64
"""What the first step has before it."""


@dataclass(frozen=True, slots=True)
class CaseClock:
    """The facts of one clock; its deadline is reckoned from them and the rule."""

    kind: ClockKind
    count: int
    """Which of its kind in this case, from 1."""
    unit: str
    """The one that held the case when it started."""
    started: datetime
    stopped: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    extended: int = 0
    """Units of the rule's own measure that were granted beyond it."""

    @property
    def runs(self) -> bool:
        """Whether it has not stopped, be it paused or not."""
        return self.stopped is None

    @property
    def paused(self) -> bool:
        """Whether a pause lasts."""
        return bool(self.pauses) and self.pauses[-1].ends is None


@dataclass(frozen=True, slots=True)
class FoldedCase:
    """One case after some of its steps."""

    state: CaseState = CaseState.NEW
    back: tuple[CaseState, ...] = ()
    """Where it goes back to from returned, parked and merged; the latest last."""
    kind: str = ""
    category: str = ""
    urgency: str = "ordinary"
    main: str = ""
    """The unit that holds it."""
    orders: tuple[tuple[str, OrderState], ...] = ()
    """Of assisting units."""
    fixed: bool = False
    """A consultation has fixed the units."""
    returned: tuple[str, ...] = ()
    """Units that have objected."""
    released: tuple[str, ...] = ()
    """Those of them that were right."""
    refusals: int = 0
    """Returns that were judged wrong."""
    extension_asked: int = 0
    extensions: int = 0
    redos: int = 0
    """Since it was raised last."""
    raised: int = 0
    urged: int = 0
    signed: bool = False
    """A leader has signed it off."""
    took_in: tuple[str, ...] = ()
    """The persons who took it in."""
    reviewer: str = ""
    review: Review = Review.NONE
    tries: tuple[str, ...] = ()
    """Moments at which the citizen was not reached."""
    next_look: str = ""
    into: str = ""
    """The case that it follows."""
    steps: int = 0
    head: str = START
    """The hash of the last step."""
    at: datetime | None = None
    """Of the last step."""
    clocks: tuple[CaseClock, ...] = ()

    @property
    def paused(self) -> bool:
        """Whether the unit's time stands still."""
        return any(clock.runs and clock.paused for clock in self.clocks)

    def running(self, kind: ClockKind) -> CaseClock | None:
        """The clock of `kind` that runs, if one does."""
        for clock in self.clocks:
            if clock.kind is kind and clock.runs:
                return clock
        return None


OF_THE_CHAIN = frozenset({"steps", "head", "at", "clocks"})
"""Fields that every step moves by itself."""
FACTS = tuple(one.name for one in fields(FoldedCase) if one.name not in OF_THE_CHAIN)
"""Fields that steps say before and after."""


def facts_of(case: FoldedCase) -> dict[str, Plain]:
    """The fields of `FACTS`, plain."""
    return {name: plain(getattr(case, name)) for name in FACTS}


def plain(value: object) -> Plain:
    """`value` as JSON would give it back."""
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, bool | int):
        return value
    return str(value)


def typed(name: str, value: Plain) -> object:
    """What `plain` made of the field `name`, as the case has it."""
    if name == "state":
        return CaseState(str(value))
    if name == "review":
        return Review(str(value))
    if not isinstance(value, list):
        return value
    if name == "back":
        return tuple(CaseState(str(one)) for one in value)
    if name == "orders":
        pairs = (one for one in value if isinstance(one, list))
        return tuple((str(unit), OrderState(str(state))) for unit, state in pairs)
    return tuple(str(one) for one in value)


@dataclass(frozen=True, slots=True)
class By:
    """Who acts; without a person it is the service by itself."""

    person: str = ""
    roles: frozenset[Role] = frozenset()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants done."""

    act: str
    by: By
    given: Mapping[str, Value] = field(default_factory=dict)

    def words(self, name: Field) -> str:
        """What was said in `name`, as a text; '' if nothing."""
        return str(self.given.get(name, ""))

    def number(self, name: Field) -> int:
        """The whole number in `name`; 0 if there is none."""
        value = self.given.get(name, 0)
        return value if isinstance(value, int) else 0

    def units(self, name: Field) -> tuple[str, ...]:
        """The units in `name`."""
        value = self.given.get(name, ())
        return value if isinstance(value, tuple) else ()

    def says_yes(self, name: Field) -> bool:
        """Whether `name` was said, and is yes."""
        return self.given.get(name) is True


@dataclass(frozen=True, slots=True)
class Bounds:
    """How often and how long; the office's own choice."""

    refusals: int = 2
    """Returns judged wrong after which a consultation fixes the units (the State Council's guidance
    of 2025: what stays unclear is consulted)."""
    extensions: int = 1
    extension: int = 10
    """Units of the handling rule's measure, of one extension (Shandong: 10 working days)."""
    redos: int = 2
    pause_hours: int = 24
    """A longer pause needs an approver."""
    tries: int = 3
    try_days: int = 2
    try_parts: int = 2
    """Of the day: morning, afternoon, evening."""
    urgings: int = 3


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision needs beyond the case."""

    now: datetime
    zone: tzinfo
    units: Mapping[str, str] = field(default_factory=dict)
    """Each unit and the one above it; '' above those at the top."""
    deadlines: Mapping[ClockKind, datetime] = field(default_factory=dict)
    """Of the clocks that run and have one."""
    cases: Mapping[str, CaseState] = field(default_factory=dict)
    """Other cases that a command may name."""
    number: str = ""
    """Of the case."""
    followed: bool = False
    """Whether other cases follow it."""
    review_due: bool = True
    bounds: Bounds = Bounds()
    salt: str = ""
    """By chance, for the texts of the steps; see `steps`."""

    def within(self, unit: str, above: str) -> bool:
        """Whether `unit` is `above`, or below it at any depth."""
        seen: set[str] = set()
        while unit and unit not in seen:
            if unit == above:
                return True
            seen.add(unit)
            unit = self.units.get(unit, "")
        return False

    def is_over(self, kind: ClockKind) -> bool:
        """Whether the deadline of `kind` has passed."""
        deadline = self.deadlines.get(kind)
        return deadline is not None and self.now > deadline


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command is not done, and what of it is concerned."""

    code: RefusalCode
    fields: tuple[str, ...] = ()


def moment_in(text: str) -> datetime | None:
    """The moment that `text` writes (ISO 8601 with an offset), in UTC; None if it writes none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.astimezone(UTC)
