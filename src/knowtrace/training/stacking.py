"""Trained runs blended into one: the weights of their predictions are fitted on the validation students."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from knowtrace.domain import metrics
from knowtrace.errors import TrainingError
from knowtrace.models.registry import STACK
from knowtrace.models.stack import Stack, StackConfig
from knowtrace.registry import Run
from knowtrace.sources import Dataset
from knowtrace.training.finish import finish_run
from knowtrace.training.predicting import predict_all, scored_answers
from knowtrace.training.sequences import encode, sizes_of
from knowtrace.training.train import claim, fingerprint, load_model, recipe_of, run_config, split_of

PULL = 1e-3
"""Weights are pulled towards equal shares: members that say the same would otherwise cancel one another."""


def stack_runs(runs: Sequence[Run], dataset: Dataset, out: Path) -> Run:
    """Blend runs of the same data and split, and leave a sealed run at `out`.

    The validation metrics of a stack are those its weights were fitted to; the test part judges it.

    Raises:
        TrainingError: fewer than two runs, or runs of other data, another split or another vocabulary.
    """
    _check(runs, dataset)
    claim(out)
    vocabulary = runs[0].vocabulary
    recipes = [recipe_of(run) for run in runs]
    members = [load_model(run)[0] for run in runs]
    described = [{"name": r.model, "settings": dict(r.settings)} for r in recipes]
    stack = Stack(StackConfig(members=described), sizes_of(vocabulary), members).eval()
    split = split_of(dataset, recipes[0])
    valid = encode(dataset, split.valid, vocabulary)
    scored = torch.from_numpy(scored_answers(valid))
    said = [
        torch.from_numpy(predict_all(member, valid)[0]).clamp(min=1e-9).log()[scored] for member in members
    ]
    responses = torch.from_numpy(valid.responses)[scored]
    _fit(stack, [log_p.float() for log_p in said], responses)
    with torch.no_grad():
        blended = stack.blend([log_p.float() for log_p in said]).double().softmax(-1).numpy()
    best: dict[str, Any] = {
        "epoch": 0,
        "valid_auc": metrics.auc(blended, responses.numpy()),
        "valid_nll": metrics.nll(blended, responses.numpy()),
    }
    recipe = replace(recipes[0], model=STACK, settings={"members": described})
    return finish_run(
        out,
        stack,
        vocabulary,
        valid,
        config=run_config(dataset, recipe, split, stack) | {"members": [_member(run) for run in runs]},
        metrics={"best": best, "epochs": [], "weights": stack.weights.tolist()},
    )


def _fit(stack: Stack, said: Sequence[Tensor], responses: Tensor) -> None:
    """Fit weights and bias to log-probabilities (M, K) of each member; the members stay as they are."""
    fitted = [stack.weights, stack.bias]
    optimizer = torch.optim.LBFGS(fitted, max_iter=200, line_search_fn="strong_wolfe")
    equal = stack.weights.detach().clone()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(stack.blend(said), responses)
        loss = loss + PULL * (stack.weights - equal).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)  # pyright: ignore[reportArgumentType] - a closure may return the loss as a tensor


def _check(runs: Sequence[Run], dataset: Dataset) -> None:
    if len(runs) < 2:
        raise TrainingError(f"A stack needs at least two runs, not {len(runs)}. Give more run folders.")
    expected = fingerprint(dataset)
    problems: list[str] = []
    for run in runs:
        data = run.config["data"]
        if data["fingerprint"] != expected:
            problems.append(f"{run.path} was trained on other data ({data['name']})")
        elif data["parts"] != runs[0].config["data"]["parts"]:
            problems.append(f"{run.path} was trained on another split than {runs[0].path} ({data['split']})")
        elif run.vocabulary != runs[0].vocabulary:
            problems.append(f"{run.path} has another vocabulary than {runs[0].path}")
    if problems:
        raise TrainingError(f"{'; '.join(problems)}. Stack runs of the same data, fold and protocol.")


def _member(run: Run) -> dict[str, Any]:
    return {"version": run.version, "recipe": asdict(recipe_of(run))}
