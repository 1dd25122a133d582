"""What may be asked many times over, and what is said about a job."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from knowtrace.service.fields import Computed, Query, Strict
from knowtrace.service.predictions.schemas import PredictionOut, PredictionRequest
from knowtrace.store import JobPriority, JobStatus

MOST_AT_ONCE = 100
MOST_IN_A_JOB = 10_000
LARGEST_PAGE = 1_000


# JSON has no enums: strict reading would refuse the text.
Priority = Annotated[JobPriority, Field(strict=False)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class BatchRequest(Strict):
    """Requests that are answered in this call, whatever its priority; it calls nobody back."""

    requests: Annotated[list[PredictionRequest], Field(min_length=1, max_length=MOST_AT_ONCE)]
    priority: Priority = JobPriority.NORMAL
    callback_url: Url | None = None


class BatchOut(Computed):
    """The answers, in the order of the requests. `model_version` is that of the first."""

    batch_id: str
    responses: list[PredictionOut]
    total_inference_time_ms: float
    items_processed: int


class JobRequest(Strict):
    """Requests that are answered later; `callback_url` is told when."""

    requests: Annotated[list[PredictionRequest], Field(min_length=1, max_length=MOST_IN_A_JOB)]
    priority: Priority = JobPriority.NORMAL
    callback_url: Url | None = None


class JobOut(BaseModel):
    """How far a job is. `num_failed` of the requests that are done have an error in place of an answer."""

    job_id: str
    status: JobStatus
    priority: JobPriority
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


def _read_cursor(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError("must be a next_cursor of an earlier page")
    return text


class ResultsQuery(Query):
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 100
    cursor: Annotated[str, AfterValidator(_read_cursor)] = "0"


class ResultOut(BaseModel):
    """The answer to one request, or why it has none."""

    number: int
    prediction: PredictionOut | None
    error: str | None


class ResultsOut(BaseModel):
    """Results in the order of the requests; `next_cursor` is null on the last page."""

    job_id: str
    results: list[ResultOut]
    next_cursor: str | None
