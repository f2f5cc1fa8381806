"""Who of those that wait is told what, and when: a pure function of the floor and of the time.

A waiting caller is told over a leg of ours that whispers into his own beside the music, so that he
is offered to seats all the while (the PBX's queue, when it speaks itself, offers him to nobody as
long as it speaks: app_queue.c, ``say_position`` and ``say_periodic_announcement`` run in the
caller's thread, between two looks at whether it is his turn). Policy:

- Whom a leg of ours speaks to stands in its own identifier (`tell_id`): so the floor itself says
  who is being spoken to, and a service that comes back speaks to nobody twice at once.
- His place is said a moment after he joined, when it has changed and the last time is 15 s ago, and
  at the latest every so often; the waiting time once, with the first. The two keys that leave the
  queue are told of in turn. As app_queue did it, by the queue's own settings.
- Nobody is begun to be spoken to while a seat rings for him; and whoever does not wait any more, in
  that queue and in no bridge, is not spoken to for a moment longer.
- Only so many are spoken to at once on the whole PBX; the others are told later, whoever is due
  longest first.
- What a caller has been told before this process began is not known: he counts as just told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from callcenter.telephony.domain.floor import Channel, Floor, WaitingCaller
from callcenter.telephony.domain.ids import Uniqueid

TELL_CHANNEL = "Local/whisper@tell"
FIRST_SECONDS = 1.0
"""After joining; whoever finds a free seat hears nothing."""
AGAIN_SECONDS = 15.0
"""A place that has changed is said no sooner after the last time (app_queue's
``min-announce-frequency``)."""
BEGIN_SECONDS = 5.0
"""From the order to speak until the floor must show the leg; what is not there then never began."""

_TELL = re.compile(r"tell-(.+)\.([0-9]{1,6})")
SERIALS = 10**6

Stay = tuple[str, Uniqueid]
"""A queue, and the caller's leg."""


class Words(StrEnum):
    """What may be said; each is an extension of the dialplan's ``tell``."""

    PLACE = "place"
    VOICE_MESSAGE = "voice-message"
    """The key for a voice message."""
    CALL_BACK = "call-back"
    """The key to be called back."""


HINTS = (Words.VOICE_MESSAGE, Words.CALL_BACK)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a queue tells its callers; seconds, 0: never."""

    place_seconds: int = 0
    hint_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """What one caller has been told in this stay; moments in POSIX seconds."""

    place: int = 0
    """As it was said last; 0: not yet."""
    place_at: float = 0.0
    hint_at: float = 0.0
    """Of the last hint, or of his joining."""
    hints: int = 0


@dataclass(frozen=True, slots=True)
class Say:
    """Speak to a waiting caller."""

    caller: WaitingCaller
    words: Words
    first: bool = False
    """The first time in this stay: the waiting time belongs to it."""


@dataclass(frozen=True, slots=True)
class Announcements:
    """What is known of those that wait; `decide` makes the next one."""

    heard: Mapping[Stay, Heard] = field(default_factory=dict)
    begun: Mapping[Uniqueid, float] = field(default_factory=dict)
    """Callers to whom a leg was ordered that the floor has not shown yet, and when."""
    stopped: frozenset[Uniqueid] = frozenset()
    """Our legs that were told to end and are still there."""
    known_from: float | None = None
    """When this picture began; who joined before it counts as told then."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done now."""

    then: Announcements
    say: tuple[Say, ...] = ()
    stop: tuple[Uniqueid, ...] = ()
    """Legs of ours to be ended."""
    again_at: float | None = None
    """When to decide again even if nothing happens; None: nothing is due."""


def tell_id(to: Uniqueid, serial: int) -> Uniqueid:
    """An identifier for a leg that speaks to the leg `to`; `serial` counts on, from anywhere.

    It is short, because the journal takes no longer ones than the ledger; and its number is never
    0, which would say that the PBX was started anew.
    """
    return Uniqueid(f"tell-{to}.{serial % (SERIALS - 1) + 1}")


def told_leg(leg: Channel) -> Uniqueid | None:
    """To whose leg this leg of ours speaks; None for any other leg, and for its other half."""
    if not leg.name.startswith(TELL_CHANNEL) or not leg.name.endswith(";1"):
        return None
    found = _TELL.fullmatch(leg.uniqueid)
    return Uniqueid(found[1]) if found else None


def decide(
    state: Announcements,
    floor: Floor,
    rhythms: Mapping[str, Rhythm],
    now: float,
    *,
    at_once: int,
) -> Decision:
    """What is to be said to whom now, and what must end.

    `rhythms` are the queues' settings; a queue that is not among them says nothing. At most
    `at_once` callers are spoken to at the same time.
    """
    known_from = now if state.known_from is None else state.known_from
    lines = {(one.queue, one.uniqueid): one for line in floor.waiting.values() for one in line}
    legs = {leg.uniqueid: to for leg in floor.channels.values() if (to := told_leg(leg))}
    stopped = state.stopped & legs.keys()
    waiting = {
        caller.uniqueid for caller in lines.values() if not _in_bridge(floor, caller.uniqueid)
    }
    stop = tuple(leg for leg, to in legs.items() if to not in waiting and leg not in stopped)
    begun = {
        to: at
        for to, at in state.begun.items()
        if to in waiting and to not in legs.values() and now - at < BEGIN_SECONDS
    }
    heard = {
        stay: state.heard.get(stay) or _newly(caller, known_from)
        for stay, caller in lines.items()
        if caller.queue in rhythms
    }
    busy = begun.keys() | set(legs.values())
    rung = floor.ringing_groups()
    due: list[tuple[float, Say]] = []
    for stay, known in heard.items():
        caller = lines[stay]
        at, say = _next(known, caller, rhythms[caller.queue])
        if say is None:
            continue
        leg = floor.channels.get(caller.uniqueid)
        away = caller.uniqueid in busy or caller.uniqueid not in waiting
        if away or (leg is not None and leg.linkedid in rung):
            continue  # When that ends, the floor changes.
        due.append((at, say))
    due.sort(key=lambda one: (one[0], one[1].caller.position))
    room = max(0, at_once - len(busy))
    ready = [say for at, say in due if at <= now][:room]
    for say in ready:
        stay = (say.caller.queue, say.caller.uniqueid)
        heard[stay] = _said(heard[stay], say, now)
        begun[say.caller.uniqueid] = now
    later = [at for at, say in due if at > now]
    later += [at + BEGIN_SECONDS for at in begun.values()]
    return Decision(
        then=Announcements(heard, begun, stopped | set(stop), known_from),
        say=tuple(ready),
        stop=stop,
        again_at=min(later, default=None),
    )


def failed(state: Announcements, caller: Uniqueid) -> Announcements:
    """Nothing was said to `caller` after all; he hears it when it is due the next time."""
    return replace(state, begun={to: at for to, at in state.begun.items() if to != caller})


def minutes_left(average_seconds: float, waited_seconds: float) -> int:
    """The waiting time that is said, whole minutes; 0: nothing is said of it.

    Rounded to the nearest minute as app_queue does (``say_position``), but never below nothing:
    it would begin to count upwards with whoever waits for longer than the average.
    """
    return max(0, int(average_seconds + 30 - waited_seconds) // 60)


def _newly(caller: WaitingCaller, known_from: float) -> Heard:
    if caller.since >= known_from:
        return Heard(hint_at=caller.since)
    return Heard(place=caller.position, place_at=known_from, hint_at=known_from)


def _next(heard: Heard, caller: WaitingCaller, rhythm: Rhythm) -> tuple[float, Say | None]:
    """What he hears next, and when."""
    found: list[tuple[float, Say]] = []
    if rhythm.place_seconds:
        if not heard.place:
            at = caller.since + FIRST_SECONDS
        elif heard.place != caller.position:
            at = heard.place_at + min(AGAIN_SECONDS, rhythm.place_seconds)
        else:
            at = heard.place_at + rhythm.place_seconds
        found.append((at, Say(caller, Words.PLACE, first=not heard.place)))
    if rhythm.hint_seconds:
        words = HINTS[heard.hints % len(HINTS)]
        found.append((heard.hint_at + rhythm.hint_seconds, Say(caller, words)))
    return min(found, key=lambda one: one[0], default=(0.0, None))


def _said(heard: Heard, say: Say, now: float) -> Heard:
    if say.words is Words.PLACE:
        return replace(heard, place=say.caller.position, place_at=now)
    return replace(heard, hint_at=now, hints=heard.hints + 1)


def _in_bridge(floor: Floor, uniqueid: Uniqueid) -> bool:
    leg = floor.channels.get(uniqueid)
    return leg is not None and bool(leg.bridge)
