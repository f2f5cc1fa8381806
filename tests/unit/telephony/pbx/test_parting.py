"""Citizens whom a seat leaves alone with each other: found on the floor, and parted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from callcenter.telephony.domain.company import without_seat
from callcenter.telephony.domain.floor import Channel, ChannelState, Floor
from callcenter.telephony.domain.ids import Linkedid, Uniqueid
from callcenter.telephony.pbx.ami.actions import Action
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import Done, Outcome
from callcenter.telephony.pbx.live import LiveFloor
from callcenter.telephony.pbx.parting import CONTEXT, Parting

ONE, OTHER, SEAT = "PJSIP/trunk-01", "PJSIP/trunk-02", "PJSIP/8001-03"
HALVES = "Local/_attended@transfer-04;1", "Local/_attended@transfer-04;2"


def floor(**bridges: str) -> Floor:
    """Who is where: ``b1="PJSIP/trunk-01 PJSIP/8001-03"``."""
    channels: dict[Uniqueid, Channel] = {}
    for bridge, names in bridges.items():
        for name in names.split():
            uniqueid = Uniqueid(f"1.{len(channels) + 1}")
            channels[uniqueid] = Channel(
                uniqueid, name, Linkedid("1.1"), ChannelState.UP, "", "", "", "", bridge
            )
    return Floor(channels=channels)


@pytest.mark.parametrize(
    ("now", "alone"),
    [
        (floor(b1=f"{ONE} {SEAT}", b2=OTHER), []),
        (floor(b1=f"{ONE} {OTHER} {SEAT}"), []),
        (floor(b1=f"{ONE} {OTHER}"), [(ONE, OTHER)]),
        (floor(b1=f"{ONE} {HALVES[0]}", b2=f"{OTHER} {HALVES[1]}"), [(ONE, OTHER)]),
        (floor(b1=f"{ONE} {HALVES[0]}", b2=f"{SEAT} {OTHER} {HALVES[1]}"), []),
        (floor(b1=f"{HALVES[0]} {HALVES[1]}"), []),
        (Floor(), []),
    ],
)
def test_who_is_without_a_seat(now: Floor, alone: list[tuple[str, ...]]) -> None:
    assert [tuple(one.name for one in parties) for parties in without_seat(now)] == alone


@dataclass
class FakeLink:
    """A PBX on which `called` are the legs of those who have called."""

    called: frozenset[str]
    sent: list[dict[str, str]] = field(default_factory=list)

    async def send(self, action: Action[Any]) -> Outcome[Any]:
        headers = action.headers()
        if action.name == "Getvar":
            return Done("12345" if headers["Channel"] in self.called else "")
        self.sent.append(headers)
        return Done(None)


@dataclass
class FakeLive:
    floor: Floor | None


async def looks(link: FakeLink, *floors: Floor | None) -> list[str]:
    live = FakeLive(None)
    parting = Parting(cast(AmiLink, link), cast(LiveFloor, live))
    for live.floor in floors:
        await parting.look()
    assert all(headers["Context"] == CONTEXT for headers in link.sent)
    return [headers["Channel"] for headers in link.sent]


async def test_two_citizens_are_parted_at_the_second_look() -> None:
    alone = floor(b1=f"{ONE} {OTHER}")
    both = frozenset({ONE, OTHER})
    assert await looks(FakeLink(both), alone) == []
    assert await looks(FakeLink(both), alone, None, floor(b1=f"{ONE} {SEAT}", b2=OTHER)) == []
    assert await looks(FakeLink(both), alone, alone) == [ONE, OTHER]


async def test_a_citizen_and_a_dialled_number_are_left_together() -> None:
    alone = floor(b1=f"{ONE} {OTHER}")
    assert await looks(FakeLink(frozenset({ONE})), alone, alone, alone) == []
