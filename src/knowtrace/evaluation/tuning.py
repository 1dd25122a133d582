"""Settings searched for on the validation students alone, resumable (Akiba et al., 2019, Optuna)."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import orjson
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from knowtrace.errors import TrainingError
from knowtrace.evaluation.leaderboard import ReporterOf
from knowtrace.models import learns_by_gradient, search_space, usual_training
from knowtrace.sources import Dataset
from knowtrace.training import Recipe, TrainingConfig, fingerprint, train

TRIALS = "trials.log"
STUDY = "search.json"
TRAINING_SPACE = {"learning_rate": (1e-3, 5e-2), "weight_decay": (1e-3, 1e-1)}
"""Searched on a logarithmic scale for every model that learns by gradient steps."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What to search: a model on one fold of some data; the most epochs of a trial; settings that stay as they are."""

    model: str
    fold: int = 0
    clean: bool = False
    epochs: int | None = None
    seed: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])


def tune(
    dataset: Dataset,
    search: Search,
    folder: Path,
    *,
    num_trials: int,
    reporter_of: ReporterOf,
    done: Callable[[dict[str, Any]], None],
) -> list[dict[str, Any]]:
    """Try settings until `num_trials` trials are finished in all; return every trial, the best first.

    `folder` keeps the trials: called again, a search goes on with what it has learnt. The test part is never read.

    Raises:
        TrainingError: the folder holds another search, the model has nothing to search, or no trial could be trained.
    """
    space = search_space(search.model)
    if not space:
        raise TrainingError(
            f"{search.model} has no settings to search. `knowtrace models` shows what it has."
        )
    training_space = TRAINING_SPACE if learns_by_gradient(search.model) else {}
    _claim(folder, dataset, search)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        study_name=search.model,
        storage=JournalStorage(JournalFileBackend(str(folder / TRIALS))),
        direction="maximize",
        load_if_exists=True,
    )
    # A sampler that started from the same seed each time would repeat the trials that are there.
    study.sampler = optuna.samplers.TPESampler(seed=search.seed + len(study.trials))

    def one(trial: optuna.Trial) -> float:
        settings = dict(search.fixed) | {
            name: _suggest(trial, name, bounds) for name, bounds in space.items() if name not in search.fixed
        }
        training: dict[str, Any] = usual_training(search.model) | {
            name: trial.suggest_float(name, *bounds, log=True) for name, bounds in training_space.items()
        }
        if search.epochs is not None:
            training["epochs"] = search.epochs
        recipe = Recipe(
            model=search.model,
            settings=settings,
            training=TrainingConfig(**training),
            fold=search.fold,
            clean=search.clean,
        )
        run_folder = folder / f"trial-{trial.number}"
        shutil.rmtree(run_folder, ignore_errors=True)
        with reporter_of(f"{search.model} trial {trial.number}") as reporter:
            run = train(dataset, recipe, run_folder, reporter=reporter)
        best = run.metrics["best"]
        # A search keeps figures, not hundreds of runs; the best settings are trained again.
        shutil.rmtree(run_folder)
        done(
            {
                "trial": trial.number,
                "valid_auc": best["valid_auc"],
                "settings": settings,
                "training": training,
            }
        )
        return best["valid_auc"]

    finished = sum(t.state.is_finished() for t in study.trials)
    refusals: list[TrainingError] = []

    def objective(trial: optuna.Trial) -> float:
        try:
            return one(trial)
        except TrainingError as error:
            refusals.append(error)
            raise

    study.optimize(objective, n_trials=max(num_trials - finished, 0), catch=(TrainingError,))
    complete = [t for t in study.trials if t.value is not None]
    if study.trials and not complete:
        why = f"The last: {refusals[-1]}" if refusals else "Give the search another folder."
        raise TrainingError(f"None of {len(study.trials)} trials could be trained. {why}")
    return [
        {"trial": t.number, "valid_auc": t.value, "chosen": t.params}
        for t in sorted(complete, key=lambda t: -(t.value or 0.0))
    ]


def _suggest(trial: optuna.Trial, name: str, bounds: tuple[Any, ...]) -> Any:
    """Suggest a value: of two floats anything between, of several values one of them."""
    if len(bounds) == 2 and all(isinstance(bound, float) for bound in bounds):
        return trial.suggest_float(name, *bounds)
    return trial.suggest_categorical(name, bounds)


def _claim(folder: Path, dataset: Dataset, search: Search) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        "data": fingerprint(dataset),
        "model": search.model,
        "fold": search.fold,
        "clean": search.clean,
        "epochs": search.epochs,
        "fixed": dict(search.fixed),
    }
    path = folder / STUDY
    if not path.exists():
        path.write_bytes(orjson.dumps(wanted, option=orjson.OPT_INDENT_2))
    elif (kept := orjson.loads(path.read_bytes())) != wanted:
        different = ", ".join(sorted(name for name in wanted if kept.get(name) != wanted[name]))
        raise TrainingError(
            f"{folder} holds a search with another {different}. Give this one a folder of its own."
        )
