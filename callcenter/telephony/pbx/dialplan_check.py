"""A static check of the dialplan, run in the tests and before every start of the PBX.

What it holds the dialplan to:

- every target of Goto, GotoIf, Gosub and of an include exists;
- every AGI step forgets the last answer, asks, and at once tests ``CC_ANSWER``: so a dead, slow or
  wrong server always leads to the default;
- no context that a trunk caller reaches on his own can dial out; a helper of our own that is begun
  beside a call (Originate of a Local channel that nobody is on the other end of) is a context that
  he reaches;
- no phone that is called may forward (option i), and what follows a citizen's talk hangs on that
  talk alone: everything an earlier leg left is cleared before it (``talk-before``), and a cause
  decides only where the leg itself is asked;
- only applications and functions of the short lists below are used, so nothing can start a shell.

It understands the subset of extensions.conf that we write: ``exten =>``, ``same =>``, ``n`` with
labels, ``include =>``, comments. Anything else is itself a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

TRUNK_CONTEXT = "from-pstn"
QUEUE_EXIT_CONTEXT = "queue-exit"
"""Reached by the key of queues.conf, from every context that queues."""

DIALLING = frozenset(
    {"Dial", "Originate", "Transfer", "BlindTransfer", "Bridge", "Page", "ChanSpy", "FollowMe"}
)
APPLICATIONS = frozenset(
    {
        "AGI", "Answer", "Bridge", "CELGenUserEvent", "ChanSpy", "ChannelRedirect", "Dial",
        "Echo", "ExecIf", "Gosub", "Goto", "GotoIf", "Hangup", "MSet", "MixMonitor", "MusicOnHold",
        "NoOp",
        "Originate", "Playback", "Progress", "Queue", "Read", "Record", "Return", "Set",
        "SoftHangup", "StopMixMonitor", "UserEvent", "Wait",
    }
)  # fmt: skip
FUNCTIONS = frozenset(
    {
        "CALLERID",
        "CHANNEL",
        "CUT",
        "DB",
        "FILTER",
        "GROUP",
        "GROUP_COUNT",
        "IF",
        "IMPORT",
        "QUEUE_GET_CHANNEL",
        "QUEUE_MEMBER",
        "REGEX",
        "SHARED",
        "STAT",
        "STRFTIME",
        "TIMEOUT",
    }
)
USER_EVENTS = frozenset(
    {
        "INBOUND", "RECORDING", "ROUTED", "QUEUE_RESULT", "QUEUE_EXIT", "BLOCKED", "CLOSED",
        "OVERFLOW", "VOICE_MESSAGE_START", "VOICE_MESSAGE", "RATING", "TRANSFER_RETURN",
        "TRANSFER_FAILED", "CALLBACK_REQUESTED", "OUTBOUND", "PHONE_LOST", "STEERED", "TAKE_OVER",
        "LIMITED", "VOICE", "CITIZENS_PARTED", "NO_TALK",
    }
)  # fmt: skip

_SECTION = re.compile(r"^\[([^]]+)\](\([^)]*\))?$")
_EXTEN = re.compile(r"^exten\s*=>\s*([^,]+),([0-9]+|n)(?:\(([\w-]+)\))?,(.*)$")
_SAME = re.compile(r"^same\s*=>\s*(n)(?:\(([\w-]+)\))?,(.*)$")
_INCLUDE = re.compile(r"^include\s*=>\s*(\S+)$")
_APP = re.compile(r"^(\w+)\((.*)\)$")
_SUBROUTINE = re.compile(r"[bB]\(([\w-]+)\^(\w+)\^(\w+)\)")
"""Options of Dial and Queue that run a Gosub, also where a variable holds them."""
_HELPER = re.compile(r"^Local/(\w+)@([\w-]+)/n,app,NoOp,")
"""A Local channel that runs a context of ours, with nobody on its other end."""
_ON_ANSWER = re.compile(r"U\(([\w-]+)\)")
"""Dial's option that runs one on the leg that answers; Queue has an argument for it."""
QUEUE_GOSUB = 6
CAUSE_CONTEXTS = frozenset({"leg-over", "leg-end"})
"""Where a cause may decide something."""
_FUNCTION = re.compile(r"\$\{([A-Z_]+)\(")


@dataclass(frozen=True, slots=True)
class Step:
    """One priority of an extension."""

    where: str
    label: str | None
    app: str
    args: str


@dataclass(slots=True)
class Context:
    """One context: its extensions' steps, and what it includes."""

    name: str
    extensions: dict[str, list[Step]] = field(default_factory=dict)
    includes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, and where."""

    where: str
    problem: str


class Dialplan:
    """The contexts of some files, and what could not be read in them."""

    def __init__(self) -> None:
        self.contexts: dict[str, Context] = {}
        self.unread: list[Finding] = []

    @staticmethod
    def read(files: Iterable[Path]) -> Dialplan:
        """The dialplan that stands in `files`."""
        plan = Dialplan()
        for file in sorted(files):
            plan.add(file.name, file.read_text(encoding="utf-8"))
        return plan

    def add(self, name: str, text: str) -> None:
        """Read the text of one file called `name`."""
        context: Context | None = None
        current: list[Step] | None = None
        for number, raw in enumerate(text.splitlines(), 1):
            where, line = f"{name}:{number}", raw.strip()
            if not line or line.startswith((";", "#include")):
                continue
            if section := _SECTION.match(line):
                title = section[1]
                context = None
                if title not in ("general", "globals"):
                    context = self.contexts.setdefault(title, Context(title))
                current = None
            elif context is None:
                continue
            elif include := _INCLUDE.match(line):
                context.includes.append(include[1])
            elif exten := _EXTEN.match(line):
                current = context.extensions.setdefault(exten[1].strip(), [])
                self._step(current, where, exten[3], exten[4])
            elif (same := _SAME.match(line)) and current is not None:
                self._step(current, where, same[2], same[3])
            else:
                self.unread.append(Finding(where, f"not understood: {line}"))

    def _step(self, steps: list[Step], where: str, label: str | None, call: str) -> None:
        match = _APP.match(call.strip())
        if match:
            steps.append(Step(where, label, match[1], match[2]))
        else:
            self.unread.append(Finding(where, f"not an application call: {call}"))

    def steps(self) -> Iterator[tuple[Context, str, int, Step]]:
        """Every step with its context, extension and index."""
        for context in self.contexts.values():
            for exten, steps in context.extensions.items():
                for index, step in enumerate(steps):
                    yield context, exten, index, step


def targets(step: Step) -> list[str]:
    """The jump targets written in `step`: ``label``, ``exten,prio`` or ``context,exten,prio``."""
    if step.app == "Goto":
        return [step.args]
    if step.app == "Gosub":
        return [re.sub(r"\(.*\)$", "", step.args)]
    if step.app == "GotoIf":
        branches = step.args[_condition_end(step.args) + 1 :]
        return [part for part in branches.split(":") if part]
    if step.app == "Originate":
        return [f"{context},{exten},1" for exten, context in _HELPER.findall(step.args)]
    if step.app == "ChannelRedirect":
        return [step.args.partition(",")[2]]
    if step.app == "Set" and step.args.startswith("CHANNEL(hangup_handler_push)="):
        return [step.args.partition("=")[2]]
    if step.app == "Set" and step.args.startswith("CONNECTED_LINE_SEND_SUB="):
        return [step.args.partition("=")[2]]
    found = [",".join(one) for one in _SUBROUTINE.findall(step.args)]
    found += [f"{name},s,1" for name in _ON_ANSWER.findall(step.args)]
    if step.app == "Queue" and (name := _argument(step, QUEUE_GOSUB)):
        found.append(f"{name},s,1")
    return found


def _argument(step: Step, index: int) -> str:
    """One argument of an application, '' if it is not there; brackets hold commas together."""
    return [*re.split(r",(?![^(]*\))", step.args), *[""] * (index + 1)][index]


def _options(step: Step) -> str:
    """The letters of the options of Dial or Queue, without their own arguments."""
    return re.sub(r"\([^)]*\)|\$\{\w+\}", "", _argument(step, 2 if step.app == "Dial" else 1))


def _condition_end(args: str) -> int:
    """Index of the ``?`` that ends a GotoIf's condition, outside every bracket and quote."""
    depth = 0
    quoted = False
    for index, char in enumerate(args):
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "?" and depth == 0:
            return index
    return len(args)


def _resolve(target: str, context: str, exten: str) -> tuple[str, str, str]:
    parts = [part.strip() for part in target.split(",")]
    if len(parts) == 1:
        return context, exten, parts[0]
    if len(parts) == 2:
        return context, parts[0], parts[1]
    return parts[0], parts[1], parts[2]


def _exists(plan: Dialplan, context: str, exten: str, priority: str) -> bool:
    if context not in plan.contexts:
        return False
    found = plan.contexts[context].extensions
    if exten not in found:
        # A variable extension lands on a pattern; that the context has one is all we can know.
        return "${" in exten and any(name.startswith("_") for name in found)
    if priority.isdecimal():
        return 1 <= int(priority) <= len(found[exten])
    return any(step.label == priority for step in found[exten])


def check(plan: Dialplan) -> list[Finding]:
    """Everything wrong in `plan`; empty if it is as it must be."""
    findings = list(plan.unread)
    findings += _check_targets(plan)
    findings += _check_agi(plan)
    findings += _check_trunk(plan)
    findings += _check_legs(plan)
    findings += _check_vocabulary(plan)
    return findings


def _check_targets(plan: Dialplan) -> Iterator[Finding]:
    for context in plan.contexts.values():
        for name in context.includes:
            if name not in plan.contexts:
                yield Finding(context.name, f"includes {name}, which does not exist")
    for context, exten, _index, step in plan.steps():
        for target in targets(step):
            if not _exists(plan, *_resolve(target, context.name, exten)):
                yield Finding(step.where, f"{step.app} goes to {target}, which does not exist")


def _check_agi(plan: Dialplan) -> Iterator[Finding]:
    for context, exten, index, step in plan.steps():
        if step.app != "AGI":
            continue
        steps = context.extensions[exten]
        before = steps[index - 1] if index else None
        after = steps[index + 1] if index + 1 < len(steps) else None
        if before is None or (before.app, before.args) != ("Set", "CC_ANSWER="):
            yield Finding(step.where, "AGI without Set(CC_ANSWER=) before it")
        if after is None or after.app != "GotoIf" or '"${CC_ANSWER}" = "ok"' not in after.args:
            yield Finding(step.where, "AGI without a test of CC_ANSWER after it")
        elif index + 2 >= len(steps) or ":" in after.args[_condition_end(after.args) :]:
            yield Finding(step.where, "AGI without a default behind the test of CC_ANSWER")


def reachable(plan: Dialplan, start: str) -> set[str]:
    """Contexts that a call entering at `start` reaches on its own."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name in seen or name not in plan.contexts:
            continue
        seen.add(name)
        context = plan.contexts[name]
        todo += context.includes
        for exten, steps in context.extensions.items():
            for step in steps:
                todo += [_resolve(target, name, exten)[0] for target in targets(step)]
                if step.app == "Queue":
                    todo.append(QUEUE_EXIT_CONTEXT)
    return seen


def _check_trunk(plan: Dialplan) -> Iterator[Finding]:
    if TRUNK_CONTEXT not in plan.contexts:
        yield Finding(TRUNK_CONTEXT, "there is no context for the trunk")
    mine = reachable(plan, TRUNK_CONTEXT)
    for context, _exten, _index, step in plan.steps():
        dials = step.app in DIALLING and not (step.app == "Originate" and targets(step))
        if context.name in mine and dials:
            yield Finding(step.where, f"a trunk caller can reach {step.app} in {context.name}")
        if step.app == "Queue" and "T" in _options(step):
            yield Finding(step.where, "Queue option T gives the caller the transfer keys")


def _check_legs(plan: Dialplan) -> Iterator[Finding]:
    for context, exten, index, step in plan.steps():
        if step.app in ("Dial", "Queue") and "i" not in _options(step):
            yield Finding(step.where, f"{step.app} without option i: the phone could forward")
        # g, and Queue's own end: the citizen goes on in the dialplan, which looks at what was.
        goes_on = step.app == "Dial" and "g" in _options(step)
        if goes_on or (step.app == "Queue" and context.name == "queue"):
            before = context.extensions[exten][:index]
            if not any(one.args == "talk-before,s,1" for one in before[-4:]):
                yield Finding(step.where, f"{step.app} of a citizen without talk-before")
        reads = "${HANGUPCAUSE}" in step.args and step.app != "Hangup"
        if reads and context.name not in CAUSE_CONTEXTS:
            yield Finding(step.where, "a cause decides, which may be an earlier leg's")


def _check_vocabulary(plan: Dialplan) -> Iterator[Finding]:
    for _context, _exten, _index, step in plan.steps():
        if step.app not in APPLICATIONS:
            yield Finding(step.where, f"application {step.app} is not one we use")
        for name in _FUNCTION.findall(step.args):
            if name not in FUNCTIONS:
                yield Finding(step.where, f"function {name} is not one we use")
        if step.app == "CELGenUserEvent" and step.args.split(",")[0] not in USER_EVENTS:
            yield Finding(
                step.where, f"user event {step.args.split(',')[0]} is not in the contract"
            )


def variables_read(plan: Dialplan) -> set[str]:
    """Names of all ``CC_`` variables that the dialplan reads."""
    return {
        name
        for _c, exten, _i, step in plan.steps()
        for name in re.findall(r"\$\{(CC_\w+)\}", exten + step.args)
    }


def variables_set(plan: Dialplan) -> set[str]:
    """Names of all ``CC_`` variables that the dialplan itself sets."""
    names: set[str] = set()
    for _context, _exten, _index, step in plan.steps():
        if step.app in ("Set", "Read"):
            names.update(re.findall(r"^_{0,2}(CC_\w+)", step.args))
        if step.app == "MSet":
            names.update(re.findall(r"(?:^|,)_{0,2}(CC_\w+)=", step.args))
        if step.app == "ExecIf":
            names.update(re.findall(r"Set\(_{0,2}(CC_\w+)=", step.args))
    return names


def sounds_played(plan: Dialplan) -> set[str]:
    """Names of our own prompts (without ``callcenter/``) that the dialplan plays."""
    return {
        name
        for _c, _e, _i, step in plan.steps()
        if step.app in ("Playback", "Read")
        for name in re.findall(r"callcenter/([\w-]+)", step.args)
    }
