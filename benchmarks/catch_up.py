"""How fast the journal reader catches up after an outage: ``python -m benchmarks.catch_up``.

Writes the journal of so many answered calls, ten a second, as the PBX does (18 rows a call), and
reads it into an empty database with everything that follows the ledger: cases, their history, the
rows of audio files. Compared in the same run with the parser alone and with the ledger alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from callcenter.casework.cases.service import CaseService
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.listener import LedgerListener
from callcenter.telephony.domain.journal import COLUMNS, parse
from callcenter.telephony.recordings.service import MediaService

RATE = 10
"""Calls a second in the journal's own time."""
BEGIN = 1_795_407_499
TALK_SECONDS = 9.0


def call_rows(serial: int) -> Iterator[tuple[float, dict[str, str]]]:
    """The rows of one answered call, as (seconds after its begin, fields)."""
    second = BEGIN + serial // RATE
    caller, seat = f"{second}.{2 * serial + 1}", f"{second}.{2 * serial + 2}"
    trunk = f"PJSIP/trunk-{2 * serial:08x}"
    extension = 8001 + serial % 200
    phone = f"PJSIP/{extension}-{2 * serial + 1:08x}"
    number = f"139{serial % 10**8:08d}"
    bridge = json.dumps({"bridge_id": f"{serial:08x}", "bridge_technology": "simple_bridge"})
    out = {
        "uniqueid": caller, "number": number, "name": "张三", "exten": "12345",
        "context": "from-pstn", "channel": trunk,
    }  # fmt: skip
    away = {"uniqueid": seat, "exten": "s", "context": "from-seat", "channel": phone}

    def said(name: str, **facts: object) -> dict[str, str]:
        extra = json.dumps({"extra": json.dumps(facts)})
        return {**out, "eventtype": name, "app": "CELGenUserEvent", "userdeftype": name,
                "extra": extra}  # fmt: skip

    ended = json.dumps({"hangupcause": 16, "hangupsource": trunk, "dialstatus": ""})
    queue = {"app": "Queue", "appdata": "12345,ctiC,,,600"}
    over = TALK_SECONDS
    yield 0.0, {**out, "eventtype": "CHAN_START"}
    yield 0.001, said("INBOUND", did="12345")
    yield 0.003, said("ROUTED", route="queue", queue="12345", priority=0, by="agi")
    yield 0.004, {**out, "eventtype": "ANSWER", "app": "Answer"}
    yield 0.005, said("RECORDING", path=f"2026/11/23/12/pbx1-{caller}.raw")
    yield 0.006, {**out, **queue, "eventtype": "APP_START"}
    yield 0.007, {**away, "eventtype": "CHAN_START"}
    yield 0.015, {**away, "eventtype": "ANSWER", "app": "AppQueue"}
    yield 0.016, {**away, "eventtype": "BRIDGE_ENTER", "extra": bridge}
    yield 0.017, {**out, **queue, "eventtype": "BRIDGE_ENTER", "peer": phone, "extra": bridge}
    yield over, {**out, **queue, "eventtype": "BRIDGE_EXIT", "extra": bridge}
    yield over + 0.001, {**away, "eventtype": "BRIDGE_EXIT", "extra": bridge}
    yield over + 0.002, {**out, **queue, "eventtype": "APP_END"}
    yield over + 0.002, {**out, "eventtype": "HANGUP", "extra": ended}
    yield over + 0.002, {**out, "eventtype": "CHAN_END"}
    yield over + 0.003, {**away, "eventtype": "HANGUP", "extra": ended}
    yield over + 0.003, {**away, "eventtype": "CHAN_END"}
    yield over + 0.003, {**away, "eventtype": "LINKEDID_END"}


def write_journal(path: Path, calls: int) -> int:
    """Write the journal in the order of time; the number of its rows."""
    rows = []
    for serial in range(calls):
        begin = BEGIN + serial / RATE
        linkedid = f"{BEGIN + serial // RATE}.{2 * serial + 1}"
        for after, fields in call_rows(serial):
            rows.append((begin + after, {**fields, "linkedid": linkedid}))
    rows.sort(key=lambda row: row[0])
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8") as stream:
        for at, fields in rows:
            fields["eventtime"] = f"{at:.6f}"
            cells = (fields.get(name, "").replace('"', '""') for name in COLUMNS)
            stream.write(",".join(f'"{cell}"' for cell in cells) + "\n")
    return len(rows)


async def caught_up(home: Path, journal: Path, everything: bool) -> float:
    """Seconds until all of `journal` is in an empty ledger."""
    settings = Settings(_env_file=None, home=home)
    settings.journal_dir.mkdir(parents=True)
    settings.journal_file.symlink_to(journal)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    features: Sequence[LedgerListener] = ()
    if everything:
        features = (CaseService(database, settings), MediaService(database, settings))
    reader = JournalReader(database, settings, features)
    begun = time.perf_counter()
    await reader.catch_up()
    seconds = time.perf_counter() - begun
    await database.close()
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=18_000, help="30 minutes at 10 a second")
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory(prefix="catch-up-") as folder:
        journal = Path(folder) / "journal" / "journal.csv"
        rows = write_journal(journal, calls)
        data = journal.read_bytes()
        begun = time.perf_counter()
        assert len(parse(data).rows) == rows
        parsing = time.perf_counter() - begun
        ledger = asyncio.run(caught_up(Path(folder) / "ledger", journal, everything=False))
        whole = asyncio.run(caught_up(Path(folder) / "whole", journal, everything=True))
    print(f"{calls:,} calls, {rows:,} rows, {len(data) / 1e6:.0f} MB of journal")
    for what, seconds in (
        ("parsed", parsing),
        ("in the ledger", ledger),
        ("in ledger, cases and audio files", whole),
    ):
        print(f"{what:<34} {seconds:6.1f} s  {rows / seconds:>9,.0f} rows/s")


if __name__ == "__main__":
    main()
