"""``/healthz`` needs no token, for who starts or balances knows none; it names no caller and no
secret. ``/metrics`` asks for one, unless CALLCENTER_METRICS_OPEN."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, JsonValue

from callcenter.insight.health.metrics import CONTENT_TYPE, Metrics
from callcenter.insight.health.service import HealthReport, HealthService
from callcenter.platform.health import HealthStatus
from callcenter.platform.http.given import Given

router = APIRouter(tags=["health"])

_OK: dict[str, JsonValue] = {"status": "ok", "message": "answered in 1.2 ms"}
_DOWN: dict[str, JsonValue] = {
    "status": "down",
    "message": "cannot connect to 127.0.0.1:5038: Connection refused",
}


class PartOut(BaseModel):
    """One part."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_OK]})

    status: HealthStatus
    message: str


class HealthOut(BaseModel):
    """All parts; `status` is the worst of theirs."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "ok", "parts": {"agi": _OK}}]}
    )

    status: HealthStatus
    parts: dict[str, PartOut]


class AliveOut(BaseModel):
    """The process serves requests."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: HealthStatus = HealthStatus.OK


Health = Given[HealthService]
TheMetrics = Given[Metrics]

_UNREADY: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "A part is down; its message says what to do.",
        "model": HealthOut,
        "content": {"application/json": {"example": {"status": "down", "parts": {"ami": _DOWN}}}},
    }
}


@router.get("/healthz", summary="How every part does", responses=_UNREADY)
async def healthz(health: Health, response: Response) -> HealthOut:
    """503 when a part is down. A degraded part works, but somebody should look."""
    return _told(await health.report(), response)


@router.get("/healthz/ready", summary="Can calls be taken and recorded?", responses=_UNREADY)
async def ready(health: Health, response: Response) -> HealthOut:
    """As `/healthz`; for whoever starts or balances."""
    return _told(await health.report(), response)


@router.get("/healthz/live", summary="Does the process serve requests?")
async def live() -> AliveOut:
    """Says nothing of the parts; for whoever restarts a process that hangs."""
    return AliveOut()


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(metrics: TheMetrics) -> Response:
    """In Prometheus' text format."""
    return Response(await metrics.text(), media_type=CONTENT_TYPE)


def _told(report: HealthReport, response: Response) -> HealthOut:
    if not report.ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return HealthOut(
        status=report.status,
        parts={part.name: PartOut.model_validate(part) for part in report.parts},
    )
