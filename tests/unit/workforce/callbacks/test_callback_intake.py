"""From the ledger to call-back tasks, on a real database."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.rebuild import rebuild
from callcenter.telephony.domain.ledger import Direction, LedgerRow, Outcome
from callcenter.workforce.callbacks.intake import CallbackIntake
from callcenter.workforce.callbacks.models import CallbackAttempt, CallbackMissed, CallbackTask
from callcenter.workforce.domain.callbacks import CallbackOutcome, CallbackResult
from tests.unit.traces import journal
from tests.unit.workforce.callbacks.house import NOW, NUMBER, WANG, House


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


async def test_who_gave_up_is_to_be_called_back_at_his_place(house: House) -> None:
    call = house.call(Outcome.ABANDONED, NOW)
    told = await house.tell(call, house.visit(call, 2.0))
    (task,) = await house.tasks()
    assert (task.number, task.queue, task.reason) == (NUMBER, "12345", "abandoned")
    assert (task.status, task.requested, task.missed_count) == ("open", False, 1)
    assert task.joined_at == NOW + timedelta(seconds=2)
    assert (task.first_missed_at, task.last_call_id) == (call.ended_at, call.id)
    assert [change.data["id"] for change in told] == [task.id]
    assert NUMBER not in str(told)


async def test_the_place_is_that_of_the_queue_also_when_it_was_told_long_before(
    house: House,
) -> None:
    """He pressed the key, heard that it was noted and hung up: three batches."""
    call = house.call(Outcome.CALLBACK, NOW)
    visit = house.visit(call, 3.0)
    begun = replace(call, ended_at=None, ended_by=None, outcome=Outcome.IN_PROGRESS)
    await house.tell(begun, replace(visit, left_at=None, how=None))
    await house.tell(visit)
    await house.tell(call)
    (task,) = await house.tasks()
    assert (task.requested, task.joined_at) == (True, NOW + timedelta(seconds=3))


async def test_one_number_is_one_task_at_its_first_place(house: House) -> None:
    await house.missed(ago=20)
    await house.missed(Outcome.CLOSED, ago=15)
    await house.missed(Outcome.CALLBACK, ago=10)
    (task,) = await house.tasks()
    assert (task.missed_count, task.requested, task.reason) == (3, True, "requested")
    assert task.joined_at == NOW - minutes(20) + timedelta(seconds=2)
    assert task.last_missed_at == NOW - minutes(10) + timedelta(seconds=30)
    detail = await house.callbacks.get(task.id)
    assert len(detail.missed_calls) == 3


async def test_rows_that_come_again_change_nothing(house: House) -> None:
    call = house.call(Outcome.ABANDONED, NOW)
    for _ in range(3):
        await house.tell(call, house.visit(call))
    (task,) = await house.tasks()
    assert task.missed_count == 1


async def test_who_gets_through_is_not_called_back(house: House) -> None:
    task = await house.missed(ago=10)
    answered = house.call(Outcome.ANSWERED, NOW)
    ringing = replace(
        answered, ended_at=None, ended_by=None, answered_at=None, outcome=Outcome.IN_PROGRESS
    )
    assert not await house.tell(ringing)
    talking = replace(answered, ended_at=None, ended_by=None, outcome=Outcome.IN_PROGRESS)
    (change,) = await house.tell(talking)
    assert change.data["status"] == "dropped"
    (dropped,) = await house.tasks()
    assert (dropped.id, dropped.status) == (task.id, "dropped")
    assert (dropped.got_through_call_id, dropped.closed_at) == (answered.id, answered.answered_at)
    assert not await house.tell(answered)


async def test_who_got_through_before_he_gave_up_is_called_back(house: House) -> None:
    answered = house.call(Outcome.ANSWERED, NOW - minutes(30))
    gave_up = house.call(Outcome.ABANDONED, NOW - minutes(10))
    await house.tell(gave_up, answered)
    await house.tell(answered)
    assert [task.status for task in await house.tasks()] == ["open"]


async def test_another_missed_call_after_the_end_is_another_task(house: House) -> None:
    first = await house.missed(ago=30)
    await house.tell(house.call(Outcome.ANSWERED, NOW - minutes(20)))
    second = await house.missed(ago=10)
    assert second.id != first.id
    assert [task.status for task in await house.tasks()] == ["open", "dropped"]


async def test_a_task_in_an_agents_hand_is_marked_and_stays_there(house: House) -> None:
    task = await house.missed()
    await house.callbacks.take(task.id, WANG)
    await house.tell(house.call(Outcome.ANSWERED, NOW))
    (marked,) = await house.tasks()
    assert (marked.status, marked.taken_by) == ("taken", "wang")
    assert marked.got_through_call_id is not None
    given_back = await house.callbacks.release(task.id, WANG)
    assert given_back.task.status == "dropped"


async def test_numbers_that_cannot_be_called_make_no_task(house: House) -> None:
    for number in ("", "zhangsan", "12"):
        await house.tell(house.call(Outcome.ABANDONED, NOW, number))
    assert await house.tasks() == []


async def test_an_attempt_learns_what_came_of_its_call(house: House) -> None:
    task = await house.missed()
    await house.callbacks.take(task.id, WANG)
    dialled = await house.callbacks.dial(task.id, WANG, "8001")
    call = house.call(
        Outcome.ANSWERED, NOW, "8001", id=dialled.call_id, direction=Direction.OUTBOUND
    )
    await house.tell(replace(call, ended_at=None, answered_at=None))
    await house.tell(call)
    (attempt,) = (await house.callbacks.get(task.id)).attempts
    assert (attempt.answered_at, attempt.ended_at) == (call.answered_at, call.ended_at)


# -- laws -----------------------------------------------------------------------------------------


def random_calls(house: House, chance: random.Random) -> list[tuple[datetime, list[LedgerRow]]]:
    """Calls of a few numbers, told in steps, in the order of time."""
    steps: list[tuple[datetime, list[LedgerRow]]] = []
    for _ in range(25):
        outcome = chance.choice(
            [Outcome.ABANDONED, Outcome.CLOSED, Outcome.CALLBACK, Outcome.ANSWERED]
        )
        number = f"1380013800{chance.randrange(4)}"
        call = house.call(outcome, NOW + timedelta(seconds=chance.randrange(3000)), number)
        visit = house.visit(call)
        begun = replace(call, answered_at=None, ended_at=None, outcome=Outcome.IN_PROGRESS)
        rows: list[LedgerRow] = [begun]
        if call.queue:
            rows.append(replace(visit, left_at=None, how=None))
        steps.append((call.started_at + timedelta(seconds=2), rows))
        if call.answered_at is not None:
            steps.append((call.answered_at, [replace(begun, answered_at=call.answered_at), visit]))
        assert call.ended_at is not None
        steps.append((call.ended_at, [call, visit] if call.queue else [call]))
    return sorted(steps, key=lambda step: step[0])


def newest(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    return list({row.id: row for row in rows}.values())


async def state(house: House) -> list[str]:
    """Every task without its id, every missed call with its task's first moment."""
    async with house.database.reading() as session:
        tasks = {task.id: task for task in await session.scalars(select(CallbackTask))}
        found = [
            (task.number, task.first_missed_at, task.last_missed_at, task.status, task.missed_count,
             task.requested, task.reason, task.joined_at, task.got_through_call_id, task.queue)
            for task in tasks.values()
        ]  # fmt: skip
        links = [
            (link.call_id, link.reason, tasks[link.task_id].first_missed_at)
            for link in await session.scalars(select(CallbackMissed))
        ]
    return sorted(map(repr, found)) + sorted(map(repr, links))


async def clear(house: House) -> None:
    async with house.database.writing() as session:
        for table in (CallbackAttempt, CallbackMissed, CallbackTask):
            for row in await session.scalars(select(table)):
                await session.delete(row)
            await session.flush()


@pytest.mark.parametrize("seed", range(10))
async def test_batches_of_any_size_make_the_same_tasks(house: House, seed: int) -> None:
    chance = random.Random(seed)
    steps = random_calls(house, chance)
    for _, rows in steps:
        await house.tell(*rows)
    one_by_one = await state(house)
    assert one_by_one
    await clear(house)
    while steps:
        count = chance.choice((1, 3, 10, 40))
        batch, steps = steps[:count], steps[count:]
        await house.tell(*newest([row for _, rows in batch for row in rows]))
    assert await state(house) == one_by_one


@pytest.mark.parametrize("seed", range(4))
async def test_everything_told_again_touches_nothing(house: House, seed: int) -> None:
    """As a rebuild does, after people have worked with the tasks."""
    chance = random.Random(seed)
    steps = random_calls(house, chance)
    for _, rows in steps:
        await house.tell(*rows)
    for task in await house.tasks(open=True):
        await house.callbacks.take(task.id, WANG)
        if chance.random() < 0.7:
            await house.callbacks.finish(
                task.id, WANG, result=CallbackResult.DONE, outcome=CallbackOutcome.REACHED
            )
    before = await state(house)
    for _, rows in steps:
        await house.tell(*rows)
    assert await state(house) == before


async def test_a_rebuild_from_the_journal_leaves_what_people_did(house: House) -> None:
    settings = house.settings
    settings.journal_dir.mkdir(parents=True)
    settings.journal_file.write_bytes(
        b"".join(journal(name) for name in ("abandoned_waiting", "answered", "exit_key_message"))
    )
    intake = CallbackIntake()
    await JournalReader(house.database, settings, (intake,)).catch_up()
    (task,) = await house.tasks(open=True)
    await house.callbacks.take(task.id, WANG)
    await house.callbacks.finish(
        task.id, WANG, result=CallbackResult.DONE, outcome=CallbackOutcome.REACHED, note="已答复"
    )
    before = await state(house)
    await rebuild(settings, house.database, lambda _line: None, (intake,))
    assert await state(house) == before
    (same,) = await house.tasks()
    assert (same.id, same.status, same.note) == (task.id, "done", "已答复")
