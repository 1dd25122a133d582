"""Item parameters as they are published: slopes, intercepts, guessing; and the curves they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from knowtrace.psychometrics.blocks import Block, make_blocks
from knowtrace.psychometrics.families import GRADED, GUESSING, PARTIAL_CREDIT, SEQUENTIAL, Family

Floats = NDArray[np.float64]

FAMILIES: dict[str, Family] = {
    family.name: family for family in (GRADED, PARTIAL_CREDIT, SEQUENTIAL, GUESSING)
}


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemParameters:
    """Parameters of I items with up to K categories, on the logit scale with D = 1 and ability N(0, 1).

    `kinds` (I,) name the family of each item (`families.py`); a binary item without guessing is "partial-credit".
    `slope` (I,); `intercepts` (I, K-1), NaN beyond an item's own categories; `guessing` (I,), 0 where there is none.
    """

    items: tuple[str, ...]
    kinds: tuple[str, ...]
    slope: Floats
    intercepts: Floats
    guessing: Floats

    @property
    def num_categories(self) -> NDArray[np.int64]:
        """Return each item's number of categories, (I,)."""
        return 1 + np.isfinite(self.intercepts).sum(1)

    @property
    def difficulties(self) -> Floats:
        """Return what is called b, in logits of ability, (I, K-1), NaN beyond an item's own categories.

        Graded, sequential and binary items: -d_k / a. Partial credit: the step difficulties -(d_k - d_{k-1}) / a,
        where two neighbouring categories are equally likely.
        """
        steps = self.intercepts.copy()
        adjacent = np.array([kind == "partial-credit" for kind in self.kinds])
        steps[adjacent] = np.diff(steps[adjacent], axis=1, prepend=0.0)
        with np.errstate(divide="ignore"):
            return -steps / self.slope[:, None]

    @cached_property
    def blocks(self) -> list[Block]:
        """The items by family and number of categories, each with parameters of its own."""
        families = [FAMILIES[kind] for kind in self.kinds]
        return make_blocks(families, self.num_categories.tolist(), common_slope=False)

    def rows(self, block: Block) -> Floats:
        """Return the parameters of a block's items as its family takes them, (I_b, M)."""
        own = self.intercepts[block.members, : block.num_categories - 1]
        columns = [self.slope[block.members, None], own]
        if block.family is GUESSING:
            guessing = self.guessing[block.members, None]
            columns.append(np.log(guessing) - np.log1p(-guessing))
        return np.concatenate(columns, axis=1)

    def log_probabilities(self, ability: ArrayLike) -> Floats:
        """Return log P(response = k), (I, Q, K), for abilities (Q,); minus infinity beyond an item's own categories.

        Row i, column k, is what an answer k to item i adds to a student's log posterior over these abilities.
        """
        points = np.atleast_1d(np.asarray(ability, dtype=np.float64))
        shape = (len(self.items), len(points), self.intercepts.shape[1] + 1)
        table = np.full(shape, -np.inf)
        for block in self.blocks:
            curves = block.family.log_probabilities(self.rows(block), points)
            table[block.members, :, : block.num_categories] = curves
        return table

    def probabilities(self, ability: ArrayLike) -> Floats:
        """Return P(response = k), (I, Q, K), for abilities (Q,)."""
        return np.exp(self.log_probabilities(ability))

    def ability_derivatives(self, ability: ArrayLike) -> tuple[Floats, Floats]:
        """Return the first and second derivative of log P in ability, (I, Q, K), 0 beyond an item's categories."""
        points = np.atleast_1d(np.asarray(ability, dtype=np.float64))
        shape = (len(self.items), len(points), self.intercepts.shape[1] + 1)
        first, second = np.zeros(shape), np.zeros(shape)
        for block in self.blocks:
            one, two = block.family.ability_derivatives(self.rows(block), points)
            first[block.members, :, : block.num_categories] = one
            second[block.members, :, : block.num_categories] = two
        return first, second


def from_free(items: Sequence[str], blocks: Sequence[Block], free: Floats) -> ItemParameters:
    """Return the published form of free parameters (P,)."""
    num_items, most = len(items), max(block.num_categories for block in blocks)
    slope, guessing = np.empty(num_items), np.zeros(num_items)
    intercepts = np.full((num_items, most - 1), np.nan)
    kinds = [""] * num_items
    for block in blocks:
        rows = block.rows(free)
        slope[block.members] = rows[:, 0]
        intercepts[block.members, : block.num_categories - 1] = rows[:, 1 : block.num_categories]
        if block.family is GUESSING:
            guessing[block.members] = 1 / (1 + np.exp(-rows[:, 2]))
        for i in block.members.tolist():
            kinds[i] = block.family.name
    return ItemParameters(
        items=tuple(items), kinds=tuple(kinds), slope=slope, intercepts=intercepts, guessing=guessing
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class StandardErrors:
    """Standard errors, shaped like `ItemParameters`; NaN where there are none.

    Those of difficulties and guessing are by the delta method.
    """

    slope: Floats
    intercepts: Floats
    difficulties: Floats
    guessing: Floats


def standard_errors(
    parameters: ItemParameters, blocks: Sequence[Block], covariance: Floats | None
) -> StandardErrors:
    """Return standard errors from the covariance (P, P) of free parameters; all NaN without one."""
    slope, guessing = np.full_like(parameters.slope, np.nan), np.full_like(parameters.slope, np.nan)
    intercepts = np.full_like(parameters.intercepts, np.nan)
    difficulties = np.full_like(parameters.intercepts, np.nan)
    for block in blocks if covariance is not None else ():
        assert covariance is not None
        for i, index in zip(block.members, block.index, strict=True):
            own = covariance[np.ix_(index, index)]  # (M, M)
            spread = np.sqrt(np.diagonal(own))
            steps = block.num_categories - 1
            slope[i], intercepts[i, :steps] = spread[0], spread[1 : steps + 1]
            if block.family is GUESSING:
                guessing[i] = spread[2] * parameters.guessing[i] * (1 - parameters.guessing[i])
            difference = np.eye(steps)
            if block.family.name == "partial-credit":
                difference -= np.eye(steps, k=-1)
            # b = -D d / a, so db = -(D dd + b da) / a.
            jacobian = np.column_stack([parameters.difficulties[i, :steps], difference])
            inner = own[: steps + 1, : steps + 1]
            variance = np.einsum("km,mn,kn->k", jacobian, inner, jacobian)
            with np.errstate(divide="ignore", invalid="ignore"):
                difficulties[i, :steps] = np.sqrt(variance) / abs(parameters.slope[i])
    return StandardErrors(slope=slope, intercepts=intercepts, difficulties=difficulties, guessing=guessing)
