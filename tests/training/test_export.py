"""Step graphs are what a live answer costs: the runtime takes a microsecond or two for each operation."""

from pathlib import Path

import onnx
import pytest

from knowtrace.models import Sizes, build_model
from knowtrace.training.export import export_steps

SIZES = Sizes(num_items=40, num_skills=12, num_categories=2)


@pytest.mark.parametrize(("name", "most"), [("mingru", 260), ("dkt", 80)])
def test_a_live_answer_takes_few_operations(name: str, most: int, tmp_path: Path) -> None:
    paths = {graph: tmp_path / f"{graph}.onnx" for graph in ("observe", "predict", "answer")}
    export_steps(build_model(name, SIZES), skills_per_item=4, **paths)
    assert len(onnx.load(str(paths["answer"])).graph.node) <= most
