"""Imports every feature's tables, so that the metadata is whole (migrations, tests).

Found by their place, ``CONTEXT/FEATURE/models.py``: a new table joins no list.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from callcenter.platform.db.base import Base

ROOT = Path(__file__).parent

for _models in sorted(ROOT.glob("*/*/models.py")):
    import_module(".".join((__package__, *_models.relative_to(ROOT).with_suffix("").parts)))

metadata = Base.metadata
