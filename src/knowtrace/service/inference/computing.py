"""From a history and the items asked to probabilities and mastery: computed here, whatever the contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import FROM_OTHERS, Interaction
from knowtrace.tracing import StudentState, Tracer
from knowtrace.tracing.answers import RejectedError, grade

NO_ITEM = ""
"""Stands for an item that has no name of its own: no id of a client is empty, so none is taken for it."""

NOBODY = ""
"""The student of a history that was sent without a name: no model reads who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAnswer:
    """One answer of a history, named by its item, by its skills, or by both; `place` is where it was sent."""

    place: str
    item_id: str | None = None
    skill_ids: tuple[str, ...] = ()
    correct: bool | None = None
    response: int | None = None
    answered_at: datetime | None = None
    elapsed_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedItem:
    """One item to predict, named by its id, by its skills, or by both."""

    item_id: str | None = None
    skill_ids: tuple[str, ...] = ()


class Inference:
    """What a model says of one student after a history that was sent; nothing is stored or read.

    Each figure is computed when it is first read. A replay costs a step of the model per answer: call from a worker
    thread.
    """

    def __init__(self, tracer: Tracer, history: Sequence[Interaction], asked: Sequence[AskedItem]) -> None:
        self.tracer = tracer
        self.history = history
        self.questions = [
            (_item_named(tracer, item.item_id, item.skill_ids), item.skill_ids) for item in asked
        ]

    @cached_property
    def state(self) -> StudentState:
        """Where the student stands after the history."""
        return self.tracer.replay(self.history)

    @cached_property
    def expected_success(self) -> list[float]:
        """The expected share of full credit on each item asked, (N,) in [0, 1]."""
        return self.tracer.expected_success(self.state, self.questions).tolist()

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """The probability of each response category on each item asked, (N, K)."""
        return self.tracer.probabilities(self.state, self.questions)

    @cached_property
    def mastery(self) -> dict[str, float]:
        """The mastery in [0, 1] of every skill the model knows, by its id."""
        return {mastery.skill_id: mastery.estimate for mastery in self.tracer.mastery(self.state)}

    @cached_property
    def notes(self) -> list[str]:
        """What the model does not know of what was sent."""
        named = [(past.item_id, past.skill_ids) for past in self.history] + self.questions
        vocabulary = self.tracer.vocabulary
        items = {item_id for item_id, _ in named if item_id != NO_ITEM and vocabulary.item(item_id) is None}
        unanswered = {
            item for item_id, _ in named if (item := vocabulary.item(item_id)) and item.is_unanswered
        }
        skills = {s for _, skill_ids in named for s in skill_ids if s not in vocabulary.skill_indices}
        notes: list[str] = []
        if items:
            notes.append(
                f"{len(items)} of the items named were not in the training data: each counts as an unseen item of "
                "its skills."
            )
        if unanswered:
            notes.append(
                f"{len(unanswered)} of the items named have no answers in the training data: {FROM_OTHERS}."
            )
        if skills:
            notes.append(
                f"{len(skills)} of the skills named are not known to the model: it has no mastery of them."
            )
        return notes


def history_of(tracer: Tracer, answers: Sequence[PastAnswer]) -> list[Interaction]:
    """Return answers as interactions in order of time; without times, in the order they were sent.

    An answer named by its skills alone counts as one to an unseen item of them; where training data had no items
    but skills, as one to the skill.

    Raises:
        RejectedError: an answer has no category of the model, or some have a time and some have none.
    """
    reasons: list[str] = []
    history: list[Interaction] = []
    for answer in answers:
        try:
            response = grade(
                correct=answer.correct,
                response=answer.response,
                num_categories=tracer.vocabulary.num_categories,
            )
        except RejectedError as error:
            reasons.append(f"{answer.place}: {error}")
            continue
        history.append(
            Interaction(
                student_id=NOBODY,
                item_id=_item_named(tracer, answer.item_id, answer.skill_ids),
                skill_ids=answer.skill_ids,
                response=response,
                answered_at=answer.answered_at,
                elapsed_seconds=answer.elapsed_seconds,
            )
        )
    timed = sum(answer.answered_at is not None for answer in answers)
    if timed not in {0, len(answers)}:
        reasons.append(
            f"{timed} of {len(answers)} answers have a time: send answered_at with all of them, which then order them, "
            "or with none."
        )
    if reasons:
        raise RejectedError(reasons)
    return (
        sorted(history, key=lambda past: (past.answered_at is None, past.answered_at)) if timed else history
    )


def skills_are_items(tracer: Tracer) -> bool:
    """Return whether the training data had no items: every item is then a skill of the same name."""
    items = tracer.vocabulary.items
    return bool(items) and all(item.skill_ids == (item.item_id,) for item in items)


def _item_named(tracer: Tracer, item_id: str | None, skill_ids: tuple[str, ...]) -> str:
    if item_id is not None:
        return item_id
    return skill_ids[0] if len(skill_ids) == 1 and skills_are_items(tracer) else NO_ITEM
