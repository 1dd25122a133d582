"""`fit`: item parameters from responses, by marginal maximum likelihood."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from knowtrace.errors import CalibrationError
from knowtrace.psychometrics.blocks import Block, make_blocks, num_parameters
from knowtrace.psychometrics.families import GRADED, GUESSING, PARTIAL_CREDIT, SEQUENTIAL, Family
from knowtrace.psychometrics.grid import Grid, normal_grid
from knowtrace.psychometrics.marginal import GuessingPrior, MarginalLikelihood
from knowtrace.psychometrics.maximise import Maximum, maximise
from knowtrace.psychometrics.parameters import ItemParameters, StandardErrors, from_free, standard_errors
from knowtrace.psychometrics.responses import MISSING, ResponseMatrix

Floats = NDArray[np.float64]

Model = Literal["1pl", "2pl", "3pl", "grm", "gpcm", "sequential"]

MODELS: dict[str, Family] = {
    "1pl": PARTIAL_CREDIT,
    "2pl": PARTIAL_CREDIT,
    "3pl": GUESSING,
    "grm": GRADED,
    "gpcm": PARTIAL_CREDIT,
    "sequential": SEQUENTIAL,
}

BINARY = ("1pl", "2pl", "3pl")

STEEPEST = 8.0
"""A slope beyond this is no estimate: the likelihood rises with it for ever, or nearly."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """What `fit` found.

    `left_out` maps items that no parameters can be estimated for to the reason; they are not among
    `parameters.items`. `flagged` maps fitted items whose figures should not be trusted to the reason. `labels` holds
    what each category was called in the source. `covariance` (P, P) is of the free parameters, None when it could
    not be computed. `log_likelihood` is without the prior of guessing.
    """

    model: Model
    parameters: ItemParameters
    errors: StandardErrors
    labels: tuple[tuple[int, ...], ...]
    grid: Grid
    log_likelihood: float
    num_parameters: int
    num_students: float
    converged: bool
    evaluations: int
    covariance: Floats | None
    left_out: dict[str, str]
    flagged: dict[str, str]
    notes: tuple[str, ...]

    @property
    def aic(self) -> float:
        return 2 * self.num_parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        return self.num_parameters * math.log(self.num_students) - 2 * self.log_likelihood


def fit(
    matrix: ResponseMatrix,
    model: Model = "2pl",
    *,
    guessing_items: Collection[str] | None = None,
    guessing_prior: GuessingPrior | None = GuessingPrior(),  # noqa: B008 - frozen, and the default is documented
    grid: Grid | None = None,
) -> Calibration:
    """Estimate item parameters, ability being N(0, 1), from all answers there are; missing ones are ignored.

    `guessing_items` (3PL only) are the items that can be guessed, all when left out; the others are 2PL.
    `guessing_prior` weighs on their guessing parameters alone; None gives plain maximum likelihood, which small
    samples cannot bear. Items that everybody answers alike say nothing of ability: they are left out, and named.
    Raises: CalibrationError when these responses cannot determine this model, before anything is fitted.
    """
    left_out = _without_information(matrix)
    kept = [i for i, item in enumerate(matrix.items) if item not in left_out]
    _refuse_what_cannot_be_fitted(matrix, kept, model, left_out)
    used = matrix.columns(kept)
    blocks = make_blocks(
        _families(used, model, guessing_items), used.num_categories.tolist(), common_slope=model == "1pl"
    )
    _refuse_too_many_parameters(used, num_parameters(blocks), model)
    answered = (used.responses != MISSING).any(axis=1)
    likelihood = MarginalLikelihood(
        used.responses[answered], used.counts[answered], blocks, grid or normal_grid(), guessing_prior
    )
    found = maximise(likelihood, _start(used, blocks))
    return _calibration(used, model, likelihood, found, left_out)


def _calibration(
    used: ResponseMatrix,
    model: Model,
    likelihood: MarginalLikelihood,
    found: Maximum,
    left_out: dict[str, str],
) -> Calibration:
    free, blocks = found.evaluation.parameters.copy(), likelihood.blocks
    covariance = found.covariance
    if model == "1pl" and free[0] < 0:
        # The mirror image has the same likelihood: the sign of a slope that all items share is a convention.
        free[0] = -free[0]
        if covariance is not None:
            covariance = covariance.copy()
            covariance[0, 1:] *= -1
            covariance[1:, 0] *= -1
    parameters = from_free(used.items, blocks, free)
    notes = list(found.notes)
    silent = used.num_students - float(likelihood.counts.sum())
    if silent:
        notes.append(f"{silent:,.0f} students answered none of the items fitted and were not counted.")
    if not found.converged:
        notes.append("The search ended before the maximum was proven: read the figures as approximate.")
    return Calibration(
        model=model,
        parameters=parameters,
        errors=standard_errors(parameters, blocks, covariance),
        labels=used.labels,
        grid=likelihood.grid,
        log_likelihood=found.evaluation.log_likelihood,
        num_parameters=likelihood.num_parameters,
        num_students=float(likelihood.counts.sum()),
        converged=found.converged,
        evaluations=found.evaluations,
        covariance=covariance,
        left_out=left_out,
        flagged=_flags(used, parameters, model),
        notes=tuple(notes),
    )


def _without_information(matrix: ResponseMatrix) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for item, labels in zip(matrix.items, matrix.labels, strict=True):
        if not labels:
            reasons[item] = "nobody answered it"
        elif len(labels) == 1:
            reasons[item] = f"every answer is {labels[0]}, which says nothing of ability"
    return reasons


def _refuse_what_cannot_be_fitted(
    matrix: ResponseMatrix, kept: list[int], model: str, left_out: dict[str, str]
) -> None:
    if model not in MODELS:
        raise CalibrationError(f"No model {model!r}. Known: {', '.join(MODELS)}.")
    if matrix.num_students < 2:
        raise CalibrationError(
            f"{matrix.num_students:g} student is too few: item parameters are read off differences between students. "
            "Give more."
        )
    if not kept:
        reasons = "; ".join(f"{item}: {reason}" for item, reason in list(left_out.items())[:3])
        raise CalibrationError(
            f"None of {len(matrix.items)} items has two different answers ({reasons}): there is nothing to estimate. "
            "Give answers that differ."
        )
    wide = [f"{matrix.items[i]} ({len(matrix.labels[i])})" for i in kept if len(matrix.labels[i]) > 2]
    if model in BINARY and wide:
        raise CalibrationError(
            f"{model} takes items with two categories; more have {', '.join(wide[:5])}"
            f"{' and others' if len(wide) > 5 else ''}. Fit grm or gpcm, or drop them."
        )


def _refuse_too_many_parameters(used: ResponseMatrix, num_free: int, model: str) -> None:
    num_patterns = math.prod(used.num_categories.tolist())
    if num_patterns - 1 < num_free:
        raise CalibrationError(
            f"{len(used.items)} items have {num_patterns} response patterns, too few for the {num_free} parameters of "
            f"{model}. Give more items{', or fit 1pl' if model in ('2pl', '3pl') else ''}."
        )


def _families(used: ResponseMatrix, model: str, guessing_items: Collection[str] | None) -> list[Family]:
    if guessing_items is not None:
        unknown = sorted(set(guessing_items) - set(used.items))
        if model != "3pl" or unknown:
            raise CalibrationError(
                f"guessing_items ({', '.join(unknown or guessing_items)}) must be items with two categories, and the "
                f"model 3pl, not {model}."
            )
    families: list[Family] = []
    for item, categories in zip(used.items, used.num_categories, strict=True):
        guessed = model == "3pl" and (guessing_items is None or item in guessing_items)
        # With two categories the families without guessing are one; one block is faster than two.
        families.append(
            GUESSING if guessed else PARTIAL_CREDIT if categories == 2 else _without_guessing(model)
        )
    return families


def _without_guessing(model: str) -> Family:
    return PARTIAL_CREDIT if model == "3pl" else MODELS[model]


def _start(used: ResponseMatrix, blocks: list[Block]) -> Floats:
    """Return starting values (P,): slopes 1, intercepts that give each category its share of the answers."""
    free = np.zeros(num_parameters(blocks))
    for block in blocks:
        categories = np.arange(block.num_categories)
        is_category = used.responses[:, block.members, None] == categories  # (N, I, K)
        seen = np.einsum("n,nik->ik", used.counts, is_category) + 0.5
        free[block.index] = block.family.start(seen / seen.sum(1, keepdims=True))
    return free


def _flags(used: ResponseMatrix, parameters: ItemParameters, model: str) -> dict[str, str]:
    flags: dict[str, str] = {}
    for i, (item, labels) in enumerate(zip(used.items, used.labels, strict=True)):
        slope = parameters.slope[i]
        if abs(slope) > STEEPEST:
            flags[item] = (
                f"slope {slope:.3g}: the likelihood rises with it for ever, so it has no finite estimate"
            )
        elif model == "1pl" and abs(slope) < 1e-3:
            flags[item] = "slope 0: right answers to one item do not go with right answers to others"
        elif slope < 0:
            flags[item] = f"slope {slope:.3g}: better students do worse on it; check the key"
        elif labels != tuple(range(labels[0], labels[0] + len(labels))):
            flags[item] = f"no student chose a category between {labels}; they were closed up"
    return flags
