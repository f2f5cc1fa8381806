"""The dialplan in the repository is sound, and the check would see it if it were not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from callcenter.platform.config import Settings
from callcenter.platform.secrets import Secrets
from callcenter.setup.deployment import render_deployment
from callcenter.telephony.domain.ledger import PRIORITY_RETURNED
from callcenter.telephony.pbx.dialplan_check import (
    Dialplan,
    check,
    reachable,
    sounds_played,
    variables_read,
    variables_set,
)
from callcenter.telephony.pbx.steering_switch import FIRST_PRIORITY

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def plan() -> Dialplan:
    return Dialplan.read((ROOT / "dialplan").glob("*.conf"))


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> str:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    return render_deployment(settings, Secrets.make())


def test_the_dialplan_is_sound(plan: Dialplan) -> None:
    assert check(plan) == []


def test_every_situation_is_reached_from_the_trunk(plan: Dialplan) -> None:
    situations = {"open", "closed", "blocked", "overflow", "voice-message", "queue", "rating"}
    assert situations <= reachable(plan, "from-pstn")


def test_a_trunk_caller_never_reaches_the_seats_contexts(plan: Dialplan) -> None:
    assert not {name for name in reachable(plan, "from-pstn") if "seat" in name}


def test_every_variable_has_a_source(plan: Dialplan, deployed: str) -> None:
    globals_section = deployed.split("[deploy-globals](!)")[1].split("[deploy-")[0]
    known = set(re.findall(r"^(CC_\w+) =", globals_section, re.MULTILINE))
    known |= variables_set(plan) | {"CC_QUEUE_MAIN", "CC_DID"}
    # The AGI step sets these; every one has a default in the dialplan as well.
    assert variables_read(plan) - known == set()
    assert {"CC_ROUTE", "CC_QUEUE", "CC_PRIORITY", "CC_VM", "CC_VM_MAX", "CC_RATING"} <= (
        variables_set(plan)
    )


def test_every_prompt_is_in_the_manifest(plan: Dialplan) -> None:
    manifest = tomllib.loads((ROOT / "callcenter/setup/prompts.toml").read_text(encoding="utf-8"))
    text = str(manifest)
    assert [name for name in sorted(sounds_played(plan)) if f"'{name}'" not in text] == []


def test_every_template_that_is_used_is_rendered(deployed: str) -> None:
    rendered = set(re.findall(r"^\[(deploy-[\w-]+)\]\(!\)$", deployed, re.MULTILINE))
    used = set()
    for folder in ("asterisk-conf", "dialplan"):
        for file in (ROOT / folder).glob("*.conf"):
            text = file.read_text(encoding="utf-8")
            for parents in re.findall(r"(?m)^\[.*\(([^)]*)\)", text):
                used |= set(re.findall(r"deploy-[\w-]+", parents))
    assert used == rendered


BROKEN = {
    "goto to nowhere": ("[from-pstn]\nexten => s,1,Goto(nowhere,s,1)\n", "does not exist"),
    "label that is not there": ('[from-pstn]\nexten => s,1,GotoIf($["a" = "a"]?gone)\n', "gone"),
    "include of nothing": ("[from-pstn]\ninclude => missing\n", "missing"),
    "AGI without default": (
        "[from-pstn]\nexten => s,1,Set(CC_ANSWER=)\n same => n,AGI(agi://h/route)\n",
        "without a test",
    ),
    "AGI with a stale answer": (
        '[from-pstn]\nexten => s,1,AGI(agi://h/route)\n same => n,GotoIf($["${CC_ANSWER}" = "ok"]'
        "?s,1)\n same => n,Hangup(16)\n",
        "before it",
    ),
    "trunk caller dials out": (
        "[from-pstn]\nexten => s,1,Goto(deep,s,1)\n[deep]\nexten => s,1,Dial(PJSIP/trunk)\n",
        "can reach Dial",
    ),
    "trunk caller dials out by the queue's key": (
        "[from-pstn]\nexten => s,1,Queue(12345,c)\n[queue-exit]\nexten => 1,1,Dial(PJSIP/8001)\n",
        "can reach Dial",
    ),
    "a queue's subroutine that is not there": (
        "[from-pstn]\nexten => s,1,Set(CC_X=B(gone^s^1))\n same => n,Queue(1,c${CC_X})\n",
        "gone,s,1",
    ),
    "a queue's subroutine dials out": (
        "[from-pstn]\nexten => s,1,Queue(1,cB(out^s^1))\n[out]\nexten => s,1,Dial(PJSIP/8001)\n",
        "can reach Dial",
    ),
    "a channel begun that is no helper": (
        "[from-pstn]\nexten => s,1,Originate(PJSIP/trunk/sip:1@x,exten,from-pstn,s,1)\n",
        "can reach Originate",
    ),
    "a helper that dials out": (
        "[from-pstn]\nexten => s,1,Originate(Local/s@help/n,app,NoOp,,,9,a)\n"
        "[help]\nexten => s,1,Dial(PJSIP/trunk)\n",
        "can reach Dial",
    ),
    "a helper that sends the caller where he dials out": (
        "[from-pstn]\nexten => s,1,Originate(Local/s@help/n,app,NoOp,,,9,a)\n"
        "[help]\nexten => s,1,ChannelRedirect(${X},out,s,1)\n"
        "[out]\nexten => s,1,Dial(PJSIP/trunk)\n",
        "can reach Dial",
    ),
    "caller gets transfer keys": ("[from-pstn]\nexten => s,1,Queue(12345,cT)\n", "transfer keys"),
    "a shell": ("[from-pstn]\nexten => s,1,System(id)\n", "System"),
    "a shell function": ("[from-pstn]\nexten => s,1,Set(X=${SHELL(id)})\n", "SHELL"),
    "an unknown user event": ("[from-pstn]\nexten => s,1,CELGenUserEvent(NEW,{})\n", "NEW"),
    "a phone that may forward": (
        "[from-pstn]\nexten => s,1,NoOp()\n[x]\nexten => s,1,Dial(PJSIP/8001,5,tgIm(hotline))\n",
        "could forward",
    ),
    "a queue whose seats may forward": ("[from-pstn]\nexten => s,1,Queue(1,cI)\n", "could forward"),
    "a talk with leftovers": (
        "[from-pstn]\nexten => s,1,NoOp()\n[x]\nexten => s,1,Dial(PJSIP/8001,5,gi)\n",
        "without talk-before",
    ),
    "an earlier leg's cause": (
        '[from-pstn]\nexten => s,1,GotoIf($["${HANGUPCAUSE}" = "44"]?s,1)\n',
        "an earlier leg's",
    ),
    "nothing runs on the leg that answers": (
        "[from-pstn]\nexten => s,1,Queue(1,ci,,,5,,gone)\n",
        "gone,s,1",
    ),
    "a typing error": ("[from-pstn]\nexten = s,1 Answer\n", "not understood"),
    "no trunk context": ("[other]\nexten => s,1,Answer()\n", "no context for the trunk"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_dialplan_is_seen(name: str) -> None:
    text, expected = BROKEN[name]
    plan = Dialplan()
    plan.add("broken.conf", text)
    problems = [finding.problem for finding in check(plan)]
    assert any(expected in problem for problem in problems), problems


RANGE = 180_000_000
"""Serial numbers of channels that one priority holds; the dialplan's own."""


def test_a_place_in_line_fits_into_what_the_pbx_keeps(plan: Dialplan) -> None:
    """app_queue.c: ``int prio``. Even the last of the highest priority is behind whoever a
    supervisor moves to the front, and before the first of the next one."""
    (step,) = [step for step in plan.contexts["queue-order"].extensions["s"] if step.app == "Set"]
    assert step.args == (f"__QUEUE_PRIO=$[${{ARG1}} * {RANGE} - ${{CUT(UNIQUEID,.,2)}} % {RANGE}]")
    assert PRIORITY_RETURNED * RANGE < FIRST_PRIORITY < 2**31


def test_nobody_comes_into_a_queue_without_a_place(plan: Dialplan) -> None:
    """Without one he would be before everybody of the lowest priority."""
    keeps = {"queue", "overflow", "withdrawn", "no-talk"}  # He is in line already, or was.
    joins = {
        context.name
        for context, _exten, _index, step in plan.steps()
        if step.app == "Queue" or (step.app == "Goto" and step.args.startswith("queue,"))
    }
    gives = {
        context.name
        for context, _exten, _index, step in plan.steps()
        if step.app == "Gosub" and step.args.startswith("queue-order,")
    }
    assert joins - keeps == gives


def test_everybody_who_queues_waits_for_the_members_of_a_pbx_that_has_just_begun(
    plan: Dialplan,
) -> None:
    """Directly before each Queue() of its context, but for a consult: its seat is there, and talks
    with a citizen, so that the PBX has not just begun."""
    for context in plan.contexts.values():
        for steps in context.extensions.values():
            waits = False
            for step in steps:
                waits |= step.app == "Gosub" and step.args.startswith("queue-return,")
                assert step.app != "Queue" or waits or context.name == "send-queue", step.where


def test_what_a_waiting_caller_is_told_ends_with_his_waiting(plan: Dialplan) -> None:
    """Before each part that is said the PBX itself is asked whether he still waits."""
    for exten, steps in plan.contexts["tell"].extensions.items():
        if exten == "whisper":
            assert [step.app for step in steps] == ["ChanSpy", "Hangup"]
            continue
        asked = False
        for step in steps:
            if step.app == "Gosub":
                asked = True
            elif step.app == "Playback":
                assert asked or step.label, f"{step.where} plays without asking"
                asked = False


PATTERN_MAX = 255
"""Characters of a pattern that the PBX keeps (main/pbx.c); a longer one is cut, and a warning."""


def test_no_pattern_is_longer_than_the_pbx_keeps() -> None:
    for file in sorted((ROOT / "dialplan").glob("*.conf")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if (found := re.match(r"exten\s*=>?\s*(_[^,]+),", line)) is not None:
                assert len(found[1]) <= PATTERN_MAX, (file.name, line)


def test_no_condition_has_an_empty_application() -> None:
    """``ExecIf(…?:Set(…))`` looks for the application "" when it is true, and ends the call."""
    for file in sorted((ROOT / "dialplan").glob("*.conf")):
        assert re.findall(r"ExecIf\(.*\?\s*:.*", file.read_text(encoding="utf-8")) == [], file.name
