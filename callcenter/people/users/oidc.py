"""Log-in at an identity provider: OpenID Connect, code flow with PKCE (RFC 7636).

Off unless `oidc_issuer` is set; then passwords still work, for the admin who must mend the
provider's settings. The provider says who somebody is (issuer and subject, which never change)
and, by the roles claim, what he may do: his roles are taken anew at each login. What its ID token
leaves out is asked for at its UserInfo endpoint, where the standard has a person's data. A user
that has only a password is never taken over by a provider that knows the same login.

The browser keeps what a login needs until it comes back (state, nonce, verifier) in a cookie of
its own for ten minutes, so any process may answer it.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.exc import IntegrityError

from callcenter.people.access.free_name import must_be_free_of_tokens
from callcenter.people.domain.permissions import Role, words_of
from callcenter.people.trail.chain import ActorKind
from callcenter.people.trail.service import Entry, record
from callcenter.people.users import repository
from callcenter.people.users.models import User
from callcenter.people.users.service import LOGIN, UserService
from callcenter.people.users.sessions import From, LoggedIn, SessionService
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import (
    BadInput,
    CallcenterError,
    Conflict,
    Forbidden,
    NotFound,
    SetupError,
)

_log = logging.getLogger(__name__)

CALLBACK = "/api/oidc/callback"
PENDING_SECONDS = 600
"""For a password, a second factor and a slow person."""
METADATA_SECONDS = 3600.0
"""Then endpoints and keys are asked for again; at once if a key is not known."""
HTTP_SECONDS = 10.0
LEEWAY_SECONDS = 30
"""Clocks of two machines."""
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures by a key pair alone: a token is never believed for a shared secret, or for none."""


class OidcFailed(CallcenterError):
    """The identity provider cannot be reached, or answers what we cannot use."""

    status = 502
    code = "oidc_failed"


@dataclass(frozen=True, slots=True)
class Pending:
    """A login that is under way at the provider."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @staticmethod
    def make() -> Pending:
        """Fresh and random, 256 bits each."""
        return Pending(*(secrets.token_urlsafe(32) for _ in range(3)))

    def cookie(self) -> str:
        """For the browser to keep."""
        text = json.dumps([self.state, self.nonce, self.verifier])
        return base64.urlsafe_b64encode(text.encode()).decode()

    @staticmethod
    def of(cookie: str) -> Pending | None:
        """What `cookie` of an earlier answer holds; None if it is none."""
        try:
            values = json.loads(base64.urlsafe_b64decode(cookie))
        except (binascii.Error, ValueError):
            return None
        if not (isinstance(values, list) and len(values) == 3):
            return None
        return Pending(*values) if all(isinstance(one, str) and one for one in values) else None


@dataclass(frozen=True, slots=True)
class _Provider:
    authorization: str
    token: str
    keys: str
    userinfo: str
    """Empty: it has none."""
    secret_in_body: bool
    """How a client with a secret shows itself at `token`."""


class OidcService:
    """Sends browsers to the provider and takes them back."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        users: UserService,
        sessions: SessionService,
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._users = users
        self._sessions = sessions
        self._clock = clock
        self._monotonic = monotonic
        self._issuer = settings.oidc_issuer.rstrip("/")
        self._client_id = settings.oidc_client_id
        self._client_secret = settings.oidc_client_secret
        self._scopes = settings.oidc_scopes
        self._claim = settings.oidc_roles_claim.split(".")
        self._roles = role_map(settings.oidc_role_map)
        self._public = settings.public_url
        self._http = httpx.AsyncClient(timeout=HTTP_SECONDS)
        self._found: tuple[_Provider, KeySet, float] | None = None

    @property
    def enabled(self) -> bool:
        """Whether there is a provider."""
        return bool(self._issuer and self._client_id)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def begin(self, base_url: str) -> tuple[str, Pending]:
        """Where to send the browser, and what it must keep until it is back.

        `base_url` is ours as the browser sees it, unless `public_url` is set. Errors: `NotFound`
        ``oidc_off``; `OidcFailed`.
        """
        provider, _keys = await self._provider()
        pending = Pending.make()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect(base_url),
            "scope": self._scopes,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": create_s256_code_challenge(pending.verifier),
            "code_challenge_method": "S256",
        }
        separator = "&" if urlsplit(provider.authorization).query else "?"
        return f"{provider.authorization}{separator}{urlencode(query)}", pending

    async def finish(
        self, *, code: str, state: str, pending: Pending | None, base_url: str, place: From
    ) -> LoggedIn:
        """Take a browser back that the provider sends with `code`.

        Errors: `BadInput` ``oidc_state`` (another browser, too late, or twice); `OidcFailed`;
        `Forbidden` ``oidc_no_role``, ``user_disabled``; `Conflict` ``oidc_login_taken``.
        """
        if pending is None or not secrets.compare_digest(
            state.encode("utf-8", "surrogatepass"), pending.state.encode()
        ):
            raise BadInput(
                "this log-in was begun in another browser, or too long ago; begin it again",
                code="oidc_state",
            )
        claims = await self._claims(code, pending, self._redirect(base_url))
        return await self._log_in(claims, place)

    # -- the provider ----------------------------------------------------------------------

    async def _claims(self, code: str, pending: Pending, redirect: str) -> Mapping[str, Any]:
        provider, keys = await self._provider()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": pending.verifier,
            "client_id": self._client_id,
        }
        answer = await self._json("POST", provider.token, **self._shown(provider, form))
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise OidcFailed("the identity provider gave no ID token")
        try:
            claims = _decode(token, keys)
        except (JoseError, ValueError):
            # The key may be newer than what we know.
            _provider, keys = await self._provider(fresh=True)
            claims = self._decoded(token, keys)
        self._check(claims, pending.nonce)
        return await self._completed(claims, provider, answer.get("access_token"))

    def _shown(self, provider: _Provider, form: dict[str, str]) -> dict[str, Any]:
        """The request's parts that say `form` and who we are. RFC 6749, section 2.3.1: in the
        header both are encoded as in a form. A public client has no secret."""
        if not self._client_secret:
            return {"data": form}
        if provider.secret_in_body:
            return {"data": {**form, "client_secret": self._client_secret}}
        parts = (quote(part, safe="") for part in (self._client_id, self._client_secret))
        return {"data": form, "auth": tuple(parts)}

    async def _completed(
        self, claims: Mapping[str, Any], provider: _Provider, access_token: object
    ) -> Mapping[str, Any]:
        """`claims` with what the UserInfo endpoint says, if they tell too little of a person:
        OpenID Connect Core 1.0, sections 5.4 and 5.3.2."""
        told = self._groups(claims) is not None and {"name", "preferred_username"} <= claims.keys()
        if told or not provider.userinfo or not isinstance(access_token, str):
            return claims
        headers = {"Authorization": f"Bearer {access_token}"}
        more = await self._json("GET", provider.userinfo, headers=headers)
        if more.get("sub") != claims["sub"]:
            raise OidcFailed("the identity provider's UserInfo is of somebody else")
        return {**more, **claims}

    def _decoded(self, token: str, keys: KeySet) -> Mapping[str, Any]:
        try:
            return _decode(token, keys)
        except (JoseError, ValueError) as error:
            raise OidcFailed("the ID token is not signed by the identity provider") from error

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        """OpenID Connect Core 1.0, section 3.1.3.7."""
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock().timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate(dict(claims))
        except JoseError as error:
            raise OidcFailed(f"the ID token does not hold: {error.error}") from error
        if str(claims["iss"]).rstrip("/") != self._issuer:
            raise OidcFailed("the ID token is of another issuer")
        if claims.get("azp", self._client_id) != self._client_id:
            raise OidcFailed("the ID token was made for another client")

    async def _provider(self, *, fresh: bool = False) -> tuple[_Provider, KeySet]:
        if not self.enabled:
            raise NotFound("no identity provider is set", code="oidc_off")
        if self._found is not None and not fresh and self._monotonic() < self._found[2]:
            return self._found[0], self._found[1]
        facts = await self._json("GET", f"{self._issuer}/.well-known/openid-configuration")
        if str(facts.get("issuer", "")).rstrip("/") != self._issuer:
            raise OidcFailed("the identity provider calls itself by another name than oidc_issuer")
        names = ["authorization_endpoint", "token_endpoint", "jwks_uri"]
        names += ["userinfo_endpoint"] if facts.get("userinfo_endpoint") else []
        found = {name: _address(facts.get(name), name) for name in names}
        # OpenID Connect Discovery 1.0, section 3: left out, it is the header.
        methods = facts.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        provider = _Provider(
            found["authorization_endpoint"],
            found["token_endpoint"],
            found["jwks_uri"],
            found.get("userinfo_endpoint", ""),
            "client_secret_basic" not in methods and "client_secret_post" in methods,
        )
        keys = KeySet.import_key_set(await self._json("GET", provider.keys))  # type: ignore[arg-type]
        self._found = (provider, keys, self._monotonic() + METADATA_SECONDS)
        return provider, keys

    async def _json(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, url, **more)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise OidcFailed(
                f"the identity provider does not answer as it should: {url}"
            ) from error
        if answer.status_code != 200 or not isinstance(body, dict):
            _log.warning("identity provider: %s %s -> %d", method, url, answer.status_code)
            raise OidcFailed(f"the identity provider refuses ({answer.status_code}): {url}")
        return body

    def _redirect(self, base_url: str) -> str:
        return (self._public or base_url).rstrip("/") + CALLBACK

    # -- the user --------------------------------------------------------------------------

    async def _log_in(self, claims: Mapping[str, Any], place: From) -> LoggedIn:
        subject = str(claims["sub"])[:255]
        roles = self._roles_of(claims)
        if not roles:
            raise Forbidden(
                "the identity provider gives you no role here; ask whoever manages people",
                code="oidc_no_role",
            )
        try:
            async with self._database.writing() as session:
                row = await repository.by_oidc(session, self._issuer, subject)
                if row is None:
                    row = self._new(claims, subject)
                    if await repository.by_login(session, row.login) is not None:
                        raise _taken(row.login)
                    await must_be_free_of_tokens(session, row.login)
                    session.add(row)
                if not row.enabled:
                    raise Forbidden("this user is disabled", code="user_disabled")
                row.name = _text(claims.get("name"), 100) or row.login
                before, row.roles = row.roles, words_of(roles)
                await session.flush()
                if before != row.roles:
                    data = {"roles": {"from": before.split(), "to": row.roles.split()}}
                    about = f"user:{row.login}"
                    entry = Entry("user.changed", about, data, row.login, ActorKind.USER)
                    await record(session, entry, now=self._clock())
                made = await self._sessions.begin(session, row, place)
        except IntegrityError as error:
            # Another process was faster.
            raise _taken(_text(claims.get("preferred_username"), 32)) from error
        self._users.changed(made.user.id, made.user.login)
        return made

    def _new(self, claims: Mapping[str, Any], subject: str) -> User:
        login = _text(claims.get("preferred_username"), 32).casefold().partition("@")[0]
        if not LOGIN.fullmatch(login):
            # A provider may send none, or one that we cannot keep.
            login = f"oidc-{secrets.token_hex(6)}"
        now = self._clock()
        return User(
            login=login,
            name=login,
            roles="",
            password_hash=None,
            must_change_password=False,
            enabled=True,
            oidc_issuer=self._issuer,
            oidc_subject=subject,
            created_at=now,
            updated_at=now,
        )

    def _groups(self, claims: Mapping[str, Any]) -> Any:
        """The roles claim as it is; None if there is none."""
        value: Any = claims
        for name in self._claim:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def _roles_of(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        value = self._groups(claims)
        groups = [value] if isinstance(value, str) else value
        if not isinstance(groups, list):
            return frozenset()
        return frozenset(self._roles[group] for group in map(str, groups) if group in self._roles)


def _decode(token: str, keys: KeySet) -> Mapping[str, Any]:
    return jwt.decode(token, keys, algorithms=ALGORITHMS).claims


def role_map(lines: tuple[str, ...]) -> dict[str, Role]:
    """Groups of the provider, by name; a role's own word is always one. `SetupError`
    ``bad_setting``."""
    known = {role.value: role for role in Role}
    found = dict(known)
    for line in lines:
        group, _, role = line.rpartition("=")
        if not group or role not in known:
            raise SetupError(
                f"CALLCENTER_OIDC_ROLE_MAP: {line!r} is not group=role; roles are"
                f" {', '.join(known)}",
                code="bad_setting",
                setting="oidc_role_map",
            )
        found[group] = known[role]
    return found


def _address(value: object, name: str) -> str:
    """An address of the provider; plain http only on this machine, where trials run."""
    parts = urlsplit(value if isinstance(value, str) else "")
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme == "https" or (parts.scheme == "http" and local):
        return str(value)
    raise OidcFailed(f"the identity provider's {name} is no https address")


def _text(value: object, length: int) -> str:
    return value.replace("\0", "").strip()[:length] if isinstance(value, str) else ""


def _taken(login: str) -> Conflict:
    return Conflict(
        f"there is a user {login} already, who logs in with a password; an admin must give him"
        " another login",
        code="oidc_login_taken",
    )
