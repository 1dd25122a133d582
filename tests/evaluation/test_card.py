"""A card says what a run is and how far it can be trusted, in its own figures."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from knowtrace.domain import metrics
from knowtrace.errors import RunError
from knowtrace.evaluation import evaluate, model_card
from knowtrace.registry import Run, seal_run
from knowtrace.sources import Dataset


def test_a_card_holds_the_runs_own_figures(opened_run: Run, small_dataset: Dataset) -> None:
    text = model_card(opened_run, small_dataset)
    assert text.startswith(f"# {opened_run.version}\n")
    assert f"validation AUC {opened_run.metrics['best']['valid_auc']:.4f}" in text
    assert f"| auc | {evaluate(opened_run, small_dataset).metrics['auc'].value:.4f} |" in text
    assert "Not meant for grading" in text
    assert "Reliability" not in model_card(opened_run)


def test_reliability_bins_hold_every_answer_and_its_means() -> None:
    """Four predictions, two to a bin: 0.1 and 0.12, of which one came; 0.9 twice, both came."""
    found = metrics.reliability(np.array([0.10, 0.12, 0.9, 0.9]), np.array([0.0, 1.0, 1.0, 1.0]))
    assert [(b.count, round(b.predicted, 9), b.came) for b in found] == [(2, 0.11, 0.5), (2, 0.9, 1.0)]


def test_a_run_holds_its_card_and_the_manifest_vouches_for_it(tiny_run: Path, tmp_path: Path) -> None:
    run = Run.open(tiny_run)
    text = run.read("card.md").decode()
    assert text == model_card(run).replace(f"# {run.version}\n", "# dkt\n")
    copy = Path(shutil.copytree(tiny_run, tmp_path / "copy"))
    (copy / "card.md").write_text(text.replace("Not meant for", "Meant for"))
    with pytest.raises(RunError, match=r"card\.md"):
        Run.open(copy)


def test_a_run_of_before_cards_is_opened(tiny_run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_run, tmp_path / "copy"))
    (copy / "card.md").unlink()
    assert "card.md" not in seal_run(copy).manifest.files
