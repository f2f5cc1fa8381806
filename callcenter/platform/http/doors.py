"""The two doors of the one service: http where the API is bound, https for browsers of other PCs.

Browsers open the microphone on https and on this machine only, so the console needs TLS wherever
else it is opened. Both doors lead to the same application in the same process; behind which one a
request stands is its scheme. A certificate that cannot be used keeps nobody out who comes by the
first: set-up has said what is wrong with it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

import uvicorn

from callcenter.platform.config import Settings

_log = logging.getLogger(__name__)


def tls_context(settings: Settings) -> ssl.SSLContext:
    """What the https door shows; `OSError` if its files cannot be read or used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = settings.tls_files
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Doors(uvicorn.Server):
    """uvicorn's server with a second listener."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open both; the first one alone decides whether the service runs."""
        await super().startup(sockets)
        if not self.started or not self._settings.https_port:
            return
        try:
            await self._open_https()
        except OSError as error:
            _log.error("no https at port %d: %s", self._settings.https_port, error)

    async def _open_https(self) -> None:
        config = self.config

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )

        server = await asyncio.get_running_loop().create_server(
            protocol,
            host=self._settings.https_bind,
            port=self._settings.https_port,
            ssl=tls_context(self._settings),
            backlog=config.backlog,
        )
        self.servers.append(server)
