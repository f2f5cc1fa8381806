"""Two phones at one seat are seen by their alternation, and by nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.contests import Contests
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.registrations import Reachability, Registration, Transport

SEAT = Extension("8001")
SPAN = 600.0


def phone(address: str, transport: Transport = Transport.UDP) -> Registration:
    return Registration(SEAT, transport, address, "Yealink", Reachability.REACHABLE, 900, 1e12)


A, B, C = phone("192.0.2.7:5060"), phone("192.0.2.8:5060"), phone("192.0.2.9:5060")
BROWSER = phone("127.0.0.1:41000", Transport.WEBSOCKET)


class Story:
    """A seat to which phones come, `step` seconds apart."""

    def __init__(self, *, step: float = 100.0) -> None:
        self.contests = Contests(SPAN)
        self.step, self.now = step, 0.0
        self.contests.sits([])

    def come(self, *phones: Registration | None) -> None:
        for one in phones:
            self.now += self.step
            self.contests.phones({} if one is None else {SEAT: one}, self.now)

    def sits(self, *, there: bool = True) -> None:
        self.contests.sits([SEAT] if there else [])

    @property
    def keeps(self) -> str | None:
        """The address of the phone that the seat is kept for."""
        found = self.contests.contested.get(SEAT)
        return None if found is None else found.keeps[1]


def sides(story: Story) -> tuple[set[str], set[str]]:
    """Seats that are kept, and those that the other phone has."""
    return set(story.contests.kept), set(story.contests.usurped)


def test_who_displaces_a_phone_and_is_displaced_by_it_is_at_its_seat_too() -> None:
    story = Story()
    story.come(A)
    story.sits()
    story.come(B)
    assert story.keeps is None
    story.come(A)
    assert story.keeps == A.address
    assert story.contests.contested[SEAT].other[1] == B.address
    assert sides(story) == ({SEAT}, set())
    story.come(B)  # The PBX was told too late.
    assert sides(story) == (set(), {SEAT})
    story.come(A)
    assert sides(story) == ({SEAT}, set())


GONE = replace(A, reachability=Reachability.UNREACHABLE)
OVER = replace(A, expires_at=1.0)


@pytest.mark.parametrize(
    "phones",
    [
        (A, A, A),
        (A, B, B),
        (A, B, C, A),  # Three places, and none is taken back from whom it was lost to.
        (A, None, B, None, A),  # Each left before the other came.
        (A, GONE, B, A),
        (A, B, replace(B, reachability=Reachability.UNREACHABLE), A),
        (OVER, B, A),
        (A, BROWSER, phone("127.0.0.1:41002", Transport.WEBSOCKET)),  # A page that is loaded anew.
    ],
)
def test_what_is_no_alternation_of_phones_that_are_there(
    phones: tuple[Registration | None, ...],
) -> None:
    story = Story()
    story.sits()
    story.come(*phones)
    assert story.keeps is None


def test_who_moves_slowly_is_no_contest() -> None:
    story = Story(step=SPAN + 1)
    story.come(A, B, A, B)
    assert story.keeps is None


@given(st.lists(st.sampled_from([A, B, None]), min_size=1, max_size=12))
def test_a_contest_begins_where_a_living_phone_takes_back_what_it_lost(
    phones: list[Registration | None],
) -> None:
    """The law, by the list of what was seen."""
    story = Story(step=1.0)
    story.come(*phones)
    # Who is away for a moment was there; who comes after another one left has displaced nobody.
    there: list[Registration] = []
    away = False
    for one in phones:
        if one is not None and there[-1:] != [one]:
            there = [one] if away else [*there, one]
        away = one is None
    assert (story.keeps is not None) == (len(there) > 2)


def test_the_phone_that_was_there_at_log_in_wins_whoever_was_first() -> None:
    story = Story()
    story.come(A, B)
    story.sits()
    story.come(A)
    assert story.keeps == B.address
    assert sides(story) == (set(), {SEAT})
    story.come(B)
    assert sides(story) == ({SEAT}, set())


def test_the_first_phone_after_a_log_in_without_one_wins() -> None:
    story = Story()
    story.sits()
    story.come(B, A, B)
    assert story.keeps == B.address


def test_the_browser_that_the_agent_opens_wins_over_the_phone_on_the_desk() -> None:
    story = Story()
    story.come(A)
    story.sits()
    story.contests.expects_browser(SEAT)
    story.come(BROWSER, A)
    assert story.keeps == BROWSER.address
    assert story.contests.usurped == {SEAT}
    story.come(BROWSER)
    assert story.keeps == BROWSER.address
    assert story.contests.kept == {SEAT}


def test_who_logs_in_during_a_contest_decides_it() -> None:
    story = Story()
    story.come(A, B, A, B)
    assert story.keeps == A.address
    assert sides(story) == (set(), set())  # Nobody sits there.
    story.sits()
    assert story.keeps == B.address
    assert story.contests.kept == {SEAT}
    assert story.contests.contested[SEAT].other[1] == A.address


def test_who_sat_there_before_we_began_has_the_phone_that_was_first() -> None:
    story = Story()
    story.contests = Contests(SPAN)
    story.sits()
    story.come(B, A, B)
    assert story.keeps == B.address


def test_who_is_there_though_the_pbx_lets_nobody_in_came_after_the_other_had_left() -> None:
    story = Story()
    story.come(A)
    story.sits()
    story.come(B, A)
    story.contests.held(story.contests.kept)
    story.come(B)  # Between two lists A has left and B has come.
    assert story.keeps is None
    assert sides(story) == (set(), set())
    story.contests.held(set())
    story.come(A, B)
    assert story.keeps == B.address  # The agent's phone had moved.


def test_it_is_over_with_the_log_in_with_the_phone_and_when_nothing_alternates() -> None:
    story = Story()
    story.come(A)
    story.sits()
    story.come(B, A)
    story.come(*[A] * 10)  # It is kept, so nothing alternates.
    assert story.contests.kept == {SEAT}
    story.come(None)
    assert story.contests.kept == {SEAT}  # For a moment, perhaps: the PBX is being told.
    story.come(A)
    assert story.contests.kept == {SEAT}
    story.come(None, B)
    assert story.keeps is None
    assert not story.contests.kept | story.contests.usurped

    story.come(A, B, A)
    assert story.keeps is not None
    story.sits(there=False)
    assert story.keeps is None
    assert not story.contests.kept

    story.come(B, A, B)
    assert story.keeps is not None
    story.come(*[B] * 7)
    assert story.keeps is None  # Nobody sits there, and nothing alternates any more.


OTHER_SEAT = Extension("8002")


@pytest.mark.parametrize(("step", "contest"), [(SPAN, True), (SPAN + 0.5, False)])
def test_the_time_of_two_registrations_counts_to_its_last_moment(
    step: float, contest: bool
) -> None:
    story = Story(step=step)
    story.come(A, B, A)
    assert (story.keeps is not None) is contest


def test_a_contest_without_an_agent_is_over_a_span_after_the_last_exchange() -> None:
    story = Story(step=SPAN)
    story.come(A, B, A)
    began = story.now
    for _ in range(4):  # It began once, however long it goes on.
        story.come(B, A)
        found = story.contests.contested[SEAT]
        assert (found.since, found.last) == (began, story.now)
    story.come(A)
    assert story.keeps is not None
    story.contests.phones({SEAT: A}, story.now + 0.5)
    assert story.keeps is None


def test_what_an_agents_phone_keeps_is_last_contested_now() -> None:
    story = Story()
    story.come(A)
    story.sits()
    story.come(B, A)
    began = story.now
    story.come(A, A)
    found = story.contests.contested[SEAT]
    assert (found.keeps[1], found.other[1]) == (A.address, B.address)
    assert (found.since, found.last) == (began, story.now)
    story.come(B)  # And while the other one has it, time runs.
    last = story.contests.contested[SEAT].last
    story.come(B, B, B, B, B, B)
    assert (story.contests.contested[SEAT].last, story.now - last) == (last, SPAN)
    story.come(B)
    assert story.keeps is None


def test_a_third_phone_that_alternates_makes_a_contest_of_its_own() -> None:
    story = Story()
    story.come(A, B, A)
    story.come(C)
    assert story.contests.contested[SEAT].other[1] == B.address
    story.come(A)
    assert (story.keeps, story.contests.contested[SEAT].other[1]) == (A.address, C.address)
    assert story.contests.contested[SEAT].since == story.now


@pytest.mark.parametrize(
    ("expires_at", "contest"), [(None, True), (300.5, True), (300.0, False), (299.5, False)]
)
def test_a_registration_that_was_over_was_displaced_by_nobody(
    expires_at: float | None, contest: bool
) -> None:
    story = Story()
    story.come(A, replace(B, expires_at=expires_at), A)  # At 100, 200, 300.
    assert (story.keeps is not None) is contest


def test_seats_are_apart_from_one_another() -> None:
    """Of two seats each has its phones, its agent and its contest."""
    for contested, calm in ((SEAT, OTHER_SEAT), (OTHER_SEAT, SEAT)):
        contests = Contests(SPAN)
        contests.sits([])
        here, there = replace(A, extension=contested), replace(B, extension=contested)
        still = replace(C, extension=calm)
        contests.phones({contested: here, calm: still}, 1.0)
        contests.sits([SEAT, OTHER_SEAT])
        for now, one in ((2.0, there), (3.0, here)):
            contests.phones({contested: one, calm: still}, now)
        assert set(contests.contested) == {contested}
        assert contests.kept == {contested}
        contests.sits([contested])  # Who leaves one seat ends nothing at the other.
        assert contests.kept == {contested}
        contests.phones({contested: there, calm: still}, 4.0)
        assert not contests.kept
        assert contests.usurped == {contested}
        contests.held({contested})
        contests.phones({contested: here, calm: still}, 5.0)
        assert not contests.contested, "at a held seat one has left before the other came"


def test_what_was_expected_of_a_log_in_is_over_with_it() -> None:
    story = Story()
    story.sits()
    story.contests.expects_browser(SEAT)
    story.sits(there=False)
    story.sits()  # The next one's log-in, also without a phone.
    story.come(A)
    story.sits(there=False)
    story.come(BROWSER, A)
    story.sits()
    story.come(BROWSER, A)
    assert story.keeps == A.address, "whose log-in it was that a browser was expected of"


def test_a_log_in_is_looked_at_once() -> None:
    """Its phone is the one of its beginning, however often it is said that he sits there."""
    story = Story()
    story.come(A)
    story.sits()
    story.come(B)
    story.sits()
    story.come(A)
    assert story.keeps == A.address
    story.come(B)
    story.sits()
    assert story.keeps == A.address


def test_the_browser_wins_too_where_the_phone_on_the_desk_came_first() -> None:
    """Nobody's phone is there at log-in; the browser is fetched, and the desk's comes before it."""
    story = Story()
    story.sits()
    story.contests.expects_browser(SEAT)
    story.come(A, BROWSER, A)
    assert story.keeps == BROWSER.address
    assert story.contests.usurped == {SEAT}


def test_a_browser_that_is_expected_is_no_phone_on_the_desk() -> None:
    story = Story()
    story.come(A)
    story.sits()
    story.contests.expects_browser(SEAT)
    story.come(B, A)
    assert story.keeps == A.address
    story.come(BROWSER)
    assert story.keeps is None, "a third one: nothing alternates yet"
    story.come(A)
    assert (story.keeps, story.contests.contested[SEAT].other[1]) == (BROWSER.address, A.address)


def test_a_browser_is_expected_once() -> None:
    story = Story()
    story.come(A)
    story.sits()
    story.contests.expects_browser(SEAT)
    second = phone("127.0.0.1:41002", Transport.WEBSOCKET)
    story.come(BROWSER, A, second, A)
    assert story.contests.contested[SEAT].keeps[1] != second.address


@pytest.mark.parametrize("gone", [None, GONE])
def test_the_agents_phone_that_moves_stays_his(gone: Registration | None) -> None:
    """It left, and comes from another place: that one keeps the seat then."""
    story = Story()
    story.come(A)
    story.sits()
    story.come(gone, B, C, B)
    assert story.keeps == B.address
    story = Story()
    story.come(A)
    story.sits()
    story.come(gone, B, C)
    story.come(B)
    assert story.contests.kept == {SEAT}


def test_a_phone_that_comes_back_to_where_it_was_has_not_moved() -> None:
    story = Story()
    story.come(A)
    story.sits()
    story.come(B, A)
    story.come(None, A)
    assert story.keeps == A.address
    story.come(None, None, A)
    assert story.keeps == A.address


def test_another_ones_move_leaves_the_log_in_as_it_is() -> None:
    story = Story()
    story.come(A)
    story.sits()
    story.come(B, None, C)  # The other phone has moved; the agent's own comes back.
    assert story.keeps is None
    story.come(A, C)
    assert story.keeps == A.address
    assert story.contests.usurped == {SEAT}


def test_one_address_over_two_transports_is_two_phones() -> None:
    story = Story()
    story.come(A, replace(A, transport=Transport.TCP), A)
    assert story.contests.contested[SEAT].other == (Transport.TCP, A.address)


def test_who_logs_in_while_neither_is_there_leaves_the_contest_as_it_is() -> None:
    story = Story()
    story.come(A, B, A, None)
    story.sits()
    assert story.keeps == A.address


def test_a_browser_may_be_expected_where_no_phone_was_ever_seen() -> None:
    story = Story()
    story.contests.expects_browser(SEAT)
    story.sits()
    story.come(BROWSER, A, BROWSER)
    assert story.keeps == BROWSER.address


def test_who_looks_twice_in_one_moment_forgets_nothing_by_it() -> None:
    story = Story(step=SPAN)
    story.come(A, B)
    for one in (B, A):
        story.contests.phones({SEAT: one}, 3 * SPAN)
    assert story.keeps == A.address


def test_who_comes_to_a_seat_is_seen_beside_those_who_sit_already() -> None:
    story = Story()
    story.sits()
    other = replace(B, extension=OTHER_SEAT)
    story.contests.phones({OTHER_SEAT: other}, 1.0)
    story.contests.sits([SEAT, OTHER_SEAT])
    story.contests.phones({OTHER_SEAT: replace(A, extension=OTHER_SEAT)}, 2.0)
    story.contests.phones({OTHER_SEAT: other}, 3.0)
    assert story.contests.kept == {OTHER_SEAT}
    assert story.contests.contested[OTHER_SEAT].keeps[1] == B.address
