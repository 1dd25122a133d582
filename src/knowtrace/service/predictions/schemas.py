"""What may be asked about a student's next answers, and what is said about them."""

from typing import Annotated

from pydantic import Field, StrictBool

from knowtrace.service.fields import (
    WHOLE,
    Answered,
    ByStudent,
    Computed,
    Count,
    Id,
    Share,
    Strict,
    Timestamp,
    Whole,
)

MOST_ATTEMPTS = 10_000
MOST_CANDIDATES = 1_000

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Attempt(Strict):
    """One past answer. `quality` and `difficulty` are taken for compatibility; the model does not read
    them.
    """

    item_id: Id
    topic_ids: Annotated[list[Id], Field(max_length=20)] = Field(default_factory=list[str])
    correct: StrictBool | None = None
    response: Whole | None = Field(default=None, description="Category 0..K-1, for graded items.")
    quality: Annotated[int, Field(ge=0, le=5), WHOLE] | None = None
    time_taken_ms: Annotated[int, Field(ge=0, le=86_400_000), WHOLE] | None = None
    timestamp: Timestamp
    difficulty: Finite | None = None
    hints_used: Count | None = None


class PredictionRequest(Strict, ByStudent):
    """Items to predict. With a history, it alone is what is known of the student; without, the stored state
    is.
    """

    attempt_history: Annotated[list[Attempt], Field(max_length=MOST_ATTEMPTS)] = Field(
        default_factory=list[Attempt]
    )
    candidate_items: Annotated[list[Id], Field(min_length=1, max_length=MOST_CANDIDATES)]
    context: dict[Id, str | StrictBool | int | Finite | None] = Field(
        default_factory=dict[str, str | bool | int | float | None]
    )
    explain: StrictBool = False
    asked_version: Id | None = Field(default=None, alias="model_version")


class PredictionOut(Answered, Computed):
    """How the student is expected to answer.

    `predictions` is the expected share of full credit by item. `confidence_scores` is 1 minus the width of
    the interval around the mastery of the item's skill (of the least sure one, if it has several): how much
    evidence stands behind a prediction, not how far it lies from a half. It is null for an item without a
    known skill. `topic_mastery` has the skills of the candidates and of the history.
    """

    predictions: dict[str, Share]
    confidence_scores: dict[str, Share | None]
    topic_mastery: dict[str, Share]
    feature_importance: dict[str, float] | None
    feature_importance_reason: str
    num_answers: int
    inference_time_ms: float
    cached: bool
    notes: list[str]
