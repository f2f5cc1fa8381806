"""Dials a call-back: first the agent's seat, then, once that is answered, the citizen.

The citizen is dialled by the dialplan (``steer-dial``), as whatever a seat dials outside: only an
allowed number, recorded, told to the journal. The seat's channel gets an identifier of ours, so
that the attempt and its call are one from the beginning: the ledger's id of the call is known
before the PBX is asked.
"""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass

from callcenter.platform.clock import Clock, utc_now
from callcenter.telephony.domain.ids import CallId, Uniqueid, call_id
from callcenter.telephony.pbx.ami.actions import Action, Answer
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import unwrap

CONTEXT = "steer-dial"

_serials = itertools.count(secrets.randbelow(10**9) + 1)
"""Begun anywhere, so that two processes that dial in the same second do not meet."""


@dataclass(frozen=True, slots=True)
class OriginateAs(Action[None]):
    """Begin a call whose first channel is called `uniqueid`; success means that it was begun."""

    name = "Originate"
    channel: str
    uniqueid: str
    context: str
    exten: str
    timeout_ms: int
    caller_id: str
    case: str
    """Told to the journal; may be empty."""

    def headers(self) -> dict[str, str]:
        return {
            "Channel": self.channel,
            "ChannelId": self.uniqueid,
            "Context": self.context,
            "Exten": self.exten,
            "Priority": "1",
            "Timeout": str(self.timeout_ms),
            "CallerID": self.caller_id,
            "Variable": f"STEER_CASE={self.case}",
            "Async": "true",
        }

    def result(self, answer: Answer) -> None:
        return None


class CallbackDialler:
    """See `callbacks.service.Dialler`."""

    def __init__(self, link: AmiLink, node: str, ring_seconds: int, clock: Clock = utc_now) -> None:
        self._link = link
        self._node = node
        self._ring_ms = ring_seconds * 1000
        self._clock = clock

    def new_call(self) -> CallId:
        """The id of a call that is going to be dialled.

        ``callback-SECONDS.SERIAL``: of the form of Asterisk's own, behind a name that none of its
        own has.
        """
        seconds = int(self._clock().timestamp())
        return call_id(self._node, Uniqueid(f"callback-{seconds}.{next(_serials)}"))

    async def dial(self, call: CallId, seat: str, number: str, case: str) -> None:
        """Ring `seat`, then `number`, about `case` if there is one.

        Returns once the seat's phone is being called; raises `PbxUnavailable`, `PbxRefused` or
        `PbxTimeout`. Nothing is sent again.
        """
        uniqueid = call.partition(":")[2]
        action = OriginateAs(
            f"PJSIP/{seat}", uniqueid, CONTEXT, number, self._ring_ms, f"<{number}>", case
        )
        unwrap(await self._link.send(action), f"call-back to seat {seat}")
