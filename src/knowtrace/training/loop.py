"""The one training loop. It never asks which model it trains."""

import copy
import hashlib
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from knowtrace.domain import metrics
from knowtrace.errors import TrainingError
from knowtrace.models import Batch, ResponseModel
from knowtrace.models.layers import ItemTable
from knowtrace.models.ranges import check_ranges
from knowtrace.training.batches import bucket
from knowtrace.training.checkpoint import (
    Checkpoint,
    grouped,
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from knowtrace.training.predicting import predict_all, scored_answers
from knowtrace.training.scratch import Scratch
from knowtrace.training.sequences import Sequences
from knowtrace.training.stretches import Pieces
from knowtrace.training.watch import TrainingWatch

PRECISIONS = ("float32", "bfloat16")

SHORTEST = 16
"""Answers of each history that a curriculum begins with."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How to train: AdamW with a cosine schedule, averaged weights, early stopping on validation AUC.

    `batch_answers` bounds a batch's padded answers; `longest` cuts histories in training (never in evaluation);
    `averaging` is the decay of the weights' moving average, which is what is validated and kept. Tables of items
    are long and each row is rarely visited, so they have a weight decay of their own. `precision` "bfloat16" computes
    matrix products in half precision: faster where the processor has them, weights and state stay float32.
    `curriculum` is the share of epochs in which histories grow: from their first SHORTEST answers to all of them.
    """

    epochs: int = 10
    patience: int = 3
    batch_answers: int = 4_096
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    table_decay: float = 1.0
    clip_norm: float = 1.0
    averaging: float = 0.98
    longest: int = 1_000
    seed: int = 0
    precision: str = "float32"
    curriculum: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            epochs=(1, 100_000),
            patience=(1, 100_000),
            batch_answers=(1, 2**31),
            learning_rate=(0, 10),
            weight_decay=(0, 100),
            table_decay=(0, 100),
            clip_norm=(1e-6, 1e6),
            averaging=(0, 1),
            longest=(1, 2**31),
            seed=(0, 2**63 - 1),
            curriculum=(0, 1),
        )
        if self.precision not in PRECISIONS:
            raise TrainingError(f"precision ({self.precision!r}) must be one of {', '.join(PRECISIONS)}.")


class Reporter(Protocol):
    """Who is told how training goes."""

    def begin(self, *, epochs: int, answers_per_epoch: int, epochs_done: int) -> None: ...
    def advance(self, answers: int) -> None: ...
    def epoch(self, record: dict[str, Any]) -> None: ...
    def warn(self, text: str) -> None: ...


@dataclass(frozen=True)
class Fit:
    """What training leaves: one record per epoch, the best of them, and the trained model."""

    model: ResponseModel
    history: list[dict[str, Any]]
    best: dict[str, Any]


def fit(
    model: ResponseModel,
    train: Sequences,
    valid: Sequences,
    config: TrainingConfig,
    *,
    reporter: Reporter,
    checkpoint: Path,
    content: str = "",
    device: torch.device | None = None,
) -> Fit:
    """Train a model and return it with the weights that did best on the validation students.

    An interrupted training goes on from `checkpoint` and ends with the same weights as one that was not: every
    epoch draws from its own seed. A model without gradient parameters is only validated. `content` is a hash of what
    the model was told of its items besides their answers.

    Raises:
        TrainingError: the checkpoint belongs to another training, there is nothing to learn from or to validate on,
            or no epoch gave finite weights.
    """
    if not train.num_answers or not scored_answers(valid).any():
        raise TrainingError(
            f"{train.num_answers} training answers, and {int(scored_answers(valid).sum())} of {valid.num_answers} "
            "validation answers are scored: a student's first answer, and what was given together with it, never is. "
            "Give students with more answers."
        )
    device = device or torch.device("cpu")
    training = _Training(
        model.to(device), config, reporter, device, origin=_origin(model, train, valid, content)
    )
    if checkpoint.exists():
        training.resume(load_checkpoint(checkpoint))
    pieces = train.cut(config.longest)
    epochs = config.epochs if training.learns else 1
    reporter.begin(epochs=epochs, answers_per_epoch=train.num_answers, epochs_done=len(training.history))
    while len(training.history) < epochs and not training.is_over():
        record = training.run_epoch(pieces, valid)
        reporter.epoch(record)
        save_checkpoint(checkpoint, training.checkpoint())
    return training.result()


class _Training:
    """The moving parts of one training: model, average, optimizer, history."""

    def __init__(
        self,
        model: ResponseModel,
        config: TrainingConfig,
        reporter: Reporter,
        device: torch.device,
        *,
        origin: dict[str, str],
    ) -> None:
        self.model = model
        self.origin = origin
        self.averaged = copy.deepcopy(model)
        self.config = config
        self.reporter = reporter
        self.device = device
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.learns = bool(self.parameters)
        self.optimizer = (
            torch.optim.AdamW(_groups(model, config), lr=config.learning_rate, fused=True)
            if self.learns
            else None
        )
        self.watch = TrainingWatch()
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None
        self.best_weights: dict[str, Tensor] = {}
        self.steps = 0

    def run_epoch(self, pieces: Pieces, valid: Sequences) -> dict[str, Any]:
        number = len(self.history) + 1
        rng = np.random.default_rng([self.config.seed, number])
        torch.manual_seed(int(rng.integers(2**62)))
        began = time.perf_counter()
        pieces = pieces.beginnings(longest_at(number, self.config, int(pieces.lengths.max())))
        # Each epoch other answers of a container come first, and are learnt from.
        pieces = pieces.turned(rng)
        loss = self._learn(pieces, rng) if self.learns else None
        seconds = time.perf_counter() - began
        probabilities, responses, _ = predict_all(self.averaged, valid, device=self.device)
        scored = np.flatnonzero(scored_answers(valid))
        said, given = (_taken(values, scored, valid.scratch) for values in (probabilities, responses))
        # NaN sorts like a number: without this, weights that are not numbers would get an AUC.
        valid_auc = metrics.auc(said, given) if bool(np.isfinite(said).all()) else math.nan
        record = {
            "epoch": number,
            "train_loss": loss,
            "valid_auc": valid_auc,
            "valid_nll": metrics.nll(said, given),
            "seconds": seconds,
            "interactions_per_second": pieces.num_answers / seconds if self.learns else None,
        }
        self.history.append(record)
        if loss is not None:
            for text in self.watch.epoch(number, loss):
                self.reporter.warn(text)
        if not math.isnan(valid_auc) and (self.best is None or valid_auc > self.best["valid_auc"]):
            self.best = record
            self.best_weights = {name: tensor.clone() for name, tensor in self.averaged.state_dict().items()}
        return record

    def is_over(self) -> bool:
        """Whether validation AUC has not risen for `patience` epochs."""
        if not self.history:
            return False
        since = len(self.history) - (self.best["epoch"] if self.best else 0)
        return since >= self.config.patience

    def result(self) -> Fit:
        if self.best is None:
            raise TrainingError(
                "No epoch gave a validation AUC: the validation students answered in one category only, or the loss "
                "was not finite. Check the data with `knowtrace data inspect`, or lower the learning rate."
            )
        self.model.load_state_dict(self.best_weights)
        return Fit(self.model.cpu().eval(), self.history, self.best)

    def _learn(self, pieces: Pieces, rng: np.random.Generator) -> float:
        self.model.train()
        groups = bucket(pieces, batch_answers=self.config.batch_answers, rng=rng)
        epoch = len(self.history)
        losses: list[float] = []
        for done, batch in enumerate(self._batches(pieces, groups)):
            self._set_rate((epoch + done / len(groups)) / self.config.epochs)
            losses.append(self._step(batch))
            self.reporter.advance(int(batch.valid.sum()))
        finite = [loss for loss in losses if math.isfinite(loss)]
        return float(np.mean(finite)) if finite else math.nan

    def _batches(self, pieces: Pieces, groups: list[NDArray[np.int64]]) -> Iterator[Batch]:
        for students in groups:
            yield pieces.batch(students).to(self.device)

    def _step(self, batch: Batch) -> float:
        assert self.optimizer is not None
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            loss = self.model.loss(batch)
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm))
        value = float(loss.detach())
        self.steps += 1
        for text in self.watch.step(self.steps, value, norm):
            self.reporter.warn(text)
        if not math.isfinite(value) or not math.isfinite(norm):
            return math.nan
        self.optimizer.step()
        self._average()
        return value

    def _average(self) -> None:
        # A short average at first, or the random start would weigh for hundreds of steps.
        decay = min(self.config.averaging, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for average, current in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
                average.lerp_(current, 1 - decay)

    def _set_rate(self, share_done: float) -> None:
        assert self.optimizer is not None
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share_done, 1.0)))

    def checkpoint(self) -> Checkpoint:
        tensors = (
            grouped("model", self.model.state_dict())
            | grouped("averaged", self.averaged.state_dict())
            | grouped("best", self.best_weights)
        )
        if self.optimizer is not None:
            tensors |= grouped("optimizer", optimizer_tensors(self.optimizer))
        progress = {
            "config": asdict(self.config),
            "origin": self.origin,
            "history": self.history,
            "best": self.best,
            "steps": self.steps,
            "watch": {
                "recent": list(self.watch.recent),
                "losses": self.watch.losses,
                "said": sorted(self.watch.said),
            },
        }
        return Checkpoint(tensors, progress)

    def resume(self, checkpoint: Checkpoint) -> None:
        progress = checkpoint.progress
        if progress["config"] != asdict(self.config):
            raise TrainingError(
                f"The unfinished training was started with {progress['config']}, this one asks for "
                f"{asdict(self.config)}. Use the same settings, or another --out, or delete the folder."
            )
        if progress.get("origin") != self.origin:
            raise TrainingError(
                "The unfinished training was of another model, other model settings, other data or another split: it "
                f"had {progress.get('origin')}, this one has {self.origin}. Use another --out, or delete the folder."
            )
        self.model.load_state_dict(checkpoint.group("model"))
        self.averaged.load_state_dict(checkpoint.group("averaged"))
        self.best_weights = checkpoint.group("best")
        if self.optimizer is not None:
            restore_optimizer(self.optimizer, checkpoint.group("optimizer"))
        self.history, self.best, self.steps = progress["history"], progress["best"], progress["steps"]
        watch = progress["watch"]
        self.watch.recent.extend(watch["recent"])
        self.watch.losses.extend(watch["losses"])
        self.watch.said.update(watch["said"])


def longest_at(epoch: int, config: TrainingConfig, longest: int) -> int:
    """Return how many answers of each history an epoch, from 1, learns from: growing by one factor to `longest`."""
    growing = config.curriculum * config.epochs
    if epoch > growing:
        return longest
    share = (epoch - 1) / growing
    return min(longest, round(SHORTEST * (max(longest, SHORTEST) / SHORTEST) ** share))


def _taken(values: NDArray[Any], places: NDArray[np.int64], scratch: Scratch) -> NDArray[Any]:
    taken = scratch.empty((len(places), *values.shape[1:]), values.dtype)
    # Places are in range: "clip" writes to `out` directly, the default through a copy as long.
    return np.take(values, places, axis=0, out=taken, mode="clip")


def _origin(model: ResponseModel, train: Sequences, valid: Sequences, content: str) -> dict[str, str]:
    """Return what a training is of: its model with settings and sizes, and a hash of the answers it sees."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (train, valid):
        for array in (
            part.starts, part.items, part.skills, part.responses, part.lags, part.elapsed, part.groups
        ):  # fmt: skip
            digest.update(np.ascontiguousarray(array).data)
        if not part.begins.all():
            digest.update(part.begins.data)
    return {
        "model": f"{type(model).__name__} {getattr(model, 'config', '')} {model.sizes}",
        "answers": digest.hexdigest(),
        **({"content": content} if content else {}),
    }


def _groups(model: ResponseModel, config: TrainingConfig) -> list[dict[str, Any]]:
    """Return the parameters in two groups: tables of items, and all others."""
    tables = {id(m.weight) for m in model.modules() if isinstance(m, ItemTable)}
    learnt = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in learnt if id(p) in tables], "weight_decay": config.table_decay},
        {"params": [p for p in learnt if id(p) not in tables], "weight_decay": config.weight_decay},
    ]
