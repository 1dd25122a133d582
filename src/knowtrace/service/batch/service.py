"""Predict many times over: now, or as a job."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from knowtrace.errors import ConflictError, DataError, KnowTraceError
from knowtrace.jobs import Result, cancel, no_job, submit
from knowtrace.outbound import Allowed
from knowtrace.service.batch.schemas import (
    BatchOut,
    BatchRequest,
    JobOut,
    JobRequest,
    ResultOut,
    ResultsOut,
    ResultsQuery,
)
from knowtrace.service.classroom import Classroom
from knowtrace.service.fallback import answered
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.predictions.schemas import PredictionOut, PredictionRequest
from knowtrace.service.predictions.service import predict
from knowtrace.settings import Settings
from knowtrace.store import JobStatus, StoredJob
from knowtrace.tracing.answers import RejectedError

PREDICTIONS = "predictions"
"""The kind of job that predicts."""

SERVER_FAULT = 500


async def predict_batch(classroom: Classroom, caller: Caller, asked: BatchRequest) -> BatchOut:
    """Answer all requests, one after the other.

    Raises:
        DataError: it asks to be called back.
        RejectedError: a history breaks a rule; all that do are named.
        NotFoundError: an asked version is not loaded.
    """
    if asked.callback_url is not None:
        raise DataError(
            "callback_url: this call answers itself. POST /api/v1/batch/submit takes one that calls back."
        )
    started = time.perf_counter()
    responses: list[PredictionOut] = []
    reasons: list[str] = []
    for number, one in enumerate(asked.requests):
        try:
            responses.append(await _predict(classroom, caller, one))
        except RejectedError as error:
            reasons.append(f"requests[{number}]: {error}")
    if reasons:
        raise RejectedError(reasons)
    return BatchOut(
        batch_id=secrets.token_hex(16),
        responses=responses,
        total_inference_time_ms=round((time.perf_counter() - started) * 1e3, 3),
        items_processed=len(responses),
        model_version=responses[0].model_version,
        degraded=any(response.degraded for response in responses),
    )


async def submit_job(classroom: Classroom, caller: Caller, asked: JobRequest) -> JobOut:
    """Store a job and let a worker begin.

    Raises:
        DataError: the callback must not be sent where it is asked to.
        TooManyError: the tenant has as many unfinished jobs as it may.
    """
    if asked.callback_url is not None:
        if classroom.settings.callback_key is None:
            raise DataError(
                "callback_url: this installation has no KNOWTRACE_CALLBACK_KEY to sign with, so it calls nobody back. "
                "Ask for the job's status instead."
            )
        allowed_callbacks(classroom.settings).check(asked.callback_url)
    job = await submit(
        classroom.store,
        caller.tenant_id,
        [one.model_dump(mode="json", by_alias=True, exclude_unset=True) for one in asked.requests],
        kind=PREDICTIONS,
        priority=asked.priority,
        callback_url=asked.callback_url,
        created_by=caller.subject,
        now=datetime.now(UTC),
        max_unfinished=classroom.settings.max_unfinished_jobs,
    )
    classroom.work_waits.set()
    return _job(job)


async def read_status(classroom: Classroom, caller: Caller, job_id: str) -> JobOut:
    """Say how far a job is.

    Raises:
        NotFoundError: the caller's tenant has no such job.
    """
    async with classroom.store.reading(caller.tenant_id) as session:
        job = await session.jobs.find(job_id)
    if job is None:
        raise no_job(job_id)
    return _job(job)


async def read_results(classroom: Classroom, caller: Caller, job_id: str, query: ResultsQuery) -> ResultsOut:
    """Return a page of what a job came to.

    Raises:
        NotFoundError: the caller's tenant has no such job.
        ConflictError: it is not completed.
    """
    start = int(query.cursor)
    async with classroom.store.reading(caller.tenant_id) as session:
        job = await session.jobs.find(job_id)
        if job is None:
            raise no_job(job_id)
        if job.status is not JobStatus.COMPLETED:
            raise ConflictError(
                f"Job {job_id} is {job.status}, {job.num_done} of {job.num_items} requests are done: it has results "
                "once it is completed."
            )
        found = await session.jobs.results(job_id, start=start, limit=query.limit)
    behind = start + len(found)
    return ResultsOut(
        job_id=job_id,
        results=[ResultOut(number=number, **body) for number, body in found],
        next_cursor=str(behind) if found and behind < job.num_items else None,
    )


async def cancel_job(classroom: Classroom, caller: Caller, job_id: str) -> JobOut:
    """End a job; one that has ended stays as it is.

    Raises:
        NotFoundError: the caller's tenant has no such job.
    """
    return _job(await cancel(classroom.store, caller.tenant_id, job_id, now=datetime.now(UTC)))


async def compute(classroom: Classroom, tenant_id: str, bodies: Sequence[dict[str, Any]]) -> list[Result]:
    """Answer requests of a job. What is wrong with a request becomes its result; what is wrong with us is raised."""
    caller = Caller(tenant_id, "job", Role.SERVICE)
    results: list[Result] = []
    for body in bodies:
        try:
            prediction = await _predict(classroom, caller, PredictionRequest.model_validate(body))
        except KnowTraceError as error:
            if error.status >= SERVER_FAULT:
                raise
            results.append(Result({"prediction": None, "error": str(error)}, is_error=True))
        else:
            answer = prediction.model_dump(mode="json", exclude_unset=True)
            results.append(Result({"prediction": answer, "error": None}))
    return results


def allowed_callbacks(settings: Settings) -> Allowed:
    return Allowed(settings.callback_hosts, settings.callback_private_hosts)


async def _predict(classroom: Classroom, caller: Caller, asked: PredictionRequest) -> PredictionOut:
    return await answered(
        classroom,
        caller,
        asked.student,
        lambda room: predict(room, caller, asked, in_thread=True),
        version=asked.asked_version,
    )


def _job(job: StoredJob) -> JobOut:
    known = {name: value for name, value in asdict(job).items() if name not in ("kind", "created_by")}
    return JobOut(**known)
