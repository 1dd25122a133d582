"""The client for programs that run on an event loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from knowtrace.client import answers, calls
from knowtrace.client.call import Call
from knowtrace.client.events import Attempt, Event
from knowtrace.client.exchange import Exchange, Wait
from knowtrace.client.retries import Retries
from knowtrace.client.sending import request_of, settings_of

T = TypeVar("T", bound=answers.Answer)


class AsyncClient:
    """Speaks to one service from one event loop; safe to share between tasks.

    `timeout_seconds` bounds each wait for the connection and for the next bytes, not the whole call; `retries` say how
    often and how long it is tried again: when there was no answer, or 429, 502, 503 or 504. `transport`, `clock`
    (seconds) and `sleep` are there for tests.

    Raises:
        ValueError: `base_url` is no http or https address.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout_seconds: float = 10.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        settings = settings_of(base_url, api_key, timeout_seconds)
        self._http = httpx.AsyncClient(
            base_url=settings.base_url,
            headers=settings.headers,
            timeout=settings.timeout_seconds,
            transport=transport,
        )
        self._retries = retries or Retries()
        self._clock = clock
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def send_event(self, event: Event) -> answers.SingleEventResult:
        """Store one answer; it is durable once this returns. Sending the same event again changes nothing.

        Raises:
            BadRequestError: it breaks a rule.
            ConflictError: its id is stored with another body.
        """
        return await self.run(calls.send_event(event))

    async def send_events(self, events: Iterable[Event]) -> answers.EventsResult:
        """Store up to 1,000 answers; each stands or falls on its own.

        Raises:
            ValueError: there are none, or more.
        """
        return await self.run(calls.send_events(events))

    async def correct_event(self, event: Event) -> answers.Revision:
        """Put a stored answer right: the whole of it, under the `event_id` it has.

        Raises:
            NotFoundError: no answer is stored under this id.
            ConflictError: it was withdrawn.
        """
        return await self.run(calls.correct_event(event))

    async def withdraw_event(self, event_id: str) -> answers.Revision:
        """Take a stored answer out of its student's history; doing so again is `unchanged`.

        Raises:
            NotFoundError: no answer is stored under this id.
        """
        return await self.run(calls.withdraw_event(event_id))

    async def mastery(
        self, student_id: str, *, skill: str | None = None, every_skill: bool = False
    ) -> answers.StudentMastery:
        """Return what a student knows: one skill, the practised ones, or every one.

        Raises:
            NotFoundError: the model does not know the skill.
        """
        return await self.run(calls.mastery(student_id, skill=skill, every_skill=every_skill))

    async def predict(
        self,
        student_id: str,
        item_ids: Sequence[str],
        *,
        history: Sequence[Attempt] = (),
        model_version: str | None = None,
    ) -> answers.Prediction:
        """Predict a student's answers to items: from a history that is sent, or without one from what is stored.

        Raises:
            NotFoundError: a model version is asked for that is not loaded.
        """
        return await self.run(
            calls.predict(student_id, item_ids, history=history, model_version=model_version)
        )

    async def recommend(
        self, student_id: str, skill: str, *, max_items: int = 5, time_window: str | None = None
    ) -> answers.Recommendations:
        """Return the items to ask next in a skill. Each answer is logged as a decision, also one that got lost.

        Raises:
            NotFoundError: the model does not know the skill.
        """
        return await self.run(
            calls.recommend(student_id, skill, max_items=max_items, time_window=time_window)
        )

    async def students(self, *, limit: int | None = None, cursor: str | None = None) -> answers.StudentsPage:
        """Return a page of the students who have answered; `next_cursor` leads to the next."""
        return await self.run(calls.students(limit=limit, cursor=cursor))

    async def health(self) -> answers.Health:
        """Return whether the service is ready.

        Raises:
            UnavailableError: it is not.
        """
        return await self.run(calls.health())

    async def run(self, call: Call[T]) -> T:
        """Send one of `knowtrace.client.operations` and return its answer.

        Raises:
            ApiError: the service said no.
            NoAnswerError: no try brought an answer.
            UnreadableAnswerError: the answer has another form.
        """
        exchange = Exchange(call, self._retries, self._clock())
        while True:
            try:
                response = await self._http.send(request_of(self._http, call))
            except httpx.RequestError as error:
                outcome: T | Wait = exchange.failed(error, self._clock())
            else:
                outcome = exchange.answered(response, self._clock())
            if not isinstance(outcome, Wait):
                return outcome
            await self._sleep(outcome.seconds)
