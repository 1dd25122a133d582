"""The training loop: reproducible, resumable to the bit, and never silent about trouble."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from contract.broken import Sound
from safetensors.torch import save_file
from torch import Tensor

from knowtrace.domain import metrics
from knowtrace.errors import TrainingError
from knowtrace.models import Batch, ResponseModel, Sizes, build_model
from knowtrace.training import Fit, Reporter, TrainingConfig, fit, predict_all, scored_answers
from knowtrace.training.loop import longest_at
from training.histories import Killed, KilledIn, Quiet, random_sequences

SIZES = Sizes(num_items=12, num_skills=6, num_categories=2)
NARROW = {"embedding_dim": 8, "hidden_dim": 8}
CONFIG = TrainingConfig(epochs=5, batch_answers=128, learning_rate=0.01, longest=12)
TRAIN, VALID = random_sequences([5, 9, 30, 14, 3, 8] * 5, seed=1), random_sequences([9, 12] * 6, seed=2)


def train_dkt(
    checkpoint: Path,
    *,
    reporter: Reporter | None = None,
    config: TrainingConfig = CONFIG,
    settings: Mapping[str, Any] | None = None,
) -> Fit:
    torch.manual_seed(config.seed)
    model = build_model("dkt", SIZES, {**NARROW, **(settings or {})})
    return fit(model, TRAIN, VALID, config, reporter=reporter or Quiet(), checkpoint=checkpoint)


def weights(result: Fit) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in result.model.state_dict().items()}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return weights(train_dkt(tmp_path_factory.mktemp("whole") / "c.safetensors"))


def test_the_same_seed_gives_the_same_weights_and_another_others(
    tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    assert weights(train_dkt(tmp_path / "a.safetensors")) == uninterrupted
    other = train_dkt(tmp_path / "b.safetensors", config=dataclasses.replace(CONFIG, seed=1))
    assert weights(other) != uninterrupted


@pytest.mark.parametrize("epoch", [1, 2, 4, 5])
def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(
    tmp_path: Path, epoch: int, uninterrupted: dict[str, bytes]
) -> None:
    checkpoint = tmp_path / "c.safetensors"
    with pytest.raises(Killed):
        train_dkt(checkpoint, reporter=KilledIn(epoch=epoch))
    resumed = Quiet()
    assert weights(train_dkt(checkpoint, reporter=resumed)) == uninterrupted
    assert resumed.epochs_done == epoch - 1
    assert [record["epoch"] for record in resumed.records] == list(range(epoch, 6))


def test_a_finished_training_is_not_trained_again(tmp_path: Path, uninterrupted: dict[str, bytes]) -> None:
    train_dkt(tmp_path / "c.safetensors")
    again = Quiet()
    assert weights(train_dkt(tmp_path / "c.safetensors", reporter=again)) == uninterrupted
    assert again.records == []


def test_a_checkpoint_of_other_settings_data_or_model_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "c.safetensors"
    with pytest.raises(Killed):
        train_dkt(checkpoint, reporter=KilledIn(epoch=2))
    with pytest.raises(TrainingError, match=r"'learning_rate': 0.02.*another --out"):
        train_dkt(checkpoint, config=dataclasses.replace(CONFIG, learning_rate=0.02))
    with pytest.raises(TrainingError, match="other model settings"):
        train_dkt(checkpoint, settings={"dropout": 0.1})
    with pytest.raises(TrainingError, match="another model"):
        fit(build_model("elo", SIZES), TRAIN, VALID, CONFIG, reporter=Quiet(), checkpoint=checkpoint)
    model = build_model("dkt", SIZES, NARROW)
    with pytest.raises(TrainingError, match="another split"):
        fit(model, VALID, TRAIN, CONFIG, reporter=Quiet(), checkpoint=checkpoint)


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"PK\x03\x04 a zip archive", b"\xff" * 64])
def test_a_file_that_is_no_checkpoint_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    checkpoint = tmp_path / "c.safetensors"
    checkpoint.write_bytes(content)
    with pytest.raises(TrainingError, match=r"is not a checkpoint .* Delete it to start from the beginning"):
        train_dkt(checkpoint)


def test_weights_are_no_checkpoint(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(2)}, tmp_path / "c.safetensors")
    with pytest.raises(TrainingError, match="is not a checkpoint"):
        train_dkt(tmp_path / "c.safetensors")


def test_training_stops_after_patience_epochs_without_a_better_auc(tmp_path: Path) -> None:
    """With no learning rate nothing changes after the first epoch, which therefore stays the best."""
    config = dataclasses.replace(CONFIG, learning_rate=0.0, epochs=9, patience=3, averaging=0.0)
    reporter = Quiet()
    result = train_dkt(tmp_path / "c.safetensors", reporter=reporter, config=config)
    assert len(result.history) == 1 + 3
    assert result.best["epoch"] == 1
    assert sum("no progress" in text for text in reporter.warnings) <= 1


def test_the_weights_of_the_best_epoch_are_kept(tmp_path: Path) -> None:
    """Random responses: validation AUC goes up and down; the weights kept give the highest of them."""
    config = dataclasses.replace(CONFIG, epochs=8, patience=8)
    result = train_dkt(tmp_path / "c.safetensors", config=config)
    assert result.best["valid_auc"] == max(record["valid_auc"] for record in result.history)
    probabilities, responses, _ = predict_all(result.model, VALID)
    scored = scored_answers(VALID)
    assert metrics.auc(probabilities[scored], responses[scored]) == result.best["valid_auc"]


class Stumbles(Sound):
    """Gives logits that are not numbers at some training steps."""

    def __init__(self, sizes: Sizes, *, at: set[int]) -> None:
        super().__init__(sizes)
        self.at = at
        self.calls = 0

    def forward(self, batch: Batch) -> Tensor:
        logits = super().forward(batch)
        if not self.training:
            return logits
        self.calls += 1
        return logits * math.nan if self.calls in self.at else logits


def fit_stumbling(model: ResponseModel, checkpoint: Path, reporter: Quiet) -> Fit:
    config = dataclasses.replace(CONFIG, epochs=1, batch_answers=64)
    return fit(model, TRAIN, VALID, config, reporter=reporter, checkpoint=checkpoint)


def test_a_step_that_is_not_finite_is_skipped_and_reported(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Stumbles(SIZES, at={1, 3})
    reporter = Quiet()
    result = fit_stumbling(model, tmp_path / "c.safetensors", reporter)
    assert [text for text in reporter.warnings if "skipped" in text] == reporter.warnings[:1]
    assert reporter.warnings[0].startswith("step 1: loss nan")
    assert math.isfinite(result.history[0]["train_loss"])
    assert all(torch.isfinite(tensor).all() for tensor in result.model.state_dict().values())


def test_weights_do_not_move_when_every_step_is_skipped(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Stumbles(SIZES, at=set(range(1, 1000)))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    result = fit_stumbling(model, tmp_path / "c.safetensors", Quiet())
    for name, tensor in result.model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], atol=0, rtol=0)
    assert math.isnan(result.history[0]["train_loss"])


def test_weights_that_are_not_numbers_are_never_kept(tmp_path: Path) -> None:
    model = build_model("elo", SIZES)
    with torch.no_grad():
        model.get_parameter("log_step").fill_(math.nan)
    with pytest.raises(TrainingError, match="No epoch gave a validation AUC"):
        fit(model, TRAIN, VALID, CONFIG, reporter=Quiet(), checkpoint=tmp_path / "c.safetensors")


def test_students_with_one_answer_each_cannot_be_trained_on(tmp_path: Path) -> None:
    single = random_sequences([1] * 20)
    with pytest.raises(TrainingError, match="0 of 20 validation answers are scored"):
        fit(
            build_model("elo", SIZES),
            TRAIN,
            single,
            CONFIG,
            reporter=Quiet(),
            checkpoint=tmp_path / "c.safetensors",
        )


def test_a_curriculum_grows_by_one_factor_to_all_answers() -> None:
    """By hand: 16 to 1,024 is 2^6, so three growing epochs take 16, 64 and 256 answers, then all."""
    config = TrainingConfig(epochs=6, curriculum=0.5)
    assert [longest_at(epoch, config, 1024) for epoch in range(1, 7)] == [16, 64, 256, 1024, 1024, 1024]
    assert [longest_at(epoch, TrainingConfig(), 1024) for epoch in (1, 2)] == [1024, 1024]
    assert [longest_at(epoch, config, 9) for epoch in (1, 2)] == [9, 9]


def test_a_curriculum_learns_from_beginnings_first(tmp_path: Path) -> None:
    """Pieces of at most 30 answers: 16 of each at first, all from the second half on."""

    class Counting(Quiet):
        def __init__(self) -> None:
            super().__init__()
            self.answers = [0]

        def advance(self, answers: int) -> None:
            self.answers[-1] += answers

        def epoch(self, record: dict[str, Any]) -> None:
            self.answers.append(0)

    reporter = Counting()
    config = dataclasses.replace(CONFIG, epochs=2, longest=30, curriculum=0.5)
    train_dkt(tmp_path / "c.safetensors", reporter=reporter, config=config)
    assert reporter.answers[:2] == [int(TRAIN.whole.beginnings(16).lengths.sum()), TRAIN.num_answers]
