"""What one run does: rates, lengths, ports. Both sides get the same of everything.

A call is: INVITE, an answer by the PBX, the queue, a seat that rings for `RING_MS` and answers,
speech both ways from the answer on (50 packets a second each way, on every call), and a hang-up by
the caller some seconds after the PBX's answer: two, so that 60 calls a second need 120 of the 200
seats. Real talks are a hundred times longer. Their sound costs both sides the same, so the ratio of
a short call is the hardest; what the product adds to a call (`extra`) hardly depends on its length.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

HOTLINE = "12345"
FIRST_SEAT = 8001
RING_MS = 200
WARM_RATE, WARM_SECONDS = 5, 3
"""Before the first measured call: files open, code paths hot, connections made."""
CASE_RATE = 10
"""Calls a second at which the goals for case and AGI are set."""
FIRST_PORT = 16000
"""Below what systems give to whoever asks for any port, beside the product's defaults."""
MOST_TAKEN = 0.9
"""Share of the seats that may be taken at a time; with all taken it is the queue's time that is
measured."""
MOST_TALKS = 190
"""At a time: the callers' ports for sound carry 200."""
PORTS = 4000
"""What `Ports` takes from its base."""


class BenchFailed(Exception):
    """The run cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a run, `PORTS` from `base` on."""

    base: int

    def of_product(self) -> dict[str, int]:
        """Settings of the product's single ports."""
        names = ("sip", "ami", "ari", "agi", "api", "supervisor", "sip_tls", "wss", "https")
        return {f"{name}_port": self.base + at for at, name in enumerate(names)}

    @property
    def bare_sip(self) -> int:
        """Where the bare PBX is called."""
        return self.base + 10

    @property
    def callers(self) -> int:
        """Where calls come from, to either side."""
        return self.base + 13

    def seats(self, side: str) -> int:
        """Where all seats of `side` are."""
        return self.base + (11 if side == "product" else 12)

    def echo(self, side: str) -> int:
        """The first of four ports for the sound of all seats of `side`."""
        return self.base + (20 if side == "product" else 24)

    @property
    def callers_rtp(self) -> tuple[int, int]:
        """Sound of callers: 600 of them. At 60 calls a second of 2 s they are 120, and more when a
        machine is too slow for that and calls wait; then the load goes on, and the waits say so."""
        return self.base + 40, self.base + 1239

    @property
    def pbx_rtp(self) -> tuple[int, int]:
        """Sound at the PBX, 690 calls of two legs; shared, since one side is idle at a time."""
        return self.base + 1240, self.base + PORTS - 1


@dataclass(frozen=True, slots=True)
class Plan:
    """One run."""

    rates: tuple[int, ...]
    """Calls a second, one load after the other."""
    seconds: int
    """Length of one load."""
    seats: int
    rounds: int
    """How often all rates are gone through; who begins changes with the round."""
    talk_seconds: int
    """From the PBX's answer to the caller's hang-up."""
    ports: Ports
    sides: tuple[str, ...] = ("bare", "product")
    product_settings: tuple[tuple[str, str], ...] = ()
    """Settings that the product gets beside those of `benchmarks.product`: name and value."""
    keep: bool = False
    """Leave the folder of the run for a look at it."""


class Numbers:
    """Telephone numbers that nobody had before in this run, so nobody is a repeated caller."""

    def __init__(self) -> None:
        self._next = count()

    def take(self, how_many: int) -> list[str]:
        """The next ones."""
        return [f"137{next(self._next):08d}" for _ in range(how_many)]


def _rates(text: str) -> tuple[int, ...]:
    try:
        rates = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            "whole numbers with commas between, like 5,10,60"
        ) from None
    if not rates or not all(1 <= rate <= 500 for rate in rates):
        raise argparse.ArgumentTypeError("rates are 1 to 500 calls a second")
    return rates


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be {low} to {high}")
        return value

    return parse


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError("write NAME=VALUE, like recording_format=flac")
    return name.lower().removeprefix("callcenter_"), value


def parse_arguments(arguments: Sequence[str]) -> Plan:
    """The plan that `arguments` ask for; ends with exit code 2 and a sentence if they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="The whole product beside a bare Asterisk, under the same SIP load.",
    )
    parser.add_argument("--rates", type=_rates, default=(5, 10, 30, 60), help="calls a second")
    parser.add_argument("--seconds", type=_between(3, 3600), default=30, help="of one load")
    parser.add_argument("--seats", type=_between(1, 999), default=200)
    parser.add_argument("--rounds", type=_between(1, 50), default=2)
    parser.add_argument("--talk", type=_between(1, 120), default=2, help="seconds of one call")
    parser.add_argument(
        "--ports",
        type=_between(1024, 65536 - PORTS),
        default=FIRST_PORT,
        help=f"the first of {PORTS} ports",
    )
    parser.add_argument("--only", choices=("bare", "product"), help="one side alone")
    parser.add_argument(
        "--quick", action="store_true", help="a look in a minute: 5,10 for 5 s, once"
    )
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the product, to see what it costs",
    )
    parser.add_argument("--keep", action="store_true", help="leave the run's folder")
    given = parser.parse_args(arguments)
    if given.quick:
        given.rates, given.seconds, given.rounds = (5, 10), 5, 1
    talks = max((*given.rates, CASE_RATE)) * given.talk
    most = min(int(given.seats * MOST_TAKEN), MOST_TALKS)
    if talks > most:
        parser.error(
            f"argument --talk: {talks} talks at a time, but {given.seats} seats carry {most};"
            " take a shorter --talk, lower --rates or more --seats"
        )
    return Plan(
        rates=given.rates,
        seconds=given.seconds,
        seats=given.seats,
        rounds=given.rounds,
        talk_seconds=given.talk,
        ports=Ports(given.ports),
        sides=(given.only,) if given.only else ("bare", "product"),
        product_settings=tuple(given.set),
        keep=given.keep,
    )
