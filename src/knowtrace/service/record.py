"""What is known of one request while it is answered, and ends in its log line."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.types import Scope

KEY = "knowtrace.record"
SANE_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(slots=True)
class RequestRecord:
    """Identifiers of a request, and what is added on the way: who asks, what the answer's headers tell them, whom
    it is about, how long the model took, for how many requests in one, and what it failed of.
    """

    request_id: str
    trace_id: str
    traceparent: str = ""
    student_id: str | None = None
    inference_time_ms: float | None = None
    model_version: str | None = None
    caller: str | None = None
    batch_size: int = 1
    error_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


def begin_record(scope: Scope) -> RequestRecord:
    """Start the record of a request: a sane X-Request-ID is kept, as is the trace of a traceparent."""
    request_id = trace_id = traceparent = ""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for name, value in headers:
        if name == b"x-request-id" and SANE_ID.fullmatch(value.decode("latin-1")):
            request_id = value.decode("latin-1")
        elif name == b"traceparent" and (match := TRACEPARENT.fullmatch(value.decode("latin-1"))):
            trace_id, traceparent = match[1], match[0]
    request_id = request_id or secrets.token_hex(16)
    record = scope[KEY] = RequestRecord(
        request_id=request_id, trace_id=trace_id or request_id, traceparent=traceparent
    )
    return record


def record_of(scope: Scope) -> RequestRecord:
    record = scope[KEY]
    assert isinstance(record, RequestRecord)
    return record
