"""Finds telephone numbers in what people write, however they write them.

``138-0013-8000``, ``+86 (138) 0013 8000``, the same in full-width digits, with dots and slashes, in
Chinese digits (``一三八``), and with characters in between that nobody sees: all of them are one
number. Case numbers, dates, times, amounts, coordinates and addresses of machines are none, and
stay as they are.

A *run* is digits with nothing between them but blanks, punctuation and what is not seen. Out of a
run those forms are taken that are certainly something else; what is certainly a number is one (a
mobile, a line with its area code, an international number); and so is the rest if it is as long as
a number and grouped like one. In doubt it is a number: a digit too many hidden harms less than one
too few.

A hidden digit counts as a digit, so that masking what is masked already changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

DIGITS_MIN = 7
"""The shortest number of a line: 7 or 8 digits without the area code."""
STAR = "*"
"""In the place of a digit that is hidden."""
_HIDDEN_MIN = 4
_HEAD_MAX = 3
_TAIL_MAX = 4

_CHINESE = dict(
    zip("〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖", "001234567891123456789", strict=True)
)
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that are nothing but a blank place."""
_DIGIT = rf"\d*＊{''.join(_CHINESE)}²³¹⁰-₉①-⓿❶-➓㈠-㈩㊀-㊉"
_GAP = rf"(?:[^\w*＊]|[_{_FILLERS}]){{0,16}}"
"""Sixteen characters, for most of them can be such as nobody sees; `_BETWEEN_MAX` counts those that
are seen."""
_RUN = re.compile(rf"[{_DIGIT}](?:{_GAP}[{_DIGIT}]){{{DIGITS_MIN - 1},}}")
"""Where a number can be at all: found by a search; only that is looked at closely."""
_BETWEEN_MAX = 3
_NATURAL = frozenset(" -./\\()_~|+'·[]")
"""What people put between the digits of one number; other marks stand between things of a list."""
_DOTS = str.maketrans(dict.fromkeys("•‧∙⋅・･。﹒●※", "·"))
_TOKEN = re.compile(
    r"(?<![0-9A-Za-z])(?:(?=[0-9]*[a-f])[0-9a-f]{32,}"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[A-Z]+/\w+-[0-9a-f]{8})(?![0-9A-Za-z])"
)
"""A checksum, a UUID, a channel of the PBX: as they are written in errors and histories."""

# -- what is certainly no number ------------------------------------------------------------

_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:[12][0-9]|3[01]|0?[1-9])"
_YEAR, _MONTH2, _DAY2 = r"(?:19|20)[0-9]{2}", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = (
    r"(?:2[0-4]|[01]?[0-9]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?"
    r"(?:\+[01][0-9]:[0-5][0-9])?"
)
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_HARMLESS = re.compile(
    "(?:"
    + "|".join(
        (
            rf"{_YEAR}{_MONTH2}{_DAY2}-[0-9]{{5,6}}",  # a case's number
            rf"{_YEAR}([-./ ]){_MONTH}\1{_DAY}(?: +{_CLOCK})?",
            rf"{_DAY}([-./]){_MONTH}\2{_YEAR}",
            rf"{_MONTH}([-./]){_DAY}\3{_YEAR}",
            rf"{_YEAR}{_MONTH2}{_DAY2}(?:[01][0-9][0-5][0-9](?:[0-5][0-9])?)?(?: +{_CLOCK})?",
            _CLOCK,
            rf"(?:{_BYTE}\.){{3}}{_BYTE}(?::[0-9]{{1,5}})?",
        )
    )
    + ")(?![0-9*])"
)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
"""How answers write moments; there are many of them, so they are known at once."""
_END = re.compile(r"(?![0-9*]|[-./\\(·][0-9*])")
"""Nothing of the same thing follows."""
_RANGE_END = re.compile(rf"[-/](?={_YEAR}[-./]?{_MONTH}[-./]?{_DAY}(?![0-9])|{_CLOCK}(?![0-9]))")
_AMOUNT = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?")
_UNIT = re.compile(
    r"\s*(?:元|万|亿|块|角|美元|欧元|人民币|RMB|CNY|USD|[%％‰]|㎡|平方|平米|公里|吨|公斤|毫秒|字节|人次)"
)  # fmt: skip
_CURRENCY = re.compile(
    r"(?:[¥￥$€]|金额|合计|共计|总计|总额|余额|人民币|RMB|CNY|USD)\s*[:：为是约]?\s*$"
)
_DECIMAL = re.compile(r"(?:0|[1-9]|[1-9][0-9]|1[0-7][0-9])\.[0-9]{1,7}|[0-9]\.[0-9]+")
"""Up to 180 degrees, and shares."""
_CHANNEL = re.compile(r"[0-9]{9,12}\.[0-9]{1,6}")
_NODE = re.compile(r"[A-Za-z]\w*:$")
"""What a call's identity begins with."""

# -- what is certainly one ------------------------------------------------------------------

_AREA = r"(?:10|2[0-9]|[3-9][0-9]{2})[0-9*]{7,8}"
_CERTAIN = re.compile(
    rf"(?:(?:00)?86)?1[3-9*][0-9*]{{9}}|0{_AREA}|(?:00)?860?{_AREA}|[48]00[0-9*]{{7}}"
    r"|00[1-9][0-9*]{9,14}"
)
_ABROAD = re.compile(r"[0-9*]{7,15}")
_LONGEST = 19
_SHORT = 128
"""Characters: of texts up to so long it is remembered what was found in them. Screens ask for the
same lists again and again, and most of their texts are numbers, names and moments."""
_REMEMBERED = 8192
"""Of each kind: some lists' texts, 2 MiB at most."""
_NEAR = 16
"""Characters that are looked at before and behind, for what says that it is an amount."""


@dataclass(frozen=True, slots=True)
class NumberFound:
    """A number in a text: ``text[start:end]``, from its first digit to its last one."""

    start: int
    end: int
    digits: str
    """ASCII; `STAR` where a digit is hidden already."""
    places: tuple[int, ...]
    """Where each digit stands in the text."""


@dataclass(slots=True)
class _Group:
    """Digits with nothing seen between them."""

    digits: str
    places: list[int]
    at: int
    """Where it begins in the run's plain form."""
    chinese: bool
    before: str = ""
    """What is seen between the group before and this one, in its plain form."""
    new_line: bool = False


def find_numbers(text: str) -> Iterator[NumberFound]:
    """The telephone numbers in `text`, in order, none within another."""
    if _MOMENT.fullmatch(text):
        return
    tokens: list[re.Match[str]] | None = None
    for run in _RUN.finditer(text):
        if tokens is None:
            tokens = list(_TOKEN.finditer(text))
        if any(one.start() <= run.start() < one.end() for one in tokens):
            continue
        yield from _Run(text, run.start(), run.end()).numbers()


def find_digits(text: str) -> Iterator[NumberFound]:
    """Every run in `text` that is long enough for a number, whatever it may mean: for what holds a
    name or a number and nothing else."""
    for run in _RUN.finditer(text):
        groups = _Run(text, run.start(), run.end()).groups
        if sum(len(group.digits) for group in groups) >= DIGITS_MIN:
            yield _found(groups)


def has_number(text: str) -> bool:
    """Whether a number in `text` can be read whole."""
    return bool(whole_numbers(text))


def whole_numbers(text: str) -> tuple[str, ...]:
    """The digits of each number in `text` that can be read whole."""
    return _whole_in_short(text) if len(text) <= _SHORT else _whole(text)


def mask_numbers(text: str) -> str:
    """`text` with the middle of every number hidden: four digits at least, seven shown at most. Its
    length stays."""
    return _masked_short(text) if len(text) <= _SHORT else _masked(text, find_numbers(text))


def mask_digits(text: str) -> str:
    """As `mask_numbers`, of every run that `find_digits` finds."""
    return _masked_digits_short(text) if len(text) <= _SHORT else _masked(text, find_digits(text))


def restore_numbers(before: str, text: str) -> str:
    """`text`, which somebody wrote who saw `before` masked, with the digits back that he was not
    shown: what a screen sends back is what it got."""
    masked = mask_numbers(before)
    if masked == before:
        return text
    at = 0
    for one in find_numbers(before):
        piece = masked[one.start : one.end]
        place = text.find(piece, at)
        if place >= 0:
            whole = before[one.start : one.end]
            text = text[:place] + whole + text[place + len(piece) :]
            at = place + len(whole)
    return text


def shown_of(digits: int) -> tuple[int, int]:
    """How many of so many digits are shown at the beginning, and how many at the end."""
    shown = min(max(digits - _HIDDEN_MIN, 0), _HEAD_MAX + _TAIL_MAX)
    tail = min((shown + 1) // 2, _TAIL_MAX)
    return shown - tail, tail


def _whole(text: str) -> tuple[str, ...]:
    return tuple(one.digits for one in find_numbers(text) if STAR not in one.digits)


@lru_cache(_REMEMBERED)
def _whole_in_short(text: str) -> tuple[str, ...]:
    return _whole(text)


@lru_cache(_REMEMBERED)
def _masked_short(text: str) -> str:
    return _masked(text, find_numbers(text))


@lru_cache(_REMEMBERED)
def _masked_digits_short(text: str) -> str:
    return _masked(text, find_digits(text))


def _masked(text: str, found: Iterator[NumberFound]) -> str:
    chars: list[str] | None = None
    for one in found:
        chars = list(text) if chars is None else chars
        head, tail = shown_of(len(one.digits))
        hidden = one.places[head : len(one.places) - tail]
        for place in range(hidden[0], hidden[-1] + 1):
            chars[place] = STAR
    return text if chars is None else "".join(chars)


def _found(groups: Sequence[_Group]) -> NumberFound:
    places = tuple(place for group in groups for place in group.places)
    digits = "".join(group.digits for group in groups)
    return NumberFound(places[0], places[-1] + 1, digits, places)


class _Run:
    """A run, read into groups of digits and a plain form that grammars can be tried on."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self._text = text
        self._start = start
        self._end = end
        self.groups: list[_Group] = []
        self._plain = ""
        self._read()

    def numbers(self) -> Iterator[NumberFound]:
        """What of it is numbers."""
        groups, open_from, position, before = self.groups, 0, 0, 0
        while position < len(groups):
            taken = 0
            if position == open_from or self._begins(position, before):
                taken = self._harmless(position)
            if taken == 0:
                certain = self._certain(position)
                if certain == 0:
                    before += len(groups[position].digits)
                    position += 1
                    continue
                yield from self._likely(groups[open_from:position])
                yield _found(groups[position : position + certain])
                taken = certain
            else:
                yield from self._likely(groups[open_from:position])
            position += taken
            open_from, before = position, 0
        yield from self._likely(groups[open_from:])

    # -- reading ------------------------------------------------------------------------------

    def _read(self) -> None:
        plain: list[str] = []
        between: list[str] = []
        for place in range(self._start, self._end):
            char = self._text[place]
            for one, chinese in _plain_of(char):
                if not (one.isdigit() or one == STAR):
                    between.append(one)
                    plain.append(one)
                    continue
                last = self.groups[-1] if self.groups else None
                if last is None or between or last.chinese != chinese:
                    gap = "".join(between)
                    group = _Group("", [], len(plain), chinese, gap.replace("\n", " "))
                    group.new_line = "\n" in gap
                    self.groups.append(group)
                    last = group
                    between = []
                last.digits += one
                last.places.append(place)
                plain.append(one)
        self._plain = "".join(plain)

    # -- judging ------------------------------------------------------------------------------

    def _begins(self, position: int, before: int) -> bool:
        """Whether something else may begin here, behind so many digits: not in the middle of what
        may be a number."""
        group = self.groups[position]
        apart = group.new_line or group.chinese != self.groups[position - 1].chinese
        apart = apart or " " in group.before or not _NATURAL.issuperset(group.before)
        return apart and not 3 <= before < DIGITS_MIN

    def _harmless(self, position: int) -> int:
        """How many groups from `position` on are certainly no number."""
        group = self.groups[position]
        if group.chinese:
            return 0
        after = self._harmless_end(group.at)
        return 0 if after is None else self._count(position, after)

    def _harmless_end(self, at: int) -> int | None:
        match = _HARMLESS.match(self._plain, at)
        if match and (self._ends(match.end()) or _RANGE_END.match(self._plain, match.end())):
            return match.end()
        before = self._before(at)
        channel = _CHANNEL.match(self._plain, at)
        if channel and self._ends(channel.end()) and _NODE.search(before):
            return channel.end()
        amount = _AMOUNT.match(self._plain, at)
        if amount and self._ends(amount.end()):
            certain = _CERTAIN.fullmatch(re.sub("[^0-9]", "", amount[0]))
            named = _CURRENCY.search(before) or _UNIT.match(self._behind(amount.end()))
            if named and (not certain or "," in amount[0]):
                return amount.end()
            if not certain and "," in amount[0]:
                return amount.end()
        decimal = _DECIMAL.match(self._plain, at)
        if not decimal or not self._ends(decimal.end()):
            return None
        return None if _CERTAIN.fullmatch(decimal[0].replace(".", "")) else decimal.end()

    def _certain(self, position: int) -> int:
        """How many groups from `position` on are certainly one number; the most there are."""
        digits, found = "", 0
        plus = self._before(self.groups[position].at).endswith(("+", "＋"))
        for end in range(position, len(self.groups)):
            group = self.groups[end]
            if end > position and len(group.before) > _BETWEEN_MAX:
                break
            digits += group.digits
            if len(digits) > _LONGEST:
                break
            taken = self.groups[position : end + 1]
            known = _CERTAIN.fullmatch(digits) and _of_one_kind(taken)
            abroad = plus and not found and self._closed(end) and _ABROAD.fullmatch(digits)
            if known or abroad:
                found = len(taken)
        return found

    def _closed(self, end: int) -> bool:
        """Whether what follows the group `end` is not of the same number."""
        if end + 1 == len(self.groups):
            return True
        behind = self.groups[end + 1]
        return behind.new_line or not _NATURAL.issuperset(behind.before)

    def _likely(self, groups: Sequence[_Group]) -> Iterator[NumberFound]:
        """Numbers that no grammar knows, by their length and how they are grouped."""
        pieces: list[list[_Group]] = []
        for group in groups:
            apart = group.new_line or not _NATURAL.issuperset(group.before)
            if not pieces or apart or len(group.before) > _BETWEEN_MAX:
                pieces.append([])
            pieces[-1].append(group)
        for piece in pieces:
            if _grouped_like_one(piece):
                yield _found(piece)

    # -- parts --------------------------------------------------------------------------------

    def _ends(self, at: int) -> bool:
        return _END.match(self._plain, at) is not None

    def _count(self, position: int, after: int) -> int:
        """The groups from `position` on that begin before `after`."""
        end = position
        while end < len(self.groups) and self.groups[end].at < after:
            end += 1
        return end - position

    def _before(self, at: int) -> str:
        near = self._plain[max(at - _NEAR, 0) : at]
        return self._text[max(self._start - _NEAR, 0) : self._start] + near if at < _NEAR else near

    def _behind(self, at: int) -> str:
        near = self._plain[at : at + _NEAR]
        return near + self._text[self._end : self._end + _NEAR]


def _plain_of(char: str) -> Iterator[tuple[str, bool]]:
    """`char` as digits and marks in ASCII, and whether it is a Chinese digit; nothing for one that
    nobody sees."""
    if char in _CHINESE:
        yield _CHINESE[char], True
        return
    if char in "*＊":
        yield STAR, False
        return
    digit = unicodedata.digit(char, None)
    if digit is not None:
        yield str(digit), False
        return
    if char in "\n\r\u2028\u2029\v\f":
        yield "\n", False
        return
    category = unicodedata.category(char)
    if char == "\t" or category == "Zs":
        yield " ", False
    elif char in _FILLERS or category in ("Cf", "Cc", "Mn", "Me", "Cn", "Co", "Cs"):
        return
    elif category == "Pd" or char in "−⁃ー˗₋⁻‾_":
        yield "-", False
    else:
        for one in unicodedata.normalize("NFKC", char).translate(_DOTS):
            digit = unicodedata.digit(one, None)
            if one in _CHINESE:
                yield _CHINESE[one], True
            elif digit is not None:
                yield str(digit), False
            else:
                yield one if one != STAR else "·", False


def _of_one_kind(groups: Sequence[_Group]) -> bool:
    """A list of small numbers is not one number, although its digits may look it."""
    if all(_NATURAL.issuperset(group.before) for group in groups[1:]):
        return True
    lengths = [len(group.digits) for group in groups]
    return max(lengths) == 1 or min(lengths) > 1


def _grouped_like_one(groups: Sequence[_Group]) -> bool:
    digits = "".join(group.digits for group in groups)
    if len(digits) < DIGITS_MIN:
        return False
    # Digits of two scripts side by side are one group to a reader.
    lengths = [0]
    for before, group in pairwise((None, *groups)):
        if before is None or group is None or group.before:
            lengths.append(0)
        lengths[-1] += len(group.digits) if group is not None else 0
    longest = max(lengths)
    marks = {group.before.strip() or " " for group in groups[1:] if group.before}
    uniform = len(marks) <= 1
    if longest >= DIGITS_MIN or longest == 1:
        return True
    if len(digits) <= 8:
        return digits[0] not in "01" and (uniform or longest >= 3)
    return longest >= 4 or (uniform and marks != {" "})
