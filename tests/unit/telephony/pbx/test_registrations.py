"""Registrations: one list for many changes, and nothing is known without a link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.registrations import Reachability, Registration, Transport
from callcenter.telephony.pbx import registrations as module
from callcenter.telephony.pbx.ami.link import LinkState
from callcenter.telephony.pbx.registrations import Known, Registrations, by_seat, differing
from tests.unit.telephony.pbx.conftest import Linked
from tests.unit.telephony.pbx.fake_ami import FakeAmi, error, listing

END = "ContactListComplete"
CHANGED = (
    "Event: ContactStatus\nPrivilege: system,all\nURI: sip:8001@192.0.2.7:5060\n"
    "ContactStatus: Reachable\nAOR: 8001\nEndpointName: 8001\nRoundtripUsec: 1675"
)


def contact(seat: str, transport: str = "udp", status: str = "Reachable", usec: int = 900) -> str:
    return (
        f"Event: ContactList\nObjectName: {seat};@5fd0\nEndpoint: {seat}\n"
        f"Uri: sip:{seat}@192.0.2.7:5060;transport={transport}\nUserAgent: Yealink\n"
        f"ExpirationTime: 1795562754\nStatus: {status}\nRoundtripUsec: {usec}"
    )


def registration(seat: str = "8001", **changes: object) -> Registration:
    usual: dict[str, object] = {
        "transport": Transport.UDP,
        "address": "192.0.2.7:5060",
        "user_agent": "Yealink",
        "reachability": Reachability.REACHABLE,
        "round_trip_us": 900,
        "expires_at": 1795562754.0,
    }
    return Registration(Extension(seat), **{**usual, **changes})  # type: ignore[arg-type]


class Stage:
    """Registrations that run, and what they told."""

    def __init__(self, ami: FakeAmi, known: Registrations) -> None:
        self.ami = ami
        self.known = known
        self.told: asyncio.Queue[Known] = asyncio.Queue()
        self.failing = False
        self.failed = asyncio.Event()
        known.on_change(self._hear)

    async def _hear(self, news: Known) -> None:
        if self.failing:
            self.failing = False
            self.failed.set()
            raise RuntimeError("the database is away")
        self.told.put_nowait(news)

    async def next(self) -> Known:
        """What is told next."""
        async with asyncio.timeout(20):
            return await self.told.get()

    def say(self, *contacts: str) -> None:
        """What the PBX's list holds from now on."""
        self.ami.answers["PJSIPShowContacts"] = listing(END, *contacts)


@pytest.fixture
async def stage(
    ami: FakeAmi, make_link: Linked, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(module, "GATHER_SECONDS", 0.0)
    made = Stage(ami, Registrations(make_link()))
    made.say(contact("8001"), contact("8002", "ws"), contact("trunk"))
    task = asyncio.create_task(made.known.run())
    yield made
    task.cancel()


async def test_the_first_list_is_all_news_and_trunks_are_no_seats(stage: Stage) -> None:
    news = await stage.next()
    assert news == {
        "8001": registration(),
        "8002": registration("8002", transport=Transport.WEBSOCKET),
    }
    assert stage.known.known == news


async def test_every_list_is_heard_whatever_is_new(stage: Stage) -> None:
    heard: asyncio.Queue[Known] = asyncio.Queue()
    stage.known.on_list(heard.put_nowait)
    async with asyncio.timeout(20):
        assert set(await heard.get()) == {"8001", "8002"}
        stage.say()  # Nobody came, so nobody is told of phones; yet all of them left.
        stage.ami.say(CHANGED)
        while await heard.get():
            pass
    assert stage.known.known == {}


async def test_a_change_asks_for_the_list_and_tells_only_what_is_new(stage: Stage) -> None:
    await stage.next()
    stage.say(contact("8001", "tls"), contact("8002", "ws", usec=5))
    stage.ami.say(CHANGED)
    assert await stage.next() == {"8001": registration(transport=Transport.TLS)}
    assert stage.known.known is not None
    assert stage.known.known[Extension("8002")].round_trip_us == 5


async def test_a_listener_that_failed_is_told_again(stage: Stage) -> None:
    await stage.next()
    stage.failing = True
    stage.say(contact("8001", "ws"))
    stage.ami.say(CHANGED)
    await stage.failed.wait()
    stage.ami.say(CHANGED)
    assert await stage.next() == {"8001": registration(transport=Transport.WEBSOCKET)}


async def test_a_list_that_is_refused_is_asked_for_again(stage: Stage) -> None:
    await stage.next()
    stage.ami.answers["PJSIPShowContacts"] = error("not now")
    stage.ami.say(CHANGED)
    lists = stage.known.lists
    stage.say(contact("8003"))
    stage.ami.say(CHANGED)
    assert set(await stage.next()) == {"8003"}
    assert stage.known.lists > lists


async def test_without_a_link_nothing_is_known(stage: Stage) -> None:
    await stage.next()
    link = stage.known._link
    stage.ami.hang_up()
    await link.wait_for(LinkState.DOWN, LinkState.CONNECTING)
    assert stage.known.known is None
    stage.say(contact("8001", "tls"))
    assert await stage.next() == {"8001": registration(transport=Transport.TLS)}
    assert stage.known.known is not None


def test_of_two_phones_the_one_that_came_later_is_the_seats() -> None:
    old = registration(expires_at=1.0)
    new = registration(expires_at=2.0, transport=Transport.TLS)
    for order in ((old, new), (new, old)):
        assert by_seat(order) == {"8001": new}


def test_figures_alone_are_no_news() -> None:
    before = by_seat([registration(), registration("8002")])
    after = by_seat([registration(round_trip_us=1, expires_at=9.0), registration("8003")])
    assert differing(before, after) == {"8002", "8003"}
    assert differing(after, after) == frozenset()
