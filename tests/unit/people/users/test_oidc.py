"""Log-in at an identity provider: a fake one on loopback, over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callcenter.people.domain.permissions import Role
from callcenter.people.users.oidc import OidcService
from callcenter.people.users.service import UserService
from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from tests.unit.app.running import Browser, Service, code, service
from tests.unit.people.users.serving import serving

CLIENT, SECRET = "callcenter", "the secret / of: the client"


@dataclass
class Issuer:
    """Who logs in next, and what is wrong with the answer."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    published: list[RSAKey] = field(default_factory=list)
    challenges: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By code: PKCE challenge and nonce."""
    algorithm: str = "RS256"
    asked: list[dict[str, str]] = field(default_factory=list)

    def signed_in(self, location: str) -> str:
        """The person has logged in at the page `location`; where the browser is sent."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        fresh = f"code-{len(self.challenges)}"
        self.challenges[fresh] = (query["code_challenge"], query["nonce"])
        back = urlsplit(query["redirect_uri"])
        return f"{back.path}?code={fresh}&state={query['state']}"

    async def metadata(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        )

    async def keys(self, _request: Request) -> Response:
        return JSONResponse(KeySet([*(self.published or [self.key])]).as_dict(private=False))

    async def token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.asked.append(form)
        basic = base64.b64decode(request.headers.get("authorization", "").partition(" ")[2])
        shown = [unquote_plus(part) for part in basic.decode().split(":")]
        challenge, nonce = self.challenges.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if shown != [CLIENT, SECRET] or proof != challenge:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": "subject-1", "exp": now + 300, "iat": now,
            "nonce": nonce, "preferred_username": "Wang.Fang@city.example", "name": "王芳",
            "roles": ["operator"], **self.claims,
        }  # fmt: skip
        held = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": str(self.key.kid)}
        token = jwt.encode(header, held, self.key, algorithms=[self.algorithm])
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", made.metadata),
            Route("/keys", made.keys),
            Route("/token", made.token, methods=["POST"]),
        ]
    )
    with serving(app) as made.url:
        yield made


@pytest.fixture
async def running(tmp_path: Path, issuer: Issuer) -> AsyncIterator[Service]:
    async with service(
        tmp_path,
        oidc_issuer=issuer.url,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_role_map="班长组=supervisor, staff=operator",
    ) as made:
        yield made


async def log_in(running: Service, issuer: Issuer) -> tuple[Browser, httpx.Response]:
    """Go to the provider, log in there, and come back."""
    browser = Browser(running.browser(), "")
    away = await browser.get("/api/oidc/login")
    assert away.status_code == 303, away.text
    back = await browser.client.get(issuer.signed_in(away.headers["location"]))
    return browser, back


async def test_who_the_provider_knows_is_in_with_the_roles_that_it_says(
    running: Service, issuer: Issuer
) -> None:
    browser, back = await log_in(running, issuer)
    assert back.status_code == 200, back.text
    assert 'content="0;url=/"' in back.text
    me = (await browser.get("/api/me")).json()
    assert (me["login"], me["name"], me["roles"]) == ("wang.fang", "王芳", ["operator"])
    assert me["must_change_password"] is False

    issuer.claims = {"roles": ["班长组", "staff", "unknown"], "name": "王芳芳"}
    again, _ = await log_in(running, issuer)
    now = (await again.get("/api/me")).json()
    assert now["user_id"] == me["user_id"]
    assert (now["name"], now["roles"]) == ("王芳芳", ["operator", "supervisor"])
    assert (await again.get("/api/blocklist")).status_code == 200
    answer = await Browser(running.browser(), "wang.fang").log_in("any password at all")
    assert code(answer) == (401, "wrong_login")


async def test_a_login_comes_back_to_the_browser_that_began_it_once(
    running: Service, issuer: Issuer
) -> None:
    mine = Browser(running.browser(), "")
    away = await mine.get("/api/oidc/login")
    link = issuer.signed_in(away.headers["location"])
    # Another browser, into which somebody slips the link.
    assert code(await running.browser().get(link)) == (422, "oidc_state")
    assert code(await mine.client.get(link.replace("state=", "state=x"))) == (422, "oidc_state")
    assert (await mine.client.get(link)).status_code == 200
    assert code(await mine.client.get(link)) == (422, "oidc_state")


async def test_a_stolen_code_is_worth_nothing_without_its_verifier(
    running: Service, issuer: Issuer
) -> None:
    victim, thief = Browser(running.browser(), ""), Browser(running.browser(), "")
    away = await victim.get("/api/oidc/login")
    stolen = parse_qs(urlsplit(issuer.signed_in(away.headers["location"])).query)["code"][0]
    other = await thief.get("/api/oidc/login")
    own = parse_qs(urlsplit(other.headers["location"]).query)["state"][0]
    answer = await thief.get("/api/oidc/callback", code=stolen, state=own)
    assert code(answer) == (502, "oidc_failed")
    assert code(await thief.get("/api/me")) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"sub": None},
    ],
)
async def test_a_token_that_does_not_hold_lets_nobody_in(
    running: Service, issuer: Issuer, claims: dict[str, Any]
) -> None:
    issuer.claims = claims
    browser, back = await log_in(running, issuer)
    assert code(back) == (502, "oidc_failed")
    assert code(await browser.get("/api/me")) == (401, "unauthenticated")


async def test_a_token_of_another_key_lets_nobody_in(running: Service, issuer: Issuer) -> None:
    issuer.published = [issuer.key]
    issuer.key = RSAKey.generate_key(2048, {"kid": "one"})
    _browser, back = await log_in(running, issuer)
    assert code(back) == (502, "oidc_failed")


async def test_a_new_key_of_the_provider_is_found(running: Service, issuer: Issuer) -> None:
    assert (await log_in(running, issuer))[1].status_code == 200
    issuer.key = RSAKey.generate_key(2048, {"kid": "two"})
    assert (await log_in(running, issuer))[1].status_code == 200


@pytest.mark.parametrize("groups", [[], ["unknown"], None, 7, {"a": 1}, [["operator"]]])
async def test_without_a_role_nobody_gets_in(running: Service, issuer: Issuer, groups: Any) -> None:
    issuer.claims = {"roles": groups}
    _browser, back = await log_in(running, issuer)
    assert code(back) == (403, "oidc_no_role")
    assert await running.get(UserService).page(after=None, limit=10) == []


async def test_a_user_with_a_password_is_not_taken_over(running: Service, issuer: Issuer) -> None:
    await running.person("wang.fang", Role.ADMIN)
    _browser, back = await log_in(running, issuer)
    assert code(back) == (409, "oidc_login_taken")


async def test_who_is_disabled_here_stays_out(running: Service, issuer: Issuer) -> None:
    browser, _back = await log_in(running, issuer)
    user_id = (await browser.get("/api/me")).json()["user_id"]
    admin = await running.machine(Role.ADMIN)
    await admin.patch(f"/api/users/{user_id}", json={"enabled": False})
    _browser, back = await log_in(running, issuer)
    assert code(back) == (403, "user_disabled")


async def test_what_the_provider_refuses_is_said(running: Service) -> None:
    answer = await running.browser().get(
        "/api/oidc/callback", params={"error": "access_denied", "state": "x"}
    )
    assert code(answer) == (403, "oidc_refused")
    assert "access_denied" in answer.text


async def test_a_provider_that_is_away_is_told_from_a_fault_of_ours(tmp_path: Path) -> None:
    async with service(
        tmp_path, oidc_issuer="http://127.0.0.1:1", oidc_client_id=CLIENT
    ) as running:
        assert code(await running.browser().get("/api/oidc/login")) == (502, "oidc_failed")


async def test_without_a_provider_there_is_none(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        client = running.browser()
        assert (await client.get("/api/oidc")).json() == {"enabled": False}
        assert code(await client.get("/api/oidc/login")) == (404, "oidc_off")


def test_a_role_that_is_none_is_a_bad_setting(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path, oidc_role_map="group=king")
    with pytest.raises(SetupError, match="OIDC_ROLE_MAP"):
        OidcService(None, settings, None, None)  # type: ignore[arg-type]
