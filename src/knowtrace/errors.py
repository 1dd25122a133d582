"""Our errors. The text of each says the thing with its value, the rule, and the next step.

    KnowTraceError            500  root: catch this to catch all of ours
    ├── DataError             400  a source that cannot be read as answers
    ├── RunError              500  a run folder that is missing, incomplete or altered
    ├── TrainingError         400  data or settings that training cannot start from
    ├── CalibrationError      400  responses or settings that item parameters cannot be estimated from
    ├── MalformedError        400  a body that the standard it follows refuses
    ├── SettingsError         500  a setting of the installation that cannot be used
    ├── UnauthenticatedError  401  nobody knows who asks
    │   └── RefusedError      401  a credential was shown, and is not accepted
    ├── DeniedError           403  the caller may not do this, to this student or at all
    ├── NotFoundError         404  a thing that was asked for by name and is not there
    ├── ConflictError         409  the request contradicts what is already stored
    ├── TooLargeError         413  more than one call may carry
    ├── ModelError            503  a model fails, or gives what no model may give
    ├── TooManyError          429  more calls, answers or streams than the caller may have at this time
    └── UnavailableError      503  no model or store to answer with

`status` is what the service answers with; 422 is left to malformed payloads.
"""

from collections.abc import Mapping, Sequence


class KnowTraceError(Exception):
    """Root of our errors. `headers` are those that its answer carries over HTTP; where there may be many problems,
    `problems` says where (loc), what (msg) and of which kind (type) each is.
    """

    status = 500
    headers: Mapping[str, str] = {}
    problems: Sequence[Mapping[str, object]] | None = None
    behind: str = ""

    @property
    def for_operators(self) -> str:
        """The text with what is behind it, which may name hosts and is for who runs the service alone."""
        return f"{self} ({self.behind})" if self.behind else str(self)


class DataError(KnowTraceError):
    """A source cannot be read as answers at all; rows that are merely wrong are quarantined instead."""

    status = 400


class RunError(KnowTraceError):
    """A run folder is missing, incomplete or altered."""


class TrainingError(KnowTraceError):
    """Training cannot start from this data or these settings."""

    status = 400


class CalibrationError(KnowTraceError):
    """Item parameters cannot be estimated from these responses or with these settings."""

    status = 400


class MalformedError(KnowTraceError):
    """A body that the standard it follows refuses, where that standard says 400; others are 422."""

    status = 400

    def __init__(self, message: str, problems: Sequence[Mapping[str, object]] | None = None) -> None:
        super().__init__(message)
        self.problems = problems


class SettingsError(KnowTraceError):
    """A setting of the installation cannot be used."""


class UnauthenticatedError(KnowTraceError):
    """Nobody knows who asks: no credential, or one that is not accepted."""

    status = 401
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="knowtrace"'}


class RefusedError(UnauthenticatedError):
    """A credential was shown, and is not accepted."""

    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="knowtrace", error="invalid_token"'}


class DeniedError(KnowTraceError):
    """The caller may not do this: the text is the same whether or not the thing asked about is there."""

    status = 403


class NotFoundError(KnowTraceError):
    """A thing that was asked for by name is not there."""

    status = 404


class ConflictError(KnowTraceError):
    """The request contradicts what is already stored."""

    status = 409


class TooLargeError(KnowTraceError):
    """More than one call may carry."""

    status = 413


class ModelError(KnowTraceError):
    """A model fails, or gives what no response model may give."""

    status = 503


class TooManyError(KnowTraceError):
    """More than the caller may send in this time, or have open at once."""

    status = 429

    def __init__(
        self, message: str, *, retry_after_seconds: int, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.headers = {**(headers or {}), "Retry-After": str(retry_after_seconds)}


class UnavailableError(KnowTraceError):
    """No model or store to answer with right now; `behind` is what a driver says of it."""

    status = 503

    def __init__(self, message: str, *, behind: str = "") -> None:
        super().__init__(message)
        self.behind = behind
