"""Watches who fails to log in at the SIP port, and has the PBX turn away who fails too often.

The PBX tells each failure (AMI, class security), and answers 403 to an address that the named list
``strangers`` denies before it looks at the request (res_pjsip_acl). The list is a generated file,
read again by ``Reload acl`` under calls. (ARI, which pushes seats, cannot make objects of type
``acl``.) It begins empty with the service. While Python is dead nobody new is shut out, and who is
stays so.

Never shut out: this machine, the trunk, and an address from which a seat's phone is registered now
(a whole office may share one).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path

from callcenter.platform.config import Settings, TrunkMode
from callcenter.platform.errors import PbxRefused, PbxTimeout, PbxUnavailable
from callcenter.platform.health import PartHealth, degraded, well
from callcenter.telephony.domain.guesses import Guesses, GuessRules
from callcenter.telephony.pbx.ami.events import Event, LoginFailed
from callcenter.telephony.pbx.ami.link import AmiLink, LinkState
from callcenter.telephony.pbx.ami.outcomes import unwrap
from callcenter.telephony.pbx.ami.queue_actions import AclReload
from callcenter.telephony.pbx.registrations import Registrations

GENERATED = "; Written while the service runs; changes here are lost.\n"

_log = logging.getLogger(__name__)

FILE = "strangers.conf"
NOBODY = "192.0.2.255/32"
"""Of a list without a rule the PBX makes none; this address is for documentation (RFC 5737)."""
RELOAD_SECONDS = 15.0
RETRY_SECONDS = 5.0


def render(addresses: Iterable[str]) -> str:
    """The text of `FILE`, which stands in a section of acl.conf."""
    rules = [NOBODY, *(_network(address) for address in sorted(addresses))]
    return GENERATED + "".join(f"deny = {rule}\n" for rule in rules)


class StrangerWatch:
    """Of one PBX; `run` it as a task."""

    def __init__(
        self,
        link: AmiLink,
        registrations: Registrations,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._file = settings.asterisk_dir / "etc" / FILE
        self._registrations = registrations
        self._clock = clock
        loopback = settings.trunk_mode is TrunkMode.LOOPBACK
        self._trunk = (
            [] if loopback else [ip_network(one, strict=False) for one in settings.trunk_match]
        )
        self.guesses = Guesses(
            GuessRules(
                failures=settings.sip_failures_max,
                span_seconds=settings.sip_failures_minutes * 60.0,
                shut_out_seconds=settings.sip_shut_out_minutes * 60.0,
                shut_out_max=settings.sip_shut_out_max,
            )
        )
        self._told: frozenset[str] | None = None
        """Whom the PBX was told of; None: it must be told."""
        self._wake = asyncio.Event()
        link.subscribe(self._on_event)
        link.on_login(self._on_login)

    async def run(self) -> None:
        """Tell the PBX, until cancelled."""
        while True:
            self.guesses.passed(self._clock())
            done = self.guesses.shut_out == self._told or await self._tell()
            following = self.guesses.next_at()
            seconds = None if following is None else max(0.0, following - self._clock())
            if not done:
                seconds = RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            self._wake.clear()

    async def health(self) -> PartHealth:
        """Whether somebody tries passwords."""
        name = "sip_guessing"
        now = self._clock()
        out = len(self.guesses.shut_out)
        recent = self.guesses.recent(now)
        minutes = self.guesses.rules.span_seconds / 60
        if out or recent > self.guesses.rules.failures:
            return degraded(
                name,
                f"{recent} SIP log-ins failed within {minutes:.0f} minutes, most as"
                f" {self.guesses.tried_most(now)[:16]!r}; {out} addresses are shut out. See who may"
                " reach the SIP port, or whose phone has an old password",
            )
        return well(name, f"{recent} SIP log-ins failed within {minutes:.0f} minutes")

    async def _on_login(self) -> None:
        self._told = None
        self._wake.set()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, LoginFailed):
            now = self._clock()
            verdict = self.guesses.failure(
                event.address, event.account, now, exempt=self._is_ours(event.address)
            )
            for address in verdict.shut_out:
                _log.warning("SIP: %s failed to log in too often and is shut out", address)
            if verdict.shut_out:
                self._wake.set()

    async def _tell(self) -> bool:
        """Whether the PBX has been told."""
        wanted = self.guesses.shut_out
        if self._link.state is not LinkState.UP:
            return True  # the next log-in asks for it
        try:
            await asyncio.to_thread(_put, self._file, render(wanted))
            unwrap(
                await self._link.send(AclReload(), timeout=RELOAD_SECONDS),
                "loading the list of strangers",
            )
        except (OSError, PbxRefused, PbxTimeout, PbxUnavailable) as error:
            _log.warning("SIP: the PBX is not told yet who is shut out: %s", error)
            return False
        self._told = wanted
        return True

    def _is_ours(self, address: str) -> bool:
        try:
            at = ip_address(address)
        except ValueError:
            return True  # nothing that an ACL could deny
        if address in ("127.0.0.1", "::1") or any(at in network for network in self._trunk):
            return True
        phones = self._registrations.known or {}
        return any(one.address.rpartition(":")[0].strip("[]") == address for one in phones.values())


def _put(path: Path, text: str) -> None:
    with suppress(FileNotFoundError):
        if path.read_text(encoding="ascii") == text:
            return
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="ascii")
    fresh.replace(path)


def _network(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"
