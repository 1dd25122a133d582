"""Caliper 1.1: `envelopes.jsonl`, one envelope a line, which holds an item event and its grade."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from knowtrace.domain import Interaction
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.layouts.rows import timed

SENSOR = "https://knowtrace.invalid/sensor"
CONTEXT = "http://purl.imsglobal.org/ctx/caliper/v1p1"


def write_caliper(dataset: Dataset, folder: Path) -> None:
    """Write the envelopes. The points to reach are the number of categories less one."""
    with (folder / "envelopes.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
        for place, (answer, time) in enumerate(timed(dataset)):
            envelope = {
                "sensor": SENSOR,
                "sendTime": time.isoformat(),
                "dataVersion": CONTEXT,
                "data": list(_events(answer, time, place, dataset.num_categories - 1)),
            }
            stream.write(json.dumps(envelope, ensure_ascii=False) + "\n")


def _events(answer: Interaction, time: datetime, place: int, points: int) -> Iterator[dict[str, object]]:
    attempt: dict[str, object] = {
        "id": f"urn:knowtrace:attempt:{place}",
        "type": "Attempt",
        "assignee": answer.student_id,
        "assignable": answer.item_id,
    }
    if answer.attempt is not None:
        attempt["count"] = answer.attempt
    response: dict[str, object] = {
        "id": f"urn:knowtrace:response:{place}",
        "type": "Response",
        "attempt": attempt,
    }
    if answer.elapsed_seconds is not None:
        response["duration"] = f"PT{answer.elapsed_seconds:.3f}S"
    completed: dict[str, object] = {
        "@context": CONTEXT,
        "id": f"urn:knowtrace:completed:{place}",
        "type": "AssessmentItemEvent",
        "actor": {"id": answer.student_id, "type": "Person"},
        "action": "Completed",
        "object": {"id": answer.item_id, "type": "AssessmentItem"},
        "generated": response,
        "eventTime": time.isoformat(),
    }
    if answer.session_id is not None:
        completed["session"] = {"id": answer.session_id, "type": "Session"}
    yield completed
    yield {
        "@context": CONTEXT,
        "id": f"urn:knowtrace:graded:{place}",
        "type": "GradeEvent",
        "actor": {"id": SENSOR, "type": "SoftwareApplication"},
        "action": "Graded",
        "object": attempt,
        "generated": {
            "id": f"urn:knowtrace:score:{place}",
            "type": "Score",
            "attempt": attempt["id"],
            "maxScore": points,
            "scoreGiven": answer.response,
        },
        "eventTime": time.isoformat(),
    }
