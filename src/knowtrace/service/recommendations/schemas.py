"""What may be asked for, and what is recommended."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, field_validator

from knowtrace.service.fields import WHOLE, Answered, ByStudent, Computed, Id, Share, Strict
from knowtrace.service.recommendations.window import parse_window


class RecommendationRequest(Strict, ByStudent):
    """Items to practise one skill. `time_window`, as `7d` or start/end, limits the evidence to the answers
    in it.
    """

    skill: Id
    time_window: Annotated[str, Field(max_length=100)] | None = None
    max_items: Annotated[int, Field(ge=1, le=50), WHOLE] = 5
    use_rl: StrictBool = False

    @field_validator("time_window")
    @classmethod
    def _is_a_window(cls, text: str | None) -> str | None:
        if text is not None:
            parse_window(text)
        return text


class RecommendedItem(BaseModel):
    """One item to ask, and why. What rules cannot know is null: they expect no reward and leave nothing to
    chance.
    """

    item_id: str
    expected_success: Share
    difficulty: float | None
    reason: str
    recommendation_type: Literal["rule-based", "rl"]
    expected_reward: float | None
    uncertainty: float | None
    propensity: float | None
    decision_id: str


class RecommendationOut(Answered, Computed):
    """Items to ask next, best first, chosen from `num_candidates`. Item health is not watched in this
    version.
    """

    skill: str
    skill_name: str
    mastery: Share
    interval: tuple[Share, Share]
    interaction_count: int
    recommendations: list[RecommendedItem]
    item_health_flags: list[dict[str, Any]]
    num_candidates: int
    decision_id: str
    notes: list[str]
