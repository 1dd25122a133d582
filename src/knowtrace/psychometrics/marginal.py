"""The marginal likelihood: responses given item parameters, with ability integrated out on a grid.

Students with the same responses are one pattern. By Fisher's identity the gradient of the marginal log-likelihood is
the expected gradient of the complete one, so an evaluation costs two matrix products: patterns by categories times
categories by grid for the likelihood, and its transpose for the expected counts (Bock & Aitkin, 1981).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from knowtrace.psychometrics.blocks import Block, num_parameters
from knowtrace.psychometrics.families import GUESSING
from knowtrace.psychometrics.grid import Grid
from knowtrace.psychometrics.responses import MISSING

Floats = NDArray[np.float64]

DENSE_SHARE = 0.05
"""With fewer cells filled than this, sparse products are faster."""


@dataclass(frozen=True)
class GuessingPrior:
    """A beta density on each guessing parameter; the default is worth 20 answers around 0.2 (BILOG-MG's)."""

    alpha: float = 5.0
    beta: float = 17.0

    def gradient(self, guessing: Floats) -> Floats:
        """Return the derivative of the log density in the logit of guessing."""
        return (self.alpha - 1) * (1 - guessing) - (self.beta - 1) * guessing

    def curvature(self, guessing: Floats) -> Floats:
        """Return its second derivative in the logit of guessing."""
        return -(self.alpha + self.beta - 2) * guessing * (1 - guessing)

    def log_density(self, guessing: Floats) -> float:
        """Return the sum of log densities, without the constant."""
        return float(((self.alpha - 1) * np.log(guessing) + (self.beta - 1) * np.log1p(-guessing)).sum())


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The likelihood at one parameter vector (P,).

    `value` is what is maximised: `log_likelihood` plus the log prior, if any. `posterior` (U, Q) are weights of
    abilities for each pattern, and `blocks_information` one array (I_b, M, M) a block: the information that the
    items would hold if abilities were known.
    """

    parameters: Floats
    value: float
    log_likelihood: float
    gradient: Floats
    posterior: Floats
    counts: Floats
    blocks_information: list[Floats]


class MarginalLikelihood:
    """The marginal log-likelihood of item parameters, as a function with its gradient."""

    def __init__(
        self,
        responses: NDArray[np.int16],
        counts: Floats,
        blocks: Sequence[Block],
        grid: Grid,
        prior: GuessingPrior | None,
    ) -> None:
        """Take responses (N, I), MISSING or a category, and the number of students behind each row, (N,)."""
        patterns, which = np.unique(responses, axis=0, return_inverse=True)
        self.patterns: NDArray[np.int16] = patterns
        self.which: NDArray[np.int64] = which.reshape(-1)
        """The pattern of each row, (N,)."""
        self.counts = np.bincount(self.which, weights=counts, minlength=len(patterns))
        self.blocks = list(blocks)
        self.grid = grid
        self.prior = prior
        self.num_parameters = num_parameters(blocks)
        self.num_rows = sum(len(block.members) * block.num_categories for block in blocks)

    @cached_property
    def indicators(self) -> Any:
        """Which category each pattern holds, (U, C) of 0 and 1: dense, or sparse where few items are answered."""
        first_row = np.zeros(self.patterns.shape[1], dtype=np.int64)
        for block in self.blocks:
            first_row[block.members] = block.first + np.arange(len(block.members)) * block.num_categories
        pattern, item = np.nonzero(self.patterns != MISSING)
        row = first_row[item] + self.patterns[pattern, item]
        cells = csr_array((np.ones(len(row)), (pattern, row)), shape=(len(self.patterns), self.num_rows))
        return cells if len(row) < DENSE_SHARE * self.patterns.size else cells.toarray()

    def log_probabilities(self, parameters: Floats) -> Floats:
        """Return log P, one row per item and category, (C, Q)."""
        table = np.empty((self.num_rows, len(self.grid.points)))
        for block in self.blocks:
            block.table(table)[...] = block.family.log_probabilities(block.rows(parameters), self.grid.points)
        return table

    def evaluate(self, parameters: Floats) -> Evaluation | None:
        """Return the likelihood at `parameters` (P,); None where it is zero or not defined."""
        with np.errstate(all="ignore"):  # a step too far may overflow: it is refused below, not reported
            table = self.log_probabilities(parameters)
            if not np.isfinite(table).all():
                return None
            posterior, log_marginal = self.grid.posterior(self.indicators @ table)
            log_likelihood = float(self.counts @ log_marginal)
            counts = self.indicators.T @ (posterior * self.counts[:, None])  # (C, Q)
            gradient, information, log_prior = self._complete(parameters, table, counts)
        if not (np.isfinite(log_likelihood + log_prior) and np.isfinite(gradient).all()):
            return None
        return Evaluation(
            parameters=parameters,
            value=log_likelihood + log_prior,
            log_likelihood=log_likelihood,
            gradient=gradient,
            posterior=posterior,
            counts=counts,
            blocks_information=information,
        )

    def _complete(
        self, parameters: Floats, table: Floats, counts: Floats
    ) -> tuple[Floats, list[Floats], float]:
        """Return the gradient (P,), the complete information of each block, and the log prior."""
        gradient = np.zeros(self.num_parameters)
        informations: list[Floats] = []
        log_prior = 0.0
        for block in self.blocks:
            rows = block.rows(parameters)
            expected = block.table(counts)  # (I, Q, K)
            scores = block.family.scores(rows, self.grid.points)  # (I, Q, K, M)
            flat = scores.reshape(len(rows), -1, scores.shape[-1])
            np.add.at(gradient, block.index, (expected.reshape(len(rows), 1, -1) @ flat)[:, 0])
            weights = expected.sum(-1, keepdims=True) * np.exp(block.table(table))
            information = np.swapaxes(flat * weights.reshape(len(rows), -1, 1), 1, 2) @ flat
            if self.prior is not None and block.family is GUESSING:
                guessing = 1 / (1 + np.exp(-rows[:, 2]))
                log_prior += self.prior.log_density(guessing)
                np.add.at(gradient, block.index[:, 2], self.prior.gradient(guessing))
                information[:, 2, 2] -= self.prior.curvature(guessing)
            informations.append(information)
        return gradient, informations, log_prior
