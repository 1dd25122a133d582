"""Envelopes as sensors send them, and what they hear back."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema

from knowtrace.service.fields import Id, Strict, Timestamp

MOST_EVENTS = 1_000

CaliperEvent = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "title": "CaliperEvent",
            "description": "An event by Caliper 1.1 or 1.2, or the description of an entity.",
            "type": "object",
            "required": ["id", "type"],
            "properties": {"id": {"type": "string"}, "type": {"type": "string"}},
        }
    ),
]


class Envelope(Strict):
    """What a sensor sends: up to 1,000 events."""

    sensor: Id
    send_time: Annotated[Timestamp, Field(alias="sendTime")]
    data_version: Annotated[Id, Field(alias="dataVersion")]
    data: Annotated[list[CaliperEvent], Field(min_length=1)]


class EnvelopeOut(BaseModel):
    """What the envelope held. An attempt waits until both of its halves, the completion and the grade, have come."""

    num_events: int
    num_repeated: int
    num_other: int
    num_answers_accepted: int
    num_answers_corrected: int
    num_attempts_waiting: int
