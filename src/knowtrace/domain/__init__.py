"""The words of the field as frozen types. Imports nothing of ours."""

from knowtrace.domain.interaction import (
    UNKNOWN_TIME,
    Interaction,
    Quarantined,
    given_together,
    lag_to_asking,
)
from knowtrace.domain.intervals import MasteryIntervals
from knowtrace.domain.mastery import Mastery, MasteryState, mastery_state
from knowtrace.domain.recommendation import Recommendation
from knowtrace.domain.vocabulary import (
    FIRST_KNOWN,
    FROM_OTHERS,
    PADDING,
    UNSEEN,
    CatalogueItem,
    DescribedItem,
    ItemCurve,
    Vocabulary,
)

__all__ = [
    "FIRST_KNOWN",
    "FROM_OTHERS",
    "PADDING",
    "UNKNOWN_TIME",
    "UNSEEN",
    "CatalogueItem",
    "DescribedItem",
    "Interaction",
    "ItemCurve",
    "Mastery",
    "MasteryIntervals",
    "MasteryState",
    "Quarantined",
    "Recommendation",
    "Vocabulary",
    "given_together",
    "lag_to_asking",
    "mastery_state",
]
