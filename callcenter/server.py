"""Serves the HTTP API and runs the background tasks: ``python -m callcenter.server``.

Needs ``CALLCENTER_HOME`` alone, prepared by set-up. Stops on SIGTERM and SIGINT: requests that
are being answered get `STOP_SECONDS`, then the background tasks are stopped in order.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from types import FrameType

import uvicorn

from callcenter.app import create_app
from callcenter.platform.config import load_settings
from callcenter.platform.errors import CallcenterError
from callcenter.platform.http.doors import Doors
from callcenter.platform.http.given import shelf_of
from callcenter.platform.http.patience import Strangers, patient
from callcenter.platform.private import keep_private
from callcenter.platform.secrets import load_secrets
from callcenter.telephony.pbx.phone_wire import MESSAGE_MAX

STOP_SECONDS = 5
"""For requests under way; the supervisor kills after 15 s."""
BACKLOG = 512
IDLE_SECONDS = 30
"""Longer than a screen that polls is silent."""
EXIT_ERROR = 2
SWITCH_SECONDS = 0.0005
"""A thread that comes back from the database, fifty times for an answered call, waits at most so
long for one that computes (a list for a screen, say), instead of Python's 5 ms."""
NICE = 5
"""Below the PBX and the AGI server, above the compressing threads."""


def main() -> None:
    """Serve until told to stop; exit code 2 and one sentence if it cannot begin."""
    keep_private()
    try:
        settings = load_settings()
        logging.basicConfig(
            level=settings.log_level.value,
            stream=sys.stderr,
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        logging.getLogger("alembic").setLevel(logging.WARNING)  # health asks it for the schema
        logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per seat that is pushed
        app = create_app(settings, load_secrets(settings.secrets_file))
    except CallcenterError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(EXIT_ERROR)
    # Sound and answers to the dialplan come first: a caller hears them, a screen can wait.
    os.nice(NICE)
    # uvicorn stops on these by itself and raises them again when all is done: then it is no
    # death by a signal but the end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    sys.setswitchinterval(SWITCH_SECONDS)
    # What is there now stays: a look for garbage that goes through all of it would stop everything
    # for nearly a fifth of a second, again and again.
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(
        app,
        host=settings.api_bind,
        port=settings.api_port,
        loop="uvloop",
        http=patient(settings, shelf_of(app).take(Strangers)),
        ws="websockets-sansio",
        ws_max_size=MESSAGE_MAX,
        log_config=None,
        access_log=False,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
    )
    Doors(config, settings).run()


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
