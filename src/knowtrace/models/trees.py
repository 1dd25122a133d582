"""Boosted trees as arrays that a step graph can walk, grown by LightGBM."""

from typing import Any

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

DEPTH = 10
"""The walk from root to leaf takes so many steps in every tree; shorter paths stay at their leaf."""


class Trees(nn.Module):
    """A sum of num_trees trees for each of num_outputs numbers; at first every tree says zero."""

    feature: Tensor
    threshold: Tensor
    left: Tensor
    value: Tensor

    def __init__(self, num_trees: int, num_leaves: int, num_outputs: int) -> None:
        super().__init__()
        self.num_outputs = num_outputs
        shape = (num_trees * num_outputs, 2 * num_leaves - 1)
        self.register_buffer("feature", torch.zeros(shape, dtype=torch.long))
        self.register_buffer("threshold", torch.full(shape, torch.inf))
        self.register_buffer("left", torch.zeros(shape, dtype=torch.long))
        self.register_buffer("value", torch.zeros(shape))

    def take(self, booster: lightgbm.Booster) -> None:
        """Copy the trees of a booster that was grown with no more trees, leaves and depth than these."""
        model: dict[str, Any] = booster.dump_model()
        for buffer in (self.feature, self.left, self.value):
            buffer.zero_()
        self.threshold.fill_(torch.inf)
        for number, info in enumerate(model["tree_info"]):
            self._take_tree(number, info["tree_structure"])

    def num_learnt(self) -> int:
        """Return the splits and leaves of all trees that split."""
        splits = self.threshold.isfinite().sum(1)
        return int((2 * splits + splits.gt(0)).sum())

    def forward(self, x: Tensor) -> Tensor:
        """Return the sums (M, num_outputs) for rows x (M, F)."""
        num_trees, num_nodes = self.feature.shape
        roots = torch.arange(num_trees, device=x.device) * num_nodes
        feature, threshold = self.feature.flatten(), self.threshold.flatten()
        left = (self.left + roots.unsqueeze(-1)).flatten()
        # All rows split at the same roots, so what is looked up of those is looked up once.
        node = left[roots] + (x[:, feature[roots]] > threshold[roots])  # (M, trees)
        node = node.flatten()
        for _ in range(DEPTH - 1):
            # `gather` and not an index: the runtime's operator for it takes a third of the time.
            met = x.gather(1, feature.gather(0, node).unflatten(0, (-1, num_trees))).flatten()
            node = left.gather(0, node) + (met > threshold.gather(0, node))
        # Trees of one round stand together, one for each output.
        said = self.value.flatten().gather(0, node)
        return said.unflatten(0, (-1, num_trees // self.num_outputs, self.num_outputs)).sum(1)

    def _take_tree(self, number: int, root: dict[str, Any]) -> None:
        nodes = [root]
        for here, node in enumerate(nodes):
            if "leaf_value" in node:
                self.value[number, here] = node["leaf_value"]
                # A leaf leads to itself, so that every walk may take DEPTH steps.
                self.left[number, here] = here
                continue
            self.feature[number, here] = node["split_feature"]
            self.threshold[number, here] = _not_above(node["threshold"])
            # Its right child stands next to its left one.
            self.left[number, here] = len(nodes)
            nodes += [node["left_child"], node["right_child"]]


def _not_above(threshold: float) -> float:
    """Return the largest float32 not above a threshold: rows are float32, so the same ones pass."""
    found = np.float32(threshold)
    return float(np.nextafter(found, np.float32(-np.inf)) if float(found) > threshold else found)


def grow(
    rows: NDArray[np.float32], labels: NDArray[Any], parameters: dict[str, Any], num_trees: int
) -> lightgbm.Booster:
    """Grow boosted trees of at most DEPTH levels on rows (M, F) and labels (M,), the same ones each time."""
    fixed = {"max_depth": DEPTH, "deterministic": True, "force_row_wise": True, "verbose": -1}
    threads = {"num_threads": torch.get_num_threads()}
    return lightgbm.train(fixed | threads | parameters, lightgbm.Dataset(rows, labels), num_trees)
