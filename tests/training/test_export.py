"""Step graphs are what a live answer costs: the runtime takes a microsecond or two for each operation."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

from knowtrace.models import Sizes, build_model
from knowtrace.models.trees import DEPTH
from knowtrace.registry import Panels
from knowtrace.training.export import export_steps

SIZES = Sizes(num_items=40, num_skills=12, num_categories=2)


def operations(model: str, folder: Path) -> Counter[str]:
    """Return how often a model's `answer` graph uses each operator."""
    item, skills, one = np.array([2]), np.array([[2, 3, 0, 0]]), np.array([1])
    export_steps(build_model(model, SIZES), Panels(item, skills, one, one, np.arange(1)), folder)
    return Counter(node.op_type for node in onnx.load(str(folder / "answer.onnx")).graph.node)


@pytest.mark.parametrize(("name", "most"), [("mingru", 275), ("dkt", 80)])
def test_a_live_answer_takes_few_operations(name: str, most: int, tmp_path: Path) -> None:
    assert operations(name, tmp_path).total() <= most


def test_trees_are_walked_by_the_cheap_look_up(tmp_path: Path) -> None:
    """Thousands of numbers are looked up at each level; GatherND takes more than three times as long."""
    found = operations("gbdt", tmp_path)
    assert found["GatherND"] < DEPTH
    assert found["GatherElements"] >= 4 * (DEPTH - 1)
