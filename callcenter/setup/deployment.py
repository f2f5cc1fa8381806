"""Writes what belongs to this deployment into the PBX's configuration folder, and nothing else.

`asterisk-conf/` and `dialplan/` are copied as they are. Every value of the deployment stands in
``deployment.conf``, a file of templates only: ``[deploy-…](!)`` sections are invisible to
whoever includes them, so each configuration file can take its own part from the same include.
Queues, which an admin changes while all runs, stand in files of their own
(`callcenter.telephony.pbx.queue_config`).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from callcenter.platform.config import SessionTimers, Settings, TrunkMode
from callcenter.platform.domain.dialling import to_regex
from callcenter.platform.secrets import Secrets, write_private
from callcenter.setup.certificates import certificate_files, ensure_certificate
from callcenter.setup.limits import calls_for, open_files
from callcenter.telephony.domain.queues import PbxQueues
from callcenter.telephony.pbx.queue_config import render as render_queues
from callcenter.telephony.pbx.queue_config import write as write_queues
from callcenter.telephony.pbx.stranger_watch import FILE as STRANGERS_FILE
from callcenter.telephony.pbx.stranger_watch import render as render_strangers

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = (REPOSITORY / "asterisk-conf", REPOSITORY / "dialplan")
GENERATED = "; Generated at set-up from the settings; changes here are lost.\n"
FOLDERS = ("etc", "db", "keys/keys", "agi-bin", "spool", "run", "log/cel-custom", "log/cdr-csv")
TIMERS = {
    SessionTimers.ALWAYS: "always",
    SessionTimers.OFFERED: "yes",
    SessionTimers.OFF: "no",
}
MATCH_NOTHING = "^$"
"""A number is never empty, so this expression allows none."""


class PbxPlaces(Protocol):
    """Where the PBX's own parts are."""

    @property
    def asterisk_modules_dir(self) -> Path:
        """Folder of the ``.so`` modules."""

    @property
    def asterisk_data_dir(self) -> Path:
        """Folder with ``sounds``, ``documentation`` and ``rest-api``."""


def escape(value: str) -> str:
    """`value` as Asterisk's configuration reader will give it back: ``;`` begins no comment.

    Line breaks cannot stand in a value; they are refused by `ValueError`.
    """
    if "\n" in value or "\r" in value:
        raise ValueError("a configuration value cannot hold a line break")
    return value.replace("\\", "\\\\").replace(";", "\\;")


def seat_pattern(first_seat: int) -> str:
    """The dialplan pattern of all seats: same first digit and length as the first one."""
    digits = str(first_seat)
    return digits[0] + "X" * (len(digits) - 1)


def seat_regex(first_seat: int) -> str:
    """The same as a POSIX expression without anchors."""
    digits = str(first_seat)
    return f"{digits[0]}[0-9]{{{len(digits) - 1}}}"


def _outbound_regex(settings: Settings) -> str:
    if not settings.outbound_patterns or not settings.trunk_host:
        return MATCH_NOTHING
    return "^(" + "|".join(to_regex(pattern) for pattern in settings.outbound_patterns) + ")$"


def outside_extensions(settings: Settings) -> list[str]:
    """The extensions of context ``transfer-outside``: one per allowed pattern."""
    if not settings.outbound_patterns or not settings.trunk_host:
        return []
    for pattern in settings.outbound_patterns:
        to_regex(pattern)  # refuses what is no pattern
    return [
        f"{pattern},1,Goto(send-outside,${{EXTEN}},1)" for pattern in settings.outbound_patterns
    ]


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _sections(settings: Settings, secrets: Secrets) -> Iterable[tuple[str, dict[str, object]]]:
    yield (
        "globals",
        {
            "CC_NODE": settings.node,
            "CC_LANGUAGE": settings.language,
            "CC_TIME_ZONE": settings.time_zone,
            "CC_QUEUE_MAIN": settings.hotline_number,
            "CC_SEATS": seat_pattern(settings.first_seat),
            "CC_SEATS_REGEX": seat_regex(settings.first_seat),
            "CC_OUTBOUND": _outbound_regex(settings),
            "CC_TRUNK_HOST": settings.trunk_peer,
            "CC_AGI_PORT": settings.agi_port,
            "CC_AGI_SECRET": secrets.agi_secret,
            "CC_RECORDING_NOTICE": _flag(settings.recording_notice),
            "CC_MENU": _flag(settings.menu),
            "CC_RATING_ON": _flag(settings.rating),
            "CC_WAITING_OF_ONE": settings.waiting_of_one,
            "CC_WAITING_ANONYMOUS": settings.waiting_anonymous,
            "CC_WAIT_LIMIT": settings.queue_wait_limit_seconds,
            "CC_RETURN": settings.members_return_seconds,
            "CC_PBX_BEGAN": settings.asterisk_dir / "run" / "asterisk.pid",
            "CC_TRANSFER_RING": settings.transfer_ring_seconds,
            "CC_TALK_MIN": settings.shortest_talk_ms,
            "CC_RECORDINGS_DIR": settings.recordings_dir,
            "CC_NO_ROOM": settings.room_dir,
            "CC_VM_DIR": settings.voice_messages_dir,
            "CC_VM_SILENCE": settings.voice_message_silence_seconds,
            "CC_VM_MAX_DEFAULT": settings.voice_message_max_seconds,
        },
    )
    # Of a browser phone only the sound needs an address: its signalling has a connection.
    media: dict[str, object] = {}
    outside: dict[str, object] = {}
    if settings.external_address:
        media = {"external_media_address": settings.external_address, "local_net": "127.0.0.0/8"}
        outside = {**media, "external_signaling_address": settings.external_address}
    yield "media-address", media
    yield "transport", {"bind": _address(settings.sip_bind, settings.sip_port), **outside}
    certificate = certificate_files(settings)
    yield (
        "tls-transport",
        {
            "bind": _address(settings.sip_bind, settings.sip_tls_port),
            "cert_file": certificate.certificate,
            "priv_key_file": certificate.key,
            **outside,
        },
    )
    # A carrier's address is the carrier, whatever its calls have in From. On loopback seats and
    # trunk callers share the address, so there the seats' names come first.
    loopback = settings.trunk_mode is TrunkMode.LOOPBACK
    order = "username,auth_username,ip" if loopback else "ip,username,auth_username"
    yield "sip", {"endpoint_identifier_order": order}
    yield "rtp", {"rtpstart": settings.rtp_start, "rtpend": settings.rtp_end}
    # Which of our addresses stands for the public one is only known where one was named.
    mapped = settings.external_address and settings.sip_bind not in ("0.0.0.0", "::")  # noqa: S104
    public = f"{settings.external_address},include_local_address"
    yield "ice", {settings.sip_bind: public} if mapped else {}
    yield "cdr", {"enable": "yes" if settings.pbx_cdr else "no"}
    yield "ami", {"bindaddr": "127.0.0.1", "port": settings.ami_port}
    yield "ami-user", {"secret": secrets.ami_password}
    browsers: dict[str, object] = {"tlsenable": "no"}
    if settings.wss_port:
        browsers = {
            "tlsenable": "yes",
            "tlsbindaddr": _address(settings.sip_bind, settings.wss_port),
            "tlscertfile": certificate.certificate,
            "tlsprivatekey": certificate.key,
        }
    yield "http", {"bindaddr": "127.0.0.1", "bindport": settings.ari_port, **browsers}
    yield "ari-user", {"password": secrets.ari_password, "password_format": "plain"}
    yield "moh", {"directory": settings.asterisk_dir / "moh"}
    carrier = settings.trunk_peer
    yield "trunk-aor", {"contact": f"sip:{carrier}"} if carrier else {}
    match = settings.trunk_match or ((settings.trunk_name,) if carrier else ())
    yield "trunk-identify", {"match": ",".join(match)} if match else {}
    yield (
        "trunk-limits",
        {
            "timers": TIMERS[settings.trunk_session_timers],
            "timers_min_se": settings.trunk_session_min_seconds,
            "timers_sess_expires": settings.trunk_session_seconds,
            "rtp_timeout": settings.trunk_rtp_timeout_seconds,
            "rtp_timeout_hold": settings.trunk_rtp_timeout_hold_seconds,
        },
    )
    user = settings.trunk_username
    yield "trunk-endpoint", {"from_user": user} if user else {}
    yield "trunk-auth", {"username": user, "password": settings.trunk_password} if user else {}
    yield (
        "trunk-registration",
        {"server_uri": f"sip:{carrier}", "client_uri": f"sip:{user}@{carrier}"} if user else {},
    )


def render_deployment(settings: Settings, secrets: Secrets) -> str:
    """The text of ``deployment.conf``."""
    lines = [GENERATED]
    for name, values in _sections(settings, secrets):
        lines.append(f"[deploy-{name}](!)\n")
        lines += [f"{key} = {escape(str(value))}\n" for key, value in values.items()]
        lines.append("\n")
    lines.append("[deploy-outside](!)\n")
    lines += [f"exten => {extension}\n" for extension in outside_extensions(settings)]
    return "".join(lines)


def render_asterisk_conf(settings: Settings, places: PbxPlaces) -> str:
    """The text of ``asterisk.conf``: the folders of this instance and a few process options."""
    base = settings.asterisk_dir
    folders = {
        "astetcdir": base / "etc",
        "astmoddir": places.asterisk_modules_dir,
        "astvarlibdir": base / "data",
        "astdatadir": base / "data",
        "astdbdir": base / "db",
        "astkeydir": base / "keys",
        "astagidir": base / "agi-bin",
        "astspooldir": base / "spool",
        "astrundir": base / "run",
        "astlogdir": base / "log",
        "astsbindir": base / "run",
    }
    lines = [GENERATED, "[directories]\n"]
    lines += [f"{key} => {value}\n" for key, value in folders.items()]
    lines += [
        "\n[options]\n",
        "defaultlanguage = en\n",
        "documentation_language = en_US\n",
        "hideconnect = yes\n",
        "lockconfdir = no\n",
        "transmit_silence = yes\n",
        "live_dangerously = no\n",
        # Not minmemfree: it reads memory that the kernel uses for files as used (main/pbx.c), and
        # would refuse calls on every machine that is up for a while. Not maxload: a load is made
        # by work that gives way to calls.
        f"maxcalls = {calls_for(open_files(), settings.max_channels)}\n",
    ]
    return "".join(lines)


def _put(path: Path, content: bytes) -> None:
    """Have `content` in `path`, whole or not at all. What is there already is left, so that a start
    needs no room on a full disk."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def _keep_a_log(database: Path) -> None:
    """Have the PBX's own database write ahead into a log (WAL) that is kept and written over.

    What it makes by itself, a journal file for each transaction, needs room each time: on a full
    disk registrations were accepted and forgotten a second later (main/db.c, db_sync_thread).
    The mode is kept in the file, so it holds for the PBX too. Where it cannot be set now (no room,
    a damaged file) the PBX does as before, and says what it does not like.
    """
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(database)) as connection,
    ):
        connection.execute("PRAGMA journal_mode=WAL")


def _link_tree(target: Path, source: Path, skip: frozenset[str] = frozenset()) -> None:
    """Make `target` a folder of links to everything in `source` but `skip`."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        link = target / entry.name
        if entry.name in skip or (link.exists() and not link.is_symlink()):
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(entry)


def _link_data(settings: Settings, places: PbxPlaces) -> None:
    """The PBX's data folder: its own parts, and our sounds over its English ones."""
    data = settings.asterisk_dir / "data"
    theirs = places.asterisk_data_dir
    _link_tree(data, theirs, frozenset({"sounds", "moh"}))
    sounds = data / "sounds"
    for candidate in ("en_US_f_Allison", "en"):
        if (theirs / "sounds" / candidate).is_dir():
            _link_tree(sounds / "en", theirs / "sounds" / candidate)
            break
    for language in ("zh", "en"):
        ours = settings.asterisk_dir / "sounds" / language
        if ours.is_dir():
            _link_tree(sounds / language, ours)


def write_configuration(
    settings: Settings, secrets: Secrets, places: PbxPlaces, queues: PbxQueues
) -> None:
    """Write the whole configuration of this instance's PBX; safe to repeat at any time.

    Prompts must have been rendered before, since the data folder links to them. `queues` are what
    the database says now; the service itself has the PBX load what is changed later.
    """
    base = settings.asterisk_dir
    etc = base / "etc"
    for name in FOLDERS:
        (base / name).mkdir(parents=True, exist_ok=True)
    for folder in (settings.recordings_dir, settings.voice_messages_dir):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    for source in SOURCES:
        for file in source.glob("*.conf"):
            if not file.name.startswith("pjsip_trunk_"):
                _put(etc / file.name, file.read_bytes())
    ensure_certificate(settings)
    if not settings.sip_tls_port:
        _put(etc / "pjsip_tls.conf", GENERATED.encode())
    trunk = f"pjsip_trunk_{TrunkMode(settings.trunk_mode).value}.conf"
    _put(etc / "pjsip_trunk.conf", (SOURCES[0] / trunk).read_bytes())
    write_queues(etc, render_queues(queues))
    _put(etc / STRANGERS_FILE, render_strangers(()).encode())
    _put(etc / "asterisk.conf", render_asterisk_conf(settings, places).encode())
    write_private(etc / "deployment.conf", render_deployment(settings, secrets))
    _keep_a_log(settings.astdb_file)
    _link_data(settings, places)
