"""What a seat's phone refuses is not offered again; what refuses everything says so."""

from __future__ import annotations

from typing import Any

import pytest

from callcenter.platform.config import SeatSrtp
from callcenter.telephony.domain.floor import Channel, ChannelEnded, ChannelState
from callcenter.telephony.domain.ids import Extension, Linkedid, Uniqueid
from callcenter.telephony.domain.registrations import Reachability, Registration, Transport
from callcenter.telephony.pbx.ami.actions import DbDel, DbPut, DbTree
from callcenter.telephony.pbx.ami.outcomes import Done
from callcenter.telephony.pbx.seat_sound import FAMILY, KINDS, SeatSounds

SEAT = Extension("8001")


def ended(
    answer: str, state: ChannelState = ChannelState.DOWN, name: str = "PJSIP/8001-00000001"
) -> ChannelEnded:
    leg = Channel(Uniqueid("1.1"), name, Linkedid("1.0"), state, "", "", "", "")
    return ChannelEnded(leg.uniqueid, leg, answer)


def phone(user_agent: str, transport: Transport = Transport.TLS) -> Registration:
    return Registration(SEAT, transport, "192.0.2.7", user_agent, Reachability.REACHABLE, 1, 1.0)


@pytest.mark.parametrize("setting", SeatSrtp)
def test_every_kind_is_tried_once_and_then_it_says_so(setting: SeatSrtp) -> None:
    sounds, changes = SeatSounds(setting), []
    sounds.on_change(lambda: changes.append(sounds.kind(SEAT)))
    tried = []
    while SEAT not in sounds.refusing:
        tried.append(sounds.kind(SEAT))
        sounds.on_event(ended("488"))
    assert tuple(tried) == KINDS[setting]
    assert tried[0] is setting
    assert len(changes) == len(tried)
    # What the settings forbid is never tried.
    if setting is not SeatSrtp.OFFERED:
        assert set(tried) == {setting}
    sounds.on_event(ended("488"))
    assert len(changes) == len(tried), "nothing new"


@pytest.mark.parametrize(
    "event",
    [
        ended("486"),
        ended("480"),
        ended(""),
        ended("488", ChannelState.UP),
        ended("488", ChannelState.DIALLING),  # It called one who refused.
        ended("488", name="PJSIP/trunk-00000001"),
        ended("488", name="Local/8001@seat-transfer-00000001;1"),
        ChannelEnded(Uniqueid("1.1")),
    ],
)
def test_other_ends_say_nothing_about_the_sound(event: ChannelEnded) -> None:
    sounds = SeatSounds(SeatSrtp.OFFERED)
    sounds.on_event(event)
    assert sounds.kind(SEAT) is SeatSrtp.OFFERED


async def test_another_phone_is_asked_anew() -> None:
    sounds = SeatSounds(SeatSrtp.OFFERED)
    await sounds.phones_came({SEAT: phone("Yealink")})
    sounds.on_event(ended("488"))
    await sounds.phones_came({SEAT: phone("Yealink")})
    assert sounds.kind(SEAT) is SeatSrtp.REQUIRED, "the same phone still takes what it takes"
    await sounds.phones_came({SEAT: phone("Fanvil")})
    assert sounds.kind(SEAT) is SeatSrtp.OFFERED


async def test_a_phone_that_refused_everything_is_asked_anew_when_it_comes_again() -> None:
    sounds = SeatSounds(SeatSrtp.OFFERED)
    await sounds.phones_came({SEAT: phone("Yealink")})
    for _ in range(3):
        sounds.on_event(ended("606"))
    assert sounds.refusing == {SEAT}
    await sounds.phones_came({SEAT: phone("Yealink")})
    assert sounds.refusing == frozenset()


class Database:
    """The PBX's own; stands for the link to it."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}
        self.writes = 0

    async def send(self, action: Any) -> Done[Any]:
        match action:
            case DbTree(family):
                assert family == FAMILY
                return Done(dict(self.entries))
            case DbPut(_, key, value):
                self.entries[key] = value
            case DbDel(_, key):
                del self.entries[key]
        self.writes += 1
        return Done(None)


async def test_what_was_refused_is_known_after_a_restart_of_ours() -> None:
    pbx: Any = Database()
    first = SeatSounds(SeatSrtp.OFFERED)
    await first.phones_came({SEAT: phone("Yealink")})
    await first.match(pbx)
    assert pbx.writes == 0
    first.on_event(ended("488"))
    for _ in range(2):
        await first.match(pbx)
    assert pbx.writes == 1

    # The list of phones comes before or after what was kept.
    for early in (False, True):
        second = SeatSounds(SeatSrtp.OFFERED)
        told: list[int] = []
        second.on_change(lambda told=told: told.append(1))  # type: ignore[misc]
        if early:
            await second.phones_came({SEAT: phone("Yealink")})
        await second.match(pbx)
        await second.phones_came({SEAT: phone("Yealink")})
        assert second.kind(SEAT) is first.kind(SEAT) is not SeatSrtp.OFFERED
        assert told
        await second.phones_came({SEAT: phone("Grandstream")})
        assert second.kind(SEAT) is SeatSrtp.OFFERED
    await second.match(pbx)
    assert pbx.entries == {}


async def test_a_phone_that_refuses_everything_is_asked_anew_when_it_comes_and_not_when_we_do() -> (
    None
):
    pbx: Any = Database()
    first = SeatSounds(SeatSrtp.REQUIRED)
    await first.phones_came({SEAT: phone("Yealink")})
    first.on_event(ended("488"))
    await first.match(pbx)
    second = SeatSounds(SeatSrtp.REQUIRED)
    await second.match(pbx)
    await second.phones_came({SEAT: phone("Yealink")})
    assert second.refusing == {SEAT}
    await second.phones_came({SEAT: phone("Yealink")})
    assert second.refusing == set()


@pytest.mark.parametrize("text", ["", "x", "[]", '["off", null, 1]', '["offered", null, 0]', "7"])
async def test_what_was_learned_otherwise_or_cannot_be_read_is_forgotten(text: str) -> None:
    pbx: Any = Database()
    pbx.entries[str(SEAT)] = text
    sounds = SeatSounds(SeatSrtp.OFFERED)
    await sounds.match(pbx)
    assert sounds.kind(SEAT) is SeatSrtp.OFFERED
    assert pbx.entries == {}
