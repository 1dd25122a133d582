"""Finding the maximum: EM, accelerated by a quasi-Newton method (Lange, 1995).

One step of scoring on the complete information is, near the maximum, one EM step. It is taken as the first guess of
the inverse Hessian in limited-memory BFGS, which learns from the last steps what EM lacks: the missing information.
Newton steps on the observed information (`observed.py`) then finish, and prove, the convergence.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowtrace.psychometrics.blocks import Block
from knowtrace.psychometrics.marginal import Evaluation, MarginalLikelihood
from knowtrace.psychometrics.observed import observed_information

Floats = NDArray[np.float64]

MEMORY = 12
"""Steps that BFGS remembers."""

SUFFICIENT = 1e-4
"""Armijo's share of the promised gain that a step must make."""

CONVERGED = 1e-7
"""Gain in log-likelihood that the next Newton step promises, below which the maximum is reached."""

LARGEST_STEP = 2.0
"""In logits, for any parameter in one step."""

MAX_PARAMETERS_OF_INFORMATION = 3_000
"""Beyond, the information matrix would take minutes and hundreds of megabytes: no Newton steps, no standard errors."""


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the search ended; `covariance` (P, P) is None when the information was not computed or is singular."""

    evaluation: Evaluation
    covariance: Floats | None
    converged: bool
    evaluations: int
    notes: tuple[str, ...]


def maximise(likelihood: MarginalLikelihood, start: Floats, *, max_evaluations: int = 500) -> Maximum:
    """Return the maximum of the marginal likelihood, uphill from `start` (P,)."""
    begun = likelihood.evaluate(start)
    assert begun is not None, "starting values have positive likelihood"
    needs_newton = likelihood.num_parameters <= MAX_PARAMETERS_OF_INFORMATION
    target = CONVERGED / 10
    current, spent, promised = _accelerated_em(likelihood, begun, target, max_evaluations)
    if not needs_newton:
        note = (
            f"{likelihood.num_parameters:,} parameters are more than {MAX_PARAMETERS_OF_INFORMATION:,}: "
            "no standard errors were computed. Fit fewer items to have them."
        )
        return Maximum(current, None, promised < target, spent, (note,))
    return _newton(likelihood, current, spent)


def _accelerated_em(
    likelihood: MarginalLikelihood, current: Evaluation, target: float, max_evaluations: int
) -> tuple[Evaluation, int, float]:
    """Return the last evaluation, how many there were, and the gain that another step promises."""
    memory: deque[tuple[Floats, Floats]] = deque(maxlen=MEMORY)
    spent, promised = 1, np.inf
    while spent < max_evaluations:
        direction = _direction(likelihood.blocks, current, memory)
        promised = float(current.gradient @ direction)
        if promised < target:
            break
        reached, tried = _climb(likelihood, current, direction)
        spent += tried
        if reached is None:
            if not memory:
                break
            memory.clear()
            continue
        step, change = reached.parameters - current.parameters, current.gradient - reached.gradient
        if step @ change > 1e-10 * np.linalg.norm(step) * np.linalg.norm(change):
            memory.append((step, change))
        current = reached
    return current, spent, promised


def _direction(blocks: list[Block], at: Evaluation, memory: deque[tuple[Floats, Floats]]) -> Floats:
    """Return the BFGS direction by its two loops, with the complete information in between."""
    remaining = at.gradient.copy()
    shares: list[float] = []
    for step, change in reversed(memory):
        share = float(step @ remaining) / float(step @ change)
        remaining -= share * change
        shares.append(share)
    direction = _scoring_step(blocks, at, remaining)
    for (step, change), share in zip(memory, reversed(shares), strict=True):
        direction += step * (share - float(change @ direction) / float(step @ change))
    return direction if direction @ at.gradient > 0 else _scoring_step(blocks, at, at.gradient)


def _scoring_step(blocks: list[Block], at: Evaluation, gradient: Floats) -> Floats:
    """Return the inverse complete information times `gradient`, item by item; a shared slope stands for itself."""
    direction = np.zeros_like(gradient)
    shared = 0.0
    for block, information in zip(blocks, at.blocks_information, strict=True):
        free = information
        if len(block.members) > 1 and block.index[0, 0] == block.index[1, 0]:
            shared += float(information[:, 0, 0].sum())
            free = information.copy()
            free[:, 0, 1:] = free[:, 1:, 0] = 0.0
        diagonal = np.arange(free.shape[1])
        free = free.copy()
        free[:, diagonal, diagonal] *= 1 + 1e-9
        free[:, diagonal, diagonal] += 1e-9
        direction[block.index] = np.linalg.solve(free, gradient[block.index][..., None])[..., 0]
    if shared:
        direction[0] = gradient[0] / shared
    return direction


def _climb(
    likelihood: MarginalLikelihood, current: Evaluation, direction: Floats
) -> tuple[Evaluation | None, int]:
    """Return the first point uphill along `direction`, halving the step, and the number of evaluations."""
    length = min(1.0, LARGEST_STEP / float(np.abs(direction).max()))
    promised = float(current.gradient @ direction)
    for tried in range(1, 21):
        reached = likelihood.evaluate(current.parameters + length * direction)
        # Rounding of the sum over students: near the maximum a gain may not show in the value any more.
        slack = 1e-13 * abs(current.value)
        if reached is not None and reached.value >= current.value + SUFFICIENT * length * promised - slack:
            return reached, tried
        length /= 2
    return None, 20


def _newton(likelihood: MarginalLikelihood, current: Evaluation, spent: int) -> Maximum:
    """Take Newton steps until the next one promises nothing; the last inverse information is the covariance."""
    for _ in range(30):
        information = observed_information(likelihood, current)
        try:
            factor = np.linalg.cholesky(information)
        except np.linalg.LinAlgError:
            current, more, _ = _accelerated_em(likelihood, current, CONVERGED, 200)
            spent += more
            return _judged(likelihood, current, spent)
        half = np.linalg.solve(factor, current.gradient)
        promised = float(half @ half) / 2
        inverse = np.linalg.inv(information)
        if promised < CONVERGED:
            return Maximum(current, (inverse + inverse.T) / 2, True, spent, ())
        reached, tried = _climb(likelihood, current, inverse @ current.gradient)
        spent += tried
        if reached is None:
            break
        current = reached
    return _judged(likelihood, current, spent)


def _judged(likelihood: MarginalLikelihood, current: Evaluation, spent: int) -> Maximum:
    """Return what can be said of a point where Newton steps ended without proof of a maximum."""
    information = observed_information(likelihood, current)
    values = np.linalg.eigvalsh(information)
    if values[0] > 1e-9 * values[-1]:
        inverse: Floats = np.linalg.inv(information).astype(np.float64)
        promised = float(current.gradient @ inverse @ current.gradient) / 2
        return Maximum(current, inverse, promised < 1e-6, spent, ())
    note = (
        "The information matrix is singular: these responses do not determine all parameters, so no standard errors "
        "are given. Use a simpler model, or more students."
    )
    flat = float(np.abs(current.gradient).max()) < 1e-3
    return Maximum(current, None, flat, spent, (note,))
