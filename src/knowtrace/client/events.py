"""What is sent: an answer to store, one of a history to predict from, and what is to be predicted."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


def _fresh_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, kw_only=True)
class Event:
    """One graded answer to store: graded by `correct`, by `response` (category 0..K-1), or by both.

    `event_id` names it for ever and is made with the object, before anything is sent: sending the same object again,
    in this process or after a restart that kept it, changes nothing.

    Raises:
        ValueError: `answered_at` has no time zone, there is no grade, or `skill_ids` is one text.
    """

    student_id: str
    item_id: str
    answered_at: datetime
    correct: bool | None = None
    response: int | None = None
    skill_ids: Sequence[str] = ()
    elapsed_seconds: float | None = None
    hints_used: int | None = None
    attempt: int | None = None
    session_id: str | None = None
    event_id: str = field(default_factory=_fresh_id)

    def __post_init__(self) -> None:
        _check(self.correct, self.response, self.answered_at, self.skill_ids)

    def body(self) -> dict[str, Any]:
        """Return the answer as the service reads it, without what is not known."""
        return {"event_id": self.event_id, **self.correction()}

    def correction(self) -> dict[str, Any]:
        """Return the answer without its id: what a correction sends."""
        return _known(
            student_id=self.student_id,
            item_id=self.item_id,
            answered_at=self.answered_at.isoformat(),
            correct=self.correct,
            response=self.response,
            skill_ids=list(self.skill_ids) or None,
            elapsed_seconds=self.elapsed_seconds,
            hints_used=self.hints_used,
            attempt=self.attempt,
            session_id=self.session_id,
        )


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One past answer of a history that is sent to predict from, and not stored.

    Raises:
        ValueError: `answered_at` has no time zone, there is no grade, or `skill_ids` is one text.
    """

    item_id: str
    answered_at: datetime
    correct: bool | None = None
    response: int | None = None
    skill_ids: Sequence[str] = ()
    elapsed_seconds: float | None = None
    hints_used: int | None = None

    def __post_init__(self) -> None:
        _check(self.correct, self.response, self.answered_at, self.skill_ids)

    def body(self) -> dict[str, Any]:
        """Return the attempt as the service reads it: in milliseconds, and skills as topics."""
        milliseconds = None if self.elapsed_seconds is None else round(self.elapsed_seconds * 1000)
        return _known(
            item_id=self.item_id,
            timestamp=self.answered_at.isoformat(),
            correct=self.correct,
            response=self.response,
            topic_ids=list(self.skill_ids) or None,
            time_taken_ms=milliseconds,
            hints_used=self.hints_used,
        )


@dataclass(frozen=True, kw_only=True)
class Question:
    """Items to predict for a student: from a history that is sent, or without one from what is stored.

    Raises:
        ValueError: `item_ids` is one text, whose letters would be taken for ids.
    """

    student_id: str
    item_ids: Sequence[str]
    history: Sequence[Attempt] = ()
    model_version: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.item_ids, str):
            raise ValueError(f"item_ids ({self.item_ids!r}) is one text: give a list of ids.")  # noqa: TRY004

    def body(self) -> dict[str, Any]:
        """Return the question as the service reads it."""
        return _known(
            student_id=self.student_id,
            candidate_items=list(self.item_ids),
            attempt_history=[attempt.body() for attempt in self.history] or None,
            model_version=self.model_version,
        )


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _check(
    correct: bool | None, response: int | None, answered_at: datetime, skill_ids: Sequence[str]
) -> None:
    wrong: list[str] = []
    if correct is None and response is None:
        wrong.append("Neither correct nor response is given: an answer needs one of them.")
    if answered_at.utcoffset() is None:
        wrong.append(f"answered_at ({answered_at.isoformat()}) has no time zone: give one, best UTC.")
    if isinstance(skill_ids, str):
        wrong.append(f"skill_ids ({skill_ids!r}) is one text: give a list of ids.")
    if wrong:
        raise ValueError(" ".join(wrong))
