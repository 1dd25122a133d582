"""Microseconds per answer of a served run: one core, one student at a time, no web and no database.

    python benchmarks/answer_cost.py --run demo/runs/mingru --out docs/results/answer_cost.json

- `answer`: observe + mastery of the touched skills
- `all_skills`: observe + mastery of every skill
- `after_10` and `after_100000`: observe + touched skills, of students with so long a history, in turn
- `served_step` beside `onnx_step`: `observe` alone, as the run is served and as the runtime would do it (ADR-0003)
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from knowtrace.domain import Interaction
from knowtrace.registry import Run, StepGraphs
from knowtrace.tracing import StudentState, Tracer

SHORT, LONG = 10, 100_000
WARM_UP = 200
ROUNDS = 10
"""Other work on the machine only ever makes a round slower: the quietest is told, and the medians of all."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, default=Path("demo/runs/mingru"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/answer_cost.json"))
    parser.add_argument("--times", type=int, default=5_000)
    given = parser.parse_args()
    run = Run.open(given.run)
    tracer = Tracer(run)
    rng = random.Random(0)
    answers = [_answer(tracer, rng) for _ in range(1_000)]
    short = tracer.replay(answers[:SHORT])
    long = tracer.replay(answers[i % len(answers)] for i in range(LONG))

    def observe_all(student: StudentState) -> None:
        tracer.mastery(tracer.observe(student, rng.choice(answers)))

    turns = {"after_10": [], "after_100000": []}
    for _ in range(given.times):
        answer = rng.choice(answers)
        for name, student in (("after_10", short), ("after_100000", long)):
            began = time.perf_counter()
            tracer.answer(student, answer)
            turns[name].append((time.perf_counter() - began) * 1e6)
    report = {
        "command": f"python benchmarks/answer_cost.py {' '.join(sys.argv[1:])}".strip(),
        "model": run.version,
        "num_skills": len(tracer.vocabulary.skill_ids),
        "state_bytes": short.vector.nbytes,
        "microseconds": {
            "answer": _time(lambda: tracer.answer(short, rng.choice(answers)), given.times),
            "all_skills": _time(lambda: observe_all(short), given.times),
            **{name: _summary(values) for name, values in turns.items()},
            **_steps(run, given.times),
        },
        "ratio_of_medians_100000_to_10": float(
            np.median(turns["after_100000"]) / np.median(turns["after_10"])
        ),
    }
    given.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())


def _answer(tracer: Tracer, rng: random.Random) -> Interaction:
    item = rng.choice(tracer.vocabulary.items)
    response = rng.randrange(tracer.vocabulary.num_categories)
    return Interaction(student_id="s", item_id=item.item_id, skill_ids=item.skill_ids, response=response)


def _time(call: Callable[[], object], times: int) -> dict[str, Any]:
    for _ in range(WARM_UP):
        call()
    rounds: list[list[float]] = []
    for _ in range(ROUNDS):
        values = []
        for _ in range(times // ROUNDS):
            began = time.perf_counter()
            call()
            values.append((time.perf_counter() - began) * 1e6)
        rounds.append(values)
    quietest = min(rounds, key=np.median)
    return _summary(quietest) | {"p50_of_rounds": [round(float(np.median(r)), 1) for r in rounds]}


def _summary(values: list[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.percentile(values, q)), 1) for q in (50, 95, 99)}


def _steps(run: Run, times: int) -> dict[str, dict[str, Any]]:
    served, graphs, vector = run.steps(), StepGraphs(run.path), run.initial_state
    skills = run.vocabulary.skill_row(run.vocabulary.items[0].skill_ids)
    difference = np.abs(served.observe(vector, 2, skills, 1) - graphs.observe(vector, 2, skills, 1)).max()
    assert difference < 1e-5, f"the two forms differ by {difference}"
    return {
        "served_step": _time(lambda: served.observe(vector, 2, skills, 1), times),
        "onnx_step": _time(lambda: graphs.observe(vector, 2, skills, 1), times),
    }


if __name__ == "__main__":
    main()
