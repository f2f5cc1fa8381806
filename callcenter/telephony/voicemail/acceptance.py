"""Whether a caller may leave a voice message: the disk has room and the number has not had many."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.domain.numbers import normalise
from callcenter.telephony.calls.recent import RecentCalls
from callcenter.telephony.domain.routing import (
    MessageFacts,
    MessageLimits,
    MessageRefusal,
    decide_voice_message,
)

_HOUR = timedelta(hours=1)
_MIB = 1024 * 1024


class VoiceMessageAcceptance:
    """Fetches the facts and decides."""

    def __init__(self, settings: Settings, calls: RecentCalls, clock: Clock = utc_now) -> None:
        self._folder = settings.voice_messages_dir
        self._limits = MessageLimits(
            free_floor_bytes=settings.voice_message_free_floor_mib * _MIB,
            per_hour=settings.voice_messages_per_hour,
            anonymous_per_hour=settings.voice_messages_anonymous_per_hour,
        )
        self._calls = calls
        self._clock = clock

    async def refusal(self, number: str) -> MessageRefusal | None:
        """Why the caller `number` (in any form) may leave none, or None.

        `OSError` if the disk cannot be asked.
        """
        normal = normalise(number)
        # A disk that hangs (network storage) must not take the event loop with it.
        free = await asyncio.to_thread(free_bytes, self._folder)
        messages = await self._calls.voice_messages(normal, since=self._clock() - _HOUR)
        facts = MessageFacts(anonymous=not normal, free_bytes=free, messages_last_hour=messages)
        return decide_voice_message(facts, self._limits)


def free_bytes(folder: Path) -> int:
    """Bytes that may be written below `folder`, which need not exist yet."""
    present = folder
    while not present.exists() and present != present.parent:
        present = present.parent
    return shutil.disk_usage(present).free
