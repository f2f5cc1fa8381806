"""Queries: what an endpoint does not know is refused, and one word means one thing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query
from pydantic import BaseModel

from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.queries import (
    DryRun,
    KnownQuery,
    MomentSpan,
    moment_span,
    takes_any_query,
)

FIRST, LAST = "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"


class Model(BaseModel):
    size: int = 1
    colours: Annotated[list[str] | None, Query(alias="colour")] = None


def inner(depth: int = 0) -> int:
    return depth


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(dependencies=[Depends(KnownQuery())])
    install_error_handlers(app)
    router, within = APIRouter(prefix="/things"), APIRouter()

    @within.get("/list")
    async def listed(
        span: Annotated[MomentSpan, Depends(moment_span("seen"))],
        deeper: Annotated[int, Depends(inner)],
        dry_run: DryRun = False,
    ) -> list[datetime | None]:
        return [span.first, span.last]

    @within.get("/model")
    async def model(query: Annotated[Model, Query()]) -> Model:
        return query

    @within.get("/any")
    @takes_any_query
    async def anything() -> None: ...

    router.include_router(within)
    app.include_router(router)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://service/things"
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("query", "code", "facts"),
    [
        ("/list?dry_rum=true", "unknown_parameter", {"parameter": "dry_rum", "nearest": "dry_run"}),
        ("/list?Dry_Run=true", "unknown_parameter", {"nearest": "dry_run"}),
        ("/list?xyzzy", "unknown_parameter", {"parameter": "xyzzy", "nearest": None}),
        ("/list?=1", "unknown_parameter", {"parameter": ""}),
        ("/list?" + "x" * 5000, "unknown_parameter", {"parameter": "x" * 60}),
        ("/list?depth=1&dept=1", "unknown_parameter", {"nearest": "depth"}),
        ("/list?dry_run=1&dry_run=0", "parameter_twice", {"parameter": "dry_run"}),
        ("/model?size=1&size=1", "parameter_twice", {"parameter": "size"}),
        ("/model?color=red", "unknown_parameter", {"known": ["size", "colour"]}),
        (f"/list?from={FIRST}&seen_from={FIRST}", "parameter_twice", {"parameter": "seen_from"}),
        (f"/list?to={LAST}&seen_to={FIRST}", "parameter_twice", {"parameter": "seen_to"}),
        (f"/list?from={LAST}&to={FIRST}", "bad_range", {}),
        (f"/list?seen_from={LAST}&to={FIRST}", "bad_range", {}),
        ("/list?from=9999-12-31T23:59:59Z", "bad_input", {}),
    ],
)
async def test_what_is_not_known_or_said_twice_is_refused(
    api: httpx.AsyncClient, query: str, code: str, facts: dict[str, object]
) -> None:
    answer = await api.get(query)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == code
    assert facts.items() <= error["details"].items()


@pytest.mark.parametrize(
    "query",
    ["/list", "/list?depth=2&dry_run=true", "/model?colour=red&colour=blue", "/any?a=1&a=2"],
)
async def test_what_is_known_passes(api: httpx.AsyncClient, query: str) -> None:
    assert (await api.get(query)).status_code == 200


@pytest.mark.parametrize(
    "words",
    [("from", "to"), ("seen_from", "seen_to"), ("seen_from", "to"), ("from", "seen_to")],
)
async def test_old_words_mean_the_same(api: httpx.AsyncClient, words: tuple[str, str]) -> None:
    found = await api.get("/list", params=dict(zip(words, (FIRST, LAST), strict=True)))
    assert [datetime.fromisoformat(one) for one in found.json()] == [
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
    ]
