"""The observed information of the marginal likelihood, exactly (Louis, 1982).

    information = E[complete information] - Cov[complete score]

both given the responses. A student's complete score is linear in the indicators of the categories given, so the sum
over students of E[score score'] needs, at each ability, only how often two categories go together; that is one product
of the weighted indicators with themselves per grid point, the cost of everything here.
"""

import numpy as np
from numpy.typing import NDArray

from knowtrace.psychometrics.families import GUESSING
from knowtrace.psychometrics.marginal import Evaluation, MarginalLikelihood

Floats = NDArray[np.float64]

NEGLIGIBLE = 1e-10
"""Share of all students below which a grid point adds nothing to the information."""


def observed_information(likelihood: MarginalLikelihood, at: Evaluation) -> Floats:
    """Return minus the Hessian of what is maximised, (P, P), the prior of guessing included."""
    widths = [block.index.shape[1] for block in likelihood.blocks]
    scores = [
        block.family.scores(block.rows(at.parameters), likelihood.grid.points) for block in likelihood.blocks
    ]
    places = np.concatenate([block.index.reshape(-1) for block in likelihood.blocks])  # (F,)
    information = np.zeros((len(places), len(places)))
    start = 0
    for block, width in zip(likelihood.blocks, widths, strict=True):
        rows = block.rows(at.parameters)
        own = -block.family.curvature(rows, likelihood.grid.points, block.table(at.counts))
        if likelihood.prior is not None and block.family is GUESSING:
            own[:, 2, 2] -= likelihood.prior.curvature(1 / (1 + np.exp(-rows[:, 2])))
        for i in range(len(rows)):
            inside = slice(start + i * width, start + (i + 1) * width)
            information[inside, inside] += own[i]
        start += len(rows) * width
    information -= _expected_squares(likelihood, at, scores)
    means = _mean_scores(likelihood, at, scores)
    information += (means * likelihood.counts[:, None]).T @ means
    return _folded(information, places, likelihood.num_parameters)


def _folded(matrix: Floats, places: NDArray[np.int64], size: int) -> Floats:
    """Add up rows and columns (F, F) that stand for the same parameter, (P, P)."""
    if len(places) == size:
        ordered = np.empty_like(matrix)
        ordered[np.ix_(places, places)] = matrix
        return ordered
    tied = np.zeros((len(places), size))
    tied[np.arange(len(places)), places] = 1.0
    return tied.T @ matrix @ tied


def _expected_squares(likelihood: MarginalLikelihood, at: Evaluation, scores: list[Floats]) -> Floats:
    """Return the sum over students and abilities of posterior weight times score score', (F, F)."""
    num_free = sum(s.shape[0] * s.shape[3] for s in scores)
    total = np.zeros((num_free, num_free))
    weights = at.posterior * likelihood.counts[:, None]  # (U, Q)
    mass = weights.sum(0)
    for q in np.flatnonzero(mass > NEGLIGIBLE * mass.sum()).tolist():
        root = np.sqrt(weights[:, q])
        if isinstance(likelihood.indicators, np.ndarray):
            weighted = likelihood.indicators * root[:, None]
            together = weighted.T @ weighted  # (C, C)
        else:
            weighted = likelihood.indicators.multiply(root[:, None]).tocsr()
            together = (weighted.T @ weighted).toarray()
        half = _by_parameter(likelihood, scores, q, together)  # (F, C)
        total += _by_parameter(likelihood, scores, q, np.ascontiguousarray(half.T))  # (F, F)
    return total


def _by_parameter(
    likelihood: MarginalLikelihood, scores: list[Floats], q: int, by_category: Floats
) -> Floats:
    """Return scores' times an array (C, X) with one row per item and category: (F, X), one row per parameter."""
    parts: list[Floats] = []
    for block, score in zip(likelihood.blocks, scores, strict=True):
        num_items, categories = len(block.members), block.num_categories
        rows = by_category[block.first : block.first + num_items * categories]
        product = score[:, q].swapaxes(1, 2) @ rows.reshape(num_items, categories, -1)  # (I, M, X)
        parts.append(product.reshape(-1, by_category.shape[1]))
    return np.concatenate(parts)


def _mean_scores(likelihood: MarginalLikelihood, at: Evaluation, scores: list[Floats]) -> Floats:
    """Return each pattern's expected complete score, (U, F)."""
    parts: list[Floats] = []
    for block, score in zip(likelihood.blocks, scores, strict=True):
        num_items, _, categories, width = score.shape
        responses = likelihood.patterns[:, block.members]  # (U, I)
        mean = np.zeros((len(responses), num_items, width))
        for k in range(categories):
            by_ability = score[:, :, k].swapaxes(0, 1).reshape(len(likelihood.grid.points), -1)
            expected = (at.posterior @ by_ability).reshape(mean.shape)
            mean += expected * (responses == k)[..., None]
        parts.append(mean.reshape(len(responses), -1))
    return np.concatenate(parts, axis=1)
