"""A run is a folder: config, metrics, weights, vocabulary, step graphs, and a manifest that vouches for them.

    config.json           model name and configuration, training settings, data and its fingerprint
    metrics.json          what each epoch measured, and the validation metrics of the kept weights
    vocabulary.json       items and skills in index order, with what training knows of each item
    model.safetensors     the weights, for further training and evaluation
    serving.safetensors   the initial state, the items that stand for each skill, and how far a mastery estimate may
                          be off, by evidence
    observe.onnx          the step graph: state, answer -> state
    predict.onnx          the step graph: state, items -> category probabilities
    answer.onnx           both in one: state, answer, items -> state, category probabilities
    mastery.onnx          predict of the items that stand for the skills: state -> category probabilities
    recurrence.safetensors  only where the model is an LSTM of one layer: what its steps need, for NumPy
    manifest.json         size and SHA-256 of each of the above

Nothing is opened before its size and hash agree with the manifest, and nothing is ever unpickled.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from knowtrace.domain import CatalogueItem, MasteryIntervals, Vocabulary
from knowtrace.errors import RunError
from knowtrace.registry.panels import PANEL_ARRAYS, Panels
from knowtrace.registry.recurrent_steps import Recurrence, RecurrentSteps
from knowtrace.registry.step_calls import Steps
from knowtrace.registry.steps import GRAPHS, StepGraphs

MANIFEST = "manifest.json"
FILES = (
    "config.json",
    "metrics.json",
    "vocabulary.json",
    "model.safetensors",
    "serving.safetensors",
    *(f"{name}.onnx" for name in GRAPHS),
)
RECURRENCE = "recurrence.safetensors"
"""A file that a run may have beside those."""

SERVING = ("initial_state", *PANEL_ARRAYS, "level", "evidence_from", "grid", "low", "high")
LARGEST_FILE_BYTES = 2**31
LARGEST_MANIFEST_BYTES = 2**16
FORMAT = 3


@dataclass(frozen=True)
class Run:
    """A verified run folder; open one with `Run.open`."""

    path: Path
    version: str

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Verify every file of the folder against its manifest and return the run.

        Raises:
            RunError: the folder, the manifest or a file is missing, or a file is not the one that was sealed.
        """
        manifest_path = path / MANIFEST
        if not manifest_path.is_file():
            raise RunError(
                f"No finished run at {path}: {MANIFEST} is missing. Run `knowtrace train --out {path}`."
            )
        if manifest_path.stat().st_size > LARGEST_MANIFEST_BYTES:
            raise RunError(
                f"{manifest_path} is larger than {LARGEST_MANIFEST_BYTES} bytes: this is no manifest of ours."
            )
        raw = manifest_path.read_bytes()
        entries = _manifest_entries(raw, manifest_path)
        names = (*FILES, RECURRENCE) if RECURRENCE in entries else FILES
        problems = [problem for name in names if (problem := _difference(path / name, entries.get(name)))]
        if problems:
            raise RunError(
                f"The run at {path} is not the one that was sealed: {'; '.join(problems)}. "
                "Train it again or restore it."
            )
        name = _model_name(_read_json(path / "config.json"), path)
        return cls(path=path, version=f"{name}-{hashlib.sha256(raw).hexdigest()[:12]}")

    @cached_property
    def config(self) -> dict[str, Any]:
        return _read_json(self.path / "config.json")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return _read_json(self.path / "metrics.json")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        path = self.path / "vocabulary.json"
        try:
            return vocabulary_from_json(_read_json(path))
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
        manifest = self.path / MANIFEST
        steps: Steps
        if RECURRENCE in _manifest_entries(manifest.read_bytes(), manifest):
            steps = RecurrentSteps(Recurrence.load(self.path / RECURRENCE), self.panels)
        else:
            steps = StepGraphs(self.path)
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
        shape = arrays["evidence_from"].shape + arrays["grid"].shape
        if arrays["level"].shape != (1,) or not arrays["low"].shape == arrays["high"].shape == shape:
            raise RunError(f"The intervals of the run at {self.path} do not fit their grid. Train it again.")
        return MasteryIntervals(
            level=float(arrays["level"][0]),
            evidence_from=arrays["evidence_from"],
            grid=arrays["grid"],
            low=arrays["low"],
            high=arrays["high"],
        )

    @cached_property
    def _serving(self) -> dict[str, NDArray[Any]]:
        path = self.path / "serving.safetensors"
        try:
            arrays = load_file(path)
        except SafetensorError as error:
            raise RunError(f"{path} cannot be read: {error}. Train the run again or restore it.") from error
        missing = [name for name in SERVING if name not in arrays]
        if missing or arrays["initial_state"].ndim != 1 or arrays["initial_state"].dtype != np.float32:
            raise RunError(
                f"{path} does not hold one state in float32 and its intervals ({', '.join(missing) or 'state'}). "
                "Train the run again or restore it."
            )
        return arrays


def run_files(path: Path) -> dict[str, Path]:
    """Return where each file of a run at `path` belongs, by name."""
    return {name: path / name for name in (*FILES, RECURRENCE)}


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n")


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
    return Vocabulary(
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


def write_serving(
    path: Path, *, initial_state: NDArray[np.float32], panels: Panels, intervals: MasteryIntervals
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
    names = (*FILES, RECURRENCE) if (path / RECURRENCE).is_file() else FILES
    entries = {
        name: {"bytes": (path / name).stat().st_size, "sha256": _sha256(path / name)} for name in names
    }
    # Whole or not at all: half a manifest would be neither a finished run nor one to go on with.
    unfinished = path / f"{MANIFEST}.writing"
    write_json(unfinished, {"format": FORMAT, "files": entries})
    unfinished.replace(path / MANIFEST)
    return Run.open(path)


def _manifest_entries(raw: bytes, path: Path) -> dict[str, dict[str, Any]]:
    try:
        manifest = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RunError(f"{path} is not JSON ({error}). Train the run again or restore it.") from error
    if (
        not isinstance(manifest, dict)
        or manifest.get("format") != FORMAT
        or not isinstance(manifest.get("files"), dict)
    ):
        raise RunError(f"{path} is not a manifest of format {FORMAT}. Train the run again with this version.")
    return manifest["files"]


def _model_name(config: Any, path: Path) -> str:
    model = config.get("model") if isinstance(config, dict) else None
    name = model.get("name") if isinstance(model, dict) else None
    if not isinstance(name, str):
        raise RunError(
            f"The config.json of the run at {path} names no model. Train the run again or restore it."
        )
    return name


def _difference(path: Path, entry: dict[str, Any] | None) -> str | None:
    """Say how a file differs from its manifest entry, or None when it is the sealed one."""
    if not isinstance(entry, dict):
        return f"{path.name} is not in the manifest"
    if path.is_symlink() or not path.is_file():
        return f"{path.name} is missing"
    size = path.stat().st_size
    if size != entry.get("bytes") or size > LARGEST_FILE_BYTES:
        return f"{path.name} has {size} bytes, the manifest says {entry.get('bytes')}"
    if _sha256(path) != entry.get("sha256"):
        return f"{path.name} has another SHA-256 than the manifest says"
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise RunError(f"{path} is not JSON ({error}). Train the run again or restore it.") from error
