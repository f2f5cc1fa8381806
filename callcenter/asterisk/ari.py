"""ARI, for the one thing it is used for: SIP objects that appear without a reload.

Over loopback HTTP. Like an AMI action, a request has one outcome and a deadline, and is never
sent again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self
from urllib.parse import quote

import httpx

from callcenter.asterisk.ami.outcomes import Done, LinkLost, Outcome, Refused, TimedOut
from callcenter.config import Settings

USER = "callcenter"
CONNECTIONS = 4
"""At once; the PBX serves ARI from few threads, and more are not faster."""
REASON_CHARACTERS = 200


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
            timeout=seconds,
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
        """Make the object, or set `options` of it; the others stay as they are."""
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
        # A contact's name holds `;` and `@`, and no name may add steps to the path.
        path = f"/{quote(kind, safe='')}/{quote(name, safe='')}"
        try:
            answer = await self._client.request(method, path, json=body)
        except (httpx.ConnectTimeout, httpx.ConnectError, httpx.PoolTimeout) as error:
            return LinkLost(sent=False, reason=f"ARI: {_said(error)}")
        except httpx.TimeoutException:
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
