"""One small hierarchy of errors: HTTP status, stable code, a sentence that says what to do.

The code is part of the API: it never changes once released. The sentence may.
``docs/errors.md`` lists every code.
"""

from __future__ import annotations

from typing import Any, ClassVar


class CallcenterError(Exception):
    """Base of every error that a user or an API client may see.

    `message` says what is wrong and what to do about it; `details` holds machine-readable
    facts (field, limit, present version ...).
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or type(self).code
        self.details = details


class BadInput(CallcenterError):
    """The request itself is wrong; sending it again unchanged will not help."""

    status = 422
    code = "bad_input"


class NotFound(CallcenterError):
    """No such thing, or not for the one who asks."""

    status = 404
    code = "not_found"


class Unauthenticated(CallcenterError):
    """No token, or one that is not known."""

    status = 401
    code = "unauthenticated"


class Forbidden(CallcenterError):
    """Known, but not allowed."""

    status = 403
    code = "forbidden"


class Conflict(CallcenterError):
    """The thing is in a state in which this makes no sense, or was changed meanwhile."""

    status = 409
    code = "conflict"


class VersionConflict(Conflict):
    """Somebody else saved first (optimistic locking)."""

    code = "version_conflict"


class VersionRequired(CallcenterError):
    """A whole thing would be replaced by somebody who has not said which version he read."""

    status = 428
    code = "version_required"


class Gone(CallcenterError):
    """It was there and has been removed, e.g. by retention."""

    status = 410
    code = "gone"


class TooLarge(CallcenterError):
    """A limit of the settings was exceeded."""

    status = 413
    code = "too_large"


class TooManyRequests(CallcenterError):
    """Come back later; ``details.retry_after_seconds`` says when."""

    status = 429
    code = "too_many_requests"


class PbxUnavailable(CallcenterError):
    """The PBX link is down; nothing was done."""

    status = 503
    code = "pbx_unavailable"


class PbxRefused(CallcenterError):
    """The PBX answered that it will not do it."""

    status = 409
    code = "pbx_refused"


class PbxTimeout(CallcenterError):
    """The PBX did not answer in time: it may or may not have been done. Nothing is re-sent."""

    status = 504
    code = "pbx_timeout"


class SetupError(CallcenterError):
    """Set-up cannot go on; the message says which setting or right to mend."""

    code = "setup_failed"
