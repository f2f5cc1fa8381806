"""https beside http: the same service, its own cookies, and what another PC needs to trust it."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest
import uvicorn
from cryptography import x509

from callcenter.app import create_app
from callcenter.people.domain.permissions import Role
from callcenter.people.users.service import UserService
from callcenter.platform.config import Settings
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.doors import Doors
from callcenter.platform.http.given import shelf_of
from callcenter.platform.secrets import Secrets
from callcenter.setup.certificates import authority_files, ensure_certificate, fingerprint
from tests.live.live_system import free_port
from tests.unit.app.running import NOBODY_LISTENS, service


async def test_both_doors_lead_to_the_same_service(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        ami_port=NOBODY_LISTENS,
        agi_port=NOBODY_LISTENS,
        ari_port=NOBODY_LISTENS,
        https_bind="127.0.0.1",
        https_port=free_port("127.0.0.1"),
    )
    ensure_certificate(settings)
    await upgrade_async(settings.db_url)
    app = create_app(settings, Secrets.make())
    server = Doors(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False), settings
    )
    running = asyncio.create_task(server.serve())
    try:
        while not server.started or len(server.servers) < 2:
            assert not running.done(), running.result()
            await asyncio.sleep(0.01)
        plain = server.servers[0].sockets[0].getsockname()[1]
        made = (
            await shelf_of(app)
            .take(UserService)
            .create("wang", name="王芳", roles=frozenset({Role.OPERATOR}), actor="test")
        )
        trusting = ssl.create_default_context(cafile=str(settings.authority_file))
        doors = {
            f"http://127.0.0.1:{plain}": "callcenter_session",
            f"https://localhost:{settings.https_port}": "__Host-callcenter_session",
        }
        for address, cookie in doors.items():
            async with httpx.AsyncClient(
                base_url=address, verify=trusting, trust_env=False
            ) as browser:
                body = {"login": "wang", "password": made.password}
                answer = await browser.post("/api/login", json=body)
                assert answer.status_code == 200, answer.text
                assert cookie in answer.cookies
                given = next(
                    value
                    for value in answer.headers.get_list("set-cookie")
                    if value.startswith(cookie)
                )
                assert ("Secure" in given) is address.startswith("https")
                assert (await browser.get("/api/me")).json()["login"] == "wang"
    finally:
        server.should_exit = True
        await running


async def test_strangers_get_the_authority_and_never_a_key(tmp_path: Path) -> None:
    async with service(tmp_path) as made, made.browser() as stranger:
        missing = await stranger.get("/trust/authority.crt")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no_authority")
        ensure_certificate(made.settings)
        files = authority_files(made.settings)
        answer = await stranger.get("/trust/authority.crt")
        assert answer.headers["content-type"] == "application/x-x509-ca-cert"
        found = x509.load_der_x509_certificate(answer.content)
        assert found == x509.load_pem_x509_certificate(files.certificate.read_bytes())
        told = (await stranger.get("/trust/authority.json")).json()
        assert told["fingerprint"] == fingerprint(files.certificate)
        for name in ("authority-key.pem", "key.pem", "..%2Ftls%2Fkey.pem"):
            assert b"PRIVATE" not in (await stranger.get(f"/trust/{name}")).content


def test_a_certificate_of_the_citys_own_is_two_settings(tmp_path: Path) -> None:
    made = ensure_certificate(Settings(home=tmp_path / "a"))
    own = Settings(
        home=tmp_path / "b", tls_certificate=str(made.certificate), tls_key=str(made.key)
    )
    assert own.tls_files == (made.certificate, made.key)
    with pytest.raises(ValueError, match="belong together"):
        Settings(home=tmp_path, tls_key=str(made.key))
