"""How strongly two things go together over strata, against what goes together with everything.

Sources: Mantel and Haenszel, J. Natl. Cancer Inst. 22 (1959); Robins, Breslow and Greenland, Biometrics 42 (1986);
Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995); Efron, J. Am. Stat. Assoc. 99 (2004), for the empirical null.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

PRIOR = 0.5
"""Added to each cell of a table, spread over its strata as its answers are: no odds ratio is 0 or infinite."""

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


@dataclass(frozen=True, kw_only=True)
class LogOdds:
    """Logarithms of odds ratios and their standard errors, (P,) each."""

    value: Numbers
    error: Numbers


@dataclass(frozen=True, kw_only=True)
class Null:
    """What pairs that have nothing to do with one another show: a log odds ratio ~ N(centre, spread ** 2)."""

    centre: float
    spread: float


def mantel_haenszel(tables: Integers) -> LogOdds:
    """Return the common log odds ratio of each row of 2x2 tables, (P, strata, 2, 2), and its standard error.

    The error is that of Robins, Breslow and Greenland, right for few large and for many small strata alike.
    """
    sizes = tables.sum(axis=(2, 3), keepdims=True).astype(np.float64)  # (P, strata, 1, 1)
    cells = tables + PRIOR * sizes / np.maximum(sizes.sum(axis=1, keepdims=True), 1)
    n = np.maximum(cells.sum(axis=(2, 3)), 1e-300)  # (P, strata)
    agreeing, opposing = cells[..., 1, 1] * cells[..., 0, 0] / n, cells[..., 1, 0] * cells[..., 0, 1] / n
    share_agreeing = (cells[..., 1, 1] + cells[..., 0, 0]) / n
    share_opposing = (cells[..., 1, 0] + cells[..., 0, 1]) / n
    total_agreeing, total_opposing = agreeing.sum(axis=1), opposing.sum(axis=1)  # (P,)
    variance = (
        (share_agreeing * agreeing).sum(axis=1) / (2 * total_agreeing**2)
        + (share_agreeing * opposing + share_opposing * agreeing).sum(axis=1)
        / (2 * total_agreeing * total_opposing)
        + (share_opposing * opposing).sum(axis=1) / (2 * total_opposing**2)
    )
    return LogOdds(value=np.log(total_agreeing / total_opposing), error=np.sqrt(variance))


def empirical_null(odds: LogOdds) -> Null:
    """Return the centre and spread of the bulk of pairs, by medians, which the few real ones do not move.

    The spread is what is left of the median distance from the centre beyond sampling error: 0 when that explains all.
    """
    centre = float(np.median(odds.value))
    distance = np.abs(odds.value - centre)
    low, high = 0.0, float(distance.max(initial=0.0))
    for _ in range(60):
        middle = (low + high) / 2
        is_too_small = np.median(distance / np.sqrt(odds.error**2 + middle**2)) > NORMAL_QUARTILE
        low, high = (middle, high) if is_too_small else (low, middle)
    return Null(centre=centre, spread=high if high > 1e-9 else 0.0)


NORMAL_QUARTILE = 0.6744897501960817


def upper_tail(z: Numbers) -> Numbers:
    """Return P(Z > z) of a standard normal Z."""
    return _erfc(z / math.sqrt(2)) / 2 if len(z) else np.zeros(0)


def discoverable_at(p_values: Numbers) -> Numbers:
    """Return the smallest false discovery rate at which each would be a discovery (Benjamini and Hochberg), (P,)."""
    order = np.argsort(p_values)[::-1]
    ranks = np.arange(len(p_values), 0, -1)
    rates = np.minimum.accumulate(p_values[order] * len(p_values) / ranks)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(rates, 1.0)
    return adjusted
