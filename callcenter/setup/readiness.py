"""Waits until a call can be taken, and says who keeps it waiting if that does not come.

Ready means: the PBX has booted and our AMI user is in, the AGI server answers as a call would ask
it, and the service says of itself that all its parts are ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable

import httpx

from agi.client import AgiUnanswered, probe_agi
from callcenter.platform.config import Settings
from callcenter.platform.errors import CallcenterError
from callcenter.platform.secrets import Secrets
from callcenter.setup.private_root import Say
from callcenter.setup.supervisor import ProgramState, Supervisor
from callcenter.telephony.pbx.ami.link import AmiLink, LinkConfig, LinkState

READY_SECONDS = 90.0
"""A slow machine with a cold disk needs half a minute."""
POLL_SECONDS = 0.1
FALLING_SECONDS = 12.0
"""A program that has not stayed up for this long will not come up by waiting."""


class StartFailed(CallcenterError):
    """A program did not come up; `lines` are the last of its log."""

    code = "start_failed"

    def __init__(self, program: str, message: str, lines: list[str]) -> None:
        super().__init__(message, program=program)
        self.program = program
        self.lines = lines


async def wait_ready(
    settings: Settings, secrets: Secrets, supervisor: Supervisor, say: Say
) -> None:
    """Return once a call can be taken; `StartFailed` names the program that keeps it from that."""
    begun = time.monotonic()
    missing: dict[str, str] = {}

    async def one(name: str, what: str, wait: Callable[[dict[str, str]], Awaitable[None]]) -> None:
        missing[name] = "no answer yet"
        await wait(missing)
        del missing[name]
        say(f"{what} ({time.monotonic() - begun:.1f} s)")

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for name, what, wait in (
                ("asterisk", "PBX booted", lambda said: _pbx(settings, secrets, said)),
                ("agi", "AGI answers", lambda said: _agi(settings, said)),
                ("callcenter", "service ready", lambda said: _service(settings, said)),
            ):
                group.create_task(one(name, what, wait))

    watch = asyncio.create_task(_watch(supervisor))
    waits = asyncio.create_task(all_of_them())
    try:
        done, _ = await asyncio.wait(
            {watch, waits}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()
        if not done:
            name = next(iter(missing), "callcenter")
            raise StartFailed(
                name,
                f"{name} is not ready after {READY_SECONDS:.0f} s: {missing.get(name, '')}",
                supervisor.log_tail(name),
            )
    finally:
        for task in (watch, waits):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


async def _watch(supervisor: Supervisor) -> None:
    """Never returns; raises when waiting longer makes no sense."""
    falling: dict[str, float] = {}
    while True:
        code = supervisor.ended()
        if code is not None:
            raise StartFailed(
                "supervisord",
                f"The supervisor ended by itself (exit code {code}).",
                supervisor.own_log_tail(),
            )
        now = time.monotonic()
        states = await asyncio.to_thread(supervisor.states)
        # Of the others (logs, the guard of the disks) no call depends.
        for status in (states[name] for name in supervisor.names if name in states):
            if status.state is ProgramState.RUNNING:
                falling.pop(status.name, None)
            elif status.state in (ProgramState.BACKOFF, ProgramState.EXITED):
                falling.setdefault(status.name, now)
            since = falling.get(status.name)
            gave_up = status.state is ProgramState.FATAL
            if gave_up or (since is not None and now - since > FALLING_SECONDS):
                raise StartFailed(
                    status.name,
                    f"{status.name} does not stay up ({status.said}).",
                    supervisor.log_tail(status.name),
                )
        await asyncio.sleep(POLL_SECONDS * 5)


async def _pbx(settings: Settings, secrets: Secrets, said: dict[str, str]) -> None:
    config = dataclasses.replace(
        LinkConfig.of(settings, secrets.ami_password),
        backoff_first_seconds=POLL_SECONDS,
        backoff_max_seconds=POLL_SECONDS * 2,
    )
    link = AmiLink(config)
    run = asyncio.create_task(link.run())
    try:
        while await link.wait_for(LinkState.UP, LinkState.REFUSED) is LinkState.REFUSED:
            said["asterisk"] = link.problem
            await asyncio.sleep(POLL_SECONDS)
    finally:
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run


async def _agi(settings: Settings, said: dict[str, str]) -> None:
    while True:
        try:
            await probe_agi(settings)
        except AgiUnanswered as error:
            said["agi"] = str(error)
            await asyncio.sleep(POLL_SECONDS)
        else:
            return


async def _service(settings: Settings, said: dict[str, str]) -> None:
    url = f"{settings.api_url}/healthz/ready"
    # No proxy of the environment stands between us and ourselves.
    async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
        while True:
            try:
                answer = await client.get(url)
            except httpx.HTTPError as error:
                said["callcenter"] = f"{url} does not answer ({type(error).__name__})"
            else:
                if answer.is_success:
                    return
                said["callcenter"] = f"{url} says {answer.status_code}: {answer.text[:500]}"
            await asyncio.sleep(POLL_SECONDS)
