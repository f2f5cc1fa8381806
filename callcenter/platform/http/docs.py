"""``/docs``: the API's description to read and to try, out of files that a package brings.

Government networks are closed, so nothing is asked of another host; and no script stands in the
page itself, so its policy allows scripts from here alone.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Swagger UI sets styles of elements and has its pictures in its style sheet."""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>callcenter API</title>
<link rel="icon" type="image/png" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="/docs/swagger-ui.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = """"use strict";
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null,
  // What a session writes must say that it comes from our own page.
  requestInterceptor: async (request) => {
    if (!["GET", "HEAD"].includes((request.method || "GET").toUpperCase())) {
      const me = await fetch("/api/me", {credentials: "same-origin"});
      if (me.ok) request.headers["X-CSRF-Token"] = (await me.json()).csrf_token || "";
    }
    return request;
  },
});
"""
OF_THE_PACKAGE = {
    "swagger-ui.js": ("swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("swagger-ui.css", "text/css"),
    "favicon.png": ("favicon-32x32.png", "image/png"),
}


@router.get("/docs")
async def page() -> HTMLResponse:
    """The page."""
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})


@router.get("/docs/start.js")
async def start() -> Response:
    """What the page begins with."""
    return Response(START, media_type="text/javascript")


def _serves(name: str) -> None:
    file, media_type = OF_THE_PACKAGE[name]

    @router.get(f"/docs/{name}")
    def part() -> Response:  # in a thread: it reads a file
        """A file of Swagger UI."""
        content = files("fastapi_swagger.resources").joinpath(file).read_bytes()
        return Response(content, media_type=media_type)


for _name in OF_THE_PACKAGE:
    _serves(_name)
