"""A phone that took none of the sound it was offered, or refused, and what its ring came to."""

from __future__ import annotations

import pytest

from callcenter.telephony.domain.ledger import RingEnd
from tests.unit.traces import journal, ledger_of


@pytest.mark.parametrize(("cause", "how"), [(17, RingEnd.REFUSED), (58, RingEnd.NO_SOUND)])
def test_what_a_ring_came_to(cause: int, how: RingEnd) -> None:
    """A real journal of a busy phone; 58 is what the PBX makes of 488 and 606."""
    data = journal("exit_key_message").replace(b'""hangupcause"":17', b'""hangupcause"":%d' % cause)
    assert {ring.how for ring in ledger_of(data).rings} == {how}


@pytest.mark.parametrize("told_first", ["the leg's end", "the transfer's"])
def test_who_forwards_has_refused_whatever_the_pbx_notes_of_his_leg(told_first: str) -> None:
    """The PBX ends that leg itself, and may do so before it has noted why; its Dial knows."""
    lines = journal("blind_busy_returns").splitlines(keepends=True)
    ends = [n for n, line in enumerate(lines) if b"PJSIP/8002-" in line and b"hangupcause" in line]
    returned = next(n for n, line in enumerate(lines) if line.startswith(b'"TRANSFER_RETURN"'))
    for n in ends:
        source = b'""hangupsource"":""PJSIP/8002-0000001d""'
        assert source in lines[n]
        lines[n] = lines[n].replace(source, b'""hangupsource"":""""').replace(b":17,", b":0,")
    if told_first == "the transfer's":
        gone = [lines.pop(ends[0]) for _ in ("HANGUP", "CHAN_END")]
        lines[returned - 1 : returned - 1] = gone
    rings = {ring.seat: ring.how for ring in ledger_of(b"".join(lines)).rings}
    assert rings["8002"] is RingEnd.REFUSED
