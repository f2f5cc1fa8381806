"""What is left of a citizen's number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.people.domain.masking import (
    PARTY_FIELDS,
    hide_field,
    map_citizen_fields,
    mask_field,
    mask_number,
    mask_text,
)
from callcenter.platform.domain.numbers import normalise


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("13800138000", "138****8000"),
        ("02161234567", "021****4567"),
        ("4008123123", "400****123"),
        ("61234567", "61****67"),
        ("10086", "****6"),
        ("8001", "****"),
        ("+85221234567", "+852****4567"),
        ("", ""),
    ],
)
def test_numbers_as_they_are_shown(number: str, masked: str) -> None:
    assert mask_number(number) == masked


@given(st.text(max_size=200))
def test_the_law_of_masking(text: str) -> None:
    number = normalise(text)
    masked = mask_number(number)
    assert len(masked) == len(number)
    assert mask_number(masked) == masked
    shown = sum(star != "*" for star in masked.removeprefix("+"))
    digits = len(number.removeprefix("+"))
    assert shown <= min(7, max(digits - 4, 0))


def test_a_number_in_a_name_is_masked_and_other_digits_are_not() -> None:
    assert mask_text("王 13800138000") == "王 138****8000"
    assert mask_text("窗口 12 号") == "窗口 12 号"
    assert mask_field("caller_name", "+8613800138000") == "+861******8000"
    assert mask_field("citizen_name", "王女士") == "王女士"


def test_a_number_in_the_place_of_a_seat_is_masked_and_a_seat_is_not() -> None:
    for name in PARTY_FIELDS:
        assert mask_field(name, "8001") == hide_field(name, "8001") == "8001"
        assert mask_field(name, "13800138000") == "138****8000"
        assert hide_field(name, "13800138000") == ""
    assert map_citizen_fields({"talk": [{"seat": "02161234567"}]}, mask_field) == {
        "talk": [{"seat": "021****4567"}]
    }


def test_every_depth_of_a_history_is_reached() -> None:
    data = {
        "changes": {
            "contact_number": {"from": "13800138000", "to": "02161234567"},
            "title": {"from": "13800138000", "to": "x"},
        },
        "version": 2,
        "list": [{"citizen_name": "王女士"}],
    }
    masked = map_citizen_fields(data, mask_field)
    assert masked["changes"]["contact_number"] == {"from": "138****8000", "to": "021****4567"}
    assert masked["changes"]["title"] == {"from": "138****8000", "to": "x"}
    assert masked["list"] == [{"citizen_name": "王女士"}]
    hidden = map_citizen_fields(data, hide_field)
    assert hidden["changes"]["contact_number"] == {"from": "", "to": ""}
    assert hidden["list"] == [{"citizen_name": ""}]


@pytest.mark.parametrize(
    ("name", "value", "masked", "hidden"),
    [
        ("caller_number", "13800138000", "138****8000", ""),
        ("contact_number", "8001", "****", ""),
        ("caller_name", "工号 1234567", "工号 1****67", ""),
        ("caller_name", "2026-11-24", "20*****-24", ""),
        ("title", "2026-11-24", "2026-11-24", "2026-11-24"),
        ("title", "致电 13800138000", "致电 138****8000", "致电 138****8000"),
        ("citizen_name", "2026-11-24", "2026-11-24", ""),
        ("address", "解放路 18 号", "解放路 18 号", ""),
        ("token", "13800138000", "13800138000", "13800138000"),
        ("path", "rec/13800138000.wav", "rec/13800138000.wav", "rec/13800138000.wav"),
        ("seat", "8001", "8001", "8001"),
        ("target", "2026-11-24", "20*****-24", ""),
    ],
)
def test_a_field_decides_how_its_text_is_read(
    name: str, value: str, masked: str, hidden: str
) -> None:
    assert mask_field(name, value) == masked
    assert hide_field(name, value) == hidden


def test_a_text_in_a_list_belongs_to_the_field_of_the_list() -> None:
    seen: list[tuple[str, str]] = []

    def note(name: str, text: str) -> str:
        seen.append((name, text))
        return f"<{text}>"

    data = {"token": ["a", {"x": ["b"]}], "other": ["c", 1, None, True], "seat": "d"}
    assert map_citizen_fields(data, note) == {
        "token": ["<a>", {"x": ["<b>"]}],
        "other": ["<c>", 1, None, True],
        "seat": "<d>",
    }
    assert seen == [("token", "a"), ("token", "b"), ("", "c"), ("seat", "d")]
