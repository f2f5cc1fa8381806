"""Texts that people send, as pydantic checks them; one rule for every feature."""

from __future__ import annotations


def no_nul(value: str) -> str:
    """`value`; `ValueError` if it holds a NUL character, which PostgreSQL cannot store and C
    programs take for the end."""
    if "\0" in value:
        raise ValueError("a NUL character cannot be stored")
    return value
