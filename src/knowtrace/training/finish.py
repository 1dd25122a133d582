"""A trained model becomes a sealed run: weights, step graphs, intervals, manifest."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from knowtrace.domain import Vocabulary
from knowtrace.errors import TrainingError
from knowtrace.models import ResponseModel
from knowtrace.registry import (
    RECURRENCE,
    Panels,
    Recurrence,
    RecurrentSteps,
    Run,
    StepGraphs,
    Steps,
    ailments,
    choose_panels,
    run_files,
    seal_run,
    write_json,
    write_serving,
    write_vocabulary,
)
from knowtrace.training.card import describe
from knowtrace.training.export import export_steps
from knowtrace.training.health import model_ailments
from knowtrace.training.intervals import measure_intervals
from knowtrace.training.sequences import Sequences, item_skills


def finish_run(
    out: Path,
    model: ResponseModel,
    vocabulary: Vocabulary,
    valid: Sequences,
    *,
    config: dict[str, Any],
    metrics: dict[str, Any],
) -> Run:
    """Write every file of a run into the folder `out`, check its health, measure its intervals on validation students,
    and seal it.

    Raises:
        TrainingError: the step graphs give what no response model may give, or not what the model gives.
    """
    files = run_files(out)
    save_file(
        {name: t.contiguous().clone() for name, t in model.state_dict().items()}, files["model.safetensors"]
    )
    panels = choose_panels(vocabulary)
    export_steps(model, panels, out)
    with torch.no_grad():
        initial_state = model.initial_state()[0].numpy()
        curves = model.item_curves(item_skills(vocabulary))
    steps = StepGraphs(out)
    found = [
        *ailments(steps, initial_state, vocabulary),
        *model_ailments(model, [steps, *_faster(files[RECURRENCE], panels)], initial_state, valid),
    ]
    if found:
        raise TrainingError(
            f"The trained model is not fit to be served. {' '.join(found)} Lower the learning rate, or train again "
            "with another seed."
        )
    intervals = measure_intervals(steps, initial_state, valid, num_categories=vocabulary.num_categories)
    write_serving(
        files["serving.safetensors"],
        initial_state=initial_state,
        panels=panels,
        intervals=intervals,
        curves=None if curves is None else {name: t.numpy() for name, t in curves.items()},
    )
    write_vocabulary(files["vocabulary.json"], vocabulary)
    write_json(files["config.json"], config)
    metrics = metrics | _of_model(model)
    write_json(files["metrics.json"], metrics)
    files["card.md"].write_text(
        describe(config["model"]["name"], config, metrics, vocabulary), encoding="utf-8"
    )
    return seal_run(out)


def _faster(path: Path, panels: Panels) -> list[Steps]:
    """Return the steps in the form that serving prefers to the graphs, where the model has one."""
    return [RecurrentSteps(Recurrence.of(path.read_bytes(), path), panels)] if path.is_file() else []


def _of_model(model: ResponseModel) -> dict[str, Any]:
    return {
        "num_parameters": model.num_learnt(),
        "state_bytes": int(np.prod(model.initial_state().shape)) * 4,
        "threads": torch.get_num_threads(),
    }
