"""What waits for the writer, and where whoever sent it waits for the outcome."""

import asyncio
from dataclasses import dataclass
from typing import Any, TypeVar

from opentelemetry.trace import SpanContext

from knowtrace.tracing.answers import Event, EventResult, Revision, RevisionResult
from knowtrace.tracing.choices import Choice
from knowtrace.tracing.erasing import Erased, Erasure
from knowtrace.tracing.student import StudentKey
from knowtrace.tracing.tracer import Tracer

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Request:
    """The events of one call, where its sender waits, and until when: a time of the event loop's clock.

    `span` is where the call stands in its trace.
    """

    events: list[Event]
    done: "asyncio.Future[list[EventResult]]"
    due: float
    span: SpanContext

    @property
    def size(self) -> int:
        return len(self.events)


@dataclass(frozen=True, slots=True)
class KeepRequest:
    """A decision to be kept; the rest as in `Request`."""

    choice: Choice
    done: "asyncio.Future[None]"
    due: float
    span: SpanContext

    @property
    def size(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class SwitchRequest:
    """Another model for all that comes after it."""

    tracer: Tracer
    done: "asyncio.Future[None]"


@dataclass(frozen=True, slots=True)
class RevisionRequest:
    """One revision, and where its sender waits. It has a transaction of its own."""

    revision: Revision
    done: "asyncio.Future[RevisionResult]"


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """One student to be erased, and where its sender waits. What was sent before is stored first, and goes too."""

    erasure: Erasure
    done: "asyncio.Future[Erased]"


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """A student who was set aside has been replayed beside the writer, and is to be brought up to date."""

    student: StudentKey
    done: "asyncio.Future[None]"


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """What was remembered before this is not to be remembered after it: of one student, or None for everybody."""

    student: StudentKey | None
    done: "asyncio.Future[None]"


Shared = Request | KeepRequest
"""What may share a transaction with others."""

AnyRequest = Shared | RevisionRequest | SwitchRequest | ErasureRequest | RefreshRequest | ForgetRequest


def succeed(done: "asyncio.Future[Result]", result: Result) -> None:
    """Let a sender hear; one that has gone changes nothing: what was done stays done."""
    if not done.done():
        done.set_result(result)


def fail(done: "asyncio.Future[Any]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
