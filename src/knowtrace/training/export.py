"""The step graphs of a trained model as ONNX files, which is all that serving needs of it."""

import contextlib
import io
import logging
import warnings
from collections.abc import Generator
from pathlib import Path

import numpy as np
import onnx
import onnx.compose
import onnx.utils
import onnxruntime as ort
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from knowtrace.domain import PADDING, UNSEEN
from knowtrace.models import Answer, Asked, ResponseModel
from knowtrace.registry import GRAPHS, RECURRENCE, TIMES, Panels, Recurrence

OPSET = 20
EXAMPLE_ITEMS = 3
ASKED = "asked_"


class _Steps(nn.Module):
    """Both step functions side by side: exporting them at once takes two thirds of the time of one after the other."""

    def __init__(self, model: ResponseModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        state: Tensor,
        items: Tensor,
        skills: Tensor,
        responses: Tensor,
        lags: Tensor,
        elapsed: Tensor,
        asked_state: Tensor,
        asked_items: Tensor,
        asked_skills: Tensor,
        asked_lags: Tensor,
    ) -> tuple[Tensor, Tensor]:
        next_state = self.model.observe(state, Answer(items, skills, responses, lags, elapsed))
        return next_state, self.model.predict(asked_state, Asked(asked_items, asked_skills, asked_lags))


def export_steps(model: ResponseModel, panels: Panels, folder: Path) -> None:
    """Write the graphs `observe`, `predict`, `answer` (the two in one) and `mastery` (`predict` of the panels' items).

    All are of one student. `predict` and `answer` take any number of asked items.

    observe: state (1, D), items (1,), skills (1, S), responses (1,), lags (1,), elapsed (1,) -> next_state (1, D)
    predict: state (1, D), items (1, N), skills (1, N, S), lags (1,) -> probabilities (1, N, K)
    answer: what observe takes, asked_items (1, N), asked_skills (1, N, S), asked_lags (1,) -> both of the above
    mastery: state (1, D), lags (1,) -> probabilities (1, N, K)

    A graph takes only those of `lags` and `elapsed` that the model reads. A model that is a plain LSTM leaves
    its arrays beside them.
    """
    model = model.cpu().eval()
    observe, predict, answer, mastery = (folder / f"{name}.onnx" for name in GRAPHS)
    steps = _exported(model, skills_per_item=panels.skills.shape[1])
    onnx.save(_part(steps, "next_state"), str(observe))
    onnx.save(_without_prefix(_part(steps, "asked_probabilities")), str(predict))
    _fuse(observe, predict, answer)
    _fix_items(predict, panels, mastery)
    arrays = model.as_recurrence()
    if arrays is not None:
        Recurrence(**{name: t.detach().numpy().copy() for name, t in arrays.items()}).save(
            folder / RECURRENCE
        )


def _fuse(observe: Path, predict: Path, answer: Path) -> None:
    """Write both graphs as one: a call of the runtime costs more than the sums inside it."""
    fused = onnx.compose.merge_models(
        onnx.load(str(observe), load_external_data=False),
        onnx.compose.add_prefix(onnx.load(str(predict), load_external_data=False), ASKED),
        io_map=[("next_state", "asked_state")],
        outputs=["next_state", "asked_probabilities"],
    )
    onnx.save(fused, str(answer))


def _fix_items(predict: Path, panels: Panels, mastery: Path) -> None:
    """Write `predict` with the panels' items in place of asked ones, all that rests on items alone worked out."""
    graph = onnx.load(str(predict), load_external_data=False)
    # Without skills there are no panels; a graph must ask something, and nobody reads its answer.
    items = panels.items if len(panels.items) else np.array([UNSEEN])
    skills = panels.skills if len(panels.items) else np.full((1, panels.skills.shape[1]), PADDING)
    for name, values in (("items", items), ("skills", skills)):
        graph.graph.input.remove(next(given for given in graph.graph.input if given.name == name))
        graph.graph.initializer.append(numpy_helper.from_array(values[None], name))
    options = ort.SessionOptions()
    # Basic steps fold constants and stay within the standard's operators, so that any machine may run the file.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(mastery)
    options.log_severity_level = 3
    ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _exported(model: ResponseModel, *, skills_per_item: int) -> onnx.ModelProto:
    with torch.no_grad():
        state = model.initial_state()
    # Every tensor is one of its own: the exporter takes one tensor given twice for one input.
    inputs = {
        "state": state,
        "items": torch.ones(1, dtype=torch.long),
        "skills": torch.ones(1, skills_per_item, dtype=torch.long),
        "responses": torch.zeros(1, dtype=torch.long),
        "lags": torch.full((1,), 60.0),
        "elapsed": torch.full((1,), 60.0),
        "asked_state": state.clone(),
        "asked_items": torch.ones(1, EXAMPLE_ITEMS, dtype=torch.long),
        "asked_skills": torch.ones(1, EXAMPLE_ITEMS, skills_per_item, dtype=torch.long),
        "asked_lags": torch.full((1,), 60.0),
    }
    num_asked = torch.export.Dim("num_asked", min=1)
    dynamic = {"asked_items": {1: num_asked}, "asked_skills": {1: num_asked}}
    with _quiet():
        program = torch.onnx.export(
            _Steps(model),
            kwargs=inputs,
            input_names=list(inputs),
            output_names=["next_state", "asked_probabilities"],
            dynamic_shapes={name: dynamic.get(name) for name in inputs},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _part(steps: onnx.ModelProto, output: str) -> onnx.ModelProto:
    """Return the step that gives one output: that of an answer, or with `ASKED` before its names that of asked items.

    It takes all inputs of its step but times that it does not read.
    """
    asked = output.startswith(ASKED)
    inputs = [given.name for given in steps.graph.input if given.name.startswith(ASKED) == asked]
    read = {name for node in steps.graph.node for name in node.input}
    taken = [name for name in inputs if name in read or name.removeprefix(ASKED) not in TIMES]
    return onnx.utils.Extractor(steps).extract_model(taken, [output])


def _without_prefix(model: onnx.ModelProto) -> onnx.ModelProto:
    names = {
        value.name: value.name.removeprefix(ASKED) for value in (*model.graph.input, *model.graph.output)
    }
    for value in (*model.graph.input, *model.graph.output):
        value.name = names[value.name]
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return model


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
