"""The application: builds every context in order, begins and ends what they bring.

Nothing else wires. A context's `wiring` makes its parts out of those that stand below it, puts the
services that endpoints ask for on the shelf, and names its background tasks; they begin when
everything is built.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from callcenter.casework import wiring as casework_wiring
from callcenter.insight import wiring as insight_wiring
from callcenter.insight.health.metrics import Metrics
from callcenter.people import wiring as people_wiring
from callcenter.people.gate import Gate
from callcenter.people.leaving import Leaving
from callcenter.platform.config import Settings
from callcenter.platform.http import console, docs, trust
from callcenter.platform.http.api import error_answer, error_body, install_error_handlers
from callcenter.platform.http.described import ERRORS, TOKEN_DOC
from callcenter.platform.http.given import shelf_of
from callcenter.platform.http.head import Head
from callcenter.platform.http.middleware import RequestTimes, SizeLimit
from callcenter.platform.http.patience import Strangers
from callcenter.platform.http.queries import KnownQuery
from callcenter.platform.http.shield import Shield
from callcenter.platform.secrets import Secrets
from callcenter.platform.wanting import wanting
from callcenter.platform.wiring import wire_platform
from callcenter.telephony import wiring as telephony_wiring
from callcenter.workforce import wiring as workforce_wiring

ROUTERS = tuple(
    wiring.ROUTERS
    for wiring in (
        casework_wiring, telephony_wiring, workforce_wiring, people_wiring, insight_wiring,
    )
)  # fmt: skip
"""Of every context, in the order of the API's description."""


def create_app(settings: Settings, secrets: Secrets) -> FastAPI:
    """The service; its parts are made when it begins to serve."""
    metrics = Metrics()
    app = FastAPI(
        title="callcenter",
        version=_version(),
        summary="A 12345 government hotline: calls, recordings and cases.",
        # Of `platform.http.docs`, without another host.
        docs_url=None,
        redoc_url=None,
        lifespan=partial(_lifespan, settings=settings, secrets=secrets, metrics=metrics),
        routes=[*routes()],
        # Outermost first: times hold for every answer, and no stranger's body is read.
        middleware=[
            Middleware(RequestTimes, observe=metrics.request_done),
            Middleware(Shield, https=settings.cookie_secure),
            Middleware(Gate, settings=settings),
            Middleware(SizeLimit, limit=settings.request_max_bytes),
            Middleware(Head),
            Middleware(Leaving),
        ],
    )
    shelf_of(app).put(Strangers(), console.Built.of(settings))
    install_error_handlers(app)
    app.add_exception_handler(Exception, _unexpected)
    return app


@cache
def routes() -> tuple[BaseRoute, ...]:
    """The API, read once in a process, before anybody asks: what an endpoint takes and gives is the
    same in every application, and to find it out takes half a second in which the loop would stand
    still. The framework does so for a router when a request is first held against it."""
    api = APIRouter(dependencies=[Depends(KnownQuery())])
    api.include_router(docs.router)
    # Before the console: its page is at whatever else stands below /trust.
    api.include_router(trust.router)
    api.include_router(console.router)
    for routers in ROUTERS:
        for router in routers.plain:
            api.include_router(router)
        for router in routers.guarded:
            api.include_router(router, dependencies=[Depends(TOKEN_DOC)], responses=ERRORS)
        for router in routers.open:
            api.include_router(router, responses=ERRORS)
    for route in api.routes:
        route.matches({"type": "http", "path": "/nowhere", "method": "GET"})
    return tuple(api.routes)


@asynccontextmanager
async def _lifespan(
    app: FastAPI, *, settings: Settings, secrets: Secrets, metrics: Metrics
) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        platform = wire_platform(settings, secrets, shelf_of(app), stack)
        people = people_wiring.wire_people(platform)
        telephony = telephony_wiring.wire_telephony(platform)
        workforce = workforce_wiring.wire_workforce(platform, people, telephony)
        casework_wiring.wire_casework(platform, telephony, workforce)
        insight_wiring.wire_insight(platform, telephony, workforce, metrics)
        for task in (*people.tasks, *telephony.tasks, *workforce.tasks):
            platform.supervised.start(task.name, task.work)
        stack.push_async_callback(platform.supervised.stop)
        yield


async def _unexpected(_request: Request, error: Exception) -> Response:
    """A fault of ours: the framework has it logged with its trace, the client learns no more. The
    machine's want of something is none of ours, and the same again will do."""
    if (want := wanting(error)) is not None:
        return error_answer(want)
    body = error_body("internal_error", "an error of ours; the service's log has it")
    return JSONResponse(body, status_code=500)


def _version() -> str:
    try:
        return version("callcenter")
    except PackageNotFoundError:  # run from a checkout that is on the path but not installed
        return "0"
