"""Imports every feature's tables, so that the metadata is whole (migrations, tests)."""

from __future__ import annotations

from callcenter.platform.db.base import Base

metadata = Base.metadata
