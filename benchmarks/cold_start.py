"""AUC on items that training never saw answered, beside what could be said of them without a model (M10).

    python benchmarks/cold_start.py --out docs/results/cold_start.json

Every training answer to a random fifth of the items is taken away; the items keep their place in the catalogue. Test
students answer as they did, and only their answers to those items are scored. `all answers` says the same of every such
item; `skill mean` is the share of right answers of the item's first skill; `item mean` is what item means say
of items without answers.
"""

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from numpy.typing import NDArray

from knowtrace.cli.terminal import TerminalReporter
from knowtrace.domain import metrics
from knowtrace.evaluation import score
from knowtrace.models import usual_training
from knowtrace.sources import Dataset, read
from knowtrace.training import Recipe, TrainingConfig, split_of, train

DATA = Path(os.environ.get("KNOWTRACE_DATA", "../shared/data"))
HELD_OUT = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results/cold_start.json"))
    parser.add_argument("--data", default="assistments2009")
    parser.add_argument("--models", default="item-mean,dkt,mingru")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    whole = read(DATA / given.data)
    items = sorted({a.item_id for history in whole.students.values() for a in history})
    rng = np.random.default_rng(given.seed)
    cold = set(rng.choice(items, size=int(HELD_OUT * len(items)), replace=False).tolist())
    recipe = Recipe(model="item-mean", clean=True)
    held = set(split_of(whole, recipe).test)
    dataset = _without(whole, cold, held)
    figures: dict[str, Any] = {}
    for model in given.models.split(","):
        training = usual_training(model) | ({"epochs": given.epochs} if given.epochs else {})
        with tempfile.TemporaryDirectory() as folder, TerminalReporter(model) as reporter:
            run = train(
                dataset,
                replace(recipe, model=model, training=TrainingConfig(**training)),
                Path(folder) / "run",
                reporter=reporter,
            )
            found = score(run, dataset)
        scored_items = found.sequences.items[found.scored]
        is_cold = np.array([False, False, *(i.item_id in cold for i in found.vocabulary.items)])[scored_items]
        figures[model] = metrics.auc(found.probabilities[is_cold], found.responses[is_cold])
        figures[f"{model}, answered items"] = metrics.auc(
            found.probabilities[~is_cold], found.responses[~is_cold]
        )
        figures["skill mean"] = metrics.auc(
            _skill_means(found.vocabulary, found.sequences.skills[found.scored][is_cold]),
            found.responses[is_cold],
        )
        print(figures, flush=True)
    report = {
        "command": f"python benchmarks/cold_start.py {' '.join(sys.argv[1:])}".strip(),
        "data": given.data,
        "threads": torch.get_num_threads(),
        "items_held_out": len(cold),
        "auc": figures,
    }
    given.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")


def _without(dataset: Dataset, cold: set[str], held: set[str]) -> Dataset:
    """Return the data without the answers of any but `held` students to the `cold` items."""
    students = {
        student_id: history if student_id in held else [a for a in history if a.item_id not in cold]
        for student_id, history in dataset.students.items()
    }
    return replace(dataset, students={s: history for s, history in students.items() if history})


def _skill_means(vocabulary: Any, skills: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (M, 2): the training share of right answers of each answer's first skill."""
    right, answers = defaultdict(float), defaultdict(float)
    for item in vocabulary.items:
        first = vocabulary.skill_row(item.skill_ids)[0]
        right[first] += item.category_counts[1]
        answers[first] += item.num_answers
    overall = sum(right.values()) / sum(answers.values())
    share = np.array([(right[s] + overall) / (answers[s] + 1) for s in skills[:, 0].tolist()])
    return np.stack([1 - share, share], axis=1)


if __name__ == "__main__":
    main()
