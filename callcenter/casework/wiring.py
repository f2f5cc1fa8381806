"""Builds casework, and fills what the contexts below ask of cases."""

from __future__ import annotations

from dataclasses import dataclass

from callcenter.casework.cases import endpoints as cases_api
from callcenter.casework.cases.service import CaseService
from callcenter.people.citizens import ConfidentialCalls
from callcenter.platform.wiring import Platform, Routers
from callcenter.telephony.calls.ports import CaseNumbers
from callcenter.telephony.wiring import Telephony
from callcenter.workforce.wiring import Workforce

ROUTERS = Routers(guarded=(cases_api.router,))


@dataclass(frozen=True, slots=True)
class Casework:
    """What the other contexts may have of casework."""

    cases: CaseService


def wire_casework(platform: Platform, telephony: Telephony, workforce: Workforce) -> Casework:
    """The cases follow the ledger first: what others tell of a call may name its case."""
    cases = CaseService(platform.database, platform.settings, media=telephony.media)
    telephony.audience.join("cases", cases, first=True)
    telephony.note_media.fill(cases.note_media)
    workforce.cases.fill(cases)
    telephony.confidential.fill(cases)
    platform.shelf.put(cases)
    platform.shelf.put_as(ConfidentialCalls, cases)
    platform.shelf.put_as(CaseNumbers, cases)
    return Casework(cases)
