"""The PBX's queues as files: rendered, written atomically, and loaded without touching a call.

Two files are generated. ``queues_deployed.conf`` has one section a queue, over the template
``hotline`` of queues.conf. ``extensions_deployed.conf`` has templates of extensions for the
dialplan: which number, key and transfer leads to which queue, and what holds in that queue; so
all of it is known to the PBX also when nothing of ours runs.

Loading them leaves callers, talks, members and their pauses as they are (seen on 22.10.1, and held
by tests/live/test_live_queues.py). A queue that is no longer wanted keeps its section until nobody
waits in it and nobody is its member; whoever waits there is served as if nothing had happened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from callcenter.telephony.domain.queues import MenuKey, PbxQueues, QueuePlan, dialled_patterns
from callcenter.telephony.pbx.ami.actions import Action
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import unwrap
from callcenter.telephony.pbx.ami.queue_actions import DialplanReload, QueueCallers, QueueReload

QUEUES_FILE = "queues_deployed.conf"
DIALPLAN_FILE = "extensions_deployed.conf"
GENERATED = "; Generated from the queues, numbers and menu keys; changes here are lost.\n"
RELOAD_SECONDS = 15.0
"""For one reload: 20 queues with 750 members each take well under a second."""
TO_VOICE_MESSAGE = "voice_message"
"""No queue's code has an underscore."""

_SECTION = re.compile(r"^\[([a-z0-9]+)\]\(hotline\)$", re.MULTILINE)


# -- the files ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QueueFiles:
    """The text of both files."""

    queues: str
    dialplan: str


def render(plan: PbxQueues, kept: Mapping[str, str] | None = None) -> QueueFiles:
    """Both files for `plan`; `kept` are sections of queues that end only when they are empty."""
    sections = {queue.code: render_queue(queue) for queue in plan.queues}
    whole = {**(kept or {}), **sections}
    text = "\n".join(whole[code] for code in sorted(whole))
    return QueueFiles(f"{GENERATED}\n{text}", f"{GENERATED}\n{_dialplan(plan)}")


def render_queue(queue: QueuePlan) -> str:
    """A queue's section. What it tells its callers is not in it: see `domain.announcements`."""
    options: dict[str, object] = {
        "strategy": queue.strategy.value,
        "timeout": queue.ring_seconds,
        "wrapuptime": queue.wrapup_seconds,
        "maxlen": queue.max_waiting,
        "servicelevel": queue.service_level_seconds,
        "weight": queue.weight,
        "musicclass": queue.music,
    }
    lines = [f"{key} = {value}\n" for key, value in options.items()]
    return "".join([f"[{queue.code}](hotline)\n", *lines])


def sections(text: str) -> dict[str, str]:
    """The queues' sections in the text of a file that `render` made (or an earlier release)."""
    found = list(_SECTION.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return {
        match[1]: text[match.start() : end].rstrip("\n") + "\n"
        for match, end in zip(found, ends, strict=False)  # no section: one end too many
    }


def _dialplan(plan: PbxQueues) -> str:
    seats = [(queue.transfer_number, queue.code) for queue in plan.queues if queue.transfer_number]
    parts = {
        "queues-numbers": _extensions(
            (
                _behind_0(way),
                [
                    f"MSet(CC_DEFAULT_QUEUE={plan.numbers[number]},CC_DID={number})",
                    "Return()",
                ],
            )
            for way, number in dialled_patterns(plan.numbers).items()
        ),
        "queues-plans": _extensions((queue.code, _plan(queue, plan)) for queue in plan.queues),
        "queues-menu": _extensions((f"0{key.key}", _menu(key)) for key in plan.menu),
        "queues-transfer": _extensions(
            (number, [f"Set(CC_QUEUE={code})", "Goto(send-queue,s,1)"]) for number, code in seats
        ),
        "queues-seats": _extensions(
            (number, [f"Set(CC_QUEUE={code})", "Goto(call-queue,s,1)"]) for number, code in seats
        ),
    }
    return "\n".join(f"[{name}](!)\n{text}" for name, text in parts.items())


def _behind_0(way: str) -> str:
    return f"_0{way[1:]}" if way.startswith("_") else f"0{way}"


def _plan(queue: QueuePlan, plan: PbxQueues) -> list[str]:
    return [
        # At first the best people alone (QUEUE_MAX_PENALTY); queuerules.conf widens.
        f"MSet(CC_QUEUE_WAIT={queue.wait_limit_seconds},CC_QUEUE_LANGUAGE={queue.language},"
        f"CC_QUEUE_OVERFLOW={plan.overflow.get(queue.code, '')},QUEUE_MAX_PENALTY=0)",
        "Return()",
    ]


def _menu(key: MenuKey) -> list[str]:
    return [
        f"Set(CC_MENU_TO={key.queue or TO_VOICE_MESSAGE})",
        f"Set(CC_CALLER_LANGUAGE={key.language or ''})",
        "Return()",
    ]


def _extensions(extensions: Iterable[tuple[str, list[str]]]) -> str:
    return "".join(
        f"exten => {exten},{priority},{step}\n"
        for exten, steps in extensions
        for priority, step in enumerate(steps, 1)
    )


# -- in the PBX --------------------------------------------------------------------------------


def write(folder: Path, files: QueueFiles) -> None:
    """Write both into the PBX's configuration `folder`, each whole or not at all."""
    for name, text in ((QUEUES_FILE, files.queues), (DIALPLAN_FILE, files.dialplan)):
        path = folder / name
        if _text(path) == text:
            continue
        fresh = folder / f"{name}.new"
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


@dataclass(frozen=True, slots=True)
class OldQueues:
    """Queues that the PBX has and should not have any more."""

    serving: frozenset[str] = frozenset()
    """Somebody waits there."""
    ending: frozenset[str] = frozenset()
    """Nobody does; they go once they have no members."""


class QueueConfig:
    """Makes one PBX have the queues that it should have."""

    def __init__(self, link: AmiLink, folder: Path) -> None:
        self._link = link
        self._folder = folder
        self._loaded: QueueFiles | None = None
        """What the PBX was last told to load; None: not known."""

    def forget(self) -> None:
        """It may be another PBX, or one that read its files at another time."""
        self._loaded = None

    async def match(self, plan: PbxQueues, with_members: Collection[str]) -> OldQueues:
        """Have `plan` loaded. Errors: as of `unwrap`; `OSError` where a file cannot be written."""
        callers = unwrap(await self._link.send(QueueCallers()), "list of queues")
        old = {
            code: text
            for code, text in sections(_text(self._folder / QUEUES_FILE)).items()
            if code not in plan.codes and code in callers
        }
        serving = frozenset(code for code in old if callers[code])
        ending = frozenset(code for code in old if code in with_members) - serving
        kept = {code: text for code, text in old.items() if code in serving | ending}
        files = render(plan, kept)
        if files != self._loaded or not plan.codes <= callers.keys():
            self._loaded = None
            write(self._folder, files)
            # Queues first: the dialplan must not send a caller to a queue that is not there.
            await self._load(QueueReload(), "loading the queues")
            await self._load(DialplanReload(), "loading the dialplan")
            self._loaded = files
        return OldQueues(serving, ending)

    async def _load(self, reload: Action[None], what: str) -> None:
        unwrap(await self._link.send(reload, timeout=RELOAD_SECONDS), what)
