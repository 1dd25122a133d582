"""Abilities of students from their responses: the mean or the mode of the posterior, with its spread."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from knowtrace.psychometrics.grid import Grid, normal_grid
from knowtrace.psychometrics.parameters import ItemParameters
from knowtrace.psychometrics.responses import MISSING

Floats = NDArray[np.float64]
Responses = NDArray[np.int16]

CELLS_AT_ONCE = 4_000_000
"""Items times students times categories whose curves are held in memory together."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Abilities in logits (U,) and their standard errors (U,)."""

    ability: Floats
    standard_error: Floats


def log_likelihoods(parameters: ItemParameters, responses: Responses, grid: Grid) -> Floats:
    """Return the log-likelihood (U, Q) of each row of responses (U, I) at each ability of the grid."""
    table = parameters.log_probabilities(grid.points)  # (I, Q, K)
    total = np.zeros((len(responses), len(grid.points)))
    for k in range(table.shape[2]):
        gave = responses == k  # (U, I)
        total += gave.astype(np.float64) @ np.where(np.isfinite(table[:, :, k]), table[:, :, k], 0.0)
    return total


def score(
    parameters: ItemParameters,
    responses: Responses,
    *,
    method: Literal["eap", "map"] = "eap",
    grid: Grid | None = None,
) -> Scores:
    """Return the ability of each row of responses (U, I), MISSING or a category, under the prior N(0, 1).

    "eap" is the posterior mean with the posterior's standard deviation, on the grid (161 points by default); "map" its
    mode, exact to 1e-10, with 1 / sqrt(curvature of the log posterior there). Without an answer both are 0 and 1.
    Raises: ValueError when the responses do not fit the items.
    """
    _check(parameters, responses)
    grid = grid or normal_grid()
    weights, _ = grid.posterior(log_likelihoods(parameters, responses, grid))
    mean = weights @ grid.points
    if method == "map":
        return _modes(parameters, responses, grid.points[weights.argmax(1)])
    variance = (weights * (grid.points - mean[:, None]) ** 2).sum(1)
    return Scores(mean, np.sqrt(variance))


def _check(parameters: ItemParameters, responses: Responses) -> None:
    if responses.ndim != 2 or responses.shape[1] != len(parameters.items):
        raise ValueError(
            f"responses {responses.shape} must have {len(parameters.items)} columns, one an item."
        )
    if (responses < MISSING).any() or (responses >= parameters.num_categories).any():
        raise ValueError("responses must be -1 for none, or a category that the item has.")


def _modes(parameters: ItemParameters, responses: Responses, start: Floats) -> Scores:
    per_student = len(parameters.items) * (parameters.intercepts.shape[1] + 1)
    at_once = max(1, CELLS_AT_ONCE // per_student)
    parts = [
        _modes_of_some(parameters, responses[first : first + at_once], start[first : first + at_once])
        for first in range(0, len(responses), at_once)
    ]
    return Scores(
        np.concatenate([part.ability for part in parts]),
        np.concatenate([part.standard_error for part in parts]),
    )


def _modes_of_some(parameters: ItemParameters, responses: Responses, start: Floats) -> Scores:
    """Return the modes by Newton steps from the best grid point, which is within a grid step of the highest mode."""
    ability = start.copy()
    gradient, curvature = _posterior_derivatives(parameters, responses, ability)
    for _ in range(50):
        step = gradient / np.maximum(curvature, 0.1)
        ability += np.clip(step, -0.5, 0.5)
        gradient, curvature = _posterior_derivatives(parameters, responses, ability)
        if np.abs(step).max() < 1e-10:
            break
    return Scores(ability, 1 / np.sqrt(np.maximum(curvature, 1e-12)))


def _posterior_derivatives(
    parameters: ItemParameters, responses: Responses, ability: Floats
) -> tuple[Floats, Floats]:
    """Return the slope of each student's log posterior at that student's ability, (U,), and minus its curvature."""
    first, second = parameters.ability_derivatives(ability)  # (I, U, K)
    given = responses.T[..., None]  # (I, U, 1)
    which = np.maximum(given, 0)
    answered = (given != MISSING)[..., 0]
    slopes = np.where(answered, np.take_along_axis(first, which, 2)[..., 0], 0.0).sum(0)
    curvatures = np.where(answered, np.take_along_axis(second, which, 2)[..., 0], 0.0).sum(0)
    return slopes - ability, 1.0 - curvatures
