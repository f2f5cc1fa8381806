"""How a call-back is begun: what the PBX is told, and the name by which its call is known."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from callcenter.platform.errors import PbxRefused
from callcenter.telephony.domain.ids import uniqueid_key
from callcenter.telephony.domain.journal import parse
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.callback_dial import CallbackDialler
from tests.unit.telephony.pbx.fake_ami import FakeAmi, error

NOW = datetime(2026, 11, 24, 4, 20, tzinfo=UTC)


def dialler(link: AmiLink) -> CallbackDialler:
    return CallbackDialler(link, "pbx1", 20, lambda: NOW)


async def test_the_seat_rings_and_the_dialplan_dials_on(ami: FakeAmi, link: AmiLink) -> None:
    ours = dialler(link)
    call = ours.new_call()
    await ours.dial(call, "8001", "13800138000", "20261124-00017")
    said = await ami.next("Originate")
    del said["ActionID"]
    assert said == {
        "Action": "Originate",
        "Channel": "PJSIP/8001",
        "ChannelId": call.removeprefix("pbx1:"),
        "Context": "steer-dial",
        "Exten": "13800138000",
        "Priority": "1",
        "Timeout": "20000",
        "CallerID": "<13800138000>",
        "Variable": "STEER_CASE=20261124-00017",
        "Async": "true",
    }


async def test_what_the_pbx_refuses_is_said(ami: FakeAmi, link: AmiLink) -> None:
    ami.answers["Originate"] = error("Extension does not exist.")
    ours = dialler(link)
    with pytest.raises(PbxRefused):
        await ours.dial(ours.new_call(), "8001", "13800138000", "")
    assert ami.count("Originate") == 1


async def test_its_name_is_one_of_the_journals(link: AmiLink) -> None:
    """Two are never the same; the parser takes them, and they sort as numbers."""
    ours = dialler(link)
    names = [ours.new_call().removeprefix("pbx1:") for _ in range(3)]
    assert len(set(names)) == 3
    assert sorted(names, key=uniqueid_key) == names
    assert uniqueid_key(names[0])[0] == int(NOW.timestamp())
    row = (
        f'"CHAN_START","1795407499.000001","{names[0]}","{names[0]}","8001","","s","from-seat",'
        '"PJSIP/8001-00000002","","","","",""\n'
    )
    parsed = parse(row.encode() * 2)
    assert [one.uniqueid for one in parsed.rows] == [names[0]] * 2
    assert not parsed.rejects
    torn = parse(b'"HANGUP","1795407499.0000' + row.encode())
    assert [one.uniqueid for one in torn.rows] == [names[0]]
