"""False alarms, recall and precision of `find_contamination` on simulated data, and what it finds on real data.

    python benchmarks/contamination.py --out docs/results/contamination.json

Simulated students answer either items drawn at random, or all items in one order (a test); binary, easy, or in four
categories. Clean data say how often the alarm is false. Then 20 twins (2 % of responses changed, sessions
in another order), 20 copied blocks and 6 duplicated items (2 % changed) are planted and looked for.
"""

import argparse
import os
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from knowtrace.sources import (
    Contamination,
    Dataset,
    SimulationConfig,
    find_contamination,
    find_twins,
    plant,
    read,
    simulate,
)

DATA = Path(os.environ.get("KNOWTRACE_DATA", "../shared/data"))
REAL = ("assistments2009", "assistments2015", "assistments2017")
LENGTHS = (20, 25, 30, 40, 60)
NUM_PLANTED, NUM_PLANTED_ITEMS = 20, 6
CONDITIONS = {
    "random order, binary": (SimulationConfig(num_students=500, num_answers=200, num_items=300), False),
    "random order, K = 4": (
        SimulationConfig(num_students=500, num_answers=200, num_items=300, num_categories=4),
        False,
    ),
    "one order, binary": (SimulationConfig(num_students=500, num_answers=400, num_items=100), True),
    "one order, easy": (
        SimulationConfig(num_students=500, num_answers=400, num_items=100, guessing=0.8),
        True,
    ),
    "one order, K = 4": (
        SimulationConfig(num_students=500, num_answers=400, num_items=100, num_categories=4),
        True,
    ),
}


def in_one_order(dataset: Dataset) -> Dataset:
    """Return the first answer of each student to each item, in the order of the items' ids: a test."""
    students = {
        student_id: sorted(
            {answer.item_id: answer for answer in reversed(history)}.values(),
            key=lambda answer: answer.item_id,
        )
        for student_id, history in dataset.students.items()
    }
    return replace(dataset, students=students, oracle=None, ideal=None)


def found_pairs(found: Contamination) -> dict[str, set[frozenset[str]]]:
    """Return the pairs of each sort that are beyond chance; a student or item with itself is a pair of one."""
    sure = [group for group in found.twins if group.is_beyond_chance]
    return {
        "twins": {
            frozenset((one, other))
            for g in sure
            for one in g.student_ids
            for other in g.student_ids
            if one < other
        },
        "blocks": {frozenset(block.student_ids) for block in found.copied_blocks},
        "items": {frozenset(pair.item_ids) for pair in found.duplicated_items},
        "exact duplicates": {
            frozenset(group.student_ids) for group in found.exact_duplicates if group.is_beyond_chance
        },
    }


def simulated(seeds: range) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, (config, is_one_order) in CONDITIONS.items():
        clean = [simulate(config, seed).dataset for seed in seeds]
        clean = [in_one_order(dataset) for dataset in clean] if is_one_order else clean
        alarms = [found_pairs(find_contamination(dataset)) for dataset in clean]
        row: dict[str, Any] = {
            "datasets": len(clean),
            "students": config.num_students,
            "datasets_with_a_false_alarm": sum(any(pairs.values()) for pairs in alarms),
            "false_alarms": {kind: sum(len(pairs[kind]) for pairs in alarms) for kind in alarms[0]},
            "clusters_of_find_twins_alone": sum(len(find_twins(dataset)) for dataset in clean),
        }
        tally = {kind: [0, 0, 0] for kind in ("twins", "items")}
        together = 0
        for dataset, seed in zip(clean, seeds, strict=True):
            planted = plant(dataset, seed, num_twins=NUM_PLANTED, num_items=NUM_PLANTED_ITEMS)
            contamination = find_contamination(planted.dataset)
            together += sum(
                any(c.issuperset(p) for c in map(set, contamination.clusters)) for p in planted.twins
            )
            found = found_pairs(contamination)
            for kind, truth in (("twins", planted.twins), ("items", planted.items)):
                _count(tally[kind], found[kind], {frozenset(pair) for pair in truth})
        row |= {kind: _rates(counts) for kind, counts in tally.items()}
        row["twins"]["in_one_cluster"] = together / tally["twins"][0]
        row["blocks"] = {}
        for length in LENGTHS:
            counts = [0, 0, 0]
            for dataset, seed in zip(clean, seeds, strict=True):
                planted = plant(dataset, seed, num_blocks=NUM_PLANTED, block_length=length)
                found = found_pairs(find_contamination(planted.dataset))
                _count(counts, found["blocks"], {frozenset(pair) for pair in planted.blocks})
            row["blocks"][str(length)] = _rates(counts)
        result[name] = row
        print(name, orjson.dumps(row).decode(), flush=True)
    return result


def _count(tally: list[int], found: set[frozenset[str]], truth: set[frozenset[str]]) -> None:
    tally[0] += len(truth)
    tally[1] += len(found)
    tally[2] += len(found & truth)


def _rates(tally: list[int]) -> dict[str, Any]:
    planted, found, right = tally
    return {
        "planted": planted,
        "found": found,
        "recall": right / planted,
        "precision": right / found if found else None,
    }


def measured(dataset: Dataset) -> dict[str, Any]:
    """Return what is found in a dataset, and the seconds of one core that it takes."""
    began = time.process_time()
    found = find_contamination(dataset)
    seconds = time.process_time() - began
    sure = [group for group in found.twins if group.is_beyond_chance]
    return {
        "answers": dataset.num_interactions,
        "seconds": round(seconds, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "twin_clusters": len(found.twins),
        "twin_clusters_beyond_chance": len(sure),
        "twin_answers_share": sum(group.num_answers for group in sure) / dataset.num_interactions,
        "exact_duplicate_groups": len(found.exact_duplicates),
        "exact_duplicate_students": sum(len(group.student_ids) for group in found.exact_duplicates),
        "exact_duplicate_groups_beyond_chance": sum(g.is_beyond_chance for g in found.exact_duplicates),
        "copied_blocks": [
            {"answers": block.num_answers, "expected_by_chance": block.num_expected}
            for block in found.copied_blocks
        ],
        "duplicated_items": len(found.duplicated_items),
        "clusters": len(found.clusters),
        "clustered_share": found.clustered_share,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    real = {name: measured(read(DATA / name)) for name in REAL if (DATA / name).is_dir()}
    print(orjson.dumps(real).decode(), flush=True)
    million = {
        f"{num_items:,} items": measured(
            simulate(SimulationConfig(num_students=10_000, num_answers=100, num_items=num_items), 1).dataset
        )
        for num_items in (200, 2_000, 100_000)
    }
    result = {
        "command": f"python benchmarks/contamination.py --out {options.out} --seeds {options.seeds}",
        "real": real,
        "one_million_simulated_answers": million,
        "simulated": simulated(range(options.seeds)),
    }
    options.out.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
