"""What a person should know of a run before using it: its model card, as Markdown (Mitchell et al., 2019)."""

from typing import Any

import numpy as np

from knowtrace.domain import metrics
from knowtrace.evaluation.evaluate import Evaluation, judge
from knowtrace.evaluation.scoring import Scored, score
from knowtrace.models import MODELS
from knowtrace.registry import Run, ailments
from knowtrace.sources import Dataset

BAR = 30


def model_card(run: Run, dataset: Dataset | None = None) -> str:
    """Return a run's card; with data, how well it does on their test part and how far its probabilities can be taken
    at their word."""
    config, found = run.config, run.metrics
    data, recipe, model = config["data"], config["recipe"], config["model"]
    entry = MODELS.get(model["name"])
    vocabulary, best = run.vocabulary, found["best"]
    unanswered = sum(item.num_answers == 0 for item in vocabulary.items)
    ill = ailments(run.steps(), run.initial_state, vocabulary)
    text = [
        f"# {run.version}",
        "",
        f"{entry.summary if entry else 'A model this version does not know'}.",
        "",
        "| | |",
        "|---|---|",
        f"| settings | {_settings(model['config'])} |",
        f"| trained | {config['created_at']} with knowtrace {config['knowtrace']}, seed {recipe['training']['seed']} |",
        f"| data | {data['name']} ({data['format']}): {data['num_interactions']:,} answers, "
        f"{data['num_categories']} categories |",
        f"| students | {', '.join(f'{n:,} {part}' for part, n in data['num_students'].items())}; {data['split']} |",
        f"| items and skills | {len(vocabulary.items):,} items ({unanswered:,} without training answers), "
        f"{len(vocabulary.skill_ids):,} skills |",
        f"| size | {found['num_parameters']:,} parameters, {found['state_bytes']:,} bytes of state per student |",
        f"| chosen | epoch {best['epoch']} of {len(found['epochs'])}, validation AUC {best['valid_auc']:.4f}, "
        f"NLL {best['valid_nll']:.4f} |",
        f"| health | {' '.join(ill) or 'probabilities finite, within [0, 1], summing to 1; state of constant size'} |",
        "",
        "Meant for estimating what a student knows from graded answers and for choosing the next item. Not meant for "
        "grading, for admission or for any decision about a person that nobody reviews. Items and skills that training "
        "did not see are answered as new ones of their kind; students unlike those of the data may be misjudged.",
    ]
    if dataset is not None:
        found = score(run, dataset)
        text += ["", *_judged(judge(run, dataset, found), found)]
    return "\n".join(text) + "\n"


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


def _settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items()) or "none"
