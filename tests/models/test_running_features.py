"""What a model sees of a student's past, each number by the formula its name stands for, worked out by hand."""

import math

import pytest
import torch

from knowtrace.models import Answer, Asked, Sizes
from knowtrace.models.evidence import Evidence
from knowtrace.models.item_statistics import NUM_STATISTICS
from knowtrace.models.running_features import FEATURES
from knowtrace.models.running_sums import RECENT

SIZES = Sizes(num_items=6, num_skills=5, num_categories=2)
DAY, HOUR = 86_400.0, 3_600.0


def evidence() -> Evidence:
    """Items 2, 3, 4 stand at 10, 14, 0 (nowhere) and are expected to be answered right with 0.5, 0.75, 0.5."""
    found = Evidence(SIZES)
    found.statistics.positions.copy_(torch.tensor([0.0, 0, 10, 14, 0, 0]))
    found.statistics.table[3, -1] = math.log(3)
    return found


def answer(item: int, skills: list[int], response: int, lag: float, elapsed: float) -> Answer:
    return Answer(
        torch.tensor([item]),
        torch.tensor([skills]),
        torch.tensor([response]),
        torch.tensor([lag]),
        torch.tensor([elapsed]),
    )


def seen(*answers: Answer, item: int, skills: list[int], lag: float) -> dict[str, float]:
    known, state = evidence(), torch.zeros(1, Evidence(SIZES).state_size)
    for each in answers:
        state = known.observe(state, each)[1]
    asked = Asked(torch.tensor([[item]]), torch.tensor([[skills]]), torch.tensor([lag]))
    row = known.of_asked(state.unsqueeze(1), asked).known[0, 0, NUM_STATISTICS:]
    return dict(zip(FEATURES, row.tolist(), strict=True))


def test_features_have_names_of_their_own() -> None:
    assert len(set(FEATURES)) == len(FEATURES)


def test_two_answers_and_a_question_by_hand() -> None:
    right = answer(2, [2, 0], 1, lag=-1.0, elapsed=30.0)  # surprise 0.5
    wrong = answer(3, [2, 3], 0, lag=DAY, elapsed=-1.0)  # surprise -0.75
    found = seen(right, wrong, item=2, skills=[2, 4], lag=HOUR)
    near = {reach: [math.exp(-0 / reach), math.exp(-4 / reach)] for reach in (0.01, 3, 20, 100)}
    expected = {
        "log right": math.log(2),
        "log wrong": math.log(2),
        "surprise": -0.25 / 7,
        "surprise .9": (0.5 * 0.9 - 0.75) / (1.9 + 1),
        "surprise .6": (0.5 * 0.6 - 0.75) / (1.6 + 1),
        "lag known": 1.0,
        "log hours": math.log(2),
        "log elapsed": 0.0,
        "elapsed known": 0.0,
        **{f"near surprise {r}": (0.5 * w[0] - 0.75 * w[1]) / (sum(w) + 1) for r, w in near.items()},
        **{f"log near {r}": math.log1p(sum(w)) for r, w in near.items()},
        "log tries in a row": 0.0,
        "tried just now": 0.0,
        "way 1": -math.log(5) / 5,
        "last surprise 1": -0.75,
        "way 2": 0.0,
        "last surprise 2": 0.5,
        "way 3": 0.0,
        "last surprise 3": 0.0,
        # Skill 4 is new: its row is zero, and the mean is over both skills.
        "skill log right": math.log(2) / 2,
        "skill log wrong": math.log(2) / 2,
        "skill surprise": -0.25 / 5 / 2,
        "skill surprise .7": (0.5 * 0.7 - 0.75) / (1.7 + 1) / 2,
        "skill met": 0.5,
        "skill log gap": 0.0,
        "skill log days": math.log1p(1 / 24) / 2,
    }
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_skill_met_before_others_has_a_gap_and_days() -> None:
    first = answer(2, [2, 0], 1, lag=-1.0, elapsed=math.e - 1)
    then = [answer(3, [3, 0], 1, lag=2 * DAY, elapsed=math.e - 1) for _ in range(3)]
    found = seen(first, *then, item=4, skills=[2, 0], lag=DAY)
    assert found["skill log gap"] == pytest.approx(math.log(4) / 4, abs=1e-6)
    assert found["skill log days"] == pytest.approx(math.log(8), abs=1e-6)
    assert found["log elapsed"] == pytest.approx(0.25, abs=1e-6)
    assert found["elapsed known"] == 1


def test_tries_of_one_item_in_a_row_are_counted_from_the_last() -> None:
    tries = [answer(item, [2, 0], 0, lag=-1.0, elapsed=-1.0) for item in (2, 3, 2, 2)]
    found = seen(*tries, item=2, skills=[2, 0], lag=-1.0)
    assert found["tried just now"] == 1
    assert found["log tries in a row"] == pytest.approx(math.log(3), abs=1e-6)
    assert found["log near 0.01"] == pytest.approx(math.log(4), abs=1e-6)
    assert found["near surprise 0.01"] == pytest.approx(3 * -0.5 / 4, abs=1e-6)
    other = seen(*tries, item=3, skills=[2, 0], lag=-1.0)
    assert [other["tried just now"], other["log tries in a row"]] == pytest.approx([0, 0], abs=1e-6)
    assert other["log near 0.01"] == pytest.approx(math.log(2), abs=1e-6)
    many = seen(*[tries[0]] * (RECENT + 8), item=2, skills=[2, 0], lag=-1.0)
    assert many["log tries in a row"] == pytest.approx(math.log1p(RECENT), abs=1e-6)


def test_an_item_that_stands_nowhere_has_no_neighbours() -> None:
    found = seen(answer(2, [2, 0], 1, lag=-1.0, elapsed=-1.0), item=4, skills=[2, 0], lag=-1.0)
    assert all(found[f"log near {reach}"] == pytest.approx(0, abs=1e-6) for reach in (0.01, 3, 20, 100))
    assert found["way 1"] == 0
    assert found["lag known"] == 0


def test_a_skill_named_twice_counts_once() -> None:
    twice, once = (
        seen(answer(2, [2, other], 1, 60.0, 5.0), item=3, skills=[2, other], lag=60.0) for other in (2, 0)
    )
    assert twice == pytest.approx(once)
