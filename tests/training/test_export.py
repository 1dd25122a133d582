"""Step graphs are what a live answer costs: the runtime takes a microsecond or two for each operation."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from knowtrace.models import Sizes, build_model
from knowtrace.registry import Panels
from knowtrace.training.export import export_steps

SIZES = Sizes(num_items=40, num_skills=12, num_categories=2)


@pytest.mark.parametrize(("name", "most"), [("mingru", 275), ("dkt", 80)])
def test_a_live_answer_takes_few_operations(name: str, most: int, tmp_path: Path) -> None:
    item, skills, one = np.array([2]), np.array([[2, 3, 0, 0]]), np.array([1])
    export_steps(build_model(name, SIZES), Panels(item, skills, one, one, np.arange(1)), tmp_path)
    assert len(onnx.load(str(tmp_path / "answer.onnx")).graph.node) <= most
