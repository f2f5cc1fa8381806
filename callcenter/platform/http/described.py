"""What the API's description says of every endpoint: the token, and the shape of errors."""

from __future__ import annotations

from typing import Any

from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from callcenter.platform.http.api import error_body

TOKEN_DOC = HTTPBearer(
    auto_error=False, description="A token: in the home's api-token, or `callcenter token create`."
)
"""For the API's description only: the gate is what guards."""


class ErrorFacts(BaseModel):
    """See `docs/errors.md`."""

    code: str = Field(description="Stable: program against it.")
    message: str = Field(description="For people; may change.")
    details: dict[str, Any] = Field(description="Facts: the field, a limit, a version …")


class ErrorOut(BaseModel):
    """The one shape of errors."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [error_body("bad_input", "query.limit: Input should be a valid integer")]
        }
    )

    error: ErrorFacts


ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "The body is no text: code `http_error`."},
    401: {"model": ErrorOut, "description": "No valid token or session: `unauthenticated`."},
    403: {
        "model": ErrorOut,
        "description": "Codes `forbidden` (`details.permission` is missing), `csrf_failed`,"
        " `password_change_required`.",
    },
    413: {"model": ErrorOut, "description": "More bytes than the setting: code `too_large`."},
    422: {"model": ErrorOut, "description": "The request is wrong: `bad_input` and others."},
}
