"""What an answer may say of a citizen: the one place that decides it.

A form that tells of a citizen (`AboutCitizen`) is built with what the one who asks may see, and
with nothing else: whoever has not `number.see` gets masked numbers; of a case that is
confidential, whoever has not `case.confidential` gets no number, no name and no address at all. An
endpoint can forget none of it, and where nobody is known to ask, everything is hidden.

What was shown whole is noted in the audit trail (`Citizens.was_shown`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Protocol, Self

from fastapi import Depends
from pydantic import BaseModel, Field, model_validator

from callcenter.people.access.rights import Actor, Who, present_actor
from callcenter.people.access.shown import told_of
from callcenter.people.domain.masking import (
    hide_field,
    is_extension,
    map_citizen_fields,
    mask_field,
    mask_number,
)
from callcenter.people.domain.permissions import Permission
from callcenter.people.trail.service import Entry, Trail
from callcenter.people.voices import Voices
from callcenter.platform.errors import Forbidden
from callcenter.platform.http.given import Given


class ConfidentialCalls(Protocol):
    """Which calls hide their citizen: the cases fill it."""

    async def confidential_calls(self, call_ids: Collection[str]) -> frozenset[str]:
        """Those of `call_ids` whose case is confidential."""
        ...


def may(permission: Permission) -> bool:
    """Whether the one who asks now has `permission`; nobody has none."""
    who = present_actor()
    return who is not None and who.may(permission)


def shown_number(number: str, *, confidential: bool = False) -> str:
    """A citizen's number as the one who asks may see it; empty if not at all."""
    return _shown("caller_number", number, confidential)


def shown_party(party: str, *, confidential: bool = False) -> str:
    """A seat, or the outside number that a call reached as the one who asks may see it."""
    return _shown("seat", party, confidential)


def shown_data(data: Mapping[str, Any], *, confidential: bool) -> dict[str, Any]:
    """JSON values, such as a step of a history, as the one who asks may see them."""
    made = map_citizen_fields(data, lambda name, value: _shown(name, value, confidential))
    return dict(made)


def _shown(name: str, value: str, confidential: bool) -> str:
    change = _change(confidential)
    return value if change is None else change(name, value)


def _change(confidential: bool) -> Callable[[str, str], str] | None:
    """What is done to each text of a field for the one who asks; None: nothing."""
    if confidential and not may(Permission.CASE_CONFIDENTIAL):
        return hide_field
    return None if may(Permission.NUMBER_SEE) else mask_field


class AboutCitizen(BaseModel):
    """A form that tells of a citizen. All its texts hold what the one who asks may see: the fields
    of `domain.masking` by what they are, every other one by the numbers in it."""

    confidential: bool = Field(
        description="The citizen is hidden (empty) from whoever may not see confidential cases."
    )

    @model_validator(mode="after")
    def _as_allowed(self) -> Self:
        if (change := _change(self.confidential)) is not None:
            _hide(self, change)
        return self


def _hide(form: BaseModel, change: Callable[[str, str], str]) -> None:
    """Have `change` made to all texts of `form`, and of the forms in it."""
    for name in type(form).model_fields:
        value = getattr(form, name)
        # A word of ours (an enumeration) is no text of anybody's.
        if type(value) is str:
            changed = change(name, value)
            if changed != value:
                setattr(form, name, changed)
            continue
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, BaseModel) and not isinstance(part, AboutCitizen):
                _hide(part, change)


class Citizens:
    """An endpoint's help with citizens; made for each request."""

    def __init__(self, cases: ConfidentialCalls, trail: Trail, who: Actor) -> None:
        self._cases = cases
        self._trail = trail
        self._who = who

    async def confidential(self, call_ids: Collection[str]) -> frozenset[str]:
        """Those of `call_ids` whose case is confidential."""
        return await self._cases.confidential_calls(call_ids)

    @property
    def hide_confidential(self) -> bool:
        """Whether confidential cases may not be found by their citizen's number."""
        return not self._who.may(Permission.CASE_CONFIDENTIAL)

    def may_search(self, number: str | None, party: str | None = None) -> None:
        """`Forbidden` ``citizen_hidden`` if a list is to be narrowed to `number`, or to a `party`
        that is no seat, and whole numbers may not be seen: trying numbers one by one would tell
        the hidden digits."""
        asked = number is not None or (party is not None and not is_extension(party))
        if asked and not self._who.may(Permission.NUMBER_SEE):
            raise citizen_hidden("search by a citizen's number")

    async def may_listen(self, call_id: str) -> None:
        """`Forbidden` ``citizen_hidden`` if the one who asks may not hear the call: see
        `people.voices`."""
        await Voices(self._cases).must_hear(self._who, [call_id])

    async def was_shown(self, action: str, subject: str, *, confidential: bool = False) -> None:
        """Note that `subject` is about to be shown with whole numbers, if it is. What this says is
        not said again by the door that all answers leave by (`people.leaving`)."""
        if not self._who.may(Permission.NUMBER_SEE) or (confidential and self.hide_confidential):
            return
        await self._trail.note_read(Entry(action, subject, {"confidential": confidential}))
        told_of(subject)

    async def was_searched(self, action: str, *, number: str | None, found: int) -> None:
        """Note a look-up of one number, also if nothing was found: that, too, is an answer."""
        if number is None:
            return
        masked = mask_number(number)
        data = {"number": masked, "count": found}
        await self._trail.note_read(Entry(action, f"number:{masked}", data))


def citizen_hidden(what: str) -> Forbidden:
    """Refuse what would tell, or overwrite unseen, who a citizen is."""
    return Forbidden(
        f"you may not {what}: who the citizen is, is hidden from you", code="citizen_hidden"
    )


async def _citizens(cases: Given[ConfidentialCalls], trail: Given[Trail], who: Who) -> Citizens:
    return Citizens(cases, trail, who)


CitizensOf = Annotated[Citizens, Depends(_citizens)]
"""An endpoint's parameter."""
