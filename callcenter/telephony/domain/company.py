"""Citizens who are left with each other: as the live floor shows it, seat or no seat.

Whoever is on the trunk may be a citizen or a number that was dialled from here; the floor does not
say which (the dialplan does: ``CC_DID``), so what is found here is only to be looked at.
"""

from __future__ import annotations

from collections import defaultdict

from callcenter.telephony.domain.floor import Channel, Floor

TRUNK = "trunk"
"""How the endpoints of the telephone network begin (pjsip_trunk_*.conf)."""


def without_seat(floor: Floor) -> tuple[tuple[Channel, ...], ...]:
    """The parties of each conversation, over Local channels too, of two or more who are all on the
    trunk; each in the order of its channels' names."""
    members: dict[str, list[Channel]] = defaultdict(list)
    joined: dict[str, list[str]] = defaultdict(list)
    for channel in floor.channels.values():
        if channel.bridge:
            members[channel.bridge].append(channel)
            if channel.name.startswith("Local/"):
                joined[channel.name.rpartition(";")[0]].append(channel.bridge)
    beside: dict[str, set[str]] = defaultdict(set)
    for bridges in joined.values():
        for bridge in bridges:
            beside[bridge] |= set(bridges)
    found: dict[tuple[Channel, ...], None] = {}
    seen: set[str] = set()
    for bridge in members:
        parties = [one for near in _reach(bridge, beside, seen) for one in members[near]]
        parties = [one for one in parties if not one.name.startswith("Local/")]
        if len(parties) > 1 and all(one.endpoint.startswith(TRUNK) for one in parties):
            found[tuple(sorted(parties, key=lambda one: one.name))] = None
    return tuple(found)


def _reach(bridge: str, beside: dict[str, set[str]], seen: set[str]) -> list[str]:
    """The bridges that hear each other, `bridge` among them; none if they were seen."""
    found = [] if bridge in seen else [bridge]
    seen.add(bridge)
    for one in found:
        fresh = beside.get(one, set()) - seen
        seen |= fresh
        found += sorted(fresh)
    return found
