"""The published rule that names a mastery, each clause in both directions and at its boundary."""

import pytest

from knowtrace.domain import MasteryState, mastery_state

BELOW_85, BELOW_70 = 0.8499999, 0.6999999


@pytest.mark.parametrize("was_mastered", [False, True])
@pytest.mark.parametrize("estimate", [0.0, 0.70, 0.85, 1.0])
def test_fewer_than_three_answers_are_not_enough(estimate: float, was_mastered: bool) -> None:
    assert mastery_state(estimate, 2, was_mastered=was_mastered) is MasteryState.NOT_ENOUGH_DATA
    assert mastery_state(estimate, 3, was_mastered=was_mastered) is not MasteryState.NOT_ENOUGH_DATA


@pytest.mark.parametrize(
    ("estimate", "was_mastered", "state"),
    [
        (0.85, False, MasteryState.MASTERED),
        (0.85, True, MasteryState.MASTERED),
        (BELOW_85, False, MasteryState.PROFICIENT),
        (BELOW_85, True, MasteryState.PROFICIENT),
        (0.70, False, MasteryState.PROFICIENT),
        (0.70, True, MasteryState.PROFICIENT),
        (BELOW_70, False, MasteryState.LEARNING),
        (BELOW_70, True, MasteryState.NEEDS_REVIEW),
        (0.0, False, MasteryState.LEARNING),
        (0.0, True, MasteryState.NEEDS_REVIEW),
    ],
)
def test_state_follows_estimate_and_past_mastery(
    estimate: float, was_mastered: bool, state: MasteryState
) -> None:
    assert mastery_state(estimate, 3, was_mastered=was_mastered) is state
