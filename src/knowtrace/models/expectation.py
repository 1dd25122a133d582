"""What each answer would have been expected to earn by a student's past and the item's skill alone.

What is left of an answer's credit is the item's own doing. The mean of what is left is a fairer difficulty than the
share of right answers: items that only strong students reach look easy by that share.
"""

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


def left_of_credit(
    features: NDArray[np.float32], credit: NDArray[np.float32], groups: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return credit minus what boosted trees expect of the features, each student judged by trees of other groups.

    features (M, F), credit (M,) in [0, 1], groups (M,) from 1: students of one group are judged together. With fewer
    than two parts of groups the mean credit is what is expected.
    """
    parts = groups % NUM_PARTS
    left = credit - credit.mean()
    parameters = {**PARAMETERS, "num_threads": torch.get_num_threads()}
    for part in np.unique(parts):
        judged = parts == part
        learnt = np.flatnonzero(~judged)
        if not len(learnt):
            continue
        learnt = learnt[:: -(-len(learnt) // MOST_ROWS)]
        data = lightgbm.Dataset(features[learnt], credit[learnt])
        trees = lightgbm.train(parameters, data, ROUNDS)
        left[judged] = credit[judged] - np.asarray(trees.predict(features[judged]))
    return left
