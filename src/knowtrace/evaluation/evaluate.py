"""A run judged on students it has not seen (`docs/protocol.md`)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from knowtrace.domain import Vocabulary, metrics
from knowtrace.evaluation.bootstrap import Estimate, bootstrap
from knowtrace.evaluation.scoring import Scored, score
from knowtrace.registry import Run
from knowtrace.sources import Dataset
from knowtrace.training import recipe_of
from knowtrace.training.sequences import Sequences, category_counts

ITEM_PRIOR_ANSWERS = 5.0


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a run reached on one part of some data.

    `item_mean_nll` is what the training means of the items alone reach on the same answers; `share_of_oracle`, for
    simulated data, is how much of the gain from there to the true probabilities the model makes, in NLL, and
    `share_of_ideal` how much of the gain to what could be known (`sources/ideal_observer.py`).
    """

    model: str
    version: str
    data: str
    split: str
    protocol: str
    metrics: Mapping[str, Estimate]
    n_scored: int
    n_students: int
    interactions_per_second: float
    share_unseen_items: float
    item_mean_nll: float
    oracle_nll: float | None
    share_of_oracle: float | None
    ideal_nll: float | None
    share_of_ideal: float | None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the evaluation as plain values, metrics at the top level."""
        content = asdict(self)
        return content.pop("metrics") | content


def evaluate(
    run: Run,
    dataset: Dataset,
    *,
    part: str = "test",
    resamples: int = 500,
    device: torch.device | None = None,
) -> Evaluation:
    """Score every answer but each student's first, with the full history as context.

    What was given together with an answer is no context of it (ADR-0006).

    Raises:
        TrainingError: the part does not exist or has no answer to score, or the data have more response categories
            than the run.
    """
    return judge(run, dataset, score(run, dataset, part=part, device=device), part=part, resamples=resamples)


def judge(
    run: Run, dataset: Dataset, found: Scored, *, part: str = "test", resamples: int = 500
) -> Evaluation:
    """Return the evaluation of a run whose answers of a part are already predicted."""
    recipe = recipe_of(run)
    estimates = bootstrap(
        metrics.metrics_for(found.vocabulary.num_categories),
        found.probabilities,
        found.responses,
        found.owners,
        resamples=resamples,
        rng=np.random.default_rng(recipe.training.seed),
    )
    item_mean_nll = metrics.nll(_item_means(found.vocabulary, found.sequences)[found.scored], found.responses)
    unanswered = category_counts(found.vocabulary).sum(1).eq(0).numpy()
    oracle_nll = _nll_of(dataset.oracle, found.sequences, found.scored)
    ideal_nll = _nll_of(dataset.ideal, found.sequences, found.scored)
    gain = item_mean_nll - estimates["nll"].value
    return Evaluation(
        model=recipe.model,
        version=run.version,
        data=dataset.name,
        split=part,
        protocol=found.protocol,
        metrics=estimates,
        n_scored=len(found.responses),
        n_students=len(found.sequences.student_ids),
        interactions_per_second=found.interactions_per_second,
        share_unseen_items=float(unanswered[found.sequences.items][found.scored].mean()),
        item_mean_nll=item_mean_nll,
        oracle_nll=oracle_nll,
        share_of_oracle=None if oracle_nll is None else gain / (item_mean_nll - oracle_nll),
        ideal_nll=ideal_nll,
        share_of_ideal=None if ideal_nll is None else gain / (item_mean_nll - ideal_nll),
        notes=found.notes,
    )


def _item_means(vocabulary: Vocabulary, sequences: Sequences) -> NDArray[np.float64]:
    """Return the training shares (M, K) of each answer's item, shrunk to those of all items."""
    counts = category_counts(vocabulary).double().numpy()
    overall = (counts.sum(0) + 1) / (counts.sum() + counts.shape[1])
    shares = counts + ITEM_PRIOR_ANSWERS * overall
    return (shares / shares.sum(1, keepdims=True))[sequences.items]


def _nll_of(
    probabilities: Mapping[str, NDArray[np.float64]] | None,
    sequences: Sequences,
    scored: NDArray[np.bool_],
) -> float | None:
    if probabilities is None:
        return None
    of_answers = np.concatenate([probabilities[student_id] for student_id in sequences.student_ids])
    return metrics.nll(of_answers[scored], sequences.responses[scored])
