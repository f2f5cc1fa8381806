"""The command line. Every problem that we know leaves as one sentence and exit code 2."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from dataclasses import asdict, is_dataclass
from enum import Enum
from importlib import import_module
from typing import Annotated, Any

import typer

from callcenter.cli.instance import check_home, described_api, prepare, say, summary, tell
from callcenter.people.domain.permissions import Role
from callcenter.platform.config import Settings, load_settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import CallcenterError, SetupError
from callcenter.platform.private import keep_private
from callcenter.platform.secrets import load_secrets
from callcenter.setup.console import ensure_console
from callcenter.setup.disk_guard import give_reserves
from callcenter.setup.ports import check_ports
from callcenter.setup.run import alone, clear_leftovers, phone_address
from callcenter.setup.run import serve as serve_instance
from callcenter.setup.supervisor import Supervisor
from callcenter.setup.toolbox import find_toolbox
from callcenter.setup.watching import plan_of

EXIT_UNWELL = 1
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    help="A 12345 government hotline on Asterisk.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
journal_app = typer.Typer(help="The journal that the PBX writes and we read.", no_args_is_help=True)
token_app = typer.Typer(help="API tokens.", no_args_is_help=True)
app.add_typer(journal_app, name="journal")
app.add_typer(token_app, name="token")
user_app = typer.Typer(help="People who log in.", no_args_is_help=True)
app.add_typer(user_app, name="user")
trail_app = typer.Typer(help="The audit trail: who read or changed what.", no_args_is_help=True)
app.add_typer(trail_app, name="trail")

outbox_app = typer.Typer(help="What follows from the ledger, and failed.", no_args_is_help=True)
app.add_typer(outbox_app, name="outbox")

Json = Annotated[bool, typer.Option("--json", help="For programs instead of people.")]


# -- running --------------------------------------------------------------------------------


@app.command()
def run() -> None:
    """Set up and run in the foreground; Ctrl-C stops everything."""
    settings = load_settings()
    check_home(settings)
    with alone(settings):
        clear_leftovers(settings, say)
        check_ports(settings)
        if give_reserves(plan_of(settings)):
            say("the disk is full: its reserve is given free for the start; make room")
        prepared = prepare(settings)
        supervisor = Supervisor(settings, prepared.secrets, prepared.toolbox)
        code = serve_instance(
            settings, prepared.secrets, supervisor, lambda: summary(prepared), tell
        )
    raise typer.Exit(code)


@app.command()
def setup() -> None:
    """Do the set-up alone."""
    settings = load_settings()
    prepare(settings)
    say("set up; `callcenter run` starts it")


@app.command()
def console() -> None:
    """Build the console that browsers load, unless it is there; the next start serves it."""
    settings = load_settings()
    say(str(ensure_console(settings.cache, described_api(settings.cache), say)))


@app.command()
def demo(
    seconds: Annotated[int, typer.Option(min=10, help="How long citizens call.")] = 60,
) -> None:
    """Simulated citizens and seats call each other on the running system."""
    settings = load_settings()
    module = import_module("callcenter.simulator.demo")
    raise typer.Exit(module.main(settings, find_toolbox(settings), seconds))


@app.command()
def version() -> None:
    """The versions of this program and of the PBX it uses."""
    from importlib.metadata import version as installed

    say(f"callcenter {installed('callcenter')}")
    try:
        say(find_toolbox(load_settings()).describe())
    except SetupError as error:
        say(error.message)


@app.command()
def doctor(as_json: Json = False) -> None:
    """One line per part, with the mend; exit code 1 if one is not well."""
    settings = load_settings()
    secrets = load_secrets(settings.secrets_file)
    check = import_module("callcenter.insight.health.check").check
    parts = asyncio.run(check(settings, secrets))
    if as_json:
        show_json(parts)
    else:
        for part in parts:
            mark = "ok  " if part.ok else "DOWN" if part.status.value == "down" else "look"
            say(f"{mark} {part.name:<12} {part.message}")
    if not all(part.ok for part in parts):
        raise typer.Exit(EXIT_UNWELL)


# -- seats and tokens -----------------------------------------------------------------------


@app.command()
def seats(as_json: Json = False) -> None:
    """Extensions and SIP credentials."""
    settings = load_settings()

    async def read(database: Database) -> Any:
        return (
            await import_module("callcenter.telephony.seats.service")
            .SeatService(database, settings)
            .desired()
        )

    rows = with_database(settings, read)
    address = phone_address(settings)
    if as_json:
        show_json(
            {
                "server": {
                    "host": address,
                    "loopback": "127.0.0.1",
                    "port": settings.sip_port,
                    "transports": ["udp", "tcp"],
                    "tls_port": settings.sip_tls_port or None,
                },
                "seats": [
                    {"extension": row.extension, "name": row.name, "password": row.secret}
                    for row in rows
                ],
            }
        )
        return
    tls = f", or at {address}:{settings.sip_tls_port} (TLS)" if settings.sip_tls_port else ""
    say(f"register at {address}:{settings.sip_port} (UDP or TCP){tls}")
    for row in rows:
        say(f"{row.extension}  {row.secret}  {row.name}")


@token_app.command("create")
def token_create(
    name: str,
    role: Annotated[
        list[Role] | None, typer.Option(help="What it may do; may be given more than once.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="How long it is valid; else a setting says.")
    ] = None,
) -> None:
    """Make a token and print it once; only its hash is kept. Without --role it is an admin's."""
    settings = load_settings()

    async def work(database: Database) -> Any:
        roles = frozenset(role or (Role.ADMIN,))
        return await _tokens(database).create(name, roles, days=days or settings.token_days)

    say(str(with_database(settings, work)))


@token_app.command("list")
def token_list(as_json: Json = False) -> None:
    """Names of tokens and since when they are valid."""
    settings = load_settings()

    async def work(database: Database) -> Any:
        return await _tokens(database).list()

    rows = with_database(settings, work)
    if as_json:
        show_json(rows)
        return
    for row in rows:
        state = "valid" if row.expires_at is None else f"until {row.expires_at:%Y-%m-%d %H:%M}Z"
        state = f"revoked {row.revoked_at:%Y-%m-%d %H:%M}Z" if row.revoked_at else state
        roles = " ".join(sorted(row.roles))
        say(f"{row.name:<20} {row.created_at:%Y-%m-%d %H:%M}Z  {state}  {roles}")


@token_app.command("revoke")
def token_revoke(name: str) -> None:
    """End a token at once."""
    settings = load_settings()

    async def work(database: Database) -> Any:
        return await _tokens(database).revoke(name)

    with_database(settings, work)
    say(f"{name} revoked")


def _tokens(database: Database) -> Any:
    return import_module("callcenter.people.tokens.service").TokenService(database)


# -- people and the audit trail -------------------------------------------------------------


@user_app.command("password")
def user_password(login: str) -> None:
    """Give a user a one-time password and print it: for an admin who has forgotten his."""
    settings = load_settings()

    async def work(database: Database) -> Any:
        passwords = import_module("callcenter.people.users.passwords").Passwords(settings)
        users = import_module("callcenter.people.users.service").UserService(database, passwords)
        user = await users.by_login(login)
        return await users.reset_password(user.id, actor="command line")

    say(with_database(settings, work).password)


@trail_app.command("verify")
def trail_verify(
    noted: Annotated[
        str, typer.Option(help="A head (NUMBER:HASH) that was noted earlier, outside.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Whether the chain is whole, and has every head that the service wrote down each day; exit
    code 1 if not. The head that it prints may be noted elsewhere besides, and given with --noted.
    """
    settings = load_settings()
    head = import_module("callcenter.people.trail.chain").parse_head(noted) if noted else None

    async def work(database: Database) -> Any:
        heads = import_module("callcenter.people.trail.heads").read_heads(settings.trail_heads_path)
        trail = import_module("callcenter.people.trail.service").Trail(database)
        return await trail.verify(*heads, head)

    verdict = with_database(settings, work)
    if as_json:
        show_json(verdict)
    else:
        say(f"{verdict.entries} entries follow on one another; head {verdict.head}")
        if verdict.problem is not None:
            say(f"BROKEN: {verdict.problem}")
    if verdict.problem is not None:
        raise typer.Exit(EXIT_UNWELL)


# -- the journal and the ledger -------------------------------------------------------------


@journal_app.command("status")
def journal_status(as_json: Json = False) -> None:
    """File, position, rows behind, rejects."""
    settings = load_settings()

    async def work(database: Database) -> Any:
        return await import_module("callcenter.telephony.calls.status").status(settings, database)

    show(with_database(settings, work), as_json)


@outbox_app.command("list")
def outbox_list(as_json: Json = False) -> None:
    """What failed to follow from the ledger, and why; exit code 1 if there is any."""
    found = with_database(load_settings(), import_module("callcenter.platform.db.outbox").untaken)
    if as_json:
        show_json(found)
    else:
        for one in found:
            state = "parked" if one.parked_at else "waits"
            say(
                f"{one.id} {one.topic} {one.key} {one.consumer} {state} attempts={one.attempts}"
                f" since={one.created_at:%Y-%m-%dT%H:%M:%SZ} {one.problem}"
            )
        say(f"{len(found)} entries")
    if found:
        raise typer.Exit(EXIT_UNWELL)


@outbox_app.command("retry")
def outbox_retry(
    entry: Annotated[int | None, typer.Argument(help="One of them; all that are parked.")] = None,
) -> None:
    """Have what was parked tried again, with all its attempts."""

    async def work(database: Database) -> Any:
        return await import_module("callcenter.platform.db.outbox").retry(database, entry)

    say(f"{with_database(load_settings(), work)} entries are tried again")


@app.command()
def rebuild() -> None:
    """Derive the whole ledger again from the kept journal files."""
    settings = load_settings()

    async def work(database: Database) -> Any:
        # The same features that follow the live reader, so that what they lack is made good.
        cases = import_module("callcenter.casework.cases.service").CaseService(database, settings)
        recordings = import_module("callcenter.telephony.recordings.service")
        media = recordings.MediaService(database, settings)
        callbacks = import_module("callcenter.workforce.callbacks.intake").CallbackIntake()
        module = import_module("callcenter.telephony.calls.rebuild")
        return await module.rebuild(settings, database, say, (cases, media, callbacks))

    show(with_database(settings, work), as_json=False)


@app.command()
def audit(as_json: Json = False) -> None:
    """Compare the ledger with queue_log and the files on disk; exit code 1 if they differ."""
    settings = load_settings()

    async def work(database: Database) -> Any:
        audit = import_module("callcenter.insight.audit.service").make_audit(settings, database)
        return await audit.differences()

    differences = with_database(settings, work)
    if as_json:
        show_json(differences)
    else:
        for difference in differences:
            say(str(difference))
        say(f"{len(differences)} differences")
    if differences:
        raise typer.Exit(EXIT_UNWELL)


# -- shared ---------------------------------------------------------------------------------


def with_database(settings: Settings, work: Any) -> Any:
    """What `work` makes of this instance's database; `SetupError` if there is none yet."""
    if not settings.database_url and not (settings.home / "callcenter.db").exists():
        raise SetupError(
            f"{settings.home} holds no database; run `callcenter setup`, or set CALLCENTER_HOME to"
            " the folder of the instance you mean.",
            code="not_set_up",
        )

    async def inside() -> Any:
        database = Database.of(settings)
        import_module("callcenter.people.trail.keys").use_key(database, settings.trail_key_path)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(inside())


def show(value: Any, as_json: bool) -> None:
    """Print `value`, a dataclass or mapping, as lines or as JSON."""
    if as_json:
        show_json(value)
        return
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    if isinstance(plain, dict):
        for key, item in plain.items():
            say(f"{key:<16} {item}")
    elif plain is not None:
        say(str(plain))


def show_json(value: Any) -> None:
    """Print `value` as JSON; moments as ISO 8601."""
    say(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def main() -> None:
    """The console script."""
    keep_private()
    # What people need is said by the commands; a link that tries again is not worth a line here.
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
    try:
        app()
    except CallcenterError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
