"""What both clients do with a try: read the answer, wait and try again, or give up. No input or output here."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import httpx
from pydantic import ValidationError
from pydantic_core import from_json

from knowtrace.client.answers import Answer
from knowtrace.client.call import Call
from knowtrace.client.errors import FieldProblem, NoAnswerError, UnreadableAnswerError, error_of_status
from knowtrace.client.retries import AGAIN, NOT_BEGUN, Retries

T = TypeVar("T", bound=Answer)
UNSENDABLE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
SAFE = "Events that were sent may be stored: sending them again is safe."
UNSAFE = "It may have been done: look before you send it again, which would do it twice."
MOST_SHOWN = 200
"""Characters of an unreadable answer that an error shows."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Try again after so many seconds."""

    seconds: float


class Exchange(Generic[T]):
    """One call, over as many tries as it takes: told how each try ended, it says what to do next."""

    def __init__(self, call: Call[T], retries: Retries, started: float) -> None:
        self._call = call
        self._retries = retries
        self._started = started
        self._num_tries = 0

    def answered(self, response: httpx.Response, now: float) -> T | Wait:
        """Return the answer, or the wait before the next try.

        Raises:
            ApiError: the service said no, and there is to be no other try.
            UnreadableAnswerError: the answer has another form.
        """
        if response.is_success:
            return _read(self._call.answer, response)
        wait = None
        if response.status_code in (AGAIN if self._call.is_repeatable else NOT_BEGUN):
            wait = self._wait(now, response.headers.get("Retry-After"))
        if wait is None:
            raise _problem(response)
        return Wait(wait)

    def failed(self, error: httpx.RequestError, now: float) -> Wait:
        """Return the wait before the next try; a request that cannot be sent at all has none.

        Raises:
            NoAnswerError: there is to be no other try.
        """
        wait = self._wait(now, None)
        is_repeatable = self._call.is_repeatable
        if wait is None or not is_repeatable or isinstance(error, UNSENDABLE):
            tries = "1 try" if self._num_tries == 1 else f"{self._num_tries} tries"
            seconds = now - self._started
            raise NoAnswerError(
                f"{self._call.method} {self._call.path} brought no answer in {tries} and {seconds:.1f} s "
                f"({type(error).__name__}: {error}). {SAFE if is_repeatable else UNSAFE}"
            ) from error
        return Wait(wait)

    def _wait(self, now: float, retry_after: str | None) -> float | None:
        self._num_tries += 1
        return self._retries.wait_after(self._num_tries, now - self._started, retry_after)


def _read(answer: type[T], response: httpx.Response) -> T:
    try:
        return answer.read(response.content)
    except ValidationError as error:
        what = f"{error.error_count()} problems, the first: {_first(error)}"
        raise UnreadableAnswerError(
            f"The answer ({response.status_code}) is not the {answer.__name__} this client reads ({what}). It begins: "
            f"{_beginning(response)!r}. Is the address that of the service?",
            status=response.status_code,
            request_id=response.headers.get("X-Request-ID"),
        ) from error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))} {first['msg']}".strip()


def _problem(response: httpx.Response) -> Exception:
    """Return the error an answer means; one that is no problem document of ours comes from what stands between."""
    body = _object(response)
    status = response.status_code
    found = body.get("errors")
    errors = [_field(item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    request_id = body.get("request_id", response.headers.get("X-Request-ID"))
    return error_of_status(status)(
        status=status,
        title=str(body.get("title") or _phrase(status)),
        detail=str(body.get("detail") or f"The answer is no problem document: {_beginning(response)!r}."),
        request_id=None if request_id is None else str(request_id),
        errors=errors,
    )


def _field(item: dict[str, Any]) -> FieldProblem:
    loc = item.get("loc")
    places = (
        tuple(part if isinstance(part, int) else str(part) for part in loc) if isinstance(loc, list) else ()
    )
    return FieldProblem(places, str(item.get("msg", "")), str(item.get("type", "")))


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = from_json(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _beginning(response: httpx.Response) -> str:
    return response.content[:MOST_SHOWN].decode("utf-8", "backslashreplace")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"
