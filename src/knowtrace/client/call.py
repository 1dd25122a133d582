"""One operation as a request to send and a model to read its answer with."""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from knowtrace.client.answers import Answer

T = TypeVar("T", bound=Answer)


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request.

    Most may be sent again: reading changes nothing, and what is stored has an id of its own. One that is not
    `is_repeatable` would do its work twice: it is tried again only where the service says that it has not begun.
    """

    method: str
    path: str
    answer: type[T]
    params: dict[str, str] = field(default_factory=dict[str, str])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    is_repeatable: bool = True


def get(path: str, answer: type[T], **params: str | int | None) -> Call[T]:
    known = {name: str(value) for name, value in params.items() if value is not None}
    return Call(method="GET", path=path, answer=answer, params=known)


def post(path: str, answer: type[T], body: Any = None, *, is_repeatable: bool = True) -> Call[T]:
    return Call(method="POST", path=path, answer=answer, body=body, is_repeatable=is_repeatable)


def put(path: str, answer: type[T], body: Any) -> Call[T]:
    return Call(method="PUT", path=path, answer=answer, body=body)


def delete(path: str, answer: type[T]) -> Call[T]:
    return Call(method="DELETE", path=path, answer=answer)


def segment(name: str) -> str:
    """Return an id as one part of a path, whatever it holds.

    Raises:
        ValueError: it is empty, and the path would name something else.
    """
    if not name:
        raise ValueError("An id is empty: every student and event has one.")
    quoted = quote(name, safe="")
    # A part of dots alone means the folder itself or the one above it, and would be taken out on the way.
    return quoted.replace(".", "%2E") if set(name) == {"."} else quoted
