"""``voice_message``: is a message taken, and of what length at most."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from agi.protocol import Request
from callcenter.platform.config import Settings
from callcenter.telephony.voicemail.acceptance import VoiceMessageAcceptance

_log = logging.getLogger(__name__)


class VoiceMessageQuestion:
    """Answers ``voice_message``."""

    def __init__(self, settings: Settings, acceptance: VoiceMessageAcceptance) -> None:
        self._max_seconds = str(settings.voice_message_max_seconds)
        self._acceptance = acceptance

    async def __call__(self, request: Request) -> Mapping[str, str]:
        """``CC_VM``, ``CC_VM_MAX`` in seconds."""
        refusal = await self._acceptance.refusal(request.caller_number)
        if refusal is not None:
            _log.warning("voice message refused: %s call=%s", refusal, request.uniqueid[:40])
        return {"CC_VM": "yes" if refusal is None else "no", "CC_VM_MAX": self._max_seconds}
