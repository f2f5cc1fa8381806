"""What the benchmark makes of what it saw: quantiles, queue_log, journal, goals, arguments."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Spread, spread
from benchmarks.journey import Journeys
from benchmarks.load import Load
from benchmarks.plan import PORTS, Numbers, Ports, parse_arguments
from benchmarks.queue_log import read_queue_log
from benchmarks.report import ProductLoad, Run, goals, table
from callcenter.telephony.domain.journal import parse

NONE = Spread(0, 0.0, 0.0, 0.0)
FAST = Spread(100, 1.0, 5.0, 9.0)


# -- quantiles --------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_quantiles_occurred_and_have_their_share_below(values: Sequence[float]) -> None:
    found = spread(values)
    assert found.count == len(values)
    assert {found.p50, found.p99, found.longest} <= set(values)
    assert found.p50 <= found.p99 <= found.longest == max(values)
    for share, quantile in ((0.5, found.p50), (0.99, found.p99)):
        assert sum(value <= quantile for value in values) >= math.ceil(share * len(values))
        assert sum(value < quantile for value in values) < share * len(values)


def test_nothing_measured_is_a_count_of_none() -> None:
    assert spread([]) == NONE


# -- queue_log --------------------------------------------------------------------------------

QUEUE_LOG = """\
1795558561|1795558561.1|12345|NONE|ENTERQUEUE||13700000001|1
1795558561|1795558561.2|12345|NONE|ENTERQUEUE||13700000002|1
1795558561|1795558561.3|12345|NONE|ENTERQUEUE||13700000003|1
1795558561|1795558561.1|12345|PJSIP/8001|CONNECT|0|1795558561.9|0
1795558562|1795558561.2|12345|PJSIP/8002|RINGNOANSWER|15000
1795558563|1795558561.2|12345|PJSIP/8003|CONNECT|2|1795558561.11|0
1795558563|1795558561.3|12345|NONE|ABANDON|1|1|2
1795558563|1795558561.1|12345|PJSIP/8001|COMPLETECALLER|0|2|1
half a row
"""


def test_the_queue_log_says_who_got_a_seat_and_when() -> None:
    counts = read_queue_log(QUEUE_LOG)
    assert (counts.entered, counts.connected) == (3, 2)
    assert (counts.abandoned, counts.not_answered) == (1, 1)
    assert sorted(counts.waits) == [0, 2]


def test_a_call_that_connects_twice_is_one_call() -> None:
    again = "1795558570|1795558561.1|12345|PJSIP/8004|CONNECT|5|1795558561.20|0\n"
    assert read_queue_log(QUEUE_LOG + again).connected == 2


# -- journal ----------------------------------------------------------------------------------


def row(event: str, second: str, uniqueid: str, extra: str = "") -> str:
    """A row of the journal as the PBX writes it."""
    fields = [event, f"1795407499.{second}", uniqueid, "1795407499.12", "13700000001", "", "12345"]
    fields += ["from-pstn", "PJSIP/trunk-0000000a", "", "", "", event]
    text = extra.replace('"', '""')
    return ",".join(f'"{field}"' for field in (*fields, text)) + "\n"


def extra_of(json: str) -> str:
    """The extra field of a user event that says `json`."""
    return '{"extra":"' + json.replace('"', '\\"') + '"}'


def journal(*rows: str) -> Any:
    """The parsed rows."""
    parsed = parse("".join(rows).encode())
    assert not parsed.rejects
    return parsed.rows


def test_the_agi_step_lies_between_inbound_and_routed() -> None:
    journeys = Journeys()
    answered = journeys.apply(
        journal(
            row("INBOUND", "100000", "1.1", extra_of('{"did":"12345"}')),
            row("ROUTED", "104000", "1.1", extra_of('{"by":"agi","status":"SUCCESS"}')),
            row("BRIDGE_ENTER", "900000", "1.1"),
            row("BRIDGE_ENTER", "950000", "1.1"),
            row("BRIDGE_ENTER", "900000", "1.2"),
        )
    )
    assert answered == ["1.1"]
    assert journeys.agi_seconds() == pytest.approx([0.004], abs=1e-5)
    assert journeys.calls["1.1"].answered == pytest.approx(1795407499.9, abs=1e-5)
    assert journeys.defaults() == 0


def test_a_default_is_no_answer_of_the_agi_server() -> None:
    journeys = Journeys()
    journeys.apply(journal(row("INBOUND", "100000", "1.1")))
    journeys.apply(
        journal(row("ROUTED", "100400", "1.1", extra_of('{"by":"default","status":"FAILURE"}')))
    )
    assert journeys.agi_seconds() == []
    assert journeys.defaults() == 1


# -- goals ------------------------------------------------------------------------------------


def load(side: str, rate: int, cpu: float, failed: int = 0) -> Load:
    """A load of 100 calls."""
    return Load(
        side=side,
        rate=rate,
        real_rate=float(rate),
        calls=100,
        failed=failed,
        sip_failed=0,
        retransmissions=0,
        abandoned=failed,
        not_answered=0,
        ring_ms=FAST,
        wait_mean_s=0.0,
        wait_longest_s=0,
        cpu_ms={"asterisk": cpu},
        memory_mib={"asterisk": 60.0},
        sipp_cpu_ms=1.0,
        settle_seconds=0.0,
    )


def good_run() -> Run:
    """Every goal is met."""
    return Run(
        loads=[load("bare", 10, 16.0), load("product", 10, 20.0)],
        product=[ProductLoad(10, FAST, 0, 100)],
        case_ms=Spread(100, 50.0, 120.0, 200.0),
    )


def missed(run: Run) -> list[str]:
    """Names of missed goals."""
    return [goal.name for goal in goals(run) if not goal.met]


def test_a_good_run_meets_all_four_goals() -> None:
    assert len(goals(good_run())) == 4
    assert missed(good_run()) == []


def test_each_goal_is_missed_by_its_own_figure() -> None:
    lost, dear, late, slow = good_run(), good_run(), good_run(), good_run()
    lost.loads[1] = load("product", 10, 20.0, failed=1)
    dear.loads[1] = load("product", 10, 24.1)
    late.case_ms = Spread(100, 50.0, 250.0, 300.0)
    slow.product = [ProductLoad(10, Spread(100, 5.0, 20.0, 30.0), 0, 100)]
    assert missed(lost) == ["calls lost that bare keeps"]
    assert missed(dear) == ["CPU per call, product / bare"]
    assert missed(late) == ["answer to case over HTTP, p99"]
    assert missed(slow) == ["AGI step, p99"]


def test_a_case_that_never_came_is_a_miss_however_fast_the_others_were() -> None:
    run = good_run()
    run.cases_never = 1
    assert missed(run) == ["answer to case over HTTP, p99"]


def test_what_the_bare_one_loses_too_is_not_the_products_loss() -> None:
    run = good_run()
    run.loads = [load("bare", 90, 16.0, failed=4), load("product", 90, 20.0, failed=9)]
    assert missed(run) == []


def test_the_ratio_is_of_all_rounds_together() -> None:
    run = Run(
        loads=[
            load("bare", 10, 10.0),
            load("product", 10, 10.0),
            load("product", 10, 20.0),
            load("bare", 10, 10.0),
        ]
    )
    assert run.ratio(10) == pytest.approx(1.5)
    assert run.extra_ms(10) == pytest.approx(5.0)
    assert run.ratio(5) is None


def test_one_side_alone_has_a_table_and_no_ratio() -> None:
    run = Run(loads=[load("bare", 10, 10.0)])
    assert goals(run) == []
    assert any(" bare " in line for line in table(run))
    assert all(dataclasses.asdict(one)["side"] == "bare" for one in run.loads)


def test_the_table_names_every_goal() -> None:
    lines = "\n".join(table(good_run()))
    assert all(goal.name in lines for goal in goals(good_run()))


# -- arguments --------------------------------------------------------------------------------


def test_without_arguments_it_is_the_whole_run() -> None:
    plan = parse_arguments([])
    assert (plan.rates, plan.seconds, plan.seats, plan.rounds) == ((5, 10, 30, 60), 30, 200, 2)
    assert plan.sides == ("bare", "product")


def test_a_longer_talk_needs_a_lower_rate() -> None:
    plan = parse_arguments(["--talk", "10", "--rates", "5,10"])
    assert plan.talk_seconds == 10


def test_quick_is_a_short_one() -> None:
    plan = parse_arguments(["--quick", "--only", "bare"])
    assert (plan.rates, plan.seconds, plan.rounds, plan.sides) == ((5, 10), 5, 1, ("bare",))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rates", "5,x"],
        ["--rates", ""],
        ["--rates", "0"],
        ["--rates", "501"],
        ["--seconds", "2"],
        ["--seats", "1000"],
        ["--rounds", "many"],
        ["--ports", "65000"],
        ["--only", "neither"],
        ["--set", "recording_format"],
        ["--talk", "0"],
        ["--talk", "4"],
        ["--talk", "2", "--seats", "100"],
    ],
)
def test_wrong_arguments_end_with_a_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


@given(st.integers(1024, 65536 - PORTS))
def test_no_port_has_two_owners_and_all_are_in_the_block(base: int) -> None:
    ports = Ports(base)
    singles = [*ports.of_product().values(), ports.bare_sip, ports.callers]
    for side in ("bare", "product"):
        singles += [ports.seats(side), *range(ports.echo(side), ports.echo(side) + 4)]
    for first, last in (ports.callers_rtp, ports.pbx_rtp):
        singles += range(first, last + 1)
    assert len(singles) == len(set(singles))
    assert min(singles) >= base
    assert max(singles) < base + PORTS


def test_nobody_calls_twice() -> None:
    numbers = Numbers()
    taken = numbers.take(100) + numbers.take(100)
    assert len(set(taken)) == 200
