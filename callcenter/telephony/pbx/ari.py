"""ARI, for the one thing it is used for: SIP objects that appear without a reload.

Over loopback HTTP. Like an AMI action, a request has one outcome and a deadline, and is never
sent again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Self
from urllib.parse import quote

import httpx

from callcenter.platform.config import Settings
from callcenter.platform.errors import BadInput
from callcenter.telephony.pbx.ami.outcomes import Done, LinkLost, Outcome, Refused, TimedOut
from callcenter.telephony.pbx.ami.wire import BadValue, check_fields

USER = "callcenter"
CONNECTIONS = 4
"""At once; the PBX serves ARI from few threads, and more are not faster."""
REASON_CHARACTERS = 200
MAX_NAME = 255
"""Characters; a contact's name, the longest, is an extension and 40 more."""


class AriClient:
    """The PBX's dynamic configuration of ``res_pjsip``."""

    def __init__(
        self,
        port: int,
        password: str,
        *,
        seconds: float = 5.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._seconds = seconds
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}/ari/asterisk/config/dynamic/res_pjsip",
            auth=httpx.BasicAuth(USER, password),
            # These are for one read or write each; `_request` bounds the whole. Connecting gets
            # less, so that it is known for sure when nothing was sent.
            timeout=httpx.Timeout(seconds, connect=seconds / 2, pool=seconds / 2),
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=5.0),
            # A proxy in the environment is never meant for our own loopback.
            trust_env=False,
            transport=transport,
        )

    @classmethod
    def of(cls, settings: Settings, password: str) -> Self:
        """The client of this deployment's own PBX."""
        return cls(settings.ari_port, password, seconds=settings.ami_action_seconds)

    async def put(self, kind: str, name: str, options: Mapping[str, str]) -> Outcome[None]:
        """Make the object, or set `options` of it; the others stay as they are.

        Raises `BadInput` ``pbx_bad_value`` like an AMI action; so does `delete`.
        """
        try:
            check_fields(options)
        except BadValue as error:
            raise BadInput(str(error), code="pbx_bad_value") from error
        fields = [{"attribute": key, "value": value} for key, value in options.items()]
        return await self._request("PUT", kind, name, {"fields": fields})

    async def delete(self, kind: str, name: str) -> Outcome[None]:
        """Remove the object; one that is not there counts as removed."""
        return await self._request("DELETE", kind, name)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _request(
        self, method: str, kind: str, name: str, body: object = None
    ) -> Outcome[None]:
        # A contact's name holds `;` and `@`, and no name may add or take away steps of the path.
        if name in ("", ".", "..") or len(name) > MAX_NAME or not name.isprintable():
            raise BadInput(f"{kind}: {name[:40]!r} is no name in the PBX", code="pbx_bad_value")
        path = f"/{quote(kind, safe='')}/{quote(name, safe='')}"
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._client.request(method, path, json=body)
        except (httpx.ConnectTimeout, httpx.ConnectError, httpx.PoolTimeout) as error:
            return LinkLost(sent=False, reason=f"ARI: {_said(error)}")
        except (httpx.TimeoutException, TimeoutError):
            return TimedOut(self._seconds)
        except httpx.HTTPError as error:
            return LinkLost(sent=True, reason=f"ARI: {_said(error)}")
        if answer.is_success or (method == "DELETE" and answer.status_code == 404):
            return Done(None)
        return Refused(f"ARI {answer.status_code}: {_reason(answer)}")


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _reason(answer: httpx.Response) -> str:
    try:
        said = answer.json()
    except ValueError:
        said = None
    reason = said.get("message") or said.get("error") if isinstance(said, dict) else ""
    return str(reason or answer.reason_phrase)[:REASON_CHARACTERS]
