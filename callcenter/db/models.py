"""Imports every feature's tables, so that the metadata is whole (migrations, tests)."""

from __future__ import annotations

import callcenter.agents.models
import callcenter.blocklist.models
import callcenter.callbacks.models
import callcenter.calls.models
import callcenter.cases.models
import callcenter.live.models
import callcenter.opening.models
import callcenter.queues.models
import callcenter.recordings.models
import callcenter.seats.models
import callcenter.shifts.models
import callcenter.steering.models
import callcenter.tokens.models
import callcenter.trail.models
import callcenter.users.models  # noqa: F401
from callcenter.db.base import Base

metadata = Base.metadata
