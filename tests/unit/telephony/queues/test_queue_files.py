"""The files that tell the PBX of queues."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from callcenter.platform.config import Settings
from callcenter.setup.deployment import REPOSITORY
from callcenter.telephony.domain.queues import MenuKey, PbxQueues, QueuePlan, Strategy, pbx_queues
from callcenter.telephony.pbx.dialplan_check import Dialplan, check, reachable
from callcenter.telephony.pbx.queue_config import (
    DIALPLAN_FILE,
    QUEUES_FILE,
    render,
    render_queue,
    sections,
    write,
)
from callcenter.telephony.queues.first import first_menu, main_queue

SETTINGS = Settings(_env_file=None)
MAIN = main_queue(SETTINGS)
ENGLISH = replace(
    MAIN,
    code="english",
    transfer_number="6001",
    strategy=Strategy.FEWESTCALLS,
    wait_limit_seconds=90,
    language="en",
    overflow=MAIN.code,
    weight=5,
    music="quiet",
)
NIGHT = replace(MAIN, code="night", transfer_number=None)


def plan(*queues: QueuePlan, menu: tuple[MenuKey, ...] = ()) -> PbxQueues:
    return pbx_queues(
        MAIN.code,
        queues,
        own_numbers=[MAIN.code],
        numbers={"02112345": "english"},
        menu=menu or first_menu(SETTINGS),
    )


PLAN = plan(MAIN, ENGLISH, NIGHT, menu=(MenuKey("2", "english"), MenuKey("9", None)))


def options(section: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^([\w-]+) = (.*)$", section))


def test_a_queue_says_all_that_an_admin_set() -> None:
    section = render_queue(ENGLISH)
    assert section.startswith("[english](hotline)\n")
    assert options(section) == {
        "strategy": "fewestcalls",
        "timeout": "15",
        "wrapuptime": "3",
        "maxlen": "50",
        "servicelevel": "15",
        "weight": "5",
        "musicclass": "quiet",
    }


def test_the_queue_itself_never_speaks_to_those_who_wait() -> None:
    """As long as it spoke it would offer them to nobody."""
    text = (REPOSITORY / "asterisk-conf" / "queues.conf").read_text(encoding="utf-8")
    said = options(text.split("[hotline](!)")[1])
    assert said["announce-position"] == said["announce-holdtime"] == "no"
    assert said["announce-frequency"] == said["periodic-announce-frequency"] == "0"
    assert "announce" not in render_queue(ENGLISH)


def test_no_option_of_a_queue_is_in_the_template_as_well() -> None:
    """Else a queue would have what the template says where a release forgets to write it."""
    text = (REPOSITORY / "asterisk-conf" / "queues.conf").read_text(encoding="utf-8")
    template = text.split("[hotline](!)")[1]
    assert not options(template).keys() & options(render_queue(ENGLISH)).keys()


def test_sections_are_read_as_they_were_written() -> None:
    files = render(PLAN)
    assert sections(files.queues) == {
        queue.code: render_queue(queue) for queue in (MAIN, ENGLISH, NIGHT)
    }
    assert sections("[12345](hotline)\n") == {"12345": "[12345](hotline)\n"}
    assert sections("") == {}


def test_a_queue_that_is_kept_stays_word_for_word() -> None:
    files = render(plan(MAIN), {"english": render_queue(ENGLISH)})
    assert sections(files.queues)["english"] == render_queue(ENGLISH)
    assert "english" not in files.dialplan, "nobody new is sent there"


def test_what_is_wanted_comes_before_what_is_kept() -> None:
    files = render(plan(MAIN, ENGLISH), {"english": "[english](hotline)\nstrategy = random\n"})
    assert options(sections(files.queues)["english"])["strategy"] == "fewestcalls"


def whole_dialplan(text: str) -> Dialplan:
    """The repository's dialplan with the generated templates in their places."""
    templates = dict(re.findall(r"(?ms)^\[(queues-[a-z]+)\]\(!\)\n(.*?)(?=^\[|\Z)", text))
    made = Dialplan()
    for file in sorted((REPOSITORY / "dialplan").glob("*.conf")):
        source = re.sub(
            r"(?m)^(\[[\w-]+\])\((queues-[a-z]+)\)$",
            lambda found: f"{found[1]}\n{templates[found[2]]}",
            file.read_text(encoding="utf-8"),
        )
        made.add(file.name, source)
    return made


def test_the_dialplan_is_sound_with_what_is_generated() -> None:
    made = whole_dialplan(render(PLAN).dialplan)
    assert check(made) == []
    assert not {name for name in reachable(made, "from-pstn") if "seat" in name}


def test_every_number_and_key_and_transfer_leads_to_its_queue() -> None:
    contexts = whole_dialplan(render(PLAN).dialplan).contexts

    def first(context: str) -> dict[str, str]:
        return {
            exten: steps[0].args
            for exten, steps in contexts[context].extensions.items()
            if not exten.startswith("_")
        }

    # Each way of writing a number, behind a 0; a number of its own is no way of writing another.
    numbers = first("number-queue")
    for way in ("12345", "8612345", "008612345"):
        assert numbers[f"0{way}"] == "CC_DEFAULT_QUEUE=12345,CC_DID=12345"
    for way in ("02112345", "862112345", "00862112345"):
        assert numbers[f"0{way}"] == "CC_DEFAULT_QUEUE=english,CC_DID=02112345"
    assert "_00[12]X12345" in contexts["number-queue"].extensions
    assert first("menu-key") == {"02": "CC_MENU_TO=english", "09": "CC_MENU_TO=voice_message"}
    assert first("transfer-queue") == {"12345": "CC_QUEUE=12345", "6001": "CC_QUEUE=english"}
    assert first("seat-to-queue") == first("transfer-queue")
    plans = {
        exten: [step.args for step in steps]
        for exten, steps in contexts["queue-plan"].extensions.items()
    }
    assert plans["english"] == [
        "CC_QUEUE_WAIT=90,CC_QUEUE_LANGUAGE=en,CC_QUEUE_OVERFLOW=12345,QUEUE_MAX_PENALTY=0",
        "",
    ]
    assert ",CC_QUEUE_OVERFLOW=," in plans["12345"][0]


def test_every_template_that_the_dialplan_uses_is_generated() -> None:
    rendered = set(re.findall(r"(?m)^\[(queues-[a-z]+)\]\(!\)$", render(PLAN).dialplan))
    used = {
        name
        for file in (REPOSITORY / "dialplan").glob("*.conf")
        for name in re.findall(
            r"(?m)^\[[\w-]+\]\((queues-[a-z]+)\)$", file.read_text(encoding="utf-8")
        )
    }
    assert rendered == used


def test_files_are_written_whole_and_only_when_they_change(tmp_path: Path) -> None:
    write(tmp_path, render(PLAN))
    assert {path.name for path in tmp_path.iterdir()} == {QUEUES_FILE, DIALPLAN_FILE}
    before = (tmp_path / QUEUES_FILE).stat()
    write(tmp_path, render(PLAN))
    assert (tmp_path / QUEUES_FILE).stat().st_ino == before.st_ino
    write(tmp_path, render(plan(MAIN)))
    assert (tmp_path / QUEUES_FILE).read_text(encoding="utf-8") == render(plan(MAIN)).queues
