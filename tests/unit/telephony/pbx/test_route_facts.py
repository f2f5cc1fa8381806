"""What the dialplan decides by is brought into the PBX, and only what changed is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from callcenter.platform.errors import PbxRefused
from callcenter.telephony.domain.route_default import BlockedUntil, OpenHours
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.route_facts import RouteFacts
from tests.unit.telephony.pbx.fake_ami import FakeAmi, Fields, error, listing, success

ALWAYS = [[(0, 1440)]] * 7


class Astdb:
    """The PBX's small database."""

    def __init__(self, ami: FakeAmi) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.writes = 0
        self.refuses = False
        ami.answers |= {"DBGetTree": self._tree, "DBPut": self._put, "DBDel": self._delete}

    def _tree(self, action: Fields) -> str:
        items = [
            f"Event: DBGetTreeResponse\nKey: /{family}/{key}\nVal: {value}"
            for (family, key), value in self.entries.items()
            if family == action["Family"]
        ]
        return listing("DBGetTreeComplete", *items)(action)

    def _put(self, action: Fields) -> str:
        self.writes += 1
        if self.refuses:
            return error("no")(action)
        self.entries[action["Family"], action["Key"]] = action["Val"]
        return success()(action)

    def _delete(self, action: Fields) -> str:
        self.writes += 1
        found = self.entries.pop((action["Family"], action["Key"]), None)
        return (error("Database entry not found") if found is None else success())(action)


class Wanted:
    blocked: Sequence[BlockedUntil] = ()
    hours = OpenHours(ALWAYS, {})

    async def numbers(self) -> Sequence[BlockedUntil]:
        return self.blocked

    async def opening(self) -> OpenHours:
        return self.hours


async def test_what_changed_is_written_and_nothing_else(ami: FakeAmi, link: AmiLink) -> None:
    astdb, wanted = Astdb(ami), Wanted()
    astdb.entries["callcenter-blocked", "10086"] = "0"  # Of an earlier life.
    facts = RouteFacts(link, wanted.numbers, wanted.opening, lambda: date(2026, 11, 27))
    wanted.blocked = [BlockedUntil("13800138000", None)]
    await facts.match()
    keys = {key for family, key in astdb.entries if family == "callcenter-blocked"}
    assert "13800138000" in keys
    assert "10086" not in keys
    assert astdb.entries["callcenter-opening", "7"] == "0-1440"
    written = astdb.writes
    assert await facts.match() == 0
    assert astdb.writes == written
    wanted.hours = OpenHours(ALWAYS, {date(2026, 11, 28): []})
    assert await facts.match() == 1
    assert astdb.entries["callcenter-opening", "20261128"] == "closed"
    # Another PBX, or one that lost its memory: all of it again.
    facts.forget()
    astdb.entries.clear()
    await facts.match()
    assert ("callcenter-blocked", "13800138000") in astdb.entries


async def test_what_was_refused_is_tried_again(ami: FakeAmi, link: AmiLink) -> None:
    astdb, wanted = Astdb(ami), Wanted()
    facts = RouteFacts(link, wanted.numbers, wanted.opening, lambda: date(2026, 11, 27))
    astdb.refuses = True
    with pytest.raises(PbxRefused):
        await facts.match()
    astdb.refuses = False
    await facts.match()
    assert len(astdb.entries) == 7
