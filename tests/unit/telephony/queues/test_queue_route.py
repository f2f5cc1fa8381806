"""The AGI step's answer to where a dialled number leads."""

from __future__ import annotations

from pathlib import Path

import pytest

from agi.database import open_database
from agi.process import make_questions
from agi.protocol import Request
from callcenter.platform.clock import utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.telephony.domain.queues import QueuePlan
from callcenter.telephony.queues.first import main_queue
from callcenter.telephony.queues.service import QueueService

DID = "02166660000"


@pytest.mark.parametrize(
    ("dialled", "enabled", "queue"),
    [
        (DID, True, "english"),
        ("+" + DID, True, "english"),
        (DID, False, "12345"),
        ("12345", True, "12345"),
        ("02166660001", True, "12345"),
        ("", True, "12345"),
    ],
    ids=["its queue", "with a plus", "disabled", "the hotline", "unknown", "none"],
)
async def test_a_number_leads_to_its_queue_and_else_to_the_main_one(
    tmp_path: Path, dialled: str, enabled: bool, queue: str
) -> None:
    settings = Settings(_env_file=None, home=tmp_path)
    await upgrade_async(settings.db_url)
    database, reads = Database(settings.db_url), open_database(settings)
    queues = QueueService(database, settings)
    await queues.ensure_first()
    first = main_queue(settings)
    values = {name: getattr(first, name) for name in QueuePlan.__slots__}
    await queues.create(
        QueuePlan(**values | {"code": "english", "transfer_number": None}), actor="test"
    )
    await queues.add_number(DID, queue="english", note="", actor="test")
    if not enabled:
        await queues.change("english", {"enabled": False}, actor="test")
    try:
        args = (dialled,) if dialled else ()
        route = make_questions(settings, reads, utc_now)["route"]
        answer = await route(Request("route", args, {"agi_callerid": "13800138000"}))
    finally:
        await reads.close()
        await database.close()
    assert answer == {"CC_ROUTE": "queue", "CC_QUEUE": queue, "CC_PRIORITY": "0"}
