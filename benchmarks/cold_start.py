"""AUC on items that training never saw answered, beside what could be said of them without a model (M10).

    python benchmarks/cold_start.py --out docs/results/cold_start.json

Every training answer to a random fifth of the items is taken away; the items keep their place in the catalogue. Test
students answer as they did, and only their answers to those items are scored; of `--fifths` 5 every item is held out
once, and figures are means over fifths. `all answers` says the same of every such item; `skill mean` is the share of
right answers of the item's first skill; `item mean` is what item means say of items without answers. Where something is
known of what items ask, each model is trained with and without it:

- `--data wordings`: simulated items, of 40 words each, drawn from 400; each word is the likelier the harder the item,
  or the easier, by a strength of its own. What a perfect reader of words would gain stands beside it
- `--data verbagg`: 24 real items of verbal aggression, and how their designers describe them (situation, whose fault,
  want or do, curse or scold or shout; De Boeck and Wilson, 2004)
"""

import argparse
import csv
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import torch
from numpy.typing import NDArray

from knowtrace.cli.terminal import TerminalReporter
from knowtrace.domain import DescribedItem, Interaction, Vocabulary, metrics
from knowtrace.evaluation import score
from knowtrace.models import usual_training
from knowtrace.sources import Dataset, SimulationConfig, read, simulate
from knowtrace.training import Recipe, TrainingConfig, split_of, train

DATA = Path(os.environ.get("KNOWTRACE_DATA", "../shared/data"))
NUM_WORDS, WORDS_PER_ITEM, STRENGTH = 400, 40, 0.5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results/cold_start.json"))
    parser.add_argument("--data", default="assistments2009")
    parser.add_argument("--models", default="item-mean,dkt,mingru")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fifths", type=int, default=1)
    given = parser.parse_args()
    whole, easiness = _data(given.data, given.seed)
    items = sorted({a.item_id for history in whole.students.values() for a in history})
    np.random.default_rng(given.seed).shuffle(items)
    found: dict[str, list[float]] = defaultdict(list)
    for fifth in range(given.fifths):
        cold = set(items[fifth::5])
        for model in given.models.split(","):
            for suffix, described in (("", {}), (", content", whole.described))[: 1 + bool(whole.described)]:
                _judge(
                    found,
                    replace(whole, described=described),
                    cold,
                    easiness,
                    model=model,
                    suffix=suffix,
                    given=given,
                )
    auc = {name: float(np.mean(values)) for name, values in found.items()}
    report = {
        "command": f"python benchmarks/cold_start.py {' '.join(sys.argv[1:])}".strip(),
        "data": given.data,
        "threads": torch.get_num_threads(),
        "items": len(items),
        "items_held_out": sum(len(items[fifth::5]) for fifth in range(given.fifths)),
        "auc": auc,
    }
    print(auc)
    given.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")


def _judge(
    found: dict[str, list[float]],
    whole: Dataset,
    cold: set[str],
    easiness: Mapping[str, float],
    *,
    model: str,
    suffix: str,
    given: argparse.Namespace,
) -> None:
    """Add the AUC of the cold items' test answers, and of the others', to what was found."""
    recipe = Recipe(model="item-mean", clean=True)
    dataset = _without(whole, cold, set(split_of(whole, recipe).test))
    training = usual_training(model) | ({"epochs": given.epochs} if given.epochs else {})
    with tempfile.TemporaryDirectory() as folder, TerminalReporter(f"{model}{suffix}") as reporter:
        run = train(
            dataset,
            replace(recipe, model=model, training=TrainingConfig(**training)),
            Path(folder) / "run",
            reporter=reporter,
        )
        scored = score(run, dataset)
    items, responses = scored.sequences.items[scored.scored], scored.responses
    item_ids = ["", "", *(item.item_id for item in scored.vocabulary.items)]
    is_cold = np.array([item_id in cold for item_id in item_ids])[items]

    def add(name: str, probabilities: NDArray[np.float64], chosen: NDArray[np.bool_]) -> None:
        found[name].append(metrics.auc(probabilities[chosen], responses[chosen]))

    add(f"{model}{suffix}", scored.probabilities, is_cold)
    add(f"{model}{suffix}, answered items", scored.probabilities, ~is_cold)
    if not suffix and model == given.models.split(",")[0]:
        of_skill = _skill_means(scored.vocabulary, scored.sequences.skills[scored.scored])
        add("skill mean", _as_probabilities(of_skill, whole.num_categories), is_cold)
        if easiness:
            share = 1 / (1 + np.exp([-easiness.get(item_id, 0.0) for item_id in item_ids]))
            add("true difficulty", _as_probabilities(share[items], whole.num_categories), is_cold)


def _data(name: str, seed: int) -> tuple[Dataset, dict[str, float]]:
    """Return the answers, with items described where something is known, and true easiness where that is."""
    match name:
        case "wordings":
            return _worded(seed)
        case "verbagg":
            return _verbal_aggression(), {}
        case _:
            return read(DATA / name), {}


def _worded(seed: int) -> tuple[Dataset, dict[str, float]]:
    simulation = simulate(SimulationConfig(num_students=2_000, num_answers=60, num_items=1_000), seed)
    rng = np.random.default_rng([seed, 1])
    of_word = rng.normal(0, STRENGTH, NUM_WORDS)
    described: dict[str, DescribedItem] = {}
    difficulty = {item.item_id: float(np.mean(item.thresholds)) for item in simulation.items}
    for item in simulation.items:
        likely = np.exp(of_word * difficulty[item.item_id])
        drawn = rng.choice(NUM_WORDS, WORDS_PER_ITEM, p=likely / likely.sum())
        words = tuple(f"word{number}" for number in drawn)
        described[item.item_id] = DescribedItem(item_id=item.item_id, skill_ids=item.skill_ids, words=words)
    easiness = {item_id: -b for item_id, b in difficulty.items()}
    return replace(simulation.dataset, oracle=None, described=described), easiness


def _verbal_aggression() -> Dataset:
    students: dict[str, list[Interaction]] = defaultdict(list)
    described: dict[str, DescribedItem] = {}
    with (DATA / "psychometrics" / "verbagg.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            item_id, response = row["item"], ("no", "perhaps", "yes").index(row["resp"])
            students[row["id"]].append(
                Interaction(
                    student_id=row["id"], item_id=item_id, skill_ids=("aggression",), response=response
                )
            )
            words = (f"situation:{item_id[:2]}", row["situ"], row["mode"], row["btype"])
            described[item_id] = DescribedItem(item_id=item_id, skill_ids=("aggression",), words=words)
    return Dataset(name="verbagg", format="long", students=students, num_categories=3, described=described)


def _without(dataset: Dataset, cold: set[str], held: set[str]) -> Dataset:
    """Return the data without the answers of any but `held` students to the `cold` items."""
    students = {
        student_id: history if student_id in held else [a for a in history if a.item_id not in cold]
        for student_id, history in dataset.students.items()
    }
    return replace(dataset, students={s: history for s, history in students.items() if history})


def _skill_means(vocabulary: Vocabulary, skills: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (M,): the training share of full credit of each answer's first skill."""
    credit, answers = defaultdict[int, float](float), defaultdict[int, float](float)
    for item in vocabulary.items:
        first = vocabulary.skill_row(item.skill_ids)[0]
        credit[first] += sum(k * count for k, count in enumerate(item.category_counts))
        answers[first] += item.num_answers * (vocabulary.num_categories - 1)
    overall = sum(credit.values()) / sum(answers.values())
    return np.array([(credit[s] + overall) / (answers[s] + 1) for s in skills[:, 0].tolist()])


def _as_probabilities(share: NDArray[np.float64], num_categories: int) -> NDArray[np.float64]:
    """Return (M, K) whose order is that of shares of credit (M,): full credit or none, nothing between."""
    return np.stack([1 - share, *[np.zeros(len(share))] * (num_categories - 2), share], axis=1)


if __name__ == "__main__":
    main()
