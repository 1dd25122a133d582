"""The two step graphs of a trained model as ONNX files, which is all that serving needs of it."""

import contextlib
import io
import logging
import warnings
from collections.abc import Generator
from pathlib import Path

import torch
from torch import Tensor, nn

from knowtrace.models import ResponseModel

OPSET = 20
EXAMPLE_ITEMS = 3


class _Observe(nn.Module):
    def __init__(self, model: ResponseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, state: Tensor, items: Tensor, skills: Tensor, responses: Tensor) -> Tensor:
        return self.model.observe(state, items, skills, responses)


class _Predict(nn.Module):
    def __init__(self, model: ResponseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, state: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        return self.model.predict(state, items, skills)


def export_steps(model: ResponseModel, *, skills_per_item: int, observe: Path, predict: Path) -> None:
    """Write the graphs `observe` and `predict` of one student, with any number of asked items.

    observe: state (1, D), items (1,), skills (1, S), responses (1,) -> next_state (1, D)
    predict: state (1, D), items (1, N), skills (1, N, S) -> probabilities (1, N, K)
    """
    model = model.cpu().eval()
    with torch.no_grad():
        state = model.initial_state()
    item = torch.ones(1, dtype=torch.long)
    skills = torch.ones(1, skills_per_item, dtype=torch.long)
    _export(
        _Observe(model),
        {"state": state, "items": item, "skills": skills, "responses": torch.zeros(1, dtype=torch.long)},
        output="next_state",
        dynamic={},
        path=observe,
    )
    num_asked = torch.export.Dim("num_asked", min=1)
    _export(
        _Predict(model),
        {
            "state": state,
            "items": torch.ones(1, EXAMPLE_ITEMS, dtype=torch.long),
            "skills": torch.ones(1, EXAMPLE_ITEMS, skills_per_item, dtype=torch.long),
        },
        output="probabilities",
        dynamic={"items": {1: num_asked}, "skills": {1: num_asked}},
        path=predict,
    )


def _export(
    module: nn.Module,
    inputs: dict[str, Tensor],
    *,
    output: str,
    dynamic: dict[str, dict[int, torch.export.Dim]],
    path: Path,
) -> None:
    with _quiet():
        torch.onnx.export(
            module,
            kwargs=inputs,
            f=str(path),
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes={name: dynamic.get(name) for name in inputs},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """The exporter prints progress and warns of its own deprecations; neither concerns the one who trains."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
