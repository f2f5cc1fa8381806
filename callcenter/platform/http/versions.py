"""``version``, ETag and If-Match: how a writer says what he has read, and is told what is there.

An endpoint that writes has `VERSIONED` among its dependencies, or `WHOLE` if it puts a whole thing
in the place of another: then the version must be said. Its body's model takes ``version`` from
`VersionIn`. A router with `VersionedRoute` gives every answer that is one thing its ETag.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from callcenter.platform.http.api import error_body
from callcenter.platform.versions import Seen, seeing

_TAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*(?:,|$)')
_NO_VERSION = -1
"""A tag that we never gave: nothing has it."""

_VISIBLE = r"^[ -~]*$"

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1000,
        pattern=_VISIBLE,
        description='The ETag that was read, such as `"3"`: nothing is written if the thing has'
        " another now. `*`: whatever is there. The same as `version` in a body.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=1000,
        pattern=_VISIBLE,
        description="`*`: only if it is not there yet. Anything else is ignored.",
    ),
]


class VersionIn(BaseModel):
    """Mixed into the body of a write."""

    version: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=2**63 - 1,
        description="The one that was read, so that nobody's change is lost; If-Match says the"
        " same. 0: it was not there.",
    )


class _Version:
    """The dependency; `whole`: the writer must have read."""

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole

    async def __call__(
        self, request: Request, if_match: IfMatch = None, if_none_match: IfNoneMatch = None
    ) -> AsyncIterator[None]:
        """Within the endpoint, what the writer has seen is known to `check_version`."""
        with seeing(await _seen(request, if_match, if_none_match, whole=self.whole)):
            yield


VERSIONED = Depends(_Version(whole=False))
WHOLE = Depends(_Version(whole=True))

CHANGED: dict[str, Any] = {
    "description": "Somebody saved first: `version_conflict`.",
    "content": {
        "application/json": {
            "example": error_body(
                "version_conflict",
                "the rotation was changed meanwhile (version 4): read it again, then save",
                {"version": 4},
            )
        }
    },
}
UNSAID: dict[str, Any] = {
    "description": "It was not said which version was read: `version_required`.",
    "content": {
        "application/json": {
            "example": error_body(
                "version_required",
                "the rotation is replaced as a whole: say which version you read, as `version` or"
                ' as If-Match: "VERSION"; If-Match: * replaces whatever is there',
                {"version": 4},
            )
        }
    },
}


async def _seen(
    request: Request, if_match: str | None, if_none_match: str | None, *, whole: bool
) -> Seen:
    versions: list[frozenset[int]] = []
    anything = if_match is not None and if_match.strip() == "*"
    if if_match is not None and not anything:
        tags = _TAG.findall(if_match)
        versions.append(frozenset(int(tag) if tag.isdecimal() else _NO_VERSION for tag in tags))
    if if_none_match is not None and if_none_match.strip() == "*":
        versions.append(frozenset({0}))
    if (said := await _in_body(request)) is not None:
        # Who names one means it, whatever a header of all his requests says.
        anything = False
        versions.append(frozenset({said}))
    return Seen(tuple(versions), anything, must_say=whole)


async def _in_body(request: Request) -> int | None:
    """``version`` of a body that is read already; what is no number the body's model refuses."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        return None
    version = body.get("version") if isinstance(body, dict) else None
    return version if isinstance(version, int) and not isinstance(version, bool) else None


class VersionedRoute(APIRoute):
    """Answers that are one thing with a ``version`` have it as their ETag; the description of a
    write says what a version may lead to."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        dependencies = options.get("dependencies") or ()
        responses = dict(options.get("responses") or {})
        if VERSIONED in dependencies or WHOLE in dependencies:
            responses.setdefault(409, CHANGED)
        if WHOLE in dependencies:
            responses.setdefault(428, UNSAID)
        super().__init__(path, endpoint, **(options | {"responses": responses}))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI makes it, and the header."""
        answer = super().get_route_handler()
        model = self.response_model
        one = isinstance(model, type) and issubclass(model, BaseModel)
        if not one or "version" not in {*model.model_fields, *model.model_computed_fields}:
            return answer

        async def tagged(request: Request) -> Response:
            response = await answer(request)
            if (
                response.body
                and (version := json.loads(bytes(response.body)).get("version")) is not None
            ):
                response.headers["ETag"] = f'"{version}"'
            return response

        return tagged
