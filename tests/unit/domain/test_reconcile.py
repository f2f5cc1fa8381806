"""Laws of the difference between the seats that should be and those that are."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from callcenter.domain.ids import Extension
from callcenter.domain.reconcile import (
    NOTHING,
    ActualSeats,
    Fingerprint,
    JoinQueue,
    LeaveQueue,
    Place,
    PushSeat,
    RemoveSeat,
    Step,
    WantedSeat,
    difference,
    pbx_name,
)

EXTENSIONS = [Extension(str(number)) for number in range(8001, 8007)]

prints = st.builds(Fingerprint, st.sampled_from("ab"), st.sampled_from("xy"))
names = st.sampled_from(["王芳", "李强", "张敏"])


@st.composite
def wanted_seats(draw: st.DrawFn) -> list[WantedSeat]:
    chosen = draw(st.lists(st.sampled_from(EXTENSIONS), unique=True))
    return [WantedSeat(seat, draw(prints), draw(st.none() | names)) for seat in chosen]


@st.composite
def actual_seats(draw: st.DrawFn) -> ActualSeats:
    some = st.sampled_from(EXTENSIONS)
    places = st.builds(Place, names, st.integers(0, 3), st.booleans(), st.booleans())
    return ActualSeats(
        draw(st.dictionaries(some, prints | st.just(NOTHING))),
        draw(st.dictionaries(some, places)),
    )


@dataclass
class Pbx:
    """What steps do to a PBX."""

    seats: dict[Extension, Fingerprint]
    places: dict[Extension, Place]
    removed: set[Extension] = field(default_factory=set)

    @staticmethod
    def of(actual: ActualSeats) -> Pbx:
        return Pbx(dict(actual.seats), dict(actual.places))

    def take(self, step: Step, wanted: dict[Extension, WantedSeat]) -> None:
        seat = step.extension
        match step:
            case LeaveQueue():
                assert self.places.pop(seat).dynamic
            case RemoveSeat():
                assert seat not in self.places or not self.places[seat].dynamic
                del self.seats[seat]
            case PushSeat():
                self.seats[seat] = wanted[seat].fingerprint
            case JoinQueue(_, name, penalty, paused):
                assert seat not in self.places
                assert self.seats[seat] == wanted[seat].fingerprint
                self.places[seat] = Place(name, penalty, paused)

    def actual(self) -> ActualSeats:
        return ActualSeats(dict(self.seats), dict(self.places))


@given(wanted_seats(), actual_seats())
def test_the_steps_make_the_pbx_as_wanted_and_then_nothing_is_left(
    wanted: list[WantedSeat], actual: ActualSeats
) -> None:
    by_extension = {seat.extension: seat for seat in wanted}
    pbx = Pbx.of(actual)
    for step in difference(wanted, actual):
        pbx.take(step, by_extension)
    assert pbx.seats == {seat.extension: seat.fingerprint for seat in wanted}
    ours = {seat: place.name for seat, place in pbx.places.items() if place.dynamic}
    theirs = {seat for seat, place in actual.places.items() if not place.dynamic}
    assert ours == {
        seat.extension: seat.member_name
        for seat in wanted
        if seat.member_name is not None and seat.extension not in theirs
    }
    assert difference(wanted, pbx.actual()) == ()


@given(wanted_seats(), actual_seats(), st.data())
def test_a_round_that_ends_anywhere_is_finished_by_the_next(
    wanted: list[WantedSeat], actual: ActualSeats, data: st.DataObject
) -> None:
    by_extension = {seat.extension: seat for seat in wanted}
    steps = difference(wanted, actual)
    done = data.draw(st.integers(0, len(steps)))
    whole, broken = Pbx.of(actual), Pbx.of(actual)
    for step in steps:
        whole.take(step, by_extension)
    for step in steps[:done]:
        broken.take(step, by_extension)
    for step in difference(wanted, broken.actual()):
        broken.take(step, by_extension)
    assert broken.seats == whole.seats
    assert broken.places.keys() == whole.places.keys()


@given(wanted_seats(), actual_seats())
def test_a_seat_that_is_as_it_should_be_is_left_alone(
    wanted: list[WantedSeat], actual: ActualSeats
) -> None:
    right = {
        seat.extension
        for seat in wanted
        if actual.seats.get(seat.extension) == seat.fingerprint
        and (place := actual.places.get(seat.extension)) is not None
        and place.name == seat.member_name
    }
    assert right.isdisjoint(step.extension for step in difference(wanted, actual))


def test_only_a_known_and_equal_secret_keeps_the_registration() -> None:
    seat = EXTENSIONS[0]
    for have, keep in (
        (Fingerprint("a", "x"), True),
        (Fingerprint("a", ""), True),
        (Fingerprint("b", "y"), False),
        (NOTHING, False),
        (None, False),
    ):
        seats = {} if have is None else {seat: have}
        wanted = WantedSeat(seat, Fingerprint("a", "y"), None)
        assert difference([wanted], ActualSeats(seats)) == (PushSeat(seat, keep_registered=keep),)


def test_a_new_name_ends_no_break_and_keeps_the_penalty() -> None:
    seat, mark = EXTENSIONS[0], Fingerprint("a", "x")
    actual = ActualSeats({seat: mark}, {seat: Place("王芳", penalty=2, paused=True)})
    assert difference([WantedSeat(seat, mark, "李强")], actual) == (
        LeaveQueue(seat),
        JoinQueue(seat, "李强", penalty=2, paused=True),
    )


@given(prints | st.just(NOTHING))
def test_a_fingerprint_is_read_as_it_was_written(mark: Fingerprint) -> None:
    assert Fingerprint.decode(mark.encode()) == mark


@given(st.text().filter(lambda text: ":" not in text))
def test_what_is_no_fingerprint_is_one_of_nothing(text: str) -> None:
    assert Fingerprint.decode(text) == NOTHING


@given(st.text(max_size=200))
def test_a_name_comes_back_from_the_pbx_unchanged(name: str) -> None:
    said = pbx_name(name)
    assert pbx_name(said) == said
    assert len(said.encode()) <= 79
    assert not set(said) & set('";|<>\\,\r\n\0')


def test_a_long_chinese_name_is_cut_between_characters() -> None:
    assert pbx_name("座" * 30) == "座" * 26
