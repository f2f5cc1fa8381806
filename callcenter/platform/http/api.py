"""What every endpoint shares: the database, the one who asks, pages, and the shape of errors.

Every error, whoever raises it, leaves as ``{"error": {"code", "message", "details"}}``.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import CallcenterError
from callcenter.platform.http.given import Given

Item = TypeVar("Item")

Db = Given[Database]
Config = Given[Settings]


class Page(BaseModel, Generic[Item]):
    """One page of a list; `next` is the cursor of the following page, null on the last."""

    items: list[Item]
    next: str | None = None


def error_body(code: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """The one shape of errors."""
    return {"error": {"code": code, "message": message, "details": details or {}}}


def error_answer(error: CallcenterError) -> JSONResponse:
    """The answer that tells `error`."""
    body = error_body(error.error_code, error.message, error.details)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if (seconds := error.details.get("retry_after_seconds")) is not None:
        headers["Retry-After"] = str(seconds)
    return JSONResponse(body, status_code=error.status, headers=headers)


def install_error_handlers(app: FastAPI) -> None:
    """Make every error leave `app` in the one shape."""

    @app.exception_handler(CallcenterError)
    async def _ours(_request: Request, error: CallcenterError) -> JSONResponse:
        return error_answer(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        problems = [
            {"where": ".".join(str(part) for part in item["loc"]), "problem": item["msg"]}
            for item in error.errors()
        ]
        first = problems[0] if problems else {"where": "", "problem": "invalid"}
        body = error_body(
            "bad_input", f"{first['where']}: {first['problem']}", {"problems": problems}
        )
        return JSONResponse(body, status_code=422)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        codes = {404: "not_found", 405: "method_not_allowed"}
        body = error_body(codes.get(error.status_code, "http_error"), str(error.detail))
        return JSONResponse(body, status_code=error.status_code, headers=error.headers)
