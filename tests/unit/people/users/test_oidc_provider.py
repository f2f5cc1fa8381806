"""Log-in at an identity provider that is not ours: pyop, whose authors have read the standard for
themselves. Only its pages are made here; what it believes, signs and refuses is its own.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from Cryptodome.PublicKey import RSA
from jwkest.ecc import P256
from jwkest.jwk import ECKey, RSAKey
from pyop.authz_state import AuthorizationState
from pyop.exceptions import InvalidAuthenticationRequest, OAuthError
from pyop.provider import Provider
from pyop.subject_identifier import HashBasedSubjectIdentifierFactory
from pyop.userinfo import Userinfo
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from callcenter.people.domain.permissions import Role
from callcenter.platform.config import Settings
from callcenter.setup.certificates import CertificateFiles, ensure_certificate
from tests.unit.app.running import BASE, Browser, Service, code, service
from tests.unit.people.users.serving import serving

CALLBACK = f"{BASE}/api/oidc/callback"
SECRET = "100% of: the+secret / 密"
"""What a form must encode."""
PEOPLE: dict[str, dict[str, Any]] = {
    "wang": {
        "name": "王芳",
        "preferred_username": "Wang.Fang@city.example",
        "groups": ["话务组", "everybody"],
    },
    "guest": {"name": "客人", "preferred_username": "guest", "groups": ["everybody"]},
}


def rsa_key(kid: str = "one") -> Any:
    return RSAKey(key=RSA.generate(2048), kid=kid, alg="RS256", use="sig")


def elliptic_key() -> Any:
    return ECKey(kid="two", alg="ES256", use="sig").load_key(P256)


def trusted(made: CertificateFiles) -> Path:
    """Whose word the certificate is."""
    return made.certificate.with_name("authority.pem")


@dataclass
class City:
    """The city's identity provider and its pages."""

    tls: CertificateFiles
    url: str = ""
    key: Any = field(default_factory=rsa_key)
    lifetime: int = 300
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    provider: Any = None
    told: list[str] = field(default_factory=list)
    """Addresses that were asked for."""
    changed: dict[str, Any] = field(default_factory=dict)
    """What it tells about a person otherwise than it should."""
    made_for: str = ""
    """The provider goes wrong: it signs for this client, whoever asks."""

    def opens(self, url: str) -> None:
        """It is known as `url` from now on."""
        self.url = url
        signed = "ES256" if isinstance(self.key, ECKey) else "RS256"
        self.clients = {
            "callcenter": _client(SECRET, "client_secret_basic", signed),
            "posting": _client(SECRET, "client_secret_post", signed),
            "public": _client(None, "none", signed),
            "calendar": _client("other", "client_secret_basic", signed),
        }
        self.provider = Provider(
            self.key,
            {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "userinfo_endpoint": f"{url}/userinfo",
                "jwks_uri": f"{url}/keys",
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": [signed],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "scopes_supported": ["openid", "profile"],
                "subject_types_supported": ["pairwise"],
            },
            AuthorizationState(HashBasedSubjectIdentifierFactory("salt")),
            self.clients,
            Userinfo(PEOPLE),
            id_token_lifetime=self.lifetime,
            extra_scopes={"groups": ["groups"]},
        )

    # -- its pages ---------------------------------------------------------------------------

    async def metadata(self, _request: Request) -> Response:
        return JSONResponse(self.provider.provider_configuration.to_dict())

    async def keys(self, _request: Request) -> Response:
        return JSONResponse(self.provider.jwks)

    async def authorize(self, request: Request) -> Response:
        """A person who has logged in there as the cookie says agrees at once."""
        try:
            asked = self.provider.parse_authentication_request(request.url.query)
        except InvalidAuthenticationRequest as error:
            where = error.to_error_url()
            return RedirectResponse(where) if where else Response(str(error), status_code=400)
        answer = self.provider.authorize(asked, request.cookies["person"])
        return RedirectResponse(answer.request(asked["redirect_uri"]), status_code=302)

    async def token(self, request: Request) -> Response:
        self.told.append("token")
        body = (await request.body()).decode()
        try:
            answer = self.provider.handle_token_request(body, _headers(request)).to_dict()
        except OAuthError as error:
            return JSONResponse({"error": error.oauth_error}, status_code=400)
        if self.made_for:
            claims = json.loads(_part(answer["id_token"], 1))
            answer["id_token"] = self.provider._create_signed_id_token(
                self.made_for, claims["sub"], nonce=claims["nonce"]
            )
        return JSONResponse(answer)

    async def userinfo(self, request: Request) -> Response:
        self.told.append("userinfo")
        answer = self.provider.handle_userinfo_request("", _headers(request)).to_dict()
        return JSONResponse({**answer, **self.changed})

    # -- a person ----------------------------------------------------------------------------

    def browser(self) -> httpx.AsyncClient:
        """Somebody's browser, which knows the city's certificate."""
        return httpx.AsyncClient(verify=ssl.create_default_context(cafile=trusted(self.tls)))

    async def lets_in(self, location: str, person: str = "wang") -> str:
        """`person` goes where our service sends him and logs in; where he is sent back to."""
        async with self.browser() as browser:
            browser.cookies.set("person", person)
            answer = await browser.get(location)
        assert answer.status_code == 302, answer.text
        back = str(answer.headers["location"])
        assert back.startswith(f"{CALLBACK}?")
        return back


def _client(secret: str | None, method: str, signed: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "redirect_uris": [CALLBACK],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
        "id_token_signed_response_alg": signed,
    }
    return made if secret is None else {**made, "client_secret": secret}


def _headers(request: Request) -> dict[str, str]:
    given = request.headers.get("authorization")
    return {} if given is None else {"Authorization": given}


def _part(token: str, number: int) -> bytes:
    text = token.split(".")[number]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def open_city(tls: CertificateFiles, **more: Any) -> Iterator[City]:
    made = City(tls, **more)
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", made.metadata),
            Route("/keys", made.keys),
            Route("/authorize", made.authorize),
            Route("/token", made.token, methods=["POST"]),
            Route("/userinfo", made.userinfo),
        ]
    )
    with serving(app, tls) as url:
        made.opens(url)
        yield made


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """The city signs its certificate itself."""
    return ensure_certificate(Settings(_env_file=None, home=tmp_path_factory.mktemp("city")))


@pytest.fixture
def tls(certificate: CertificateFiles, monkeypatch: pytest.MonkeyPatch) -> CertificateFiles:
    """Our service is told whom to trust, as docs/operations.md says."""
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted(certificate)))
    return certificate


@pytest.fixture
def city(tls: CertificateFiles) -> Iterator[City]:
    with open_city(tls) as made:
        yield made


@asynccontextmanager
async def hotline(tmp_path: Path, city: City, **changes: Any) -> Any:
    """Our service, as an admin sets it for this provider."""
    settings = {
        "oidc_issuer": city.url,
        "oidc_client_id": "callcenter",
        "oidc_client_secret": SECRET,
        "oidc_scopes": "openid profile groups",
        "oidc_roles_claim": "groups",
        "oidc_role_map": "话务组=operator",
        **changes,
    }
    async with service(tmp_path, **settings) as running:
        yield running


async def sent_away(running: Service) -> tuple[Browser, str]:
    """A fresh browser, and where it is sent."""
    browser = Browser(running.browser(), "")
    answer = await browser.get("/api/oidc/login")
    assert answer.status_code == 303, answer.text
    return browser, answer.headers["location"]


async def log_in(
    running: Service, city: City, person: str = "wang"
) -> tuple[Browser, httpx.Response]:
    """The whole way."""
    browser, where = await sent_away(running)
    return browser, await browser.client.get(await city.lets_in(where, person))


async def is_out(browser: Browser) -> None:
    assert code(await browser.get("/api/me")) == (401, "unauthenticated")


@pytest.mark.parametrize("key", [rsa_key, elliptic_key])
async def test_the_whole_way_to_a_session(tmp_path: Path, tls: CertificateFiles, key: Any) -> None:
    with open_city(tls, key=key()) as city:
        async with hotline(tmp_path, city) as running:
            browser, back = await log_in(running, city)
            assert back.status_code == 200, back.text
            me = (await browser.get("/api/me")).json()
            # The standard has these at the UserInfo endpoint, not in the ID token.
            assert (me["login"], me["name"]) == ("wang.fang", "王芳")
            assert me["roles"] == ["operator"]
            browser.csrf = me["csrf_token"]
            assert (await browser.post("/api/logout")).status_code == 204
            await is_out(browser)
            again, _ = await log_in(running, city)
            assert (await again.get("/api/me")).json()["user_id"] == me["user_id"]
            log = await (await running.machine(Role.ADMIN)).get("/api/trail")
            assert "user.logged_in" in log.text


@pytest.mark.parametrize(
    ("client", "secret", "methods"),
    [
        ("callcenter", SECRET, None),  # Left out, it is client_secret_basic.
        ("posting", SECRET, ["client_secret_post", "private_key_jwt"]),
        ("public", "", ["none"]),
    ],
)
async def test_the_client_shows_itself_as_the_provider_wants_it(
    tmp_path: Path, city: City, client: str, secret: str, methods: list[str] | None
) -> None:
    told = city.provider.configuration_information
    del told["token_endpoint_auth_methods_supported"]
    if methods is not None:
        told["token_endpoint_auth_methods_supported"] = methods
    async with hotline(tmp_path, city, oidc_client_id=client, oidc_client_secret=secret) as running:
        _browser, back = await log_in(running, city)
        assert back.status_code == 200, back.text


async def test_a_wrong_secret_lets_nobody_in(tmp_path: Path, city: City) -> None:
    async with hotline(tmp_path, city, oidc_client_secret="wrong") as running:
        browser, back = await log_in(running, city)
        assert code(back) == (502, "oidc_failed")
        await is_out(browser)


async def test_a_person_without_a_group_of_ours_stays_out(tmp_path: Path, city: City) -> None:
    async with hotline(tmp_path, city) as running:
        browser, back = await log_in(running, city, "guest")
        assert code(back) == (403, "oidc_no_role")
        await is_out(browser)
    (tmp_path / "other").mkdir()
    async with hotline(tmp_path / "other", city, oidc_scopes="openid profile") as running:
        # A provider tells groups only to whoever asks for their scope.
        assert code((await log_in(running, city))[1]) == (403, "oidc_no_role")


def _pending(browser: Browser) -> list[str]:
    values: list[str] = json.loads(
        base64.urlsafe_b64decode(browser.client.cookies["callcenter_oidc"])
    )
    return values


def _keep(browser: Browser, *values: str) -> None:
    text = base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
    browser.client.cookies.clear()
    browser.client.cookies.set("callcenter_oidc", text)


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ("state", (422, "oidc_state")),
        ("nonce", (502, "oidc_failed")),
        ("verifier", (502, "oidc_failed")),
    ],
)
async def test_what_belongs_to_another_login_lets_nobody_in(
    tmp_path: Path, city: City, wrong: str, refusal: tuple[int, str]
) -> None:
    async with hotline(tmp_path, city) as running:
        browser, where = await sent_away(running)
        other, _where = await sent_away(running)
        mine, others = _pending(browser), _pending(other)
        at = ["state", "nonce", "verifier"].index(wrong)
        mine[at] = others[at]
        _keep(browser, *mine)
        assert code(await browser.client.get(await city.lets_in(where))) == refusal
        await is_out(browser)


async def test_a_code_is_worth_one_login(tmp_path: Path, city: City) -> None:
    async with hotline(tmp_path, city) as running:
        browser, where = await sent_away(running)
        kept = _pending(browser)
        back = await city.lets_in(where)
        assert (await browser.client.get(back)).status_code == 200
        thief = Browser(running.browser(), "")
        _keep(thief, *kept)
        assert code(await thief.client.get(back)) == (502, "oidc_failed")
        await is_out(thief)


async def test_a_code_that_another_program_got_lets_nobody_in(tmp_path: Path, city: City) -> None:
    async with hotline(tmp_path, city) as running:
        browser, where = await sent_away(running)
        asked = parse_qs(urlsplit(where).query)
        asked["client_id"] = ["calendar"]
        stolen = f"{city.url}/authorize?{urlencode(asked, doseq=True)}"
        assert code(await browser.client.get(await city.lets_in(stolen))) == (502, "oidc_failed")
        await is_out(browser)


async def test_a_token_for_another_program_lets_nobody_in(tmp_path: Path, city: City) -> None:
    async with hotline(tmp_path, city) as running:
        city.made_for = "calendar"
        browser, back = await log_in(running, city)
        assert code(back) == (502, "oidc_failed")
        await is_out(browser)
        city.made_for = "callcenter"
        assert (await log_in(running, city))[1].status_code == 200


async def test_a_token_that_has_expired_lets_nobody_in(
    tmp_path: Path, tls: CertificateFiles
) -> None:
    with open_city(tls, lifetime=-60) as city:
        async with hotline(tmp_path, city) as running:
            browser, back = await log_in(running, city)
            assert code(back) == (502, "oidc_failed")
            await is_out(browser)


async def test_what_is_told_of_somebody_else_is_not_believed(tmp_path: Path, city: City) -> None:
    async with hotline(tmp_path, city) as running:
        city.changed = {"sub": "somebody else"}
        browser, back = await log_in(running, city)
        assert code(back) == (502, "oidc_failed")
        await is_out(browser)


async def test_a_provider_of_another_name_is_not_believed(tmp_path: Path, city: City) -> None:
    other_name = city.url.replace("127.0.0.1", "localhost")
    async with hotline(tmp_path, city, oidc_issuer=other_name) as running:
        assert code(await running.browser().get("/api/oidc/login")) == (502, "oidc_failed")


async def test_a_new_signing_key_is_found(tmp_path: Path, city: City) -> None:
    async with hotline(tmp_path, city) as running:
        assert (await log_in(running, city))[1].status_code == 200
        city.provider.signing_key = rsa_key("newer")
        assert (await log_in(running, city))[1].status_code == 200


async def test_who_says_no_there_is_told_so_here(tmp_path: Path, city: City) -> None:
    async with hotline(tmp_path, city) as running:
        browser, where = await sent_away(running)
        asked = parse_qs(urlsplit(where).query)
        asked["response_type"] = ["id_token"]
        async with city.browser() as client:
            refused = await client.get(f"{city.url}/authorize?{urlencode(asked, doseq=True)}")
        assert code(
            await browser.client.get(
                "/api/oidc/callback",
                params={
                    name: values[0]
                    for name, values in parse_qs(
                        urlsplit(refused.headers["location"]).fragment
                    ).items()
                },
            )
        ) == (403, "oidc_refused")
