"""What the tests of the PBX's room share: a fake AMI, and a link to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig, LinkState
from tests.unit.telephony.pbx.fake_ami import SECRET, FakeAmi

Linked = Callable[..., AmiLink]


@pytest.fixture
async def ami() -> AsyncIterator[FakeAmi]:
    """A fake AMI that listens."""
    server = FakeAmi()
    await server.listen()
    yield server
    await server.stop()


@pytest.fixture
async def make_link(ami: FakeAmi) -> AsyncIterator[Linked]:
    """Makes links to the fake AMI; what is given differs from the usual. They run until the end."""
    tasks: list[asyncio.Task[None]] = []

    def make(**changes: Any) -> AmiLink:
        usual = {"backoff_first_seconds": 0.001, "backoff_max_seconds": 0.01, "secret": SECRET}
        config = LinkConfig("127.0.0.1", ami.port, "callcenter", **{**usual, **changes})
        link = AmiLink(config)
        tasks.append(asyncio.create_task(link.run()))
        return link

    yield make
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def link(make_link: Linked) -> AmiLink:
    """A link that is up."""
    made = make_link()
    await made.wait_for(LinkState.UP)
    return made
