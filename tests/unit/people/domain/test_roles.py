"""Roles as words, and what they allow together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.people.domain.permissions import (
    ROLE_PERMISSIONS,
    Permission,
    Role,
    permissions_of,
    roles_in,
    words_of,
)

ROLES = st.lists(st.sampled_from(Role), max_size=4)


@given(ROLES)
def test_what_is_written_is_read_again(roles: list[Role]) -> None:
    words = words_of(roles)
    assert roles_in(words) == frozenset(roles)
    assert words.split() == sorted({role.value for role in roles})
    assert words == " ".join(words.split())


def test_a_word_that_is_no_role_gives_nothing() -> None:
    assert roles_in("operator emperor OPERATOR") == {Role.OPERATOR}
    assert roles_in("") == frozenset()


@given(ROLES)
def test_roles_together_allow_what_one_of_them_allows(roles: list[Role]) -> None:
    together = permissions_of(roles)
    for permission in Permission:
        assert (permission in together) == any(permission in ROLE_PERMISSIONS[r] for r in roles)


@pytest.mark.parametrize("role", Role)
def test_every_role_has_its_own_account_and_the_opening_hours(role: Role) -> None:
    assert {Permission.SELF, Permission.OPENING_READ} <= permissions_of([role])
