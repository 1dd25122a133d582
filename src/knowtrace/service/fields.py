"""The types that requests and answers are made of: strict, bounded, and named once."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.responses import Response


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must hold printable characters only")
    return text


def _from_iso(value: Any) -> Any:
    """Read ISO 8601 and nothing else: pydantic alone would take a bare number for a time."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(
                "must be an ISO 8601 date and time with its offset, like 2026-03-01T09:30:00Z"
            ) from None
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


def _whole(value: Any) -> Any:
    """JSON and its schemas have one kind of number: 9.0 is an integer there, and some clients write it so."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class AnyId(PathConvertor):
    """Any text in a path, slashes and line ends too: what may be an id is said where it is read."""

    regex = "(?s:.*)"


register_url_convertor("id", AnyId())

WHOLE = BeforeValidator(_whole)
"""Stands behind the bounds of a number: before them it would hide them from the description."""

Whole = Annotated[int, Field(ge=-(2**31), le=2**31 - 1), WHOLE]
Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(_printable),
    # Schemas have no word for what is printable; a format of our own tells those who read it.
    Field(json_schema_extra={"format": "printable"}),
]
Timestamp = Annotated[AwareDatetime, BeforeValidator(_from_iso), AfterValidator(_in_utc)]
Seconds = Annotated[float, Field(ge=0, le=86_400 * 365, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000), WHOLE]
Share = Annotated[float, Field(ge=0, le=1)]
StudentInPath = Annotated[Id, Path(description="The student's id; it may hold slashes.")]


class Strict(BaseModel):
    """A request's part: unknown fields and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """A query string: unknown parameters are refused; numbers are read from text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ByStudent(BaseModel):
    """Names one student, as `student_id` or, in the words of some clients, `user_id`."""

    # The description asks for one of them; both are taken too where they are the same, which no schema can say.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["student_id"], "properties": {"student_id": {"type": "string"}}},
            "then": {"properties": {"user_id": {"type": "null"}}},
            "else": {"required": ["user_id"], "properties": {"user_id": {"type": "string"}}},
        }
    )

    student_id: Id | None = None
    user_id: Id | None = None

    @model_validator(mode="after")
    def _names_one_student(self) -> Self:
        if self.student_id is None and self.user_id is None:
            raise ValueError("student_id is required (user_id is read as the same)")
        if None not in (self.student_id, self.user_id) and self.student_id != self.user_id:
            raise ValueError("student_id and user_id name two students: send one of them")
        return self

    @property
    def student(self) -> str:
        student_id = self.student_id or self.user_id
        assert student_id is not None
        return student_id

    @property
    def caller_words(self) -> dict[str, str]:
        """The student under the word or words that the caller used."""
        words = {"student_id": self.student_id, "user_id": self.user_id}
        return {word: student_id for word, student_id in words.items() if student_id is not None}


class Answered(BaseModel):
    """An answer about one student, under the word the caller used."""

    student_id: str | None = None
    user_id: str | None = None


class Computed(BaseModel):
    """An answer the model computed: by which version, and whether a fallback stood in for it."""

    model_version: str
    degraded: bool


def reply(answer: BaseModel, status: int = 200) -> Response:
    """Write an answer as it was built; fields nobody set stay out, fields set to null stay in.

    Written by pydantic directly: FastAPI would first turn it into dictionaries and check it once more.
    """
    return Response(answer.model_dump_json(exclude_unset=True), status, media_type="application/json")
