"""Statements of xAPI and envelopes of Caliper, as other programs write them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from pydantic_core import from_json

from knowtrace.client.answers import Answer, Nothing
from knowtrace.client.call import Call, post

XAPI = {"X-Experience-API-Version": "1.0.3"}


class StatementIds(Answer):
    """The ids of the statements, in the order they were sent."""

    ids: list[str]

    @classmethod
    def read(cls, content: bytes) -> Self:
        return cls.model_validate({"ids": from_json(content)})


class EnvelopeResult(Answer):
    """What an envelope held. An attempt waits until both of its halves, completion and grade, have come."""

    num_events: int
    num_repeated: int
    num_other: int
    num_answers_accepted: int
    num_answers_corrected: int
    num_attempts_waiting: int


def send_statements(statements: Sequence[Mapping[str, Any]]) -> Call[StatementIds]:
    """Store up to 1,000 statements, all or none; those without an `id` are stored again when they are sent again."""
    has_ids = all("id" in statement for statement in statements)
    call = post("/xapi/statements", StatementIds, [dict(one) for one in statements], is_repeatable=has_ids)
    return replace(call, headers=XAPI)


def put_statement(statement_id: str, statement: Mapping[str, Any]) -> Call[Nothing]:
    """Store one statement under an id of one's own."""
    return Call(
        method="PUT",
        path="/xapi/statements",
        answer=Nothing,
        params={"statementId": statement_id},
        headers=XAPI,
        body=dict(statement),
    )


def send_envelope(envelope: Mapping[str, Any]) -> Call[EnvelopeResult]:
    """Store a sensor's envelope of up to 1,000 events; each has its id, so that it may be sent again."""
    return post("/caliper", EnvelopeResult, dict(envelope))
