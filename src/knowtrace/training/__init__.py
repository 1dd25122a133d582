"""From interactions to a run: splits, batches, the loop, checkpoints, export. Needs the `train` extra."""

from knowtrace.training.items import item_parameters
from knowtrace.training.loop import Fit, Reporter, TrainingConfig, fit
from knowtrace.training.predicting import notes_on_containers, predict_all, scored_answers
from knowtrace.training.sequences import Sequences, build_vocabulary, encode
from knowtrace.training.splits import Split, split_students, without_twins
from knowtrace.training.train import Recipe, fingerprint, load_model, recipe_of, split_of, train

__all__ = [
    "Fit",
    "Recipe",
    "Reporter",
    "Sequences",
    "Split",
    "TrainingConfig",
    "build_vocabulary",
    "encode",
    "fingerprint",
    "fit",
    "item_parameters",
    "load_model",
    "notes_on_containers",
    "predict_all",
    "recipe_of",
    "scored_answers",
    "split_of",
    "split_students",
    "train",
    "without_twins",
]
