"""Item statistics: what is left of credit is counted for every answer, also where trees see only some of them."""

import numpy as np
import pytest
import torch

from knowtrace.models import item_statistics
from knowtrace.models.item_statistics import ItemStatistics
from knowtrace.sources import SimulationConfig, simulate
from knowtrace.training import build_vocabulary, encode
from knowtrace.training.persons import group_students
from knowtrace.training.sequences import sizes_of, training_answers


def test_every_answer_counts_where_trees_are_grown_on_every_third(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SimulationConfig(num_students=120, num_answers=25, num_items=15, num_skills=3, num_categories=2)
    dataset = simulate(config, seed=3).dataset
    vocabulary = build_vocabulary(dataset, dataset.students)
    groups = group_students(dataset.students, (), seed=0)
    answers = training_answers(vocabulary, encode(dataset, list(dataset.students), vocabulary, groups=groups))
    statistics = ItemStatistics(sizes_of(vocabulary))
    grown: list[int] = []
    grow = item_statistics.grow_expectations
    monkeypatch.setattr(
        item_statistics, "grow_expectations", lambda f, c, g: (grown.append(len(c)), grow(f, c, g))[1]
    )
    whole = statistics._left_by_group(answers)
    monkeypatch.setattr(item_statistics, "MOST_HELD", 1_000)
    thinned = statistics._left_by_group(answers)
    assert grown == [3_000, 1_000]
    assert torch.equal(thinned[..., 1], whole[..., 1])
    assert torch.equal(whole[1:, :, 1], answers.counts[1:].sum(-1))
    means = [(sums[0, 2:, 0] / sums[0, 2:, 1]).numpy() for sums in (whole, thinned)]
    assert np.corrcoef(*means)[0, 1] > 0.95
