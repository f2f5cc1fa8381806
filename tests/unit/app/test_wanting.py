"""The machine's want of something is told as such: 503, what is missing, and when to come again."""

from __future__ import annotations

import errno

import httpx
import pytest
from fastapi import FastAPI

from callcenter.app import _unexpected
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.wanting import wanting

WANTS = [
    (OSError(errno.EMFILE, "Too many open files"), "open files (of this process)"),
    (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "processes or threads"),
    (OSError(errno.ENOSPC, "No space left on device"), "room on the disk"),
    (MemoryError(), "memory"),
    (RuntimeError("can't start new thread"), "processes or threads"),
    (ExceptionGroup("in a group", [MemoryError()]), "memory"),
]


@pytest.mark.parametrize(("error", "what"), WANTS, ids=[type(e).__name__ for e, _ in WANTS])
async def test_it_is_told_what_is_missing(error: Exception, what: str) -> None:
    app = FastAPI()
    install_error_handlers(app)
    app.add_exception_handler(Exception, _unexpected)

    @app.get("/")
    async def fails() -> None:
        raise error

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.get("/")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "out_of_resources"
    assert answer.json()["error"]["details"]["what"] == what
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize("error", [ValueError("x"), OSError(errno.EPERM, "no"), RuntimeError("x")])
def test_what_is_a_fault_of_ours_stays_one(error: Exception) -> None:
    assert wanting(error) is None
