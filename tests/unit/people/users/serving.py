"""An ASGI program over real HTTP on a port of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from callcenter.setup.certificates import CertificateFiles


@contextmanager
def serving(app: Any, tls: CertificateFiles | None = None) -> Iterator[str]:
    """Serve `app` on loopback within the block, with `tls` over TLS; its address."""
    began = threading.Event()
    ports: list[int] = []

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            ports.append(self.servers[0].sockets[0].getsockname()[1])
            began.set()

    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None)
    if tls is not None:
        config.ssl_certfile, config.ssl_keyfile = str(tls.certificate), str(tls.key)
    server = Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert began.wait(30)
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{ports[0]}"
    finally:
        server.should_exit = True
        thread.join(30)
