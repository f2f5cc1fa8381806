"""Which sound each seat's phone takes: offered as the settings say, and tried otherwise when it
refuses that.

One offer does not fit all. A phone that insists on SRTP takes no RTP/AVP, whatever key stands in
it (RFC 3264: it answers 488); an old one may take no key at all. What a phone takes is known once
it has refused (488, 606 or 415 before it was answered): then its endpoint is pushed with the next
kind, so that its next call rings. A phone that refused every kind cannot be called: its seat says
so, until a phone registers there again.

It is kept in the PBX's own database (family ``callcenter-sound``), so a restart of ours forgets
nothing: no citizen's call has to tell it again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from callcenter.platform.config import SeatSrtp
from callcenter.telephony.domain.floor import ChannelEnded, ChannelState
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.registrations import Registration
from callcenter.telephony.pbx.ami.actions import DbDel, DbPut, DbTree
from callcenter.telephony.pbx.ami.events import Event
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import unwrap

_log = logging.getLogger(__name__)

REFUSED = frozenset({"488", "606", "415"})
"""SIP answers that speak of the sound (RFC 3261, 21.4.13, 21.4.26, 21.6.4)."""
KINDS: Mapping[SeatSrtp, tuple[SeatSrtp, ...]] = {
    SeatSrtp.OFF: (SeatSrtp.OFF,),
    SeatSrtp.OFFERED: (SeatSrtp.OFFERED, SeatSrtp.REQUIRED, SeatSrtp.OFF),
    SeatSrtp.REQUIRED: (SeatSrtp.REQUIRED,),
}
"""What is tried, in order. Where the settings say that sound is never in the clear, or never
encrypted, nothing else is tried."""
FAMILY = "callcenter-sound"

_CALLED = (ChannelState.DOWN, ChannelState.RINGING)
"""States of a leg that the PBX calls, until it is answered."""


@dataclass(frozen=True, slots=True)
class _Learned:
    phone: str | None
    """What tells the phone that refused from others (`_name`); None: not known then."""
    refused: int
    """How many kinds."""


class SeatSounds:
    """Of one PBX. Is told of its events and of the phones that register."""

    def __init__(self, setting: SeatSrtp) -> None:
        self._setting = setting
        self._kinds = KINDS[setting]
        self._kept: dict[Extension, str] | None = None
        """What the PBX's database has; None: it must be read."""
        self._restored: set[Extension] = set()
        """Seats whose phone has not been seen since we began: it has not come anew."""
        self._learned: dict[Extension, _Learned] = {}
        self._phones: dict[Extension, str] = {}
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after a seat's kind, or that it cannot be called, has changed."""
        self._listeners.append(listener)

    def kind(self, extension: Extension) -> SeatSrtp:
        """With which the seat is called next."""
        learned = self._learned.get(extension)
        return self._kinds[0 if learned is None else learned.refused % len(self._kinds)]

    @property
    def refusing(self) -> frozenset[str]:
        """Seats whose phone has refused every kind."""
        return frozenset(
            extension
            for extension, learned in self._learned.items()
            if learned.refused >= len(self._kinds)
        )

    def on_event(self, event: Event) -> None:
        """A leg has ended."""
        if not isinstance(event, ChannelEnded) or event.answer not in REFUSED:
            return
        leg = event.channel
        # Of legs that the PBX called: who calls a phone that refuses has its answer too.
        if leg is None or leg.state not in _CALLED or not leg.endpoint.isdecimal():
            return
        extension = Extension(leg.endpoint)
        before = self._learned.get(extension)
        refused = 1 if before is None else min(before.refused + 1, len(self._kinds))
        made = _Learned(self._phones.get(extension), refused)
        if made == before:
            return
        self._learned[extension] = made
        if refused < len(self._kinds):
            _log.info("seat %s refuses the sound; next: srtp=%s", extension, self.kind(extension))
        else:
            _log.warning("seat %s cannot be called: its phone refuses every sound", extension)
        self._changed()

    async def phones_came(self, phones: Mapping[Extension, Registration]) -> None:
        """Another phone is asked anew, and so is one that refused everything and comes again."""
        changed = False
        for extension, phone in phones.items():
            name = self._phones[extension] = _name(phone)
            learned = self._learned.get(extension)
            if learned is None:
                continue
            other = learned.phone is not None and learned.phone != name
            again = learned.refused >= len(self._kinds) and extension not in self._restored
            self._restored.discard(extension)
            if other or again:
                del self._learned[extension]
                changed = True
        if changed:
            self._changed()

    def forget_kept(self) -> None:
        """It may be another PBX than before, or one that lost its memory."""
        self._kept = None

    async def match(self, link: AmiLink) -> None:
        """Have the PBX's database hold what is known, after what it holds was read once.

        Errors as of `unwrap`.
        """
        if self._kept is None:
            found = unwrap(await link.send(DbTree(FAMILY)), "list of refused sounds")
            self._kept = {Extension(name): text for name, text in found.items()}
            self._restore(self._kept)
        wanted = {name: self._encoded(one) for name, one in self._learned.items()}
        for name in [*self._kept.keys() - wanted.keys()]:
            unwrap(await link.send(DbDel(FAMILY, name)), "removal of a refused sound")
            del self._kept[name]
        for name, text in wanted.items():
            if self._kept.get(name) != text:
                unwrap(await link.send(DbPut(FAMILY, name, text)), "refused sound")
                self._kept[name] = text

    def _restore(self, kept: Mapping[Extension, str]) -> None:
        before = len(self._learned)
        for name, text in kept.items():
            learned = self._decoded(text)
            if learned is None or name in self._learned:
                continue
            present = self._phones.get(name)
            if present is None:
                self._restored.add(name)
            elif learned.phone not in (None, present):
                continue  # Another phone has come meanwhile.
            self._learned[name] = learned
        if len(self._learned) != before:
            self._changed()

    def _encoded(self, learned: _Learned) -> str:
        return json.dumps([self._setting.value, learned.phone, learned.refused])

    def _decoded(self, text: str) -> _Learned | None:
        """None for what was learned under another setting, or cannot be read."""
        try:
            setting, phone, refused = json.loads(text)
            learned = _Learned(None if phone is None else str(phone), int(refused))
        except (ValueError, TypeError):
            return None
        return learned if setting == self._setting.value and learned.refused > 0 else None

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def _name(phone: Registration) -> str:
    """Of transport and user agent, which a phone may make as long as it likes."""
    return hashlib.sha256(f"{phone.transport} {phone.user_agent}".encode()).hexdigest()[:16]
