"""The PBX keeps a CDR file where somebody wants one: it costs more than the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from callcenter.platform.config import Settings
from callcenter.setup.deployment import SOURCES
from callcenter.setup.watching import plan_of
from tests.unit.setup.test_phone_transports import section


@pytest.mark.parametrize("wanted", [False, True])
def test_the_cdr_file_is_kept_and_has_room_kept_ahead_if_it_is_wanted(
    tmp_path: Path, wanted: bool
) -> None:
    assert section("cdr", pbx_cdr=wanted) == {"enable": "yes" if wanted else "no"}
    settings = Settings(_env_file=None, home=tmp_path, pbx_cdr=wanted)
    kept = [one.path for one in plan_of(settings).vital]
    assert (settings.cdr_file in kept) is wanted
    assert not Settings(_env_file=None, home=tmp_path).pbx_cdr


def test_the_pbx_is_told_so_by_nothing_else() -> None:
    lines = (SOURCES[0] / "cdr.conf").read_text(encoding="utf-8").splitlines()
    assert "[general](deploy-cdr)" in lines
    assert not [line for line in lines if line.startswith("enable")]
