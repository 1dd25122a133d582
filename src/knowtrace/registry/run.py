"""A run is a folder: config, metrics, weights, vocabulary, step graphs, and a manifest that vouches for them.

    config.json           model name and configuration, training settings, data and its fingerprint
    metrics.json          what each epoch measured, and the validation metrics of the kept weights
    vocabulary.json       items and skills in index order, with what training knows of each item
    model.safetensors     the weights, for further training and evaluation
    serving.safetensors   the initial state, the items that stand for each skill, how far a mastery estimate may be
                          off, by evidence, and where the model has them the curves of items
    observe.onnx          the step graph: state, answer -> state
    predict.onnx          the step graph: state, items -> category probabilities
    answer.onnx           both in one: state, answer, items -> state, category probabilities
    mastery.onnx          predict of the items that stand for the skills: state -> category probabilities
    recurrence.safetensors  only where the model is an LSTM of one layer: what its steps need, for NumPy
    card.md               what a person should know of it before using it; runs of before this version have none
    manifest.json         size and SHA-256 of each of the above

Nothing is opened before its size and hash agree with the manifest, and nothing is ever unpickled.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from knowtrace.domain import FIRST_KNOWN, CatalogueItem, ItemCurve, MasteryIntervals, Vocabulary
from knowtrace.errors import RunError
from knowtrace.registry.arrays import arrays_of
from knowtrace.registry.manifest import (
    FILES,
    FORMAT,
    MANIFEST,
    OPTIONAL,
    RECURRENCE,
    Manifest,
    json_bytes,
    json_of,
    plain_file,
)
from knowtrace.registry.panels import PANEL_ARRAYS, Panels
from knowtrace.registry.recurrent_steps import Recurrence, RecurrentSteps
from knowtrace.registry.step_calls import Steps
from knowtrace.registry.steps import StepGraphs

CURVE_ARRAYS = {name: f"item_{name}" for name in ItemCurve._fields}
INTERVALS = ("level", "evidence_from", "grid", "low", "high")
SERVING = ("initial_state", *PANEL_ARRAYS, *INTERVALS)
MOST_SKILLS_PER_ITEM = 256
MOST_CATEGORIES = 64


@dataclass(frozen=True)
class Run:
    """A verified run folder; open one with `Run.open`."""

    path: Path
    version: str
    manifest: Manifest = field(repr=False, compare=False)

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Verify every file of the folder against its manifest and return the run.

        Raises:
            RunError: the folder, the manifest or a file is missing, or a file is not the one that was sealed.
        """
        return cls.under(Manifest.of(path))

    @classmethod
    def under(cls, manifest: Manifest) -> "Run":
        """Verify every file against a manifest that has been read, and perhaps found to be signed.

        Raises:
            RunError: a file is missing, or is not the one that was sealed.
        """
        manifest.check()
        path = manifest.folder
        name = _model_name(json_of(manifest.read("config.json"), path / "config.json"), path)
        return cls(path=path, version=f"{name}-{manifest.sha256[:12]}", manifest=manifest)

    def read(self, name: str) -> bytes:
        """Return the content of one of the run's files, as it was sealed.

        Raises:
            RunError: it is not any more.
        """
        return self.manifest.read(name)

    @cached_property
    def config(self) -> dict[str, Any]:
        return self._json("config.json")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return self._json("metrics.json")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        path = self.path / "vocabulary.json"
        try:
            return vocabulary_from_json(self._json(path.name))
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{path} is not a vocabulary ({error!r}). Train the run again or restore it."
            ) from error

    @property
    def name(self) -> str:
        """The model's name."""
        return self.config["model"]["name"]

    def steps(self) -> Steps:
        """Return the model's steps, ready to be called, in the faster of the forms the run has.

        Opening them takes some milliseconds.

        Raises:
            RunError: they cannot be run, takes a state of another size than the run's initial state, or asks
                other items than the run's panels.
        """
        steps: Steps
        if RECURRENCE in self.manifest.files:
            steps = RecurrentSteps(Recurrence.of(self.read(RECURRENCE), self.path / RECURRENCE), self.panels)
        else:
            steps = StepGraphs(self.path, self.read)
        if steps.state_size != len(self.initial_state):
            raise RunError(
                f"The steps at {self.path} take a state of {steps.state_size} numbers, its initial state has "
                f"{len(self.initial_state)}. Train the run again or restore it."
            )
        if self.vocabulary.skill_ids and steps.num_panel_items != len(self.panels.items):
            raise RunError(
                f"The steps at {self.path} ask {steps.num_panel_items} items, the run's panels hold "
                f"{len(self.panels.items)}. Train the run again or restore it."
            )
        return steps

    @cached_property
    def panels(self) -> Panels:
        """The items that stand for each skill, in the order of the vocabulary's skills."""
        try:
            return Panels.from_arrays(self._serving, self.vocabulary)
        except ValueError as error:
            raise RunError(
                f"The panels of the run at {self.path} do not fit its vocabulary: {error}. Train it again."
            ) from error

    @cached_property
    def initial_state(self) -> NDArray[np.float32]:
        """The state (D,) of a student of whom nothing is known."""
        return self._serving["initial_state"]

    @cached_property
    def intervals(self) -> MasteryIntervals:
        arrays = self._serving
        if not _are_intervals(arrays):
            raise RunError(f"The intervals of the run at {self.path} do not fit their grid. Train it again.")
        return MasteryIntervals(
            level=float(arrays["level"][0]),
            evidence_from=arrays["evidence_from"],
            grid=arrays["grid"],
            low=arrays["low"],
            high=arrays["high"],
        )

    @cached_property
    def item_curves(self) -> dict[str, ItemCurve]:
        """The curve of every known item; empty where the model is not built on any.

        Raises:
            RunError: they are not one for each item.
        """
        given = [self._serving[name] for name in CURVE_ARRAYS.values() if name in self._serving]
        if not given:
            return {}
        if not _are_curves(given, self.vocabulary):
            raise RunError(
                f"The item curves of the run at {self.path} do not fit its vocabulary. Train it again."
            )
        rows = np.stack(given, axis=-1)[FIRST_KNOWN:].tolist()
        return {item.item_id: ItemCurve(*row) for item, row in zip(self.vocabulary.items, rows, strict=True)}

    @cached_property
    def _serving(self) -> dict[str, NDArray[Any]]:
        path = self.path / "serving.safetensors"
        arrays = arrays_of(self.read(path.name), path)
        missing = [name for name in SERVING if name not in arrays]
        if missing or arrays["initial_state"].ndim != 1 or arrays["initial_state"].dtype != np.float32:
            raise RunError(
                f"{path} does not hold one state in float32 and its intervals ({', '.join(missing) or 'state'}). "
                "Train the run again or restore it."
            )
        return arrays

    def _json(self, name: str) -> dict[str, Any]:
        content = json_of(self.read(name), self.path / name)
        if not isinstance(content, dict):
            raise RunError(f"{self.path / name} is no JSON object. Train the run again or restore it.")
        return content


def _are_intervals(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether arrays are what `MasteryIntervals` says of them."""
    level, evidence, grid, low, high = (arrays[name] for name in INTERVALS)
    if any(array.dtype.kind != "f" for array in (level, grid, low, high)) or evidence.dtype != np.int64:
        return False
    if level.shape != (1,) or evidence.ndim != 1 or grid.ndim != 1 or not len(evidence) or len(grid) < 2:
        return False
    if not low.shape == high.shape == evidence.shape + grid.shape:
        return False
    ascend = evidence[0] == 0 and (np.diff(evidence) > 0).all()
    ascend = ascend and (grid[0], grid[-1]) == (0, 1) and (np.diff(grid) > 0).all()
    return bool(
        ascend and 0 < level[0] < 1 and (low >= 0).all() and (low <= high).all() and (high <= 1).all()
    )


def _are_curves(given: Sequence[NDArray[Any]], vocabulary: Vocabulary) -> bool:
    """Whether arrays are what `ItemCurve` says, for every item index."""
    if len(given) != len(CURVE_ARRAYS):
        return False
    if any(array.shape != (vocabulary.num_item_indices,) or array.dtype.kind != "f" for array in given):
        return False
    _, discrimination, guessing = (array[FIRST_KNOWN:] for array in given)
    return bool((discrimination > 0).all() and (guessing >= 0).all() and (guessing < 1).all())


def run_files(path: Path) -> dict[str, Path]:
    """Return where each file of a run at `path` belongs, by name."""
    return {name: path / name for name in (*FILES, *OPTIONAL)}


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_bytes(json_bytes(content))


def write_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    write_json(
        path,
        {
            "num_categories": vocabulary.num_categories,
            "skill_ids": list(vocabulary.skill_ids),
            "skill_names": vocabulary.skill_names,
            "has_lags": vocabulary.has_lags,
            "has_elapsed": vocabulary.has_elapsed,
            "items": [
                [item.item_id, list(item.skill_ids), list(item.category_counts)] for item in vocabulary.items
            ],
        },
    )


def vocabulary_from_json(content: dict[str, Any]) -> Vocabulary:
    """Return the vocabulary that `write_vocabulary` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is none, or larger in some direction than any model is built for.
    """
    vocabulary = Vocabulary(
        items=tuple(
            CatalogueItem(item_id=item_id, skill_ids=tuple(skills), category_counts=tuple(counts))
            for item_id, skills, counts in content["items"]
        ),
        skill_ids=tuple(content["skill_ids"]),
        num_categories=content["num_categories"],
        skill_names=content["skill_names"],
        has_lags=content["has_lags"],
        has_elapsed=content["has_elapsed"],
    )
    _check_vocabulary(vocabulary)
    return vocabulary


def _check_vocabulary(vocabulary: Vocabulary) -> None:
    items, skill_ids = vocabulary.items, vocabulary.skill_ids
    known = set(skill_ids)
    # What a file holds may be of any type, whatever the class says.
    ids: list[Any] = [*skill_ids, *(item.item_id for item in items)]
    names: Any = vocabulary.skill_names
    categories: Any = vocabulary.num_categories
    times: list[Any] = [vocabulary.has_lags, vocabulary.has_elapsed]
    if type(categories) is not int or not 2 <= categories <= MOST_CATEGORIES:
        raise ValueError(f"{categories!r} response categories")
    wrong = {
        "ids that are not texts": not all(isinstance(name, str) for name in ids),
        "an id twice": len(vocabulary.item_indices) != len(items) or len(known) != len(skill_ids),
        "skills": any(
            len(item.skill_ids) > MOST_SKILLS_PER_ITEM or not known.issuperset(item.skill_ids)
            for item in items
        ),
        "counts": any(
            len(item.category_counts) not in (0, categories) or not _are_counts(item.category_counts)
            for item in items
        ),
        "names of skills": not isinstance(names, dict) or not all(isinstance(n, str) for n in names.values()),
        "times": not all(isinstance(has, bool) for has in times),
    }
    if any(wrong.values()):
        raise ValueError(", ".join(name for name, is_wrong in wrong.items() if is_wrong))


def _are_counts(counts: Sequence[Any]) -> bool:
    return all(type(count) is int and count >= 0 for count in counts)


def write_serving(
    path: Path,
    *,
    initial_state: NDArray[np.float32],
    panels: Panels,
    intervals: MasteryIntervals,
    curves: Mapping[str, NDArray[np.float32]] | None,
) -> None:
    save_file(
        {
            "initial_state": initial_state,
            **panels.to_arrays(),
            "level": np.array([intervals.level]),
            "evidence_from": intervals.evidence_from,
            "grid": intervals.grid,
            "low": np.ascontiguousarray(intervals.low),
            "high": np.ascontiguousarray(intervals.high),
            **{CURVE_ARRAYS[name]: np.ascontiguousarray(array) for name, array in (curves or {}).items()},
        },
        path,
    )


def seal_run(path: Path) -> Run:
    """Write the manifest of a complete run folder, then open it as a reader would.

    Raises:
        RunError: a file of the run is missing.
    """
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise RunError(f"The run at {path} cannot be sealed: {', '.join(missing)} missing.")
    names = (*FILES, *(name for name in OPTIONAL if (path / name).is_file()))
    entries = {name: _entry(path / name) for name in names}
    # Whole or not at all: half a manifest would be neither a finished run nor one to go on with.
    unfinished = path / f"{MANIFEST}.writing"
    write_json(unfinished, {"format": FORMAT, "files": entries})
    unfinished.replace(path / MANIFEST)
    return Run.open(path)


def _entry(path: Path) -> dict[str, Any]:
    with plain_file(path) as (file, size):
        return {"bytes": size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _model_name(config: Any, path: Path) -> str:
    model = config.get("model") if isinstance(config, dict) else None
    name = model.get("name") if isinstance(model, dict) else None
    if not isinstance(name, str):
        raise RunError(
            f"The config.json of the run at {path} names no model. Train the run again or restore it."
        )
    return name
