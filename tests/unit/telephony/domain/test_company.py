"""Citizens who are left with each other, over any number of bridges, and nobody else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.telephony.domain.company import without_seat
from callcenter.telephony.domain.floor import Channel, ChannelState, Floor
from callcenter.telephony.domain.ids import Linkedid, Uniqueid


def floor(*places: tuple[str, str]) -> Floor:
    """Channels by name, each in its bridge."""
    channels: dict[Uniqueid, Channel] = {}
    for number, (name, bridge) in enumerate(places):
        uniqueid = Uniqueid(f"1795407499.{number}")
        channels[uniqueid] = Channel(
            uniqueid, name, Linkedid(uniqueid), ChannelState.UP, "", "", "", "", bridge
        )
    return Floor(channels=channels)


def left_alone(*places: tuple[str, str]) -> list[list[str]]:
    return [[one.name for one in group] for group in without_seat(floor(*places))]


A, B, C = "PJSIP/trunk-00000001", "PJSIP/trunk-00000002", "PJSIP/trunk2-00000003"
SEAT = "PJSIP/8001-00000004"


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ([], []),
        ([(A, "x")], []),
        ([(A, ""), (B, "")], []),
        ([(A, "x"), (B, "y")], []),
        ([(A, "x"), (SEAT, "x")], []),
        ([(B, "x"), (A, "x")], [[A, B]]),
        ([(A, "x"), (B, "x"), (SEAT, "x")], []),
        ([(A, "x"), (C, "x"), (B, "y"), (SEAT, "y")], [[A, C]]),
        ([(A, "x"), ("Local/s@x-1;1", "x"), ("Local/s@x-1;2", "y"), (B, "y")], [[A, B]]),
        ([(A, "x"), ("Local/s@x-1;1", "x"), ("Local/s@x-1;2", "y"), (SEAT, "y")], []),
        ([(A, "x"), ("Local/s@x-1;1", "x"), ("Local/s@x-2;2", "y"), (B, "y")], []),
        ([(A, "x"), ("Local/s@x-1;1", "x"), ("Local/s@x-1;2", ""), (B, "y")], []),
        (
            [
                (A, "x"), ("Local/s@x-1;1", "x"), ("Local/s@x-1;2", "y"),
                ("Local/s@x-2;1", "y"), ("Local/s@x-2;2", "z"), (B, "z"), (C, "w"), (SEAT, "w"),
            ],
            [[A, B]],
        ),
        ([("Announcer/x", "x"), (A, "x"), (B, "x")], []),
    ],
)  # fmt: skip
def test_who_hears_whom_without_a_seat(
    places: list[tuple[str, str]], found: list[list[str]]
) -> None:
    assert left_alone(*places) == found


BRIDGES = ("x", "y", "z")
PLACES = st.dictionaries(
    st.sampled_from([A, B, C, SEAT]), st.sampled_from(["", *BRIDGES]), max_size=4
)
LINKS = st.lists(st.tuples(st.sampled_from(BRIDGES), st.sampled_from(BRIDGES)), max_size=3)


@settings(max_examples=60)
@given(PLACES, LINKS)
def test_everybody_who_hears_each_other_is_told_together(
    places: Mapping[str, str], links: list[tuple[str, str]]
) -> None:
    locals_ = [
        (f"Local/s@x-{number};{half}", bridge)
        for number, link in enumerate(links)
        for half, bridge in enumerate(link, 1)
    ]
    near = {bridge: {bridge} for bridge in BRIDGES}
    for _ in links:
        for one, other in links:
            together = near[one] | near[other]
            for bridge in together:
                near[bridge] = near[bridge] | together
    expected = set()
    for bridge in BRIDGES:
        heard = sorted(name for name, place in places.items() if place in near[bridge])
        if len(heard) > 1 and SEAT not in heard:
            expected.add(tuple(heard))
    assert {tuple(group) for group in left_alone(*places.items(), *locals_)} == expected


def test_who_is_joined_over_a_bridge_is_told_once_with_all_of_it() -> None:
    far = "PJSIP/trunk-00000005"
    places = [(A, "x"), (B, "x"), ("Local/s@x-1;1", "x"), ("Local/s@x-1;2", "y")]
    assert left_alone(*places, (far, "y"), (C, "y")) == [sorted([A, B, C, far])]
