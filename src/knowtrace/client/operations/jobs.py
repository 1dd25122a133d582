"""Many predictions: in one call, or by a job that is worked on later."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from knowtrace.client.answers import Answer, Prediction
from knowtrace.client.call import Call, delete, get, post, segment
from knowtrace.client.events import Question

Priority = Literal["high", "normal", "low"]


class Batch(Answer):
    """The answers, in the order of the questions. `model_version` is that of the first."""

    batch_id: str
    responses: list[Prediction]
    total_inference_time_ms: float
    items_processed: int
    model_version: str
    degraded: bool


class Job(Answer):
    """How far a job is. `num_failed` of the questions that are done have an error in place of an answer."""

    job_id: str
    status: Literal["queued", "processing", "completed", "failed", "cancelled"]
    priority: Priority
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    num_items: int
    num_done: int
    num_failed: int
    error_message: str | None
    callback_url: str | None
    callback_sent_at: datetime | None
    callback_error: str | None


class Result(Answer):
    """The answer to one question, or why it has none."""

    number: int
    prediction: Prediction | None
    error: str | None


class ResultsPage(Answer):
    """Results in the order of the questions; `next_cursor` is None on the last page."""

    job_id: str
    results: list[Result]
    next_cursor: str | None


def predict_at_once(questions: Iterable[Question]) -> Call[Batch]:
    """Answer up to 100 questions in this call."""
    return post("/api/v1/predict/batch", Batch, {"requests": [question.body() for question in questions]})


def submit(
    questions: Iterable[Question], *, priority: Priority = "normal", callback_url: str | None = None
) -> Call[Job]:
    """Let up to 10,000 questions be answered later; sent twice, there are two jobs."""
    body: dict[str, Any] = {"requests": [question.body() for question in questions], "priority": priority}
    if callback_url is not None:
        body["callback_url"] = callback_url
    return post("/api/v1/batch/submit", Job, body, is_repeatable=False)


def status(job_id: str) -> Call[Job]:
    return get(f"/api/v1/batch/{segment(job_id)}/status", Job)


def results(job_id: str, *, limit: int | None = None, cursor: str | None = None) -> Call[ResultsPage]:
    """Read what came out; a ConflictError until the job is completed."""
    return get(f"/api/v1/batch/{segment(job_id)}/results", ResultsPage, limit=limit, cursor=cursor)


def cancel(job_id: str) -> Call[Job]:
    return delete(f"/api/v1/batch/{segment(job_id)}", Job)
