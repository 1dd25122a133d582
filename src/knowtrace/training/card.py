"""What a person should know of a run before using it, as far as the run itself tells it (Mitchell et al., 2019)."""

from collections.abc import Mapping, Sequence
from typing import Any

from knowtrace.domain import Vocabulary
from knowtrace.models import MODELS


def describe(
    title: str,
    config: Mapping[str, Any],
    found: Mapping[str, Any],
    vocabulary: Vocabulary,
    ill: Sequence[str] = (),
) -> str:
    """Return a run's card as Markdown: from its config, its metrics, its vocabulary and what ails it."""
    data, recipe, model, best = config["data"], config["recipe"], config["model"], found["best"]
    entry = MODELS.get(model["name"])
    unanswered = sum(item.num_answers == 0 for item in vocabulary.items)
    text = [
        f"# {title}",
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
    return "\n".join(text) + "\n"


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items()) or "none"
