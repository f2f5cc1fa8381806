"""The API keeps to its own description, whatever is sent: a property test over every operation,
over real HTTP."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import checks

from callcenter.app import create_app
from callcenter.people.tokens.service import TokenService
from callcenter.platform.config import Settings
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.given import shelf_of
from callcenter.platform.secrets import Secrets

NOBODY_LISTENS = 1
EXAMPLES = 6
"""Per operation, of which there are 170: a minute in all. `CONTRACT_EXAMPLES=100` looks deeper."""


@dataclass(frozen=True)
class Served:
    url: str
    token: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home: Path = tmp_path_factory.mktemp("served")
    settings = Settings(home=home, ami_port=NOBODY_LISTENS, agi_port=NOBODY_LISTENS)
    app = create_app(settings, Secrets.make())
    began = threading.Event()
    tokens: list[str] = []

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await upgrade_async(settings.db_url)
            await super().startup(sockets)
            tokens.append(await shelf_of(app).take(TokenService).create("contract"))
            began.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert began.wait(60)
            yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", tokens[0])
        finally:
            server.should_exit = True
            thread.join(30)


def no_fault_of_ours(_context: Any, response: Any, _case: Any) -> None:
    """A server error is one, but that there is no PBX here, which is said by its code."""
    if response.status_code >= 500:
        assert response.json()["error"]["code"] == "pbx_unavailable", response.text


# Left out: what a schema cannot say (a moment must lie in the future), and the framework's Allow
# header, which names the methods of one route where a path has several.
PROMISES = [
    no_fault_of_ours,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
]

DAYS = ("0001-01-01", "9999-12-31", "1970-01-01", "2199-12-31", "2000-02-29")
MOMENTS = (
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00Z",
    "2199-12-31T23:59:59-12:00", "2026-12-31T23:59:59.999999+14:00",
)  # fmt: skip
"""Where reckoning falls off; they are days and moments to a schema."""
schemathesis.openapi.format("date", st.dates().map(str) | st.sampled_from(DAYS))
schemathesis.openapi.format(
    "date-time",
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat) | st.sampled_from(MOMENTS),
)

schema = schemathesis.openapi.from_dict(
    create_app(Settings(home=Path("unused")), Secrets.make()).openapi()
).include(path_regex="^/api/")  # health may say 503 and be right


@schema.parametrize()
@hypothesis_settings(
    max_examples=int(os.environ.get("CONTRACT_EXAMPLES", EXAMPLES)),
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_the_api_is_as_it_is_described(case: schemathesis.Case[Any], served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.token}"}
    case.call_and_validate(base_url=served.url, headers=headers, checks=PROMISES)
