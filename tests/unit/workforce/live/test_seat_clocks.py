"""A seat's clock goes on over a restart, an outage and a lost link; the ledger puts it right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.telephony.calls import repository as ledger
from callcenter.telephony.domain.floor import (
    Channel,
    ChannelState,
    DeviceChanged,
    DeviceState,
    snapshot,
)
from callcenter.telephony.domain.ids import Linkedid, Uniqueid
from callcenter.telephony.domain.ledger import (
    EndedBy,
    LedgerChanges,
    RingEnd,
    RingRow,
    TalkRow,
    Via,
)
from callcenter.workforce.live.service import LiveService
from tests.unit.insight.reports.ledgers import MIDNIGHT, call_row
from tests.unit.workforce.live.house import ALL, Neighbours, body, live_service

NOON = MIDNIGHT + timedelta(hours=12)
CALL = call_row(1, NOON - timedelta(minutes=1))


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def text(seconds: float) -> str:
    return after(seconds).isoformat().replace("+00:00", "Z")


def leg(state: ChannelState, uniqueid: str = "1.2", bridge: str = "") -> Channel:
    return Channel(
        Uniqueid(uniqueid), "PJSIP/8001-1", Linkedid("1.1"), state, "8001", "", "138", "", bridge
    )


IDLE = (DeviceChanged("8001", DeviceState.IDLE),)
GONE = (DeviceChanged("8001", DeviceState.UNREACHABLE),)
RINGING = (DeviceChanged("8001", DeviceState.RINGING), leg(ChannelState.RINGING))
TALKING = (DeviceChanged("8001", DeviceState.TALKING), leg(ChannelState.UP, bridge="b1"))
HELD = (DeviceChanged("8001", DeviceState.ON_HOLD), leg(ChannelState.UP, bridge="b1"))


def talk(began: float, ended: float | None = None, number: int = 1) -> LedgerChanges:
    return LedgerChanges(
        calls=(CALL,),
        talks=(
            TalkRow(
                f"{CALL.id}/t{number}", CALL.id, "8001", "1.2", "PJSIP/8001-1", Via.QUEUE,
                after(began), None if ended is None else after(ended),
                None if ended is None else EndedBy.CALLER,
            ),
        ),
    )  # fmt: skip


def ring(began: float, ended: float | None = None) -> LedgerChanges:
    how = None if ended is None else RingEnd.NO_ANSWER
    over = None if ended is None else after(ended)
    row = RingRow(f"{CALL.id}/r1", CALL.id, None, "8001", "1.2", after(began), over, how)
    return LedgerChanges(calls=(CALL,), rings=(row,))


@dataclass
class House:
    """One database, one process of the service after the other."""

    database: Database
    neighbours: Neighbours
    service: LiveService

    async def at(self, seconds: float, picture: object = None) -> str:
        """The PBX shows `picture` (as before if None); the seat's clock then."""
        self.neighbours.now = after(seconds)
        if picture is not None:
            self.neighbours.floor = snapshot(picture)  # type: ignore[arg-type]
        await self.service.step()
        since: str = body(self.service, ALL)["items"]["seats"]["8001"]["since"]
        return since

    async def write(self, changes: LedgerChanges) -> None:
        """What the ledger holds before the next process begins."""
        async with self.database.writing() as session:
            await ledger.write_changes(session, changes)

    async def restart(self, *, saved: bool = True) -> None:
        """The process ends, by itself or killed, and another begins."""
        if saved:
            await self.service.save_clocks()
        self.service = live_service(self.neighbours, self.database)
        await self.service.restore()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'live.db'}"
    await upgrade_async(url)
    database = Database(url)
    neighbours = Neighbours(now=NOON)
    house = House(database, neighbours, live_service(neighbours, database))
    await house.service.restore()
    yield house
    await database.close()


@pytest.mark.parametrize("picture", [IDLE, GONE, RINGING, TALKING, HELD])
async def test_a_clock_goes_on_over_a_restart(house: House, picture: object) -> None:
    """Also of a phone that nobody ever called, of which no ledger says anything."""
    other = GONE if picture is not GONE else IDLE
    assert await house.at(0, other) == text(0)
    assert await house.at(7, picture) == text(7)
    await house.restart()
    assert await house.at(60) == text(7)
    await house.restart()
    assert await house.at(120) == text(7)


async def test_what_was_not_written_before_the_kill_the_ledger_says(house: House) -> None:
    """Talking began after the last write: the clock that was kept is of another state."""
    await house.at(0, IDLE)
    await house.service.save_clocks()
    await house.at(4, TALKING)
    await house.write(talk(3.9))
    await house.restart(saved=False)
    assert await house.at(60) == text(3.9)


async def test_a_call_within_the_outage_moves_the_clock_of_an_idle_seat(house: House) -> None:
    await house.at(0, IDLE)
    await house.write(talk(100, 130.5))
    await house.restart()
    assert await house.at(300) == text(130.5)


async def test_the_ledger_that_lags_behind_puts_the_clock_right_later(house: House) -> None:
    """At first the kept clock is all there is; the journal is caught up a moment later."""
    await house.at(0, IDLE)
    await house.restart()
    assert await house.at(300) == text(0)
    house.service.take(ring(200, 215))
    assert await house.at(301) == text(215)
    house.service.take(talk(40, 90))  # Older news changes nothing.
    assert await house.at(302) == text(215)


async def test_another_talk_than_the_kept_one(house: House) -> None:
    await house.at(0, TALKING)
    await house.write(talk(-1, 20, 1))
    await house.write(talk(50, None, 2))
    await house.restart()
    assert await house.at(60) == text(50)


async def test_talking_again_after_hold_is_younger_than_the_talk(house: House) -> None:
    await house.at(0, TALKING)
    await house.write(talk(0))
    await house.at(10, HELD)
    assert await house.at(25, TALKING) == text(25)
    await house.restart()
    assert await house.at(60) == text(25)


async def test_a_phone_that_came_in_the_outage_is_timed_by_the_watch(house: House) -> None:
    await house.at(0, GONE)
    await house.restart()
    assert await house.at(300, IDLE) == text(300)
    await house.restart()
    assert await house.at(400) == text(300)


async def test_a_leg_says_itself_when_it_began_to_ring(house: House) -> None:
    """A ring that is no queue's is not in the ledger: Asterisk named the leg by its second."""
    seconds = int(after(-3).timestamp())
    picture = (
        DeviceChanged("8001", DeviceState.RINGING),
        leg(ChannelState.RINGING, f"{seconds}.7"),
    )
    assert await house.at(0, picture) == text(-3)


async def test_the_queues_ring_is_timed_by_the_ledger(house: House) -> None:
    await house.write(ring(-2.25))
    await house.restart()
    assert await house.at(0, RINGING) == text(-2.25)


async def test_a_lost_link_is_no_change_of_the_seats(house: House) -> None:
    await house.at(0, GONE)
    assert await house.at(5, IDLE) == text(5)
    house.neighbours.floor = None
    house.neighbours.now = after(20)
    await house.service.step()
    assert body(house.service, ALL)["items"]["seats"] == {}
    assert await house.at(30, IDLE) == text(5)


async def test_a_change_that_was_watched_is_timed_by_the_watch(house: House) -> None:
    """The journal's moment is a little earlier; the clock does not jump on all screens for it."""
    await house.at(0, IDLE)
    assert await house.at(10, TALKING) == text(10)
    house.service.take(talk(9.9))
    assert await house.at(11) == text(10)


async def test_clocks_that_could_not_be_written_are_written_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.at(0, GONE)
    await house.at(7, IDLE)
    with monkeypatch.context() as locked:
        locked.setattr(house.service, "_database", Database("sqlite+aiosqlite:///:memory:"))
        await house.service.save_clocks()
    await house.restart()
    assert await house.at(60) == text(7)
