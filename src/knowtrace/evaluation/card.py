"""What a person should know of a run before using it: its model card, as Markdown (Mitchell et al., 2019)."""

import numpy as np

from knowtrace.domain import metrics
from knowtrace.evaluation.evaluate import Evaluation, judge
from knowtrace.evaluation.scoring import Scored, score
from knowtrace.registry import Run, ailments
from knowtrace.sources import Dataset
from knowtrace.training.card import describe

BAR = 30


def model_card(run: Run, dataset: Dataset | None = None) -> str:
    """Return a run's card; with data, how well it does on their test part and how far its probabilities can be taken
    at their word."""
    ill = ailments(run.steps(), run.initial_state, run.vocabulary)
    text = describe(run.version, run.config, run.metrics, run.vocabulary, ill)
    if dataset is None:
        return text
    found = score(run, dataset)
    return "\n".join([text, *_judged(judge(run, dataset, found), found)]) + "\n"


def _judged(evaluation: Evaluation, found: Scored) -> list[str]:
    lines = [
        f"## On the test part of {evaluation.data}",
        "",
        f"{evaluation.n_scored:,} answers of {evaluation.n_students:,} students; {evaluation.protocol}. "
        f"{evaluation.share_unseen_items:.1%} on items without training answers.",
        *(f"Note: {note}." for note in evaluation.notes),
        "",
        "| metric | value | 95 % interval |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name} | {e.value:.4f} | {e.low:.4f} to {e.high:.4f} |" for name, e in evaluation.metrics.items()
    ]
    lines += [
        "",
        "## Reliability: what was predicted, and what came",
        "",
        "| predicted | came | answers | |",
        "|---|---|---|---|",
    ]
    credit = np.linspace(0, 1, found.probabilities.shape[1])
    lines += [
        f"| {b.predicted:.3f} | {b.came:.3f} | {b.count:,} | {'#' * round(BAR * b.came)} |"
        for b in metrics.reliability(found.probabilities @ credit, credit[found.responses])
    ]
    return lines
