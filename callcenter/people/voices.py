"""Who may hear the voice of a call, live or recorded: the one place that decides it.

A voice says its name. So the call of a confidential case is heard by whoever may see who its
citizen is, and by nobody else, whatever the way: a recording, a voice message, listening in,
whispering, barging in, a take-over, a third party brought in. What a person may do besides
(``recording.listen``, ``floor.steer``) is asked at the door of each; this is asked of the call.

Whoever the citizen himself was put through to talks with him: a queue or a transfer chose the seat,
and nobody is cut off in the middle of a talk.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from callcenter.people.access.actor import Actor
from callcenter.people.domain.permissions import Permission
from callcenter.platform.errors import Forbidden


class SecretCalls(Protocol):
    """Which calls hide their citizen: the cases know it."""

    async def confidential_calls(self, call_ids: Collection[str]) -> Collection[str]:
        """Those of `call_ids` whose case is confidential."""
        ...


class Voices:
    """Asked before a voice is heard, and again while it is."""

    def __init__(self, cases: SecretCalls) -> None:
        self._cases = cases

    async def may_hear(self, who: Actor | None, call_ids: Collection[str]) -> bool:
        """Whether `who` may hear all of `call_ids`, which can be heard together; nobody, and
        somebody who is not known, hears no confidential one."""
        if who is not None and who.may(Permission.CASE_CONFIDENTIAL):
            return True
        return not await self._cases.confidential_calls(call_ids)

    async def must_hear(self, who: Actor | None, call_ids: Collection[str]) -> None:
        """`Forbidden` ``citizen_hidden`` if `who` may not hear one of `call_ids`."""
        if not await self.may_hear(who, call_ids):
            raise Forbidden(
                "the call is about a confidential case: its voice is for those who may see who the"
                " citizen is",
                code="citizen_hidden",
            )
