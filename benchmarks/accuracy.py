"""Test AUC of every model over the published folds, as published and on the clean protocol (docs/protocol.md).

    python benchmarks/accuracy.py --out docs/results/accuracy.json
    python benchmarks/accuracy.py --data assistments2015 --models dkt --out …

Writes after every run and goes on where it stopped: a (data, protocol, model, fold) that the file holds is not run
again. Model and epoch are chosen on the validation fold alone.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch

from knowtrace.cli.terminal import TerminalReporter
from knowtrace.evaluation import evaluate, published_for
from knowtrace.models import usual_training
from knowtrace.sources import Dataset, read
from knowtrace.training import Recipe, TrainingConfig, train

# Chosen on the validation fold of fold 0 alone; docs/log.md lists what was tried.
CHOSEN: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {
    ("assistments2015", "dkt"): ({"dropout": 0.1}, {"learning_rate": 4e-3, "epochs": 16}),
}
DATA = Path(os.environ.get("KNOWTRACE_DATA", "../shared/data"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", default="assistments2009,assistments2015")
    parser.add_argument("--models", default="dkt,best-lr,elo,item-mean")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--protocols", default="published,clean")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    report: dict[str, Any] = orjson.loads(given.out.read_bytes()) if given.out.exists() else {"runs": []}
    report["command"] = f"python benchmarks/accuracy.py {' '.join(sys.argv[1:])}"
    done = {(r["data"], r["protocol"], r["model"], r["fold"]) for r in report["runs"]}
    for name in given.data.split(","):
        dataset = read(DATA / name)
        for protocol in given.protocols.split(","):
            for model in given.models.split(","):
                for fold in range(given.folds):
                    if (name, protocol, model, fold) not in done:
                        report["runs"].append(one_run(dataset, protocol, model, fold))
                        report["summary"] = summarise(report["runs"])
                        given.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
        report.setdefault("published", {})[name] = [
            {"model": figure.model, "auc": figure.auc, "source": figure.source}
            for figure in published_for(name)
        ]
    report["summary"] = summarise(report["runs"])
    given.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n")
    for row in report["summary"]:
        print(row)


def one_run(dataset: Dataset, protocol: str, model: str, fold: int) -> dict[str, Any]:
    settings, training = CHOSEN.get((dataset.name, model), ({}, {}))
    recipe = Recipe(
        model=model,
        settings=settings,
        training=TrainingConfig(**{**usual_training(model), **training}),
        fold=fold,
        clean=protocol == "clean",
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        TerminalReporter(f"{dataset.name} {protocol} {model} {fold}") as r,
    ):
        began = time.perf_counter()
        run = train(dataset, recipe, Path(folder) / "run", reporter=r)
        seconds = time.perf_counter() - began
        result = evaluate(run, dataset, resamples=200)
        best = run.metrics["best"]
    return {
        "data": dataset.name,
        "protocol": protocol,
        "model": model,
        "fold": fold,
        "valid_auc": best["valid_auc"],
        "epoch": best["epoch"],
        "seconds": round(seconds, 1),
        "n_scored": result.n_scored,
        **{metric: [e.value, e.low, e.high] for metric, e in result.metrics.items()},
    }


def summarise(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return mean and standard deviation over folds of each model's figures."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        groups[run["data"], run["protocol"], run["model"]].append(run)
    return [
        {
            "data": data,
            "protocol": protocol,
            "model": model,
            "folds": len(group),
            "valid_auc": round(float(np.mean([run["valid_auc"] for run in group])), 4),
            **{
                metric: [
                    round(float(np.mean([run[metric][0] for run in group])), 4),
                    round(float(np.std([run[metric][0] for run in group], ddof=1)), 4)
                    if len(group) > 1
                    else None,
                ]
                for metric in ("auc", "accuracy", "nll", "brier", "ece")
            },
        }
        for (data, protocol, model), group in groups.items()
    ]


if __name__ == "__main__":
    main()
