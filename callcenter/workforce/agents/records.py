"""An agent's machine as text, and back: what one process leaves is what the next begins with."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from callcenter.telephony.domain.ids import Extension, Uniqueid
from callcenter.telephony.domain.seat_seen import Activity, Talk
from callcenter.workforce.domain.agents import Agent, Break, WrapUp


def encode(agent: Agent) -> str:
    """The whole of `agent`."""
    pause, wrap_up = agent.on_break, agent.wrap_up
    return json.dumps(
        {
            "since": _text(agent.since),
            "seat": agent.seat,
            "logged_in_at": _text(agent.logged_in_at),
            "break": pause
            and {
                "reason": pause.reason,
                "limit_seconds": pause.limit_seconds,
                "begun_at": _text(pause.begun_at),
                "exceeded": pause.exceeded,
            },
            "wrap_up": wrap_up and {"leg": wrap_up.leg, "until": _text(wrap_up.until)},
            "reachable": agent.reachable,
            "activity": agent.activity.value,
            "talks": [[talk.leg, talk.queue] for talk in agent.talks],
            "wrapped": agent.wrapped,
            "missed": agent.missed,
            "talks_told_to": _text(agent.talks_told_to),
            "rings_told_to": _text(agent.rings_told_to),
        }
    )


def decode(text: str) -> Agent:
    """The agent that `encode` wrote."""
    read: dict[str, Any] = json.loads(text)
    pause, wrap_up = read["break"], read["wrap_up"]
    return Agent(
        since=_moment(read["since"]),
        seat=Extension(read["seat"]) if read["seat"] is not None else None,
        logged_in_at=_moment(read["logged_in_at"]),
        on_break=pause
        and Break(
            pause["reason"],
            pause["limit_seconds"],
            pause["begun_at"] and _moment(pause["begun_at"]),
            pause["exceeded"],
        ),
        wrap_up=wrap_up and WrapUp(Uniqueid(wrap_up["leg"]), _moment(wrap_up["until"])),
        reachable=read["reachable"],
        activity=Activity(read["activity"]),
        talks=tuple(Talk(Uniqueid(leg), queue) for leg, queue in read["talks"]),
        wrapped=read["wrapped"] and Uniqueid(read["wrapped"]),
        missed=read["missed"],
        talks_told_to=_moment(read["talks_told_to"]),
        rings_told_to=_moment(read["rings_told_to"]),
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
