"""The steps of set-up, in order, one readable line each; and what people need once it runs."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from callcenter.platform.config import Settings, TrunkMode
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.db.revisions import head_revision
from callcenter.platform.errors import SetupError
from callcenter.platform.private import make_home
from callcenter.platform.secrets import Secrets, ensure_secrets
from callcenter.setup.certificates import fingerprint
from callcenter.setup.console import ensure_console
from callcenter.setup.deployment import REPOSITORY, write_configuration
from callcenter.setup.limits import calls_for, open_files
from callcenter.setup.run import phone_address
from callcenter.setup.supervisor import run_dir
from callcenter.setup.toolbox import Toolbox, ensure_toolbox
from callcenter.telephony.domain.queues import PbxQueues
from callcenter.telephony.domain.seating import DesiredSeat

HOME_LENGTH_MAX = 80
"""The PBX's own socket is HOME/asterisk/run/asterisk.ctl, and sun_path holds 108 bytes."""
TELL_MILLISECONDS = 200
"""For whoever reads what we say; a terminal that is scrolling takes a few."""
SLOW_NAME_SECONDS = 1.0
HEARTBEAT_SECONDS = 5.0
"""Whoever waits sees in time that a step goes on, and what it waits for."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An instance that can be started."""

    settings: Settings
    secrets: Secrets
    toolbox: Toolbox
    seats: Sequence[DesiredSeat]


def say(line: str) -> None:
    """One line for people, at once. Nobody listening any more is no reason to stop."""
    with suppress(OSError, ValueError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def tell(line: str) -> None:
    """The same while calls hang on us: nor is somebody who has stopped reading a reason to wait."""
    with suppress(OSError, ValueError):
        # A pipe that says so has room for 4 KiB (pipe(7)).
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        if poll.poll(TELL_MILLISECONDS):
            say(line)


class Step:
    """One step of set-up: what it found or did stands in `result`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.result = "done"
        self.doing = name
        """What it does now, for whoever waits."""

    def progress(self, line: str) -> None:
        """Say what comes next in this step."""
        self.doing = line
        say(f"  … {line}")


@contextmanager
def step(name: str, heartbeat: float = HEARTBEAT_SECONDS) -> Iterator[Step]:
    """Say `name`, what came of it, and the seconds it took; every `heartbeat` seconds that it goes
    on, and with what."""
    current = Step(name)
    begun = time.monotonic()
    over = threading.Event()

    def beat() -> None:
        while not over.wait(heartbeat):
            say(f"  … {time.monotonic() - begun:.0f} s: {current.doing}")

    beating = threading.Thread(target=beat, name=f"step {name}", daemon=True)
    beating.start()
    try:
        yield current
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise SetupError(
            f"{name}: there is no room on the disk of {error.filename or 'CALLCENTER_HOME'}; make"
            " some and start again.",
            code="disk_full",
        ) from error
    finally:
        over.set()
        beating.join()
    say(f"{name:<15} {current.result} ({time.monotonic() - begun:.1f} s)")


def prepare(settings: Settings) -> Prepared:
    """Bring everything that an instance needs; quick when it is all there.

    `SetupError` says in one sentence what is wrong and how to mend it.
    """
    with step("settings") as current:
        check_home(settings)
        # Else the service would not start, after all of this.
        import_module("callcenter.people.users.oidc").role_map(settings.oidc_role_map)
        current.result = f"home {settings.home}"
    warn_about_own_name()
    with step("secrets") as current:
        fresh = not settings.secrets_file.exists()
        secrets = ensure_secrets(settings.secrets_file)
        current.result = "made" if fresh else "kept"
    with step("programs") as current:
        toolbox = ensure_toolbox(settings, current.progress)
        current.result = toolbox.describe()
    with step("database") as current:
        asyncio.run(upgrade_async(settings.db_url))
        current.result = f"schema {head_revision()}"
    with step("first rows") as current:
        seats, queues, token_is_new = asyncio.run(_first_rows(settings, secrets))
        token = "made" if token_is_new else "kept"
        current.result = f"{len(seats)} seats, API token {token}"
    with step("prompts") as current:
        _render_prompts(settings, toolbox, current.progress)
    with step("configuration") as current:
        write_configuration(settings, secrets, toolbox, queues)
        current.result = f"{settings.asterisk_dir / 'etc'}"
        calls = calls_for(open_files(), settings.max_channels)
        if calls < settings.max_channels:
            current.result += f", {calls} calls at most: more need more open files (ulimit -n)"
    with step("console") as current:
        current.result = _bring_console(settings, current.progress)
    return Prepared(settings, secrets, toolbox, seats)


def _bring_console(settings: Settings, progress: Callable[[str], None]) -> str:
    """Have the console in place; what came of it. Calls are taken without it: a registry that is
    away keeps nobody from starting, and the page says what to do."""
    try:
        built = ensure_console(settings.cache, described_api(settings.cache), progress)
    except SetupError as error:
        return f"NOT BUILT, calls are taken without it: {error.message}"
    link = settings.console_dir
    if not link.is_symlink() or link.readlink() != built:
        fresh = link.with_name(f".{link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(built)
        fresh.replace(link)
    return f"{built}"


def described_api(cache: Path) -> bytes:
    """The API's description, from which the console's types are made: the program's own, the same
    whatever the settings. Making it takes seconds, so it is kept by the program's sources."""
    kept = cache / f"api-{_program_digest()}.json"
    with suppress(FileNotFoundError):
        return kept.read_bytes()
    application: Any = import_module("callcenter.app")
    settings = Settings(_env_file=None, home=Path("unused"))
    description = application.create_app(settings, Secrets.make()).openapi()
    # Another version of the program alone is no reason to build again.
    description["info"]["version"] = ""
    made = json.dumps(description, ensure_ascii=False, sort_keys=True).encode()
    cache.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_name(f".{kept.name}.{os.getpid()}")
    fresh.write_bytes(made)
    fresh.replace(kept)
    return made


def _program_digest() -> str:
    digest = hashlib.sha256((REPOSITORY / "requirements.lock").read_bytes())
    for folder, names, files in os.walk(REPOSITORY / "callcenter"):
        names[:] = sorted(name for name in names if name not in ("web", "__pycache__"))
        for name in sorted(files):
            if name.endswith(".py"):
                digest.update(name.encode() + (Path(folder) / name).read_bytes())
    return digest.hexdigest()[:16]


def check_home(settings: Settings) -> None:
    """Make the home, for this user alone.

    `SetupError` if it cannot be written or is too long for a socket's path.
    """
    home = settings.home
    if len(str(home).encode()) > HOME_LENGTH_MAX:
        raise SetupError(
            f"CALLCENTER_HOME is longer than {HOME_LENGTH_MAX} bytes ({home}), too long for the"
            " path of the PBX's socket; choose a shorter one.",
            code="bad_setting",
            setting="home",
        )
    try:
        make_home(home)
        for folder in (home, run_dir(settings), settings.log_dir):
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".write-test"
            probe.touch()
            probe.unlink()
    except OSError as error:
        raise SetupError(
            f"{error.filename or home} cannot be written ({error.strerror}); mend the rights, or"
            " set CALLCENTER_HOME to a folder of yours.",
            code="home_not_writable",
        ) from error


def warn_about_own_name() -> None:
    """The PBX looks its own host's name up for calls: if that is slow or fails, calls wait."""
    name = socket.gethostname()
    begun = time.monotonic()
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        problem = "does not resolve"
    else:
        if time.monotonic() - begun < SLOW_NAME_SECONDS:
            return
        problem = f"took {time.monotonic() - begun:.1f} s to resolve"
    say(
        f"warning: this machine's own name {name} {problem}, and calls will wait for it; add"
        f" `127.0.1.1 {name}` to /etc/hosts"
    )


async def _first_rows(
    settings: Settings, secrets: Secrets
) -> tuple[Sequence[DesiredSeat], PbxQueues, bool]:
    had_token = settings.token_file.exists()
    database = Database.of(settings)
    try:
        keys = import_module("callcenter.people.trail.keys")
        await keys.ensure_key(database, settings.trail_key_path)
        seats = import_module("callcenter.telephony.seats.service").SeatService(database, settings)
        await seats.ensure_first()
        tokens = import_module("callcenter.people.tokens.service").TokenService(database)
        await tokens.ensure_first(settings.token_file)
        passwords = import_module("callcenter.people.users.passwords").Passwords(settings)
        users = import_module("callcenter.people.users.service").UserService(database, passwords)
        await users.ensure_first_admin(secrets)
        of_queues = import_module("callcenter.telephony.queues.service")
        queues = of_queues.QueueService(database, settings)
        await queues.ensure_first()
        return await seats.desired(), await queues.pbx(), not had_token
    finally:
        await database.close()


def _render_prompts(settings: Settings, toolbox: Toolbox, progress: Callable[[str], None]) -> None:
    prompts: Any = import_module("callcenter.setup.prompts")
    prompts.render_prompts(settings, toolbox, progress)


def summary(prepared: Prepared) -> list[str]:
    """What people need once it runs. No password is among it: what is printed ends in scrollbacks,
    journals and screenshots."""
    settings = prepared.settings
    address = phone_address(settings)
    return [
        "",
        *_console_lines(settings, address),
        f"API        {settings.api_url}/docs, token in {settings.token_file}",
        f"12345      {how_to_dial(settings)}",
        f"phones     register at {address}:{settings.sip_port} (UDP or TCP) as one of"
        f" {len(prepared.seats)} seats; their passwords: callcenter seats",
        "admin      login admin; a one-time password: callcenter user password admin",
        f"logs       {settings.log_dir}",
        "",
    ]


def _console_lines(settings: Settings, address: str) -> list[str]:
    """Where browsers go, from other PCs and from this machine, and whom they must trust."""
    if not settings.https_port:
        return [f"console    {settings.api_url}/"]
    wild = settings.https_bind in ("0.0.0.0", "::")  # noqa: S104
    host = address if wild else settings.https_bind
    host = f"[{host}]" if ":" in host else host
    here = f"(on this machine {settings.api_url}/)"
    lines = [f"console    https://{host}:{settings.https_port}/ {here}"]
    if not settings.tls_certificate:
        lines.append(
            f"           other PCs trust it once, by its page /trust; SHA-256"
            f" {fingerprint(settings.authority_file)}"
        )
    return lines


def how_to_dial(settings: Settings) -> str:
    """How a caller reaches the hotline, for the trunk that is set."""
    number = settings.hotline_number
    if settings.trunk_mode is TrunkMode.LOOPBACK:
        return (
            f"dial sip:{number}@127.0.0.1:{settings.sip_port} with any SIP client on this machine,"
            " no credentials; or dial it from a seat"
        )
    return f"dial {number} through the trunk {settings.trunk_host or settings.trunk_match[0]}"
