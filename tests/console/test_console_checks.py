"""The console's own checks: types and build, lint, its unit tests, and what a browser must load."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from callcenter.cli.instance import described_api
from callcenter.platform.errors import SetupError
from callcenter.setup.console import OPENAPI, TYPES, WEB, run_tool
from callcenter.setup.node import Node

pytestmark = pytest.mark.timeout(1200)
"""The first time on a machine, packages are brought and everything is built."""

FIRST_LOAD_BYTES = 300_000
"""Of the desk, gzip: three seconds on the line of 1 Mbit/s that a small office has."""

Sources = tuple[Node, Path]


def test_it_is_built_and_its_types_are_right(built: Path) -> None:
    """The types of the API among them: they are generated in the build."""
    assert (built / "index.html").is_file()


def test_an_endpoint_that_the_console_uses_and_the_api_has_no_more_fails_the_build(
    sources: Sources, cache: Path
) -> None:
    node, folder = sources
    described = json.loads(described_api(cache))
    del described["paths"]["/api/me"]
    right = (folder / TYPES).read_text(encoding="utf-8")
    (folder / OPENAPI).write_text(json.dumps(described), encoding="utf-8")
    try:
        run_tool(node, folder, "openapi-typescript/bin/cli.js", OPENAPI, "-o", TYPES)
        with pytest.raises(SetupError, match=r"src/app/session\.ts.*error TS"):
            run_tool(node, folder, "vue-tsc/bin/vue-tsc.js", "--noEmit")
    finally:
        (folder / TYPES).write_text(right, encoding="utf-8")


def test_eslint_finds_nothing(sources: Sources) -> None:
    node, folder = sources
    run_tool(node, folder, "eslint/bin/eslint.js", "--max-warnings", "0", ".")


def test_its_unit_tests_pass(sources: Sources) -> None:
    node, folder = sources
    print(run_tool(node, folder, "vitest/vitest.mjs", "run"))


def test_the_desks_first_load_is_small(built: Path) -> None:
    """The page, what it loads at once, the desk, and one language."""
    files = json.loads((built / "files.json").read_text(encoding="utf-8"))
    wanted: set[str] = set()

    def load(name: str) -> None:
        entry = files[name]
        if entry["file"] not in wanted:
            wanted.update([entry["file"], *entry.get("css", [])])
            for other in entry.get("imports", []):
                load(other)

    for name in ("index.html", "src/desk/DeskPage.vue", "src/app/words/zh-CN.json"):
        load(name)
    sizes = {name: len(gzip.compress((built / name).read_bytes(), 9, mtime=0)) for name in wanted}
    print(sizes, sum(sizes.values()))
    assert sum(sizes.values()) < FIRST_LOAD_BYTES, sizes


def test_every_file_for_ever_has_a_hash_in_its_name_and_no_script_stands_in_the_page(
    built: Path,
) -> None:
    for file in (built / "assets").iterdir():
        assert re.search(r"-[A-Za-z0-9_-]{8}\.\w+(\.br|\.gz)?$", file.name), file.name
    page = (built / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"<style|\son\w+=|\sstyle=", page) == []


def test_locks_name_no_host() -> None:
    text = (WEB / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert '"integrity"' in text
    locked = json.loads(text)["packages"]
    assert all("integrity" in one for name, one in locked.items() if name)
    assert "omit-lockfile-registry-resolved=true" in (WEB / ".npmrc").read_text(encoding="utf-8")


def test_what_was_built_or_brought_stands_in_no_checkout() -> None:
    ignored = (WEB.parents[1] / ".gitignore").read_text(encoding="utf-8").split()
    assert {"node_modules", "dist/"} <= set(ignored)
    assert not (WEB / TYPES).exists()
