"""What each answer would have been expected to earn by a student's past and the item's skill alone.

What is left of an answer's credit is the item's own doing. The mean of what is left is a fairer difficulty than the
share of right answers: items that only strong students reach look easy by that share.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray

NUM_PARTS = 5
ROUNDS = 150
MOST_ROWS = 1_000_000
PARAMETERS = {
    "objective": "cross_entropy",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "verbose": -1,
}


Floats = NDArray[np.float32]
Groups = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Expectations:
    """Trees for each part of the groups, grown on the others; `mean` is the credit where there are no others."""

    mean: np.float32
    trees: Mapping[int, lightgbm.Booster]

    def left_of_credit(self, features: Floats, credit: Floats, groups: Groups) -> Floats:
        """Return credit (M,) minus what is expected of the features (M, F), each answer judged by trees of other
        groups."""
        parts = groups % NUM_PARTS
        left = credit - self.mean
        for part in np.unique(parts).tolist():
            if part in self.trees:
                judged = parts == part
                left[judged] = credit[judged] - np.asarray(self.trees[part].predict(features[judged]))
        return left


def grow_expectations(features: Floats, credit: Floats, groups: Groups) -> Expectations:
    """Return what boosted trees expect of features (M, F), from credit (M,) in [0, 1] and groups (M,) from 1.

    Students of one group are judged together.
    """
    parts = groups % NUM_PARTS
    parameters = {**PARAMETERS, "num_threads": torch.get_num_threads()}
    trees: dict[int, lightgbm.Booster] = {}
    for part in np.unique(parts).tolist():
        learnt = np.flatnonzero(parts != part)
        if not len(learnt):
            continue
        learnt = learnt[:: -(-len(learnt) // MOST_ROWS)]
        data = lightgbm.Dataset(features[learnt], credit[learnt])
        trees[part] = lightgbm.train(parameters, data, ROUNDS)
    return Expectations(mean=credit.mean(), trees=trees)
