"""``/api/live``: the floor as it is, and every change of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sse_starlette.sse import EventSourceResponse

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.given import Given
from callcenter.platform.texts import Line
from callcenter.workforce.figures.schemas import FIGURES_EXAMPLE
from callcenter.workforce.live.service import LiveService
from callcenter.workforce.live.view import Sight

router = APIRouter(prefix="/api/live", tags=["live"])

HEARTBEAT_SECONDS = 15
"""Below the minute after which proxies give up a silent line."""
SEND_SECONDS = 10
"""A watcher that takes nothing for so long is gone."""
WATCH_SECONDS = 1800
"""Then the stream ends and the watcher comes back, which keeps his session alive. It ends at once
if his session or token ends, or he may do other things than before: `people.gate`."""

SNAPSHOT_EXAMPLE: dict[str, JsonValue] = {
    "epoch": "5f0c1a2b",
    "number": 4711,
    "at": "2026-11-24T03:57:04.120000Z",
    "items": {
        "pbx": {"link": {"up": True, "since": "2026-11-24T00:00:02Z"}},
        "waiting": {
            "1795407499.12": {
                "call_id": "pbx1:1795407499.12",
                "queue": "12345",
                "position": 1,
                "since": "2026-11-24T03:56:50Z",
                "caller_number": "13800138000",
                "caller_name": "",
                "confidential": False,
            }
        },
        "seats": {
            "8001": {
                "state": "talking",
                "since": "2026-11-24T03:55:01Z",
                "paused": False,
                "paused_reason": "",
                "refuses_sound": False,
                "usurped": False,
                "queues": ["12345"],
                "caller_number": "13900139000",
                "caller_name": "",
                "confidential": False,
            }
        },
        "agents": {},
        "calls": {
            "pbx1:1795407410.3": {
                "direction": "inbound",
                "state": "talking",
                "caller_number": "13900139000",
                "caller_name": "",
                "queue": "12345",
                "seat": "8001",
                "started_at": "2026-11-24T03:54:52Z",
                "answered_at": "2026-11-24T03:55:01Z",
                "confidential": False,
            }
        },
        "queues": {"12345": FIGURES_EXAMPLE},
        "today": {"total": {"day": "2026-11-24", **FIGURES_EXAMPLE, "threshold_seconds": None}},
        "callbacks": {
            "now": {
                "open": 3,
                "oldest_since": "2026-11-24T02:10:00Z",
                "queues": {"12345": 3},
            }
        },
    },
}


class SnapshotOut(BaseModel):
    """The live floor at one moment."""

    model_config = ConfigDict(json_schema_extra={"examples": [SNAPSHOT_EXAMPLE]})

    epoch: str = Field(description="One life of the service.")
    number: int = Field(description="Of the newest change that is in it.")
    at: str
    items: dict[str, dict[str, dict[str, Any]]] = Field(
        description="By kind (pbx, waiting, seats, agents, calls, queues, today, callbacks), then"
        " by key."
    )


async def _sight(who: Who) -> Sight:
    return Sight(who.may(Permission.NUMBER_SEE), who.may(Permission.CASE_CONFIDENTIAL))


Service = Given[LiveService]
Seen = Annotated[Sight, Depends(_sight)]


@router.get(
    "",
    dependencies=[requires(Permission.FLOOR_READ)],
    summary="The floor now",
    responses={
        200: {
            "model": SnapshotOut,
            "description": "The floor.",
            "content": {"application/json": {"example": SNAPSHOT_EXAMPLE}},
        }
    },
)
async def snapshot(service: Service, sight: Seen) -> Response:
    """Who waits, what each seat and agent does, calls in progress, today's figures.

    `GET /api/live/stream` sends the same as a first event `snapshot`, then an event `changes` for
    each change: `{"epoch", "number", "at", "put": [{"kind", "key", "item"}], "gone": [{"kind",
    "key"}]}`. Take away what is gone, then put what is put, and the result is the floor. After a
    broken line send the last event's id as `Last-Event-ID`: you get what you missed, or a
    `snapshot` if that is too much.
    """
    return Response((await service.current()).body(sight), media_type="application/json")


# Not in the description: it never ends, so nothing that tries out every address could.
@router.get(
    "/stream",
    dependencies=[requires(Permission.FLOOR_READ)],
    include_in_schema=False,
)
async def stream(
    service: Service,
    sight: Seen,
    last_event_id: Annotated[Line | None, Header(max_length=64)] = None,
) -> EventSourceResponse:
    """Server-sent events; see `snapshot`."""
    return EventSourceResponse(
        service.watch(sight, last_event_id, WATCH_SECONDS),
        ping=HEARTBEAT_SECONDS,
        send_timeout=SEND_SECONDS,
        sep="\n",
    )
