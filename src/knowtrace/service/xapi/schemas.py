"""Statements as learning record providers send them."""

from typing import Annotated, Any

from fastapi import Header, Query
from pydantic import Field, WithJsonSchema
from typing_extensions import TypeAliasType

VERSION = "1.0.3"
MOST_STATEMENTS = 1_000

# A type with a name of its own stands once in the description; client generators refuse one that stands there twice.
Statement = TypeAliasType(
    "Statement",
    Annotated[
        dict[str, Any],
        WithJsonSchema(
            {
                "title": "Statement",
                "description": "A statement by xAPI 1.0.3, part two: data.",
                "type": "object",
                "required": ["actor", "verb", "object"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    **{name: {"type": "object"} for name in ("actor", "verb", "object", "result", "context")},
                    "timestamp": {"type": "string", "format": "date-time"},
                },
            }
        ),
    ],
)
Statements = Statement | Annotated[list[Statement], Field(min_length=1)]
StatementId = Annotated[str, Query(alias="statementId", description="The statement's UUID.")]
SpokenVersion = Annotated[
    str | None,
    Header(alias="X-Experience-API-Version", description="The version that the client speaks: 1.0.3."),
]
