"""The console's files: the page at every address of `web/pages.json`, and what it loads.

A file's name holds a hash of its content, so browsers keep it for ever; the page itself, which
names the files, is never kept. Compressed forms were made at build. The page's policy lets nothing
in from elsewhere and runs no script that stands in a page (docs/decisions/0034).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from callcenter.platform.config import Settings
from callcenter.platform.http.given import Given
from callcenter.platform.http.queries import takes_any_query

router = APIRouter(include_in_schema=False)

WEB = Path(__file__).resolve().parents[2] / "web"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""The best first."""
KINDS = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
}
FOR_EVER = "public, max-age=31536000, immutable"
NOT_BUILT = """<!doctype html>
<html lang="zh-CN">
<head><meta charset="utf-8"><title>12345</title></head>
<body>
<h1>控制台尚未就绪</h1>
<p>话务不受影响。请管理员运行 <code>callcenter console</code>，按提示处理后重新启动服务。</p>
<p lang="en">The console has not been built. Calls go on. Run <code>callcenter console</code>,
mend what it says, and start the service again.</p>
</body>
</html>
"""


def policy(settings: Settings) -> str:
    """The page's Content-Security-Policy.

    Attributes of style are allowed, elements of it are not: charts position their labels by them,
    and an attribute cannot hold a rule for other elements.
    """
    phone = urlsplit(settings.webrtc_url)
    elsewhere = f" {phone.scheme}://{phone.netloc}" if phone.netloc else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-elem 'self';"
        " style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:;"
        f" connect-src 'self'{elsewhere}; worker-src 'self'; font-src 'self'; manifest-src 'self';"
        " frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


@dataclass(frozen=True)
class Built:
    """A console as the build left it, and its page's policy."""

    folder: Path
    policy: str

    @staticmethod
    def of(settings: Settings) -> Built:
        """The one that set-up has put in place."""
        return Built(settings.console_dir, policy(settings))

    @cached_property
    def page(self) -> str | None:
        """The one page; None: nothing is built."""
        try:
            return (self.folder / "index.html").read_text(encoding="utf-8")
        except OSError:
            return None

    @cached_property
    def files(self) -> frozenset[str]:
        """What there is to load: nothing else is opened, whatever an address says."""
        try:
            return frozenset(
                file.name for file in (self.folder / "assets").iterdir() if file.suffix in KINDS
            )
        except OSError:
            return frozenset()

    def read(self, path: str, accepted: str) -> tuple[bytes, str | None]:
        """The bytes at `path`, and how they are encoded, as `accepted` (Accept-Encoding) allows."""
        allowed = {part.split(";")[0].strip() for part in accepted.split(",")}
        for name, suffix in ENCODINGS:
            if name in allowed:
                try:
                    return (self.folder / f"{path}{suffix}").read_bytes(), name
                except FileNotFoundError:
                    continue
        return (self.folder / path).read_bytes(), None


def pages(web: Path = WEB) -> list[str]:
    """The first parts of the console's addresses."""
    found: list[str] = json.loads((web / "pages.json").read_text(encoding="utf-8"))
    return found


# What stands behind the question mark is the page's own.
@router.get("/")
@takes_any_query
def page(built: Given[Built]) -> HTMLResponse:
    """The page, whatever the address: it finds its way itself."""
    if built.page is None:
        return HTMLResponse(NOT_BUILT, status_code=503)
    return HTMLResponse(built.page, headers={"Content-Security-Policy": built.policy})


for _name in pages():
    router.get(f"/{_name}")(page)
    router.get(f"/{_name}/{{rest:path}}")(page)


@router.get("/assets/{name}")
def file(name: str, request: Request, built: Given[Built]) -> Response:  # in a thread: it reads
    """One of its files."""
    if name not in built.files:
        raise HTTPException(404, "there is no such file; load the page again")
    return _answer(built, f"assets/{name}", request, FOR_EVER)


@router.get("/icon.svg")
@router.get("/check-worker.js")
def plain(request: Request, built: Given[Built]) -> Response:
    """A file whose name cannot hold a hash: the page's sign, and the worker that the check page
    tries to register."""
    if built.page is None:
        raise HTTPException(404, "the console has not been built")
    return _answer(built, request.url.path.removeprefix("/"), request, "public, max-age=86400")


def _answer(built: Built, path: str, request: Request, keep: str) -> Response:
    content, encoding = built.read(path, request.headers.get("accept-encoding", ""))
    headers = {"Cache-Control": keep, "Vary": "Accept-Encoding"}
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    return Response(content, media_type=KINDS[Path(path).suffix], headers=headers)
