"""Laws of the difference between the seats and members that should be and those that are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.reconcile import (
    NOTHING,
    ActualSeats,
    Fingerprint,
    JoinQueue,
    LeaveQueue,
    Place,
    PlaceKey,
    PushSeat,
    RemoveSeat,
    SetPause,
    SetPenalty,
    Step,
    WantedPlace,
    WantedSeat,
    Working,
    difference,
    pbx_name,
)

EXTENSIONS = [Extension(str(number)) for number in range(8001, 8006)]
QUEUES = ["12345", "english", "old"]
OLD = frozenset({"old"})

prints = st.builds(Fingerprint, st.sampled_from("ab"), st.sampled_from("xy"))
names = st.sampled_from(["王芳", "李强", "张敏"])


@st.composite
def workings(draw: st.DrawFn) -> Working:
    paused = draw(st.booleans())
    reason = draw(st.sampled_from(["lunch", "wrap_up"])) if paused else ""
    return Working(draw(st.integers(0, 3)), paused, reason)


@dataclass(frozen=True)
class Wanted:
    seats: list[WantedSeat]
    places: list[WantedPlace]

    @property
    def by_key(self) -> dict[PlaceKey, WantedPlace]:
        """Those that can be: of wanted seats."""
        extensions = {seat.extension for seat in self.seats}
        return {
            (place.queue, place.extension): place
            for place in self.places
            if place.extension in extensions
        }


keys = st.tuples(st.sampled_from(QUEUES), st.sampled_from(EXTENSIONS))


@st.composite
def wanted(draw: st.DrawFn) -> Wanted:
    chosen = draw(st.lists(st.sampled_from(EXTENSIONS), unique=True))
    seats = [WantedSeat(seat, draw(prints)) for seat in chosen]
    places = [
        WantedPlace(queue, seat, draw(names), draw(st.none() | workings()))
        for queue, seat in draw(st.lists(keys, unique=True))
    ]
    return Wanted(seats, places)


@st.composite
def actual_seats(draw: st.DrawFn) -> ActualSeats:
    places = {}
    for key in draw(st.lists(keys, unique=True)):
        work = draw(workings())
        # The PBX forgets no reason of its own accord: one may be left from an earlier pause.
        places[key] = Place(
            draw(names), work.penalty, work.paused, work.reason, draw(st.booleans())
        )
    some = st.sampled_from(EXTENSIONS)
    return ActualSeats(draw(st.dictionaries(some, prints | st.just(NOTHING))), places)


@dataclass
class Pbx:
    """What steps do to a PBX."""

    seats: dict[Extension, Fingerprint]
    places: dict[PlaceKey, Place]

    @staticmethod
    def of(actual: ActualSeats) -> Pbx:
        return Pbx(dict(actual.seats), dict(actual.places))

    def take(self, step: Step, prints: Mapping[Extension, Fingerprint]) -> None:
        seat = step.extension
        match step:
            case LeaveQueue(_, queue):
                assert self.places.pop((queue, seat)).dynamic
            case RemoveSeat():
                assert not [
                    key for key, place in self.places.items() if key[1] == seat and place.dynamic
                ], "a caller would be offered to nobody"
                del self.seats[seat]
            case PushSeat():
                self.seats[seat] = prints[seat]
            case JoinQueue(_, queue, name, work):
                assert (queue, seat) not in self.places
                assert self.seats[seat] == prints[seat]
                self.places[queue, seat] = Place(name, work.penalty, work.paused, work.reason)
            case SetPause(_, queue, paused, reason):
                place = self.places[queue, seat]
                assert place.dynamic
                self.places[queue, seat] = replace(place, paused=paused, reason=reason)
            case SetPenalty(_, queue, penalty):
                place = self.places[queue, seat]
                assert place.dynamic
                self.places[queue, seat] = replace(place, penalty=penalty)

    def take_all(self, steps: tuple[Step, ...], want: Wanted) -> None:
        prints = {seat.extension: seat.fingerprint for seat in want.seats}
        for step in steps:
            self.take(step, prints)

    def actual(self) -> ActualSeats:
        return ActualSeats(dict(self.seats), dict(self.places))


@given(wanted(), actual_seats())
def test_the_steps_make_the_pbx_as_wanted_and_then_nothing_is_left(
    want: Wanted, actual: ActualSeats
) -> None:
    pbx = Pbx.of(actual)
    pbx.take_all(difference(want.seats, want.places, actual), want)
    assert pbx.seats == {seat.extension: seat.fingerprint for seat in want.seats}
    theirs = {key for key, place in actual.places.items() if not place.dynamic}
    ours = {key: place for key, place in pbx.places.items() if key not in theirs}
    by_key = {key: place for key, place in want.by_key.items() if key not in theirs}
    assert ours.keys() == by_key.keys()
    for key, place in by_key.items():
        assert ours[key].name == place.name
        before = actual.places.get(key)
        kept = before.working if before is not None else Working()
        assert ours[key].working == (place.working or kept)
    assert {key: actual.places[key] for key in theirs} == {key: pbx.places[key] for key in theirs}
    assert difference(want.seats, want.places, pbx.actual()) == ()


@given(wanted(), actual_seats(), st.data(), st.sampled_from([frozenset(), OLD]))
def test_a_round_that_ends_anywhere_is_finished_by_the_next(
    want: Wanted, actual: ActualSeats, data: st.DataObject, emptying: frozenset[str]
) -> None:
    def steps(of: ActualSeats) -> tuple[Step, ...]:
        return difference(want.seats, want.places, of, emptying=emptying)

    todo = steps(actual)
    done = data.draw(st.integers(0, len(todo)))
    whole, broken = Pbx.of(actual), Pbx.of(actual)
    whole.take_all(todo, want)
    broken.take_all(todo[:done], want)
    broken.take_all(steps(broken.actual()), want)
    assert broken.seats == whole.seats
    assert broken.places.keys() == whole.places.keys()
    assert steps(broken.actual()) == steps(whole.actual()) == ()


@given(wanted(), actual_seats())
def test_a_seat_that_is_as_it_should_be_is_left_alone(want: Wanted, actual: ActualSeats) -> None:
    prints = {seat.extension: seat.fingerprint for seat in want.seats}
    right = {
        seat
        for seat in prints
        if actual.seats.get(seat) == prints[seat]
        and {key for key in want.by_key if key[1] == seat}
        == {key for key, place in actual.places.items() if key[1] == seat and place.dynamic}
        and all(
            actual.places[key].name == place.name
            and place.working in (None, actual.places[key].working)
            for key, place in want.by_key.items()
            if key[1] == seat
        )
    }
    steps = difference(want.seats, want.places, actual)
    assert right.isdisjoint(step.extension for step in steps)


@given(wanted(), actual_seats())
def test_who_waits_in_a_queue_that_is_emptying_keeps_those_who_work(
    want: Wanted, actual: ActualSeats
) -> None:
    pbx = Pbx.of(actual)
    pbx.take_all(difference(want.seats, want.places, actual, emptying=OLD), want)
    before = {key for key, place in actual.places.items() if key[0] == "old" and place.dynamic}
    after = {key for key, place in pbx.places.items() if key[0] == "old" and place.dynamic}
    wanted_at = {key[1]: place for key, place in sorted(want.by_key.items(), reverse=True)}
    assert after == {key for key in before if key[1] in wanted_at}, "nobody joins or is lost"
    for key in after:
        work = wanted_at[key[1]].working
        if work is not None:
            assert pbx.places[key].paused == work.paused, "on a break here as elsewhere"
            assert pbx.places[key].penalty == actual.places[key].penalty


@given(wanted(), actual_seats())
def test_a_queue_whose_members_change_is_never_without_any(
    want: Wanted, actual: ActualSeats
) -> None:
    """Or whoever waits there at the change of shifts is sent away. But for the moment in which
    its only member gets another name: the PBX has no command for that."""
    steps = difference(want.seats, want.places, actual)
    pbx, end = Pbx.of(actual), Pbx.of(actual)
    end.take_all(steps, want)
    served = {queue for queue, _ in actual.places} & {queue for queue, _ in end.places}
    for step in steps:
        pbx.take_all((step,), want)
        renamed = isinstance(step, LeaveQueue) and (step.queue, step.extension) in end.places
        if not renamed:
            assert served <= {queue for queue, _ in pbx.places}


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
        asked = WantedSeat(seat, Fingerprint("a", "y"))
        steps = difference([asked], [], ActualSeats(seats))
        assert steps == (PushSeat(seat, keep_registered=keep),)


def test_a_new_name_ends_no_break_and_keeps_the_penalty() -> None:
    seat, mark = EXTENSIONS[0], Fingerprint("a", "x")
    place = Place("王芳", penalty=2, paused=True, reason="lunch")
    actual = ActualSeats({seat: mark}, {("12345", seat): place})
    asked = WantedPlace("12345", seat, "李强")
    assert difference([WantedSeat(seat, mark)], [asked], actual) == (
        LeaveQueue(seat, "12345"),
        JoinQueue(seat, "12345", "李强", Working(2, paused=True, reason="lunch")),
    )


def test_break_and_skill_change_without_leaving_the_queue() -> None:
    seat, mark = EXTENSIONS[0], Fingerprint("a", "x")
    actual = ActualSeats({seat: mark}, {("12345", seat): Place("王芳", 0, paused=False)})
    asked = WantedPlace("12345", seat, "王芳", Working(1, paused=True, reason="lunch"))
    assert difference([WantedSeat(seat, mark)], [asked], actual) == (
        SetPause(seat, "12345", paused=True, reason="lunch"),
        SetPenalty(seat, "12345", 1),
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
