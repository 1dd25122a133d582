"""An answer as a client sends it, the rules it must keep, and what became of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import orjson

from knowtrace.domain import FROM_OTHERS, Interaction, Mastery, Vocabulary
from knowtrace.errors import KnowTraceError
from knowtrace.store import Deed

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a client's clock may be ahead of ours before its answers are refused."""


class RejectedError(KnowTraceError):
    """A well-formed answer that breaks a rule; `reasons` holds every rule it breaks."""

    status = 400

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer as it was sent: graded as `correct`, as a `response` category, or both."""

    event_id: str
    student_id: str
    item_id: str
    answered_at: datetime
    correct: bool | None = None
    response: int | None = None
    skill_ids: tuple[str, ...] = ()
    elapsed_seconds: float | None = None
    hints_used: int | None = None
    attempt: int | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One answer that keeps the rules. Two events with one id are the same sending when their fingerprints
    agree.
    """

    tenant_id: str
    event_id: str
    interaction: Interaction
    fingerprint: str


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventResult:
    """What became of one answer: why it was not stored, or the mastery of the skills it touched.

    `model_version` computed the mastery; it is empty where no model was asked: the answer was rejected, or it is stored
    and the model failed (`is_degraded`).
    """

    event_id: str
    outcome: Outcome
    reason: str | None = None
    masteries: tuple[Mastery, ...] = ()
    notes: tuple[str, ...] = ()
    model_version: str = ""
    is_degraded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A stored answer put right, or withdrawn where `interaction` is None; `deed` says by whom."""

    tenant_id: str
    event_id: str
    interaction: Interaction | None
    deed: Deed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionResult:
    """How a stored answer stands after a revision; `is_new` is false where it stood so already.

    `student_ids` are those whose states were rebuilt, but for `set_aside`, who wait for it; `masteries` the new mastery
    of the skills the answer touches.
    """

    event_id: str
    student_id: str
    revision: int
    is_withdrawn: bool
    is_new: bool
    masteries: tuple[Mastery, ...] = ()
    student_ids: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    model_version: str = ""
    is_degraded: bool = False


def to_event(answer: Answer, *, tenant_id: str, num_categories: int, now: datetime) -> Event:
    """Check an answer against every rule and grade it.

    Raises:
        RejectedError: it breaks at least one rule.
    """
    reasons: list[str] = []
    response = 0
    try:
        response = grade(correct=answer.correct, response=answer.response, num_categories=num_categories)
    except RejectedError as error:
        reasons.extend(error.reasons)
    if answer.answered_at > now + CLOCK_TOLERANCE:
        reasons.append(
            f"answered_at ({answer.answered_at.isoformat()}) lies more than 5 minutes after the server's "
            f"clock ({now.isoformat(timespec='seconds')}): send the time of the answer, in UTC."
        )
    if reasons:
        raise RejectedError(reasons)
    interaction = Interaction(
        student_id=answer.student_id,
        item_id=answer.item_id,
        skill_ids=answer.skill_ids,
        response=response,
        answered_at=answer.answered_at.astimezone(UTC),
        elapsed_seconds=answer.elapsed_seconds,
        hints_used=answer.hints_used,
        attempt=answer.attempt,
        session_id=answer.session_id,
    )
    return Event(
        tenant_id=tenant_id,
        event_id=answer.event_id,
        interaction=interaction,
        fingerprint=fingerprint(interaction),
    )


def grade(*, correct: bool | None, response: int | None, num_categories: int) -> int:
    """Return the response category 0..K-1 that `correct`, `response` or both of them name.

    Raises:
        RejectedError: they name none, one out of range, or two different ones.
    """
    top = num_categories - 1
    if response is None:
        if correct is None:
            raise RejectedError(
                [f"Neither correct nor response is given: send correct, or response from 0 to {top}."]
            )
        if not correct and num_categories > 2:
            raise RejectedError(
                [f"correct (false) may mean any response below {top}: send response, from 0 to {top}."]
            )
        return top if correct else 0
    if not 0 <= response <= top:
        raise RejectedError([f"response ({response}) must be a category of this model, from 0 to {top}."])
    if correct is not None and correct != (response == top):
        raise RejectedError(
            [
                f"correct ({str(correct).lower()}) contradicts response ({response}): full credit is {top}. "
                "Send one of them."
            ]
        )
    return response


def fingerprint(interaction: Interaction) -> str:
    """Return a hash of everything the client said about an answer, as we understood it."""
    body = orjson.dumps(
        [
            interaction.student_id,
            interaction.item_id,
            interaction.skill_ids,
            interaction.response,
            interaction.answered_at,
            interaction.elapsed_seconds,
            interaction.hints_used,
            interaction.attempt,
            interaction.session_id,
        ]
    )
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def notes_on(item_id: str, skill_ids: Sequence[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    """Say what the model does not know about an answer it accepted; `skill_ids` are those the answer
    touches.
    """
    notes: list[str] = []
    item = vocabulary.item(item_id)
    if item is None:
        notes.append(
            f"Item {item_id!r} was not in the training data: it counts as an unseen item of its skills."
        )
    elif item.is_unanswered:
        notes.append(f"Item {item_id!r} has no answers in the training data: {FROM_OTHERS}.")
    unknown = [skill_id for skill_id in skill_ids if skill_id not in vocabulary.skill_indices]
    if not skill_ids:
        notes.append(
            "The answer names no skill and the catalogue has none for its item: no mastery is touched."
        )
    elif unknown:
        notes.append(f"Not known to the model, and without mastery: {', '.join(map(repr, unknown))}.")
    return tuple(notes)
