"""Who tries seats' passwords at the SIP port, and whom the PBX shall not listen to for a while.

Pure: failed log-ins in, addresses to shut out and to let in again out. One address that fails too
often within a span is shut out for a time. Failures of many addresses at one account shut nobody
out, for then the seat's own phone would be the one to suffer; they are told.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

ADDRESSES_KEPT = 10_000
"""An attack from more addresses at once is none that keeping them would end."""


@dataclass(frozen=True, slots=True)
class GuessRules:
    """The limits; see the settings for the reasons."""

    failures: int
    """Of one address within `span_seconds`: more shut it out."""
    span_seconds: float
    shut_out_seconds: float
    """0: nobody is shut out."""
    shut_out_max: int
    """Addresses at once; above it the one whose time is up first goes free."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the PBX must do now."""

    shut_out: frozenset[str] = frozenset()
    let_in: frozenset[str] = frozenset()


@dataclass(slots=True)
class Guesses:
    """Failures that are remembered, and who is shut out; times are monotonic seconds."""

    rules: GuessRules
    failed: int = 0
    """Log-ins since the process began."""
    _of: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)
    _out: dict[str, float] = field(default_factory=dict)
    """Until when."""
    _accounts: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    @property
    def shut_out(self) -> frozenset[str]:
        """The addresses that are shut out."""
        return frozenset(self._out)

    def failure(self, address: str, account: str, now: float, *, exempt: bool) -> Verdict:
        """A log-in from `address` as `account` failed. `exempt`: somebody honest is there too."""
        self.failed += 1
        self._remember(self._accounts, account, now)
        times = self._remember(self._of, address, now)
        rules = self.rules
        if (
            exempt
            or not rules.shut_out_seconds
            or address in self._out
            or len(times) <= rules.failures
        ):
            return Verdict()
        freed: set[str] = set()
        if len(self._out) >= rules.shut_out_max:
            first = min(self._out, key=self._out.__getitem__)
            del self._out[first]
            freed.add(first)
        self._out[address] = now + rules.shut_out_seconds
        return Verdict(frozenset({address}), frozenset(freed))

    def passed(self, now: float) -> Verdict:
        """Whose time is up at `now`."""
        over = frozenset(address for address, until in self._out.items() if until <= now)
        for address in over:
            del self._out[address]
            self._of.pop(address, None)
        return Verdict(let_in=over)

    def next_at(self) -> float | None:
        """When `passed` has something to say next."""
        return min(self._out.values(), default=None)

    def recent(self, now: float) -> int:
        """Failures within the span before `now`, of the addresses that are remembered."""
        since = now - self.rules.span_seconds
        return sum(sum(at > since for at in times) for times in self._of.values())

    def tried_most(self, now: float) -> str:
        """The account that was tried most within the span; '' if none was."""
        since = now - self.rules.span_seconds
        counts = {
            account: sum(at > since for at in times) for account, times in self._accounts.items()
        }
        most = max(counts, key=counts.__getitem__, default="")
        return most if counts.get(most) else ""

    def _remember(self, book: OrderedDict[str, deque[float]], key: str, now: float) -> deque[float]:
        times = book.get(key)
        if times is None:
            times = book[key] = deque(maxlen=self.rules.failures + 1)
            if len(book) > ADDRESSES_KEPT:
                book.popitem(last=False)
        book.move_to_end(key)
        times.append(now)
        since = now - self.rules.span_seconds
        while times[0] <= since:
            times.popleft()
        return times
