"""Models trained and judged side by side, resumable: a folder per training, a row per finished one.

A board's folder holds `<data>/<protocol>/<model>/<fold>/` with the sealed run, `row.json` and the predictions of the
test part. What is there is not done again, and not mixed with what was made of other data or settings.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from knowtrace.domain import metrics
from knowtrace.errors import TrainingError
from knowtrace.evaluation.evaluate import judge
from knowtrace.evaluation.scoring import Scored, score
from knowtrace.models import usual_training
from knowtrace.registry import Run
from knowtrace.sources import Dataset, read, training_obstacles
from knowtrace.training import Recipe, Reporter, TrainingConfig, fingerprint, recipe_of, train
from knowtrace.training.persons import same_students
from knowtrace.training.stacking import stack_runs
from knowtrace.training.train import split_of

PROTOCOLS = ("published", "clean")
HISTORIES = (10, 200, 10_000)
PANEL = 12
RESAMPLES = 200
PREDICTIONS = "predictions.safetensors"
SUMMARISED = ("auc", "accuracy", "nll", "brier", "ece")
GRADED = ("qwk", "ordinal_accuracy", "mae")
SHARES = ("share_of_oracle", "share_of_ideal")
"""Of the gain over the items' means, on simulated data."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One training: a model on one fold of some data under one protocol, and for a stack its members' names."""

    data: str
    protocol: str
    model: str
    fold: int
    members: tuple[str, ...] = ()

    def folder(self, board: Path) -> Path:
        return board / self.data / self.protocol / self.model / str(self.fold)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a board compares: datasets by name, models, folds, protocols, a stack of some of the models.

    `chosen` holds settings that differ from a model's usual ones: data -> model -> {"settings", "training"}.
    """

    paths: Mapping[str, Path]
    models: tuple[str, ...]
    folds: tuple[int, ...] = (0,)
    protocols: tuple[str, ...] = PROTOCOLS
    stack: tuple[str, ...] = ()
    chosen: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        problems = [
            f"no protocol {p!r} (known: {', '.join(PROTOCOLS)})" for p in self.protocols if p not in PROTOCOLS
        ]
        problems += [f"the stack's {m!r} is not among the models" for m in self.stack if m not in self.models]
        for name in self.models:
            usual_training(name)
        if problems:
            raise TrainingError(f"{'; '.join(problems)}. Change the leaderboard's options.")

    def entries(self) -> list[Entry]:
        """Return the trainings in an order in which a stack follows its members."""
        singles = [(model, ()) for model in self.models]
        stacks = [(f"stack of {' + '.join(self.stack)}", self.stack)] if self.stack else []
        return [
            Entry(data=data, protocol=protocol, model=model, fold=fold, members=members)
            for data in self.paths
            for protocol in self.protocols
            for fold in self.folds
            for model, members in [*singles, *stacks]
        ]


ReporterOf = Callable[[str], AbstractContextManager[Reporter]]
DatasetOf = Callable[[str], Dataset]


def run_board(
    plan: Plan,
    board: Path,
    *,
    reporter_of: ReporterOf,
    done: Callable[[dict[str, Any]], None],
    workers: int = 1,
    threads: int = 1,
) -> list[dict[str, Any]]:
    """Train and judge whatever the board lacks, and return its rows; `done` is told of each as it is finished.

    With several workers, trainings of one stage (all single models, then all stacks) run side by side.

    Raises:
        TrainingError: the board holds trainings of other data or settings, or some data cannot be trained on.
    """
    # Each is read once, and kept: reading takes as long as some trainings.
    dataset_of = cache(lambda name: read(plan.paths[name]))
    _refuse_others(plan, board, dataset_of)
    _refuse_obstacles(plan, board, dataset_of)
    rows: list[dict[str, Any]] = []
    for stage in (lambda e: not e.members, lambda e: bool(e.members)):
        entries = [entry for entry in plan.entries() if stage(entry)]
        missing = [entry for entry in entries if not (entry.folder(board) / "row.json").exists()]
        rows += [_read_row(entry.folder(board)) for entry in entries if entry not in missing]
        for row in _made(missing, plan, board, reporter_of, dataset_of, workers, threads):
            rows.append(row)
            done(row)
    return rows


def _refuse_others(plan: Plan, board: Path, dataset_of: DatasetOf) -> None:
    """Check that what the board holds was made of the plan's data and settings."""
    problems: list[str] = []
    hashes: dict[str, str] = {}
    for entry in plan.entries():
        folder = entry.folder(board)
        if not (folder / "row.json").exists():
            continue
        run = Run.open(folder / "run")
        if entry.data not in hashes:
            hashes[entry.data] = fingerprint(dataset_of(entry.data))
        if run.config["data"]["fingerprint"] != hashes[entry.data]:
            problems.append(f"{folder} was made of other data")
        elif not entry.members and recipe_of(run) != _recipe(entry, plan):
            problems.append(f"{folder} was made with other settings")
    if problems:
        raise TrainingError(f"{'; '.join(problems)}. Delete these folders, or give another --board.")


def _refuse_obstacles(plan: Plan, board: Path, dataset_of: DatasetOf) -> None:
    """Check all data that are still to be trained on, before the first training takes its hours."""
    missing = {e.data for e in plan.entries() if not (e.folder(board) / "row.json").exists()}
    problems = [
        f"{name}: {obstacle}"
        for name in plan.paths
        if name in missing
        for obstacle in training_obstacles(dataset_of(name))
    ]
    if problems:
        raise TrainingError(" ".join(problems))


def _made(
    missing: Sequence[Entry],
    plan: Plan,
    board: Path,
    reporter_of: ReporterOf,
    dataset_of: DatasetOf,
    workers: int,
    threads: int,
) -> Any:
    if workers == 1:
        for entry in missing:
            yield run_entry(entry, plan, dataset_of(entry.data), board, reporter_of=reporter_of)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(threads,)
    ) as pool:
        pending = [pool.submit(_in_process, entry, plan, board, reporter_of) for entry in missing]
        for finished in as_completed(pending):
            yield finished.result()


def _in_process(entry: Entry, plan: Plan, board: Path, reporter_of: ReporterOf) -> dict[str, Any]:
    return run_entry(entry, plan, read(plan.paths[entry.data]), board, reporter_of=reporter_of)


def run_entry(
    entry: Entry, plan: Plan, dataset: Dataset, board: Path, *, reporter_of: ReporterOf
) -> dict[str, Any]:
    """Train and judge one entry, and write its row and its predictions."""
    folder = entry.folder(board)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    run = _trained(entry, plan, dataset, board, reporter_of)
    seconds = time.perf_counter() - began
    found = score(run, dataset)
    judged = judge(run, dataset, found, resamples=RESAMPLES)
    row = {
        "data": entry.data,
        "protocol": entry.protocol,
        "model": entry.model,
        "fold": entry.fold,
        "version": run.version,
        "valid_auc": run.metrics["best"]["valid_auc"],
        "epoch": run.metrics["best"]["epoch"],
        "parameters": run.metrics["num_parameters"],
        "state_bytes": run.metrics["state_bytes"],
        "train_seconds": round(seconds, 1),
        "interactions_per_second": _speed(run),
        "microseconds": step_microseconds(run),
        "n_scored": len(found.responses),
        **{name: [e.value, e.low, e.high] for name, e in judged.metrics.items()},
        "share_of_oracle": judged.share_of_oracle,
        "share_of_ideal": judged.share_of_ideal,
        **_by_twins(dataset, run, found),
    }
    save_file(
        {
            "probabilities": found.probabilities.astype(np.float32),
            "responses": found.responses,
            "owners": found.owners,
        },
        folder / PREDICTIONS,
    )
    # Last, and whole or not at all: a row says that its training is done.
    unfinished = folder / "row.json.writing"
    unfinished.write_bytes(orjson.dumps(row, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    unfinished.replace(folder / "row.json")
    return row


def step_microseconds(run: Run) -> dict[str, float]:
    """Return the median microseconds of `observe` and `predict` of 12 items after each length of HISTORIES."""
    steps, rng = run.steps(), np.random.default_rng(0)
    num_items, width = run.vocabulary.num_item_indices, run.vocabulary.skills_per_item
    items = rng.integers(1, num_items, PANEL)
    skills = np.zeros((PANEL, width), dtype=np.int64)
    skills[:, 0] = rng.integers(1, run.vocabulary.num_skill_indices, PANEL)
    state, answered, found = run.initial_state, 0, {}
    for length in HISTORIES:
        for n in range(answered, length):
            state = steps.observe(state, int(items[n % PANEL]), skills[n % PANEL].tolist(), n % 2)
        answered = length
        times: list[float] = []
        for n in range(200):
            began = time.perf_counter()
            steps.observe(state, int(items[n % PANEL]), skills[n % PANEL].tolist(), n % 2)
            steps.predict(state, items, skills)
            times.append((time.perf_counter() - began) * 1e6)
        found[str(length)] = round(float(np.median(times)), 1)
    return found


def _trained(entry: Entry, plan: Plan, dataset: Dataset, board: Path, reporter_of: ReporterOf) -> Run:
    path = entry.folder(board) / "run"
    if (path / "manifest.json").exists():
        return Run.open(path)
    if entry.members:
        members = [
            Entry(data=entry.data, protocol=entry.protocol, model=model, fold=entry.fold)
            for model in entry.members
        ]
        return stack_runs([Run.open(m.folder(board) / "run") for m in members], dataset, path)
    with reporter_of(f"{entry.data} {entry.protocol} {entry.model} {entry.fold}") as reporter:
        return train(dataset, _recipe(entry, plan), path, reporter=reporter)


def _recipe(entry: Entry, plan: Plan) -> Recipe:
    chosen = plan.chosen.get(entry.data, {}).get(entry.model, {})
    return Recipe(
        model=entry.model,
        settings=dict(chosen.get("settings", {})),
        training=TrainingConfig(**{**usual_training(entry.model), **chosen.get("training", {})}),
        fold=entry.fold,
        clean=entry.protocol == "clean",
    )


def _by_twins(dataset: Dataset, run: Run, found: Scored) -> dict[str, Any]:
    """Return the AUC of answers whose student stands in training under another id, and of all others."""
    learnt = set(split_of(dataset, recipe_of(run)).train)
    twinned = {s for cluster in same_students(dataset) if learnt.intersection(cluster) for s in cluster}
    has_twin = np.array([s in twinned for s in found.sequences.student_ids])[found.owners]
    return {
        "share_twinned": float(has_twin.mean()),
        "auc_twinned": _auc(found, has_twin),
        "auc_others": _auc(found, ~has_twin),
    }


def _auc(found: Scored, chosen: NDArray[np.bool_]) -> float | None:
    if not chosen.any():
        return None
    value = metrics.auc(found.probabilities[chosen], found.responses[chosen])
    return None if np.isnan(value) else value


def _speed(run: Run) -> float | None:
    speeds = [e["interactions_per_second"] for e in run.metrics["epochs"] if e["interactions_per_second"]]
    return round(float(np.median(speeds))) if speeds else None


def _read_row(folder: Path) -> dict[str, Any]:
    return orjson.loads((folder / "row.json").read_bytes())
