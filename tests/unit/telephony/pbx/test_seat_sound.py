"""What a seat's phone refuses is not offered again; what refuses everything says so."""

from __future__ import annotations

import pytest

from callcenter.platform.config import SeatSrtp
from callcenter.telephony.domain.floor import Channel, ChannelEnded, ChannelState
from callcenter.telephony.domain.ids import Extension, Linkedid, Uniqueid
from callcenter.telephony.domain.registrations import Reachability, Registration, Transport
from callcenter.telephony.pbx.seat_sound import KINDS, SeatSounds

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
