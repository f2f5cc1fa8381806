"""A phone that took none of the sound it was offered has refused nobody."""

from __future__ import annotations

import pytest

from callcenter.telephony.domain.ledger import RingEnd
from tests.unit.traces import journal, ledger_of


@pytest.mark.parametrize(("cause", "how"), [(17, RingEnd.REFUSED), (58, RingEnd.NO_SOUND)])
def test_what_a_ring_came_to(cause: int, how: RingEnd) -> None:
    """A real journal of a busy phone; 58 is what the PBX makes of 488 and 606."""
    data = journal("exit_key_message").replace(b'""hangupcause"":17', b'""hangupcause"":%d' % cause)
    assert {ring.how for ring in ledger_of(data).rings} == {how}
