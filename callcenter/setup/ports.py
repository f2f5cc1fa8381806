"""Are the addresses and ports of the settings to be had? Asked before anything is started.

Each port is bound for a moment as its owner will bind it. A refusal is said in one sentence: the
setting to change, and the program in the way if the system tells us.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import psutil

from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError

LOOPBACK = "127.0.0.1"
PRIVILEGED = 1024


@dataclass(frozen=True, slots=True)
class PortUse:
    """One port that one of our programs will listen on."""

    setting: str
    """The setting's name in upper case, ``CALLCENTER_SIP_PORT``."""
    what: str
    host: str
    host_setting: str | None
    port: int
    udp: bool

    @property
    def kind(self) -> str:
        """``UDP`` or ``TCP``."""
        return "UDP" if self.udp else "TCP"


def ports_of(settings: Settings) -> list[PortUse]:
    """Every single port of an instance; the RTP range is apart (`check_rtp`)."""
    sip = ("CALLCENTER_SIP_PORT", "SIP", settings.sip_bind, "CALLCENTER_SIP_BIND")
    tls = ("CALLCENTER_SIP_TLS_PORT", "SIP over TLS", settings.sip_bind, "CALLCENTER_SIP_BIND")
    wss = ("CALLCENTER_WSS_PORT", "browser phones", settings.sip_bind, "CALLCENTER_SIP_BIND")
    https = ("CALLCENTER_HTTPS_PORT", "the console", settings.https_bind, "CALLCENTER_HTTPS_BIND")
    optional = [
        PortUse(*use, port, udp=False)
        for use, port in (
            (tls, settings.sip_tls_port),
            (wss, settings.wss_port),
            (https, settings.https_port),
        )
        if port
    ]
    return [
        PortUse(*sip, settings.sip_port, udp=True),
        PortUse(*sip, settings.sip_port, udp=False),
        PortUse("CALLCENTER_AMI_PORT", "AMI", LOOPBACK, None, settings.ami_port, udp=False),
        PortUse("CALLCENTER_ARI_PORT", "ARI", LOOPBACK, None, settings.ari_port, udp=False),
        PortUse("CALLCENTER_AGI_PORT", "FastAGI", LOOPBACK, None, settings.agi_port, udp=False),
        PortUse(
            "CALLCENTER_API_PORT",
            "the API",
            settings.api_bind,
            "CALLCENTER_API_BIND",
            settings.api_port,
            udp=False,
        ),
        PortUse(
            "CALLCENTER_SUPERVISOR_PORT",
            "the supervisor",
            LOOPBACK,
            None,
            settings.supervisor_port,
            udp=False,
        ),
        *optional,
    ]


def check_ports(settings: Settings) -> None:
    """`SetupError` about the first port that cannot be had, with the setting to change."""
    uses = ports_of(settings)
    check_distinct(uses)
    check_rtp(settings)
    for use in uses:
        problem = try_bind(use)
        if problem is not None:
            raise SetupError(problem, code="port_unavailable", setting=use.setting, port=use.port)


def check_distinct(uses: list[PortUse]) -> None:
    """`SetupError` if two settings name one port."""
    for one, other in combinations(uses, 2):
        if one.port == other.port and one.udp == other.udp:
            raise SetupError(
                f"{one.setting} and {other.setting} are both {one.port}; give one of them another"
                " port.",
                code="port_twice",
                setting=other.setting,
            )


def check_rtp(settings: Settings) -> None:
    """`SetupError` if SIP's port lies in the audio range or the range needs root.

    Single ports of the range may be in use: the PBX takes the next one.
    """
    if settings.rtp_start <= settings.sip_port <= settings.rtp_end:
        raise SetupError(
            f"CALLCENTER_SIP_PORT {settings.sip_port} lies in the audio range"
            f" CALLCENTER_RTP_START–CALLCENTER_RTP_END"
            f" ({settings.rtp_start}–{settings.rtp_end}); move one of them.",
            code="port_twice",
            setting="CALLCENTER_SIP_PORT",
        )
    ends = (settings.rtp_start, settings.rtp_end)
    busy = [port for port in ends if not _free_udp(settings.sip_bind, port)]
    if len(busy) == len(ends):
        raise SetupError(
            f"The audio ports {ends[0]} and {ends[1]} are both in use (UDP)"
            f"{_owner(ends[0], udp=True)}; set CALLCENTER_RTP_START and CALLCENTER_RTP_END to a"
            " range of its own.",
            code="port_unavailable",
            setting="CALLCENTER_RTP_START",
        )


def _free_udp(host: str, port: int) -> bool:
    use = PortUse("CALLCENTER_RTP_START", "audio", host, None, port, udp=True)
    return try_bind(use) is None


def try_bind(use: PortUse) -> str | None:
    """None if `use` can be had, else one sentence: what is wrong and what to change."""
    family = socket.AF_INET6 if ":" in use.host else socket.AF_INET
    kind = socket.SOCK_DGRAM if use.udp else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        if not use.udp:
            # As all our servers do: a port whose last connections are still closing is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((use.host, use.port))
            if not use.udp:
                probe.listen(1)
        except socket.gaierror:
            return f"{use.host} is no address; set {use.host_setting or use.setting} to one."
        except OSError as error:
            return _sentence(use, error)
    return None


def _sentence(use: PortUse, error: OSError) -> str:
    where = f"{use.host}:{use.port} ({use.kind})"
    if error.errno == errno.EADDRINUSE:
        owner = _owner(use.port, udp=use.udp)
        return (
            f"Port {use.port} ({use.kind}, for {use.what}) is already in use{owner}; stop that or"
            f" set {use.setting} to a free port."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"This machine has no address {use.host} (for {use.what}); set"
            f" {use.host_setting or use.setting} to one it has."
        )
    if error.errno in (errno.EACCES, errno.EPERM) and use.port < PRIVILEGED:
        return (
            f"Port {use.port} (for {use.what}) needs root, as every port below {PRIVILEGED}; set"
            f" {use.setting} to a higher one."
        )
    return f"{where}, for {use.what}, cannot be had ({error.strerror}); change {use.setting}."


def _owner(port: int, *, udp: bool) -> str:
    """`` by NAME (pid N)`` if the system tells us who holds `port`, else nothing."""
    for pid in _holders(port, udp=udp):
        try:
            process = psutil.Process(pid)
            words = process.cmdline()
            name = process.name()
        except psutil.Error:
            continue
        if name.startswith("ld-linux"):
            # Run through a loader: the program's own name is among the arguments.
            name = next((word.rsplit("/", 1)[-1] for word in words[3:] if "/" in word), name)
        return f" by {name} (pid {pid})"
    return ""


def _holders(port: int, *, udp: bool) -> Iterator[int]:
    try:
        connections = psutil.net_connections("udp" if udp else "tcp")
    except psutil.Error:
        return
    for connection in connections:
        listening = udp or connection.status == psutil.CONN_LISTEN
        if connection.pid and listening and connection.laddr and connection.laddr.port == port:
            yield connection.pid
