"""Names for the identifiers that travel through every room.

A uniqueid is ``seconds.serial``; Asterisk compares them as numbers, so ``1.2 < 1.11``
(a string comparison would say the opposite).
"""

from __future__ import annotations

import re
from typing import NewType

_WELL_FORMED = re.compile(r"([0-9]{1,15})\.([0-9]{1,15})")

Uniqueid = NewType("Uniqueid", str)
"""Asterisk's identifier of one channel, unique per node for the life of the PBX."""

Linkedid = NewType("Linkedid", str)
"""Asterisk's identifier of a group of channels; may change when bridges merge."""

Extension = NewType("Extension", str)
"""The digits of a seat, e.g. ``8001``."""

CallId = NewType("CallId", str)
"""``node:uniqueid`` of the call's first channel; the same after every rebuild."""

CASE_NUMBER = re.compile(r"[0-9]{8}-[0-9]{5,11}")
"""The form of a case's number, which the journal and the call-backs carry too: the city's day, and
the count within it, at least five digits."""


def uniqueid_key(value: str) -> tuple[int, int, str]:
    """Sort key of a uniqueid or linkedid: seconds, then serial, both as numbers.

    A value that is not ``seconds.serial`` (a system name may precede it as ``name-``)
    sorts by its text after all well-formed ones, so that sorting never fails.
    """
    match = _WELL_FORMED.fullmatch(value.rpartition("-")[2])
    if match is not None:
        return int(match[1]), int(match[2]), ""
    return 2**63, 0, value


def call_id(node: str, uniqueid: Uniqueid) -> CallId:
    """The identity of the call whose first channel is `uniqueid` on `node`."""
    return CallId(f"{node}:{uniqueid}")
