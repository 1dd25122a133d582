"""Seconds to estimate item parameters, with standard errors and scores of all students.

    python benchmarks/irt_speed.py --out docs/results/irt_speed.json

Answers are simulated (seeded) from the model that is fitted. `fit` is the whole of `psychometrics.fit`, from the
response matrix to standard errors; `score` is EAP scores of all students. Fastest and slowest of the repetitions.
`standardised_rms` is the root mean square of slope errors over their standard errors: near 1 when both are
right (1pl has one slope, so there it is one error).
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import orjson

from knowtrace.psychometrics import Calibration, ItemParameters, fit, response_matrix, score

CASES = (
    ("2pl", "partial-credit", 5_000, 100, 2),
    ("1pl", "partial-credit", 5_000, 100, 2),
    ("3pl", "guessing", 5_000, 100, 2),
    ("grm", "graded", 1_000, 50, 5),
    ("gpcm", "partial-credit", 1_000, 50, 5),
    ("grm", "graded", 5_000, 100, 5),
    ("gpcm", "partial-credit", 5_000, 100, 5),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results/irt_speed.json"))
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    report = {
        "command": f"python benchmarks/irt_speed.py {' '.join(sys.argv[1:])}".strip(),
        "cores": os.cpu_count(),
        "blas_threads": os.environ.get("OMP_NUM_THREADS", "as many as cores"),
        "cases": [_measure(*case, given.times) for case in CASES],
    }
    given.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())


def _measure(
    model: str, kind: str, num_students: int, num_items: int, num_categories: int, times: int
) -> dict[str, object]:
    truth = _items(model, kind, num_items, num_categories)
    matrix = response_matrix(_answers(truth, num_students))
    fitting, scoring, found = [], [], None
    for _ in range(times):
        began = time.perf_counter()
        found = fit(matrix, model)
        fitting.append(time.perf_counter() - began)
        began = time.perf_counter()
        score(found.parameters, matrix.responses)
        scoring.append(time.perf_counter() - began)
    assert isinstance(found, Calibration)
    errors = (found.parameters.slope - truth.slope) / found.errors.slope
    return {
        "model": model,
        "students": num_students,
        "items": num_items,
        "categories": num_categories,
        "fit_seconds": [round(min(fitting), 3), round(max(fitting), 3)],
        "score_seconds": [round(min(scoring), 3), round(max(scoring), 3)],
        "evaluations": found.evaluations,
        "converged": found.converged,
        "standardised_rms": round(float(np.sqrt(np.mean(errors**2))), 3),
    }


def _items(model: str, kind: str, num_items: int, num_categories: int) -> ItemParameters:
    rng = np.random.default_rng(0)
    steps = -np.sort(-rng.normal(0, 1.2, (num_items, num_categories - 1)), axis=1)
    slope = np.full(num_items, 1.2) if model == "1pl" else rng.lognormal(0.1, 0.3, num_items)
    return ItemParameters(
        items=tuple(f"item {i + 1}" for i in range(num_items)),
        kinds=(kind,) * num_items,
        slope=slope,
        intercepts=steps - 0.3 * np.arange(num_categories - 1),
        guessing=np.full(num_items, 0.2 if kind == "guessing" else 0.0),
    )


def _answers(parameters: ItemParameters, num_students: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    probabilities = parameters.probabilities(rng.normal(size=num_students))  # (I, N, K)
    thrown = rng.random((*probabilities.shape[:2], 1))
    return (thrown > probabilities.cumsum(-1)[..., :-1]).sum(-1).T


if __name__ == "__main__":
    main()
