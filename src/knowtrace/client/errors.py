"""What can go wrong between a program and the service.

ClientError                     root: catch this to catch all of these
├── NoAnswerError               the service could not be reached, or went silent; `__cause__` says how
├── UnreadableAnswerError       an answer that is not what this client's version expects
└── ApiError                    the service said no; `status` says why
    ├── BadRequestError         400  the request breaks a rule
    ├── UnauthorizedError       401  no key, or one that is not known
    ├── ForbiddenError          403  the key may not do this
    ├── NotFoundError           404  a thing that was asked for by name is not there
    ├── ConflictError           409  the request contradicts what is stored
    ├── TooLargeError           413  more than one call may carry
    ├── MalformedError          422  a field is missing, unknown or of the wrong type; `errors` names each
    ├── TooManyRequestsError    429  this key asks too often
    ├── ServerFaultError        5xx  a fault of the service; `request_id` finds it in the logs
    └── UnavailableError        502, 503, 504  not able to answer right now
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ClientError(Exception):
    """Root of this package's errors."""


class NoAnswerError(ClientError):
    """No try brought an answer."""


class UnreadableAnswerError(ClientError):
    """The answer has another form than this client reads."""

    def __init__(self, message: str, *, status: int, request_id: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with a request: where, and by which rule."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


class ApiError(ClientError):
    """The service answered with a problem (RFC 9457)."""

    def __init__(
        self,
        *,
        status: int,
        title: str,
        detail: str,
        request_id: str | None,
        errors: Sequence[FieldProblem] = (),
    ) -> None:
        places = "".join(f"\n  {'.'.join(map(str, error.loc))}: {error.msg}" for error in errors)
        super().__init__(f"{status} {title}: {detail}{places}")
        self.status = status
        self.title = title
        self.detail = detail
        self.request_id = request_id
        self.errors = tuple(errors)


class BadRequestError(ApiError):
    """The request breaks a rule."""


class UnauthorizedError(ApiError):
    """There is no key, or one that is not known."""


class ForbiddenError(ApiError):
    """The key may not do this."""


class NotFoundError(ApiError):
    """A thing that was asked for by name is not there."""


class ConflictError(ApiError):
    """The request contradicts what is stored."""


class TooLargeError(ApiError):
    """More than one call may carry."""


class MalformedError(ApiError):
    """A field is missing, unknown or of the wrong type."""


class TooManyRequestsError(ApiError):
    """This key asks too often."""


class ServerFaultError(ApiError):
    """A fault of the service."""


class UnavailableError(ApiError):
    """The service, or what stands before it, is not able to answer right now."""


BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    413: TooLargeError,
    422: MalformedError,
    429: TooManyRequestsError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def error_of_status(status: int) -> type[ApiError]:
    return BY_STATUS.get(status, ServerFaultError if status >= 500 else ApiError)
