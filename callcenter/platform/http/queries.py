"""A query says what its endpoint knows, once, and by one set of words.

What an endpoint does not know is refused by name: a misspelt ``dry_run`` would do in earnest what
was only to be tried, a misspelt filter would show everything. `KnownQuery` is a dependency of the
whole application, so that no endpoint can be without it.
"""

# No `from __future__ import annotations`: the annotations of `moment_span` name its arguments.

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from fastapi import Query
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from callcenter.platform.domain.nearest import nearest
from callcenter.platform.errors import BadInput
from callcenter.platform.moments import Moment

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_ANY = "__takes_any_query__"
NAME_SHOWN = 60
"""Characters of a name that nobody knows."""


def takes_any_query(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint whose callers add words of their own that we cannot know: the decorator says
    so beside the route, and the endpoint's comment says who they are."""
    setattr(endpoint, _ANY, True)
    return endpoint


def parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Every query parameter of an endpoint and of all that it depends on, with whether it may be
    given more than once."""
    for inner in dependant.dependencies:
        yield from parameters(inner)
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, one in kind.model_fields.items():
                yield one.alias or name, _is_many(one.annotation)
        else:
            yield field.alias, _is_many(kind)


def _is_many(kind: Any) -> bool:
    origin = get_origin(kind)
    if origin in (Union, UnionType, Annotated):
        return any(map(_is_many, get_args(kind)))
    return (origin or kind) in (list, tuple, set, frozenset)


class KnownQuery:
    """The dependency; `BadInput` ``unknown_parameter``, ``parameter_twice``."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[APIRoute, dict[str, bool] | None]] = {}

    async def __call__(self, request: HTTPConnection) -> None:
        """Compare what was asked with what the route that answers knows."""
        route = request.scope.get("route")
        if not request.scope.get("query_string") or not isinstance(route, APIRoute):
            return
        known = self._of(route)
        if known is None:
            return
        given = [name for name, _ in request.query_params.multi_items()]
        for name in given:
            if name not in known:
                raise _unknown(name, known)
            if given.count(name) > 1 and not known[name]:
                raise BadInput(
                    f"{name}: is given more than once; which is meant?",
                    code="parameter_twice",
                    parameter=name,
                )

    def _of(self, route: APIRoute) -> dict[str, bool] | None:
        if id(route) not in self._known:
            known = None
            if not getattr(route.endpoint, _ANY, False):
                known = dict(parameters(route.dependant))
            self._known[id(route)] = (route, known)
        return self._known[id(route)][1]


def _unknown(name: str, known: dict[str, bool]) -> BadInput:
    shown = name[:NAME_SHOWN]
    meant = nearest(shown, known)
    question = f"; did you mean {meant}?" if meant else "."
    return BadInput(
        f"{shown}: there is no such parameter here{question} Known: {', '.join(known) or 'none'}",
        code="unknown_parameter",
        parameter=shown,
        nearest=meant,
        known=list(known),
    )


@dataclass(frozen=True, slots=True)
class MomentSpan:
    """From when to when; None: no bound."""

    first: datetime | None = None
    """Inclusive."""
    last: datetime | None = None
    """Exclusive."""


def moment_span(old: str) -> Callable[..., Any]:
    """The dependency that reads ``from`` and ``to`` of a list, moments both.

    `old` is what this list called them before there was one word for all: ``{old}_from`` and
    ``{old}_to`` go on working. Errors: `BadInput` ``parameter_twice`` if both words are used,
    ``bad_range`` if it ends before it begins.
    """
    old_first, old_last = f"{old}_from", f"{old}_to"

    async def span(
        first: Annotated[
            Moment | None, Query(alias="from", description="Not before; a moment.")
        ] = None,
        last: Annotated[Moment | None, Query(alias="to", description="Before; a moment.")] = None,
        first_before: Annotated[
            Moment | None, Query(alias=old_first, deprecated=True, description="Now `from`.")
        ] = None,
        last_before: Annotated[
            Moment | None, Query(alias=old_last, deprecated=True, description="Now `to`.")
        ] = None,
    ) -> MomentSpan:
        begin = _one(("from", first), (old_first, first_before))
        end = _one(("to", last), (old_last, last_before))
        if begin is not None and end is not None and end < begin:
            raise BadInput("from, to: `to` must not be before `from`", code="bad_range")
        return MomentSpan(begin, end)

    return span


def _one(now: tuple[str, datetime | None], old: tuple[str, datetime | None]) -> datetime | None:
    if now[1] is not None and old[1] is not None:
        raise BadInput(
            f"{old[0]} is the old word for {now[0]}: give one of them",
            code="parameter_twice",
            parameter=old[0],
        )
    return now[1] if now[1] is not None else old[1]


DryRun = Annotated[bool, Query(description="Only say what it would do.")]
"""Of every import."""
