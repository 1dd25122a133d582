"""How much items and tests tell about ability, and how much of the spread of scores is real."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from knowtrace.psychometrics.grid import Grid, normal_grid
from knowtrace.psychometrics.parameters import ItemParameters
from knowtrace.psychometrics.scores import Scores, log_likelihoods

Floats = NDArray[np.float64]


def item_information(parameters: ItemParameters, ability: ArrayLike) -> Floats:
    """Return the Fisher information of each item at each ability, (I, Q), per squared logit."""
    first, _ = parameters.ability_derivatives(ability)
    return (parameters.probabilities(ability) * first**2).sum(-1)


def test_information(parameters: ItemParameters, ability: ArrayLike) -> Floats:
    """Return the information of all items together, (Q,); 1 / sqrt of it is the standard error of a long test."""
    return item_information(parameters, ability).sum(0)


def empirical_reliability(scores: Scores, counts: ArrayLike | None = None) -> float:
    """Return the share of real differences in the variance of EAP scores, var / (var + mean squared error), 0 to 1.

    `counts` (U,) is the number of students behind each score. NaN for fewer than two students.
    """
    weights = np.ones(len(scores.ability)) if counts is None else np.asarray(counts, dtype=np.float64)
    if weights.sum() < 2:
        return float("nan")
    mean = np.average(scores.ability, weights=weights)
    variance = float(weights @ (scores.ability - mean) ** 2) / (weights.sum() - 1)
    return variance / (variance + float(np.average(scores.standard_error**2, weights=weights)))


def expected_frequencies(
    parameters: ItemParameters, responses: NDArray[np.int16], num_students: float, *, grid: Grid | None = None
) -> Floats:
    """Return how many of `num_students` are expected to give each row of responses (U, I), (U,)."""
    grid = grid or normal_grid()
    _, log_marginal = grid.posterior(log_likelihoods(parameters, responses, grid))
    return num_students * np.exp(log_marginal)
