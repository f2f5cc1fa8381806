"""How an endpoint gets its service: by type, written once.

Wiring puts every service that endpoints ask for on a `Shelf`; an endpoint says what it wants:
``Service = Given[CallService]``. What is not there is a fault of wiring, found by a test that
walks all endpoints (tests/unit/app).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection

T = TypeVar("T")


class NotWired(LookupError):
    """Nothing of this type was put on the shelf."""


class Shelf:
    """The services of one running application, each under its type."""

    def __init__(self) -> None:
        self._things: dict[type[Any], object] = {}

    def put(self, *things: object) -> None:
        """Each under its own class; `ValueError` if something is there already."""
        for thing in things:
            self.put_as(type(thing), thing)

    def put_as(self, kind: type[Any], thing: object) -> None:
        """`thing` under `kind`, a port that it fills."""
        if kind in self._things:
            raise ValueError(f"{kind.__name__} is on the shelf already")
        self._things[kind] = thing

    def take(self, kind: type[T]) -> T:
        """What was put there under `kind`; `NotWired` if nothing was."""
        try:
            return cast(T, self._things[kind])
        except KeyError:
            raise NotWired(f"{kind.__qualname__} is not wired") from None

    def __contains__(self, kind: type[Any]) -> bool:
        return kind in self._things


def shelf_of(app: FastAPI) -> Shelf:
    """The shelf of `app`; it is empty until the application begins to serve."""
    shelf = getattr(app.state, "shelf", None)
    if not isinstance(shelf, Shelf):
        shelf = app.state.shelf = Shelf()
    return shelf


class Take:
    """The dependency that `Given` makes; tests read its `kind`."""

    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind

    async def __call__(self, request: HTTPConnection) -> Any:
        """From the shelf of the application that answers."""
        return shelf_of(request.app).take(self.kind)


if TYPE_CHECKING:
    Given = Annotated[T, "given"]
else:

    class Given:
        """An endpoint's parameter: ``Given[CallService]``."""

        def __class_getitem__(cls, kind: type[Any]) -> Any:
            return Annotated[kind, Depends(Take(kind))]
