"""What a run came to: figures, goals, a table for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from benchmarks.figures import Spread
from benchmarks.load import Load

RATIO_GOAL = 1.5
CASE_GOAL_MS = 250.0
AGI_GOAL_MS = 20.0


@dataclass(frozen=True, slots=True)
class ProductLoad:
    """What only the product has, of one load."""

    rate: int
    agi_ms: Spread
    """INBOUND to ROUTED in the journal, of the calls that the AGI server answered for."""
    defaults: int
    """Calls for which the dialplan took its default."""
    cases: int
    """Opened during the load; one for each connected call."""


@dataclass(slots=True)
class Run:
    """Everything that was measured; grows while it runs."""

    loads: list[Load] = field(default_factory=list)
    product: list[ProductLoad] = field(default_factory=list)
    case_ms: Spread | None = None
    """Answer to case readable over HTTP, at `CASE_RATE`."""
    case_listed_ms: Spread | None = None
    """The same beside a screen that lists cases all the time."""
    list_ms: Spread | None = None
    """That screen's lists."""
    cases_never: int = 0
    ring_with_agi_ms: Spread | None = None
    ring_without_agi_ms: Spread | None = None
    """INVITE to seat rings at `CASE_RATE`, with the AGI server answering and stopped."""

    def of(self, side: str, rate: int) -> list[Load]:
        """The loads of `side` at `rate`, one a round."""
        return [load for load in self.loads if (load.side, load.rate) == (side, rate)]

    def rates(self) -> list[int]:
        """Every rate, lowest first."""
        return sorted({load.rate for load in self.loads})

    def ratio(self, rate: int) -> float | None:
        """CPU of a call at the product over that at the bare PBX, all rounds together."""
        bare, product = self.of("bare", rate), self.of("product", rate)
        if not bare or not product:
            return None
        return _mean_cpu(product) / _mean_cpu(bare)

    def extra_ms(self, rate: int) -> float | None:
        """CPU milliseconds that a call costs more at the product than at the bare PBX."""
        bare, product = self.of("bare", rate), self.of("product", rate)
        if not bare or not product:
            return None
        return _mean_cpu(product) - _mean_cpu(bare)


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal, and what was got."""

    name: str
    wanted: str
    got: str
    met: bool


def _mean_cpu(loads: Sequence[Load]) -> float:
    return fmean(load.cpu_total_ms for load in loads)


def goals(run: Run) -> list[Goal]:
    """Every goal for which there are figures."""
    found: list[Goal] = []
    ratios = {rate: ratio for rate in run.rates() if (ratio := run.ratio(rate)) is not None}
    if ratios:
        lost = {
            rate: sum(load.failed for load in run.of("product", rate))
            for rate in ratios
            if not any(load.failed for load in run.of("bare", rate))
        }
        got = ", ".join(f"{failed} at {rate}/s" for rate, failed in lost.items() if failed)
        found.append(
            Goal("calls lost that bare keeps", "0", got or "0", met=not any(lost.values()))
        )
        worst = max(ratios, key=lambda rate: ratios[rate])
        found.append(
            Goal(
                "CPU per call, product / bare",
                f"<= {RATIO_GOAL}",
                f"{ratios[worst]:.2f} (at {worst}/s)",
                met=ratios[worst] <= RATIO_GOAL,
            )
        )
    for name, spread in (
        ("answer to case over HTTP, p99", run.case_ms),
        ("the same beside a screen that lists", run.case_listed_ms),
    ):
        if spread is not None and spread.count:
            got = f"{spread.p99:.0f} ms"
            got += f", {run.cases_never} never" if run.cases_never else ""
            met = spread.p99 < CASE_GOAL_MS and not run.cases_never
            found.append(Goal(name, f"< {CASE_GOAL_MS:.0f} ms", got, met=met))
    if run.product:
        slow = max(run.product, key=lambda load: load.agi_ms.p99)
        unanswered = sum(load.defaults for load in run.product)
        got = f"{slow.agi_ms.p99:.1f} ms (at {slow.rate}/s)"
        got += f", {unanswered} unanswered" if unanswered else ""
        met = slow.agi_ms.p99 < AGI_GOAL_MS and not unanswered
        found.append(Goal("AGI step, p99", f"< {AGI_GOAL_MS:.0f} ms", got, met=met))
    return found


def _spread(spread: Spread) -> str:
    return f"{spread.p50:6.1f} {spread.p99:7.1f} {spread.longest:7.1f}"


def table(run: Run) -> Iterator[str]:
    """The report for people, line by line."""
    yield (
        " rate side     real/s  calls failed retr   ring p50     p99     max  wait mean max"
        "  CPU ms/call  extra ratio    MiB settle"
    )
    for rate in run.rates():
        ratio, extra = run.ratio(rate), run.extra_ms(rate)
        for side in ("bare", "product"):
            for load in run.of(side, rate):
                shown = " " * 12
                if ratio is not None and extra is not None and side == "product":
                    shown = f"{extra:6.2f} {ratio:5.2f}"
                yield (
                    f"{rate:5d} {side:<8} {load.real_rate:6.1f} {load.calls:6d} {load.failed:6d}"
                    f" {load.retransmissions:4d}     {_spread(load.ring_ms)}"
                    f"  {load.wait_mean_s:9.2f} {load.wait_longest_s:3d}"
                    f"  {load.cpu_total_ms:11.2f} {shown} {load.memory_total_mib:6.0f}"
                    f" {load.settle_seconds:5.1f}s"
                )
    yield ""
    yield "CPU ms per call by program (SIPp's own beside them), and memory in MiB"
    for rate in run.rates():
        for side in ("bare", "product"):
            loads = run.of(side, rate)
            if not loads:
                continue
            names = list(loads[0].cpu_ms)
            cpu = "  ".join(f"{n} {fmean(x.cpu_ms.get(n, 0) for x in loads):.2f}" for n in names)
            memory = "  ".join(f"{n} {loads[-1].memory_mib.get(n, 0):.0f}" for n in names)
            sipp = fmean(load.sipp_cpu_ms for load in loads)
            yield f"{rate:5d} {side:<8} {cpu}  (sipp {sipp:.2f}) | {memory}"
    yield ""
    for product in run.product:
        yield (
            f"{product.rate:5d} AGI step ms p50, p99, max {_spread(product.agi_ms)};"
            f" {product.defaults} defaults; {product.cases} cases"
        )
    for name, spread in (
        ("answer to case readable over HTTP", run.case_ms),
        ("the same beside a screen that lists cases", run.case_listed_ms),
        ("a list of that screen", run.list_ms),
        ("INVITE to seat rings, AGI answering", run.ring_with_agi_ms),
        ("INVITE to seat rings, AGI stopped", run.ring_without_agi_ms),
    ):
        if spread is not None:
            yield f"{name}, ms p50, p99, max {_spread(spread)} ({spread.count} times)"
    yield ""
    for goal in goals(run):
        mark = "met   " if goal.met else "MISSED"
        yield f"{mark} {goal.name}: {goal.got} (wanted {goal.wanted})"
