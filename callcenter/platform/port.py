"""How a context is given what stands above it."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Port(Generic[T]):
    """What a context asks of one that stands above it, which wiring fills later.

    Asked only while serving; `RuntimeError` names a port that nobody has filled.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._filled: T | None = None

    def fill(self, thing: T) -> None:
        """Once; `RuntimeError` the second time."""
        if self._filled is not None:
            raise RuntimeError(f"the port {self._name} is filled already")
        self._filled = thing

    def __call__(self) -> T:
        """What fills it."""
        if self._filled is None:
            raise RuntimeError(f"the port {self._name} is not filled")
        return self._filled
