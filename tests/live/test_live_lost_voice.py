"""A voice that is lost has a name: in the file's state, at the case, in the audit (decision 20)."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import AsyncExitStack

import pytest

from callcenter.insight.audit.compare import Difference, Kind
from callcenter.simulator.speech import Speech
from tests.live.live_stories import Stories
from tests.live.live_system import System
from tests.live.live_voices import HandedOn, Hold, Way

SETTINGS = {"recording_listen": False}
"""Nobody hears it while it happens (that is tested in test_live_voice_found)."""
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]


async def test_a_recording_without_the_second_seat_is_one_sided(
    system: System, speech: Speech
) -> None:
    async with AsyncExitStack() as stack:
        stories = Stories(system, speech, stack)
        first, second = await stories.seat(0), await stories.seat(1)
        first.first_sequence = 40_000
        talk = await stories.talk_with(first, second)
        await unhook(system)
        call = HandedOn(stories, talk.out, talk.taken)
        await call.hand_on(second, Way.CONSULT_REFER, Hold.NOT)
        await call.hears_for(call.parts[-1], 4)
        await call.end()
        told = await stories.told(talk.number, timeout=20)
    file = told.media[0]
    assert (file.status, len(told.talks)) == ("one_sided", 2), file.error
    assert file.left_ms >= file.expected_left_ms
    assert file.right_ms < file.expected_right_ms - 3000
    shown = await system.get(f"/api/recordings/{file.id}")
    assert (shown["status"], shown["right_ms"]) == ("one_sided", file.right_ms)
    assert "right" in shown["error"]
    assert shown["audio"]
    case = await system.get(f"/api/cases/{told.cases[0].number}")
    assert [one["status"] for one in case["recordings"]] == ["one_sided"]
    assert 'callcenter_media_finished_total{status="one_sided"} 1.0' in await metrics(system)
    await system.settle()
    found = await system.differences()
    assert [one.kind for one in found if isinstance(one, Difference)] == [Kind.VOICE_MISSING]


async def unhook(system: System) -> None:
    """From now on the dialplan is not told who speaks to the citizen."""
    listed = await _cli(system, "core show channels concise")
    citizen = next(
        line.partition("!")[0] for line in listed.splitlines() if line.startswith("PJSIP/trunk")
    )
    await _cli(system, f"dialplan set chanvar {citizen} CONNECTED_LINE_SEND_SUB nothing,s,1")


async def metrics(system: System) -> str:
    """What is watched."""
    answer = await system.api.get("/metrics")
    answer.raise_for_status()
    return answer.text


async def _cli(system: System, words: str) -> str:
    configuration = system.settings.home / "asterisk" / "etc" / "asterisk.conf"
    command = [*system.prepared.toolbox.asterisk_command, "-C", str(configuration), "-rx", words]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=True
    )
    return str(done.stdout)
