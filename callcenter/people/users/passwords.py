"""Passwords: the rules that a new one must meet, and Argon2id (RFC 9106).

Hashing is slow on purpose, so it runs in threads, few at a time: many logins at once must not take
the processors and the memory from the calls. Whoever would wait behind too many is sent away.
"""

from __future__ import annotations

import asyncio
import secrets
import string
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from callcenter.platform.config import Settings
from callcenter.platform.errors import BadInput, TooManyRequests

T = TypeVar("T")

LENGTH_MIN = 10
LENGTH_MAX = 128
"""Characters: longer than any phrase, short enough to hash."""
AT_ONCE = 2
"""Hashes at a time: 2 x 19 MiB, and one processor in the usual machine is left for calls."""
WAITING_MAX = 100
"""Logins that wait: about 2 s of them. The beginning of a shift is 750 logins in minutes."""
ONE_TIME_LENGTH = 16
"""Characters of a one-time password: 95 bits."""

RECKONED = 72
SCORE_MIN = 3
"""Of zxcvbn: at least 10^8 guesses. Argon2 and the throttle make each of them dear."""
KNOWN_MAX, STRANGE_MAX = 3, 2
"""Three words, years or walks on the keyboard and two other signs: every program tries those in all
their orders: Summer2026!!"""
_WITHOUT_SHIFT = str.maketrans('!@#$%^&*()_+{}|:"<>?~', "1234567890-=[]\\;',./`")
"""What the same keys give on a usual keyboard."""
OURS = ("hotline", "callcenter", "12345", "rexian", "zhengfu")
"""Words that somebody here thinks of first."""

_COMMON = frozenset(
    {
        "1234567890", "0123456789", "9876543210", "1234512345", "1111111111", "0000000000",
        "8888888888", "6666666666", "12345678910", "123456789a", "a123456789", "1q2w3e4r5t",
        "1qaz2wsx3edc", "qwertyuiop", "qwerty12345", "asdfghjkl;", "asdfghjkl1", "abcdefghij",
        "abcd123456", "abc1234567", "password12", "password123", "password1234", "passw0rd123",
        "p@ssw0rd123", "admin12345", "admin123456", "administrator", "callcenter", "hotline12345",
        "woaini1314", "woaini520520", "iloveyou123", "5201314520", "letmein1234", "welcome123",
        "changeme123", "qazwsxedcrfv", "zaq12wsxcde3", "mima123456", "rexian12345",
    }
)  # fmt: skip
"""What is tried first in China and stands in no English list; compared without case."""
_ONE_TIME_LETTERS = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))
"""Without those that are mistaken for one another when they are read aloud."""


def check_rules(password: str, login: str) -> None:
    """`BadInput` ``weak_password`` if it breaks a rule; ``details.rule`` names it.

    ``length``: 10 to 128 characters. ``login``: it is the login, or the login and little more.
    ``repeated``: fewer than five different characters. ``common``: among the first guesses of
    people and programs: a list of passwords that got out, names, words, dates, walks on a keyboard
    and what is put together of a few of them (zxcvbn).
    """
    password = normal_form(password)
    folded = password.casefold()
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise _weak("length", f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters")
    if login and len(folded.replace(login.casefold(), "")) < LENGTH_MIN // 2:
        raise _weak("login", "a password is not the login with a few characters more")
    if len(set(folded)) < 5:
        raise _weak("repeated", "a password has five different characters at least")
    if folded in _COMMON or any(
        _guessable(form, login) for form in (password, folded.translate(_WITHOUT_SHIFT))
    ):
        raise _weak("common", "this password is among the first that anybody would try")


def _guessable(password: str, login: str) -> bool:
    from zxcvbn import zxcvbn  # when a password is chosen: its lists take 13 MB

    # Its reckoning takes the square of the length; what is longer than this is guessed by nobody.
    found = zxcvbn(password[:RECKONED], user_inputs=[login, *OURS])
    parts = found["sequence"]
    strange = sum(len(part["token"]) for part in parts if part["pattern"] == "bruteforce")
    known = sum(part["pattern"] != "bruteforce" for part in parts)
    return bool(found["score"] < SCORE_MIN or (known <= KNOWN_MAX and strange <= STRANGE_MAX))


def normal_form(password: str) -> str:
    """One form for all writings that look alike (NFKC, as RFC 8265 has it for what is compared): a
    phone's keyboard and a PC's write one Chinese or accented character in two ways."""
    return unicodedata.normalize("NFKC", password)


def one_time_password() -> str:
    """A fresh random password that can be read aloud."""
    return "".join(secrets.choice(_ONE_TIME_LETTERS) for _ in range(ONE_TIME_LENGTH))


class Passwords:
    """Hashes and verifies, off the event loop."""

    def __init__(self, settings: Settings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_passes,
            memory_cost=settings.argon2_memory_kib,
            parallelism=1,
        )
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """The hash to keep, in PHC form; `TooManyRequests` ``too_many_logins``."""
        return await self._run(lambda: self._hasher.hash(_bytes(normal_form(password))))

    async def verify(self, password: str, kept: str | None) -> bool:
        """Whether `password` is the one of `kept`; None (no such user) takes as long as any.

        `TooManyRequests` ``too_many_logins``.
        """
        return await self._run(lambda: self._verify(password, kept))

    def outdated(self, kept: str) -> bool:
        """Whether `kept` was made with other parameters than those of the settings."""
        try:
            return self._hasher.check_needs_rehash(kept)
        except InvalidHashError:
            return True

    def _verify(self, password: str, kept: str | None) -> bool:
        if kept is None:
            self._nobody = self._nobody or self._hasher.hash(secrets.token_bytes(16))
        # As it was written: of a hash from before there was one form for all writings.
        for written in dict.fromkeys((normal_form(password), password)):
            try:
                if self._hasher.verify(kept or self._nobody, _bytes(written)):
                    return kept is not None
            except (VerificationError, InvalidHashError):
                continue
        return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise TooManyRequests(
                "too many people log in at this moment; try again in a few seconds",
                code="too_many_logins",
                retry_after_seconds=3,
            )
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _weak(rule: str, message: str) -> BadInput:
    return BadInput(f"password: {message}", code="weak_password", rule=rule)
