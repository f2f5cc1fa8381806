"""Stories that a real PBX wrote, and the ledger of each: checked by hand, then pasted.

When a line here changes, somebody must be able to say why it was wrong before.
"""

from __future__ import annotations

import pytest

from callcenter.insight.audit.compare import compare_queues
from callcenter.telephony.pbx.queue_log import read_queue_log
from tests.unit.traces import FOLDER, NAMES, journal, ledger_of, tell

STORIES = {
    "abandoned_ringing": """
inbound 12345: abandoned by caller, answered …, ended 0.01, queue 12345, - -
  waited 0.01–0.01 abandoned
  rang 8001 0.01–0.01 cancelled (queue)
""",
    "abandoned_waiting": """
inbound 12345: abandoned by caller, answered …, ended 1.02, queue 12345, - -
  waited 0.01–1.02 abandoned
  rang 8001 0.01–0.02 refused (queue)
""",
    "answered": """
inbound 12345: answered by caller, answered 0.01, ended 1.01, queue 12345, 8001 8001
  waited 0.00–0.01 connected
  rang 8001 0.01–0.01 answered (queue)
  talked 8001 0.01–1.01 via queue, ended by caller
  recorded 1002 ms
""",
    "attended_ami_cancel": """
inbound 12345: answered by caller, answered 0.01, ended 2.33, queue 12345, 8001 8001
  waited 0.01–0.01 connected
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 0.94–0.94 answered (dial)
  talked 8001 0.01–2.33 via queue, ended by caller
  recorded 1851 ms
""",
    "attended_ami_complete": """
inbound 12345: answered by caller, answered 0.01, ended 2.05, queue 12345, 8001 8002
  waited 0.01–0.01 connected
  rang 8002 0.01–0.01 refused (queue)
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 0.94–0.94 answered (dial)
  talked 8001 0.01–0.94 via queue, ended by transfer
  talked 8002 1.16–2.05 via attended, ended by caller
  attended 8001 → 8002 at 1.16: completed
  recorded 1810 ms
""",
    "attended_blond": """
inbound 12345: answered by caller, answered 0.01, ended 1.95, queue 12345, 8001 8002
  waited 0.01–0.01 connected
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 0.94–1.44 answered (dial)
  talked 8001 0.01–0.94 via queue, ended by transfer
  talked 8002 1.44–1.95 via attended, ended by caller
  attended 8001 → 8002 at 0.94: completed
  recorded 1431 ms
""",
    "attended_blond_no_answer_recalls": """
inbound 12345: answered by caller, answered 0.01, ended 6.45, queue 12345, 8001 8001
  waited 0.01–0.01 connected
  rang 8002 0.01–0.01 refused (queue)
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 0.95–5.95 no_answer (dial)
  talked 8001 0.01–0.95 via queue, ended by transfer
  talked 8001 5.96–6.45 via returned, ended by caller
  attended 8001 → 8002 at 0.95: returned
  recorded 1427 ms
""",
    "attended_consult_refused": """
inbound 12345: answered by caller, answered 0.01, ended 7.27, queue 12345, 8001 8001
  waited 0.00–0.01 connected
  rang 8001 0.00–0.01 answered (queue)
  rang 8002 2.93–2.93 refused (dial)
  talked 8001 0.01–7.27 via queue, ended by caller
  recorded 7258 ms
""",
    "attended_keys_hangup": """
inbound 12345: answered by caller, answered 0.01, ended 4.43, queue 12345, 8001 8002
  waited 0.00–0.01 connected
  rang 8002 0.01–0.01 refused (queue)
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 2.93–3.31 answered (dial)
  talked 8001 0.01–2.93 via queue, ended by transfer
  talked 8002 3.51–4.43 via attended, ended by caller
  attended 8001 → 8002 at 3.51: completed
  recorded 3834 ms
""",
    "attended_refer": """
inbound 12345: answered by caller, answered 0.01, ended 1.22, queue 12345, 8001 8002
  waited 0.01–0.01 connected
  rang 8001 0.01–0.01 answered (queue)
  talked 8001 0.01–1.02 via queue, ended by transfer
  talked 8002 1.02–1.22 via attended, ended by caller
  attended 8001 → 8002 at 1.02: completed
  recorded 1209 ms
internal 8002: answered by system, answered 0.01, ended 0.51, - -, 8002 8002
  rang 8002 0.00–0.00 answered (dial)
  talked 8002 0.01–0.50 via direct, ended by system
""",
    "attended_refer_queue": """
inbound 12345: answered by caller, answered 0.01, ended 1.73, queue 12345, 8001 8002
  waited 0.01–0.01 connected
  rang 8002 0.01–0.01 refused (queue)
  rang 8001 0.01–0.01 answered (queue)
  talked 8001 0.01–1.53 via queue, ended by transfer
  talked 8002 1.53–1.73 via attended, ended by caller
  attended 8001 → 8002 at 1.53: completed
  recorded 1716 ms
internal 12345: answered by system, answered 0.01, ended 1.02, - 12345, 8002 8002
  waited 0.00–0.01 connected
  rang 8002 0.00–0.00 answered (queue)
  talked 8002 0.01–1.01 via queue, ended by system
""",
    "blind_ami": """
inbound 12345: answered by caller, answered 0.02, ended 1.01, queue 12345, 8001 8002
  waited 0.01–0.02 connected
  rang 8002 0.01–0.01 refused (queue)
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 0.52–0.52 answered (dial)
  talked 8001 0.02–0.52 via queue, ended by transfer
  talked 8002 0.52–1.01 via blind, ended by caller
  blind 8001 → 8002 at 0.51: completed
  recorded 988 ms
""",
    "blind_busy_returns": """
inbound 12345: answered by caller, answered 0.01, ended 3.02, queue 12345, 8001 8001
  waited 0.00–0.01 connected
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 2.01–2.01 refused (dial)
  rang 8001 2.51–2.51 answered (dial)
  talked 8001 0.01–2.01 via queue, ended by transfer
  talked 8001 2.52–3.02 via returned, ended by caller
  blind 8001 → 8002 at 2.01: returned
  recorded 2506 ms
""",
    "blind_keys": """
inbound 12345: answered by caller, answered 0.01, ended 2.51, queue 12345, 8001 8002
  waited 0.01–0.01 connected
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 2.01–2.02 answered (dial)
  talked 8001 0.01–2.01 via queue, ended by transfer
  talked 8002 2.02–2.51 via blind, ended by caller
  blind 8001 → 8002 at 2.01: completed
  recorded 2491 ms
""",
    "blind_no_answer_returns": """
inbound 12345: answered by caller, answered 0.02, ended 8.05, queue 12345, 8001 8001
  waited 0.01–0.02 connected
  rang 8002 0.01–0.01 refused (queue)
  rang 8001 0.02–0.02 answered (queue)
  rang 8002 2.04–7.04 no_answer (dial)
  rang 8001 7.54–7.55 answered (dial)
  talked 8001 0.02–2.04 via queue, ended by transfer
  talked 8001 7.55–8.05 via returned, ended by caller
  blind 8001 → 8002 at 2.04: returned
  recorded 2519 ms
""",
    "blind_nobody_anywhere": """
inbound 12345: answered by caller, answered 0.01, ended 9.03, queue 12345, 8001 8001
  waited 0.01–0.01 connected
  waited 2.54–9.03 abandoned
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 2.03–2.03 refused (dial)
  rang 8001 2.53–2.54 refused (dial)
  rang 8002 2.54–2.54 refused (queue)
  rang 8001 2.54–2.54 refused (queue)
  rang 8001 3.54–3.55 refused (queue)
  rang 8002 3.55–3.55 refused (queue)
  rang 8001 4.55–4.55 refused (queue)
  rang 8002 4.55–4.55 refused (queue)
  rang 8001 5.55–5.56 refused (queue)
  rang 8002 5.56–5.56 refused (queue)
  rang 8001 6.56–6.56 refused (queue)
  rang 8002 6.56–6.57 refused (queue)
  rang 8001 7.57–7.57 refused (queue)
  rang 8002 7.57–7.57 refused (queue)
  rang 8001 8.57–8.57 refused (queue)
  rang 8002 8.57–8.58 refused (queue)
  talked 8001 0.01–2.03 via queue, ended by transfer
  blind 8001 → 8002 at 2.03: failed
  recorded 2016 ms
""",
    "blind_outside_refused": """
inbound 12345: answered by caller, answered 0.01, ended 14.89, queue 12345, 8001 8001
  waited 0.01–0.01 connected
  rang 8001 0.01–0.01 answered (queue)
  talked 8001 0.01–14.89 via queue, ended by caller
  recorded 14885 ms
""",
    "blind_refer": """
inbound 12345: answered by caller, answered 0.01, ended 1.01, queue 12345, 8001 8002
  waited 0.00–0.01 connected
  rang 8002 0.01–0.01 refused (queue)
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 0.51–0.52 answered (dial)
  talked 8001 0.01–0.51 via queue, ended by transfer
  talked 8002 0.52–1.01 via blind, ended by caller
  blind 8001 → 8002 at 0.51: completed
  recorded 987 ms
""",
    "blind_to_queue": """
inbound 12345: answered by caller, answered 0.01, ended 2.81, queue 12345, 8001 8002
  waited 0.00–0.01 connected
  waited 2.31–2.32 connected
  rang 8002 0.01–0.01 refused (queue)
  rang 8001 0.01–0.01 answered (queue)
  rang 8002 2.32–2.32 answered (queue)
  talked 8001 0.01–2.31 via queue, ended by transfer
  talked 8002 2.32–2.81 via queue, ended by caller
  blind 8001 → 12345 at 2.31: completed
  recorded 2786 ms
""",
    "blocked": """
inbound 12345: blocked by system, answered …, ended 0.80, blocked -, - -
""",
    "exit_key_message": """
inbound 12345: voice_message by caller, answered …, ended 6.69, queue 12345, - -
  waited 0.00–1.13 exit_key
  rang 8001 0.01–0.01 refused (queue)
  rang 8001 1.01–1.01 refused (queue)
  message exit_key 1.63–6.69
""",
    "exit_key_while_ringing": """
inbound 12345: voice_message by caller, answered …, ended 3.19, queue 12345, - -
  waited 0.01–1.13 exit_key
  rang 8001 0.01–1.13 cancelled (queue)
  message exit_key 1.63–3.19
""",
    "full": """
inbound 12345: abandoned by caller, answered …, ended 2.52, queue 12345, - -
  waited 0.01–2.52 abandoned
  rang 8001 0.01–0.01 refused (queue)
  rang 8001 1.01–1.02 refused (queue)
  rang 8001 2.02–2.02 refused (queue)
inbound 12345: voice_message by caller, answered …, ended 2.01, queue 12345, - -
  waited 0.01–0.01 full
  message full 1.01–2.01
""",
    "no_answer_then_next": """
inbound 12345: answered by caller, answered 6.02, ended 6.51, queue 12345, 8001 8001
  waited 0.01–6.02 connected
  rang 8002 0.01–5.02 no_answer (queue)
  rang 8001 6.02–6.02 answered (queue)
  talked 8001 6.02–6.51 via queue, ended by caller
  recorded 493 ms
""",
    "nobody_there": """
inbound 12345: voice_message by system, answered …, ended 3.92, queue 12345, - -
  waited 0.00–0.01 empty
  message empty 1.01–3.92
""",
    "nobody_there_message": """
inbound 12345: voice_message by system, answered …, ended 6.73, queue 12345, - -
  waited 0.00–0.00 empty
  message empty 1.00–6.73
""",
    "pbx_killed": """
inbound 12345: interrupted by system, answered 0.02, ended 1.56, queue 12345, 8001 8001
  waited 0.01–0.02 connected
  rang 8001 0.01–0.01 answered (queue)
  talked 8001 0.02–1.56 via queue, ended by system
  recorded 1548 ms
inbound 12345: interrupted by system, answered …, ended 1.05, queue 12345, - -
  waited 0.00–1.05 interrupted
""",
    "rated": """
inbound 12345: answered by seat, answered 0.01, ended 2.13, queue 12345, 8001 8001
  waited 0.01–0.01 connected
  rang 8001 0.01–0.01 answered (queue)
  talked 8001 0.01–0.51 via queue, ended by seat
  recorded 500 ms
  scored 8001 5
""",
    "refused_603_then_answer": """
inbound 12345: answered by caller, answered 1.01, ended 1.51, queue 12345, 8001 8001
  waited 0.01–1.01 connected
  rang 8001 0.01–0.01 refused (queue)
  rang 8001 1.01–1.01 answered (queue)
  talked 8001 1.01–1.51 via queue, ended by caller
  recorded 494 ms
""",
    "seat_calls_seat": """
internal 8002: answered by seat, answered 0.00, ended 0.31, - -, 8002 8002
  rang 8002 0.00–0.00 answered (dial)
  talked 8002 0.00–0.31 via direct, ended by seat
""",
    "seat_hangs_up_caller_too": """
inbound 12345: answered by seat, answered 0.02, ended 1.02, queue 12345, 8001 8001
  waited 0.01–0.02 connected
  rang 8001 0.01–0.01 answered (queue)
  talked 8001 0.02–0.52 via queue, ended by seat
  recorded 496 ms
""",
    "unplugged_while_ringing": """
inbound 12345: abandoned by caller, answered …, ended 7.01, queue 12345, - -
  waited 0.00–7.01 abandoned
  rang 8001 0.00–5.01 no_answer (queue)
  rang 8001 6.01–7.01 no_answer (queue)
""",
    # Held up before the queue: Queue() runs a subroutine of its own, and the PBX tells that it goes
    # on only after the seat's channel has begun. One stay, and the ring is the queue's.
    "held_up": """
inbound 12345: answered by seat, answered 3.04, ended 4.05, queue 12345, 8001 8001
  waited 1.17–3.04 connected
  rang 8001 2.83–3.04 answered (queue)
  talked 8001 3.04–3.55 via queue, ended by seat
  recorded 504 ms
""",
    "wait_limit": """
inbound 12345: voice_message by system, answered …, ended 15.97, queue 12345, - -
  waited 0.00–12.05 timeout
  rang 8001 0.01–0.01 refused (queue)
  rang 8001 1.01–1.01 refused (queue)
  rang 8001 2.01–2.02 refused (queue)
  rang 8001 3.02–3.02 refused (queue)
  rang 8001 4.02–4.02 refused (queue)
  rang 8001 5.02–5.03 refused (queue)
  rang 8001 6.03–6.03 refused (queue)
  rang 8001 7.03–7.03 refused (queue)
  rang 8001 8.04–8.04 refused (queue)
  rang 8001 9.04–9.04 refused (queue)
  rang 8001 10.04–10.05 refused (queue)
  rang 8001 11.05–11.05 refused (queue)
  message wait_limit 13.05–15.96
""",
}  # fmt: skip


def test_every_trace_has_its_story() -> None:
    assert sorted(STORIES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_ledger_tells_the_story(name: str) -> None:
    assert tell(ledger_of(journal(name))) == STORIES[name].strip().splitlines()


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.queue_log")))
def test_the_ledger_agrees_with_the_pbxs_own_queue_log(name: str) -> None:
    changes = ledger_of(journal(name))
    entries = list(read_queue_log(FOLDER / f"{name}.queue_log"))
    assert entries
    assert list(compare_queues(entries, changes.queue_visits, changes.talks)) == []


@pytest.mark.parametrize("name", ["met", "alone"])
def test_a_seat_that_was_gone_before_its_first_step_had_no_talk(name: str) -> None:
    """Its own leg says nothing then, the citizen's does; both were in a bridge for a moment (met),
    or it alone."""
    changes = ledger_of(journal(f"unheard/{name}"))
    told = tell(changes)
    assert [line.strip().partition(" ")[0] for line in told].count("talked") == 1
    assert [(ring.seat, ring.how) for ring in changes.rings] == [
        ("8001", "refused"), ("8002", "answered"),
    ]  # fmt: skip
    entries = list(read_queue_log(FOLDER / f"unheard/{name}.queue_log"))
    no_talks = {ring.channel for ring in changes.rings if ring.how == "refused"}
    assert list(compare_queues(entries, changes.queue_visits, changes.talks, no_talks)) == []


def test_what_leg_and_citizen_both_say_takes_back_one_talk() -> None:
    lines = journal("unheard/met").splitlines(keepends=True)
    (said,) = (n for n, line in enumerate(lines) if line.startswith(b'"NO_TALK"'))
    (gone,) = (n for n, line in enumerate(lines) if b"8001-" in line and b'"HANGUP"' in line[:9])
    legs_own = lines[gone].replace(b'"HANGUP"', b'"NO_TALK"', 1)
    once = tell(ledger_of(b"".join(lines)))
    assert tell(ledger_of(b"".join([*lines[:gone], legs_own, *lines[gone:]]))) == once
    assert tell(ledger_of(b"".join([*lines[: said + 1], *lines[said:]]))) == once


ANEW = "voices/attended_keys_anew"
"""Of another day than the others, which are of one run of the PBX."""
ANEW_STORY = """
inbound 12345: answered by caller, answered 0.03, ended 4.44, queue 12345, 8001 8002
  waited 0.01–0.03 connected
  rang 8001 0.02–0.03 answered (queue)
  rang 8002 2.95–3.29 answered (dial)
  talked 8001 0.03–2.95 via queue, ended by transfer
  talked 8002 3.52–4.43 via attended, ended by caller
  attended 8001 → 8002 at 3.52: completed
  recorded 3836 ms
"""


def test_a_recording_that_begins_anew_is_no_new_stay_in_the_queue() -> None:
    changes = ledger_of(journal(ANEW))
    assert tell(changes) == ANEW_STORY.strip().splitlines()
    entries = list(read_queue_log(FOLDER / f"{ANEW}.queue_log"))
    assert entries
    assert list(compare_queues(entries, changes.queue_visits, changes.talks)) == []


def test_a_recording_that_begins_anew_says_so_and_what_was_sent() -> None:
    (recording,) = ledger_of(journal(ANEW)).recordings
    assert (recording.bridged_ms, recording.renewed) == (3836, 1)
    # Two counts of 250 ms less each, and what was sent while the caller heard music alone.
    assert (recording.left_sent_ms, recording.right_sent_ms) == (3315, 2635)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("(alaw)", "(ulaw)", id="mu-law has zeros of its own"),
        pytest.param('\\""read\\"":', '\\""what\\"":', id="no count"),
    ],
)
def test_without_counts_nobody_says_what_was_sent(before: str, after: str) -> None:
    data = journal(ANEW).decode()
    assert before in data
    (recording,) = ledger_of(data.replace(before, after).encode()).recordings
    assert (recording.left_sent_ms, recording.right_sent_ms) == (None, None)
    assert recording.bridged_ms == 3836


MOMENT = "hangups/in_the_moment_of_the_answer"
MOMENT_STORY = """
inbound 12345: answered by caller, answered 0.05, ended 0.06, queue 12345, 8001 8001
  waited 0.03–0.05 connected
  rang 8001 0.04–0.04 answered (queue)
  talked 8001 0.05–0.05 via queue, ended by caller
  recorded 0 ms
"""
NEVER_TOLD = '""hangupsource"":""""'


def test_who_hangs_up_in_the_moment_of_the_answer_has_hung_up_himself() -> None:
    """The PBX names no source to the seat: the two were not whole in their bridge yet."""
    data = journal(MOMENT)
    assert NEVER_TOLD in data.decode()
    assert tell(ledger_of(data)) == MOMENT_STORY.strip().splitlines()


def test_a_seat_that_the_pbx_gave_up_is_not_ended_by_the_caller() -> None:
    """The same without a source, but the seat left first: its phone has died."""
    rows = journal(MOMENT).decode().splitlines(keepends=True)
    first, second = [at for at, row in enumerate(rows) if "BRIDGE_EXIT" in row]
    times = [rows[at].split('"')[3] for at in (first, second)]
    rows[first], rows[second] = (
        rows[second].replace(times[1], times[0]),
        rows[first].replace(times[0], times[1]),
    )
    (call, _waited, _rang, talked, _recorded) = tell(ledger_of("".join(rows).encode()))
    assert "answered by system" in call
    assert talked.endswith("ended by system")
