"""From a dataset to a sealed run: split, encode, fit, export, measure intervals, seal."""

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from knowtrace import __version__
from knowtrace.domain import DescribedItem, Vocabulary
from knowtrace.errors import NotFoundError, RunError, TrainingError
from knowtrace.models import ResponseModel, build_model
from knowtrace.models.layers import share_unanswered
from knowtrace.registry import Run
from knowtrace.registry.arrays import arrays_of
from knowtrace.sources import Dataset, training_obstacles
from knowtrace.sources.shards import Shards
from knowtrace.training.allocator import keep_freed_memory
from knowtrace.training.checkpoint import UNFINISHED
from knowtrace.training.content import content_fingerprint
from knowtrace.training.finish import finish_run
from knowtrace.training.loop import Reporter, TrainingConfig, fit
from knowtrace.training.persons import group_students, is_searched_whole, same_students
from knowtrace.training.scratch import MEMORY, Scratch
from knowtrace.training.sequences import Sequences, build_vocabulary, encode, sizes_of, training_answers
from knowtrace.training.splits import Split, split_students, without_twins

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to train on what: everything a run's result depends on besides the data.

    `clean` removes training students who are the same person as a validation or test student.
    """

    model: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    fold: int = 0
    split_seed: int = 42
    clean: bool = False


def train(
    dataset: Dataset,
    recipe: Recipe,
    out: Path,
    *,
    reporter: Reporter,
    device: torch.device | None = None,
    clusters: Sequence[Sequence[str]] | None = None,
) -> Run:
    """Train a model and leave a sealed run at `out`; called again after a kill, it goes on where it was.

    `clusters` are `same_students` of the dataset, where the caller has them: finding them takes seconds.

    Raises:
        NotFoundError: no model has the recipe's name.
        TrainingError: the data or the settings do not allow training, or `out` holds something else.
    """
    obstacles = training_obstacles(dataset)
    if obstacles:
        raise TrainingError(" ".join(obstacles))
    claim(out)
    keep_freed_memory()
    if clusters is None:
        clusters = same_students(dataset)
        if not is_searched_whole(dataset):
            reporter.warn(
                f"{dataset.num_interactions:,} answers are too many to be searched for every sort of twins: only "
                "students with equal histories are kept together."
            )
    split = split_of(dataset, recipe, clusters=clusters)
    vocabulary = build_vocabulary(dataset, split.train)
    groups = group_students(split.train, clusters, seed=recipe.split_seed)
    scratch = MEMORY if dataset.shards is None else Scratch(out)
    learnt = encode(dataset, split.train, vocabulary, groups=groups, scratch=scratch)
    valid = encode(dataset, split.valid, vocabulary, scratch=scratch)
    torch.manual_seed(recipe.training.seed)
    model = build_model(recipe.model, sizes_of(vocabulary), recipe.settings)
    prepare(model, vocabulary, learnt, described=dataset.described)
    result = fit(
        model,
        learnt,
        valid,
        recipe.training,
        reporter=reporter,
        checkpoint=out / CHECKPOINT,
        content=content_fingerprint(dataset.described),
        device=device,
    )
    run = finish_run(
        out,
        result.model,
        vocabulary,
        valid,
        config=run_config(dataset, recipe, split, result.model),
        metrics={"best": result.best, "epochs": result.history},
    )
    (out / CHECKPOINT).unlink(missing_ok=True)
    return run


def prepare(
    model: ResponseModel,
    vocabulary: Vocabulary,
    learnt: Sequences,
    *,
    described: Mapping[str, DescribedItem] | None = None,
) -> None:
    """Give a new model what can be read off training answers and items' content before any gradient step."""
    answers = training_answers(vocabulary, learnt, described=described)
    share_unanswered(model, answers.counts[0])
    model.start_from(answers)


def split_of(dataset: Dataset, recipe: Recipe, *, clusters: Sequence[Sequence[str]] | None = None) -> Split:
    """Return the students of each part under a recipe's protocol.

    `clusters` are `same_students` of the dataset, where the caller has them: finding them takes seconds.
    """
    split = split_students(dataset, fold=recipe.fold, seed=recipe.split_seed)
    if not recipe.clean:
        return split
    return without_twins(split, same_students(dataset) if clusters is None else clusters)


def recipe_of(run: Run) -> Recipe:
    """Return the recipe that a run was trained by.

    Raises:
        RunError: the run's configuration holds none that can be read.
    """
    try:
        recipe: dict[str, Any] = dict(run.config["recipe"])
        recipe["training"] = TrainingConfig(**recipe["training"])
        return Recipe(**recipe)
    except (KeyError, TypeError, TrainingError) as error:
        raise RunError(
            f"The run at {run.path} has no recipe that this version knows ({error}). Train it again."
        ) from error


def load_model(run: Run) -> tuple[ResponseModel, Vocabulary]:
    """Return a run's trained model and its vocabulary.

    Raises:
        RunError: the weights do not fit the model that the run's configuration describes.
    """
    recipe = recipe_of(run)
    try:
        model = build_model(recipe.model, sizes_of(run.vocabulary), recipe.settings)
        model.load_state_dict(_weights(run, model.state_dict()))
    except (NotFoundError, TrainingError, TypeError, RuntimeError, SafetensorError) as error:
        raise RunError(
            f"The weights at {run.path} do not fit its model {recipe.model!r}: {error}."
        ) from error
    return model.eval(), run.vocabulary


def _weights(run: Run, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    content = run.read("model.safetensors")
    arrays_of(content, run.path / "model.safetensors", infinite=True)
    weights = load(content)
    others = [n for n, weight in weights.items() if n in expected and weight.dtype != expected[n].dtype]
    if others:
        raise TrainingError(f"{', '.join(others)} are of another type")
    return weights


def fingerprint(dataset: Dataset) -> str:
    """Return a hash of every student's answers in order: two datasets with the same one hold the same answers,
    given together likewise."""
    if dataset.shards is not None:
        return _fingerprint_of(dataset.shards)
    digest = hashlib.blake2b(digest_size=16)
    for student_id, history in dataset.students.items():
        digest.update(f"\n{student_id}".encode())
        for interaction in history:
            digest.update(f"\t{interaction.item_id}\v{interaction.response}".encode())
            if interaction.container_id is not None:
                digest.update(f"\f{interaction.container_id}".encode())
    return digest.hexdigest()


def _fingerprint_of(shards: Shards) -> str:
    """Return the hash of shards' answers, however they are cut."""
    items = np.array(
        [int.from_bytes(hashlib.blake2b(i.encode(), digest_size=8).digest()) for i in shards.item_ids],
        dtype=np.uint64,
    )
    columns = [hashlib.blake2b(digest_size=16) for _ in range(4)]
    for shard in shards:
        ids = "".join(f"\n{student_id}" for student_id in shard.student_ids).encode()
        for column, content in zip(
            columns, (ids, items[shard.items].data, shard.responses.data, shard.begins.data), strict=True
        ):
            column.update(content)
    return hashlib.blake2b(b"".join(column.digest() for column in columns), digest_size=16).hexdigest()


def claim(out: Path) -> None:
    """Make `out` ours: a new folder, or one with an unfinished run; a finished run is never written over."""
    if (out / "manifest.json").exists():
        raise TrainingError(
            f"{out} already holds a finished run. Choose another --out, or delete the folder."
        )
    if out.exists() and not _is_unfinished(out):
        raise TrainingError(f"{out} exists and is not an unfinished run. Choose another --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{out} cannot be made ({error.strerror}). Choose another --out.") from error
    if not os.access(out, os.W_OK):
        raise TrainingError(f"{out} cannot be written to. Choose another --out.")
    free = shutil.disk_usage(out).free
    if free < 2**28:
        raise TrainingError(
            f"{out} has {free / 2**20:.0f} MiB free; a run needs up to 256 MiB. Free some space."
        )


def _is_unfinished(out: Path) -> bool:
    """Whether a folder is empty or holds a checkpoint; a kill within the first one leaves a part of it alone."""
    part = Path(CHECKPOINT).with_suffix(UNFINISHED).name
    return out.is_dir() and ((out / CHECKPOINT).exists() or all(file.name == part for file in out.iterdir()))


def run_config(dataset: Dataset, recipe: Recipe, split: Split, model: ResponseModel) -> dict[str, Any]:
    """Return what a run's config.json says: which model, trained how, on which students of which data."""
    return {
        "knowtrace": __version__,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": {"name": recipe.model, "config": asdict(getattr(model, "config"))},  # noqa: B009
        "recipe": asdict(recipe),
        "data": {
            "name": dataset.name,
            "format": dataset.format,
            "fingerprint": fingerprint(dataset),
            "num_students": {part: len(split.part(part)) for part in ("train", "valid", "test")},
            "num_interactions": dataset.num_interactions,
            "num_categories": dataset.num_categories,
            "num_described": len(dataset.described),
            "content": content_fingerprint(dataset.described),
            "split": split.rule,
            "parts": split.fingerprint,
        },
    }
