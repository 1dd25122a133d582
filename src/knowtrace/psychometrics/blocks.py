"""Items of one family and one number of categories, side by side, and where their parameters stand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowtrace.psychometrics.families import Family

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Block:
    """I_b items of one family with K categories each.

    `members` (I_b,) are the items' columns in the responses. `index` (I_b, M) says where each parameter stands in
    the vector of free parameters; a slope that items share stands in one place. `first` is the block's first row
    in a table with one row per item and category.
    """

    family: Family
    members: Integers
    num_categories: int
    index: Integers
    first: int

    def table(self, by_category: Floats) -> Floats:
        """Return this block's part (I_b, Q, K) of an array (C, Q) with one row per item and category."""
        rows = by_category[self.first : self.first + len(self.members) * self.num_categories]
        return rows.reshape(len(self.members), self.num_categories, -1).swapaxes(1, 2)

    def rows(self, parameters: Floats) -> Floats:
        """Return the parameters of these items, (I_b, M), out of the free ones (P,)."""
        return parameters[self.index]


def make_blocks(
    families: Sequence[Family], num_categories: Sequence[int], *, common_slope: bool
) -> list[Block]:
    """Return the blocks of items in order of their first member; with `common_slope` parameter 0 is everybody's."""
    kinds: dict[tuple[str, int], list[int]] = {}
    for i, (family, categories) in enumerate(zip(families, num_categories, strict=True)):
        kinds.setdefault((family.name, int(categories)), []).append(i)
    blocks: list[Block] = []
    next_free, first = int(common_slope), 0
    for (name, categories), members in kinds.items():
        width = 3 if name == "guessing" else categories
        own = width - int(common_slope)
        index = next_free + np.arange(len(members) * own).reshape(len(members), own)
        if common_slope:
            index = np.pad(index, ((0, 0), (1, 0)))
        blocks.append(Block(families[members[0]], np.array(members), categories, index, first))
        next_free += len(members) * own
        first += len(members) * categories
    return blocks


def num_parameters(blocks: Sequence[Block]) -> int:
    """Return P, the number of free parameters."""
    return 1 + max(int(block.index.max()) for block in blocks)
