"""The step graphs of a run, ready to be called."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (  # pyright: ignore[reportMissingImports]
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NotImplemented,
    RuntimeException,
)

from knowtrace.domain import UNKNOWN_TIME
from knowtrace.errors import RunError
from knowtrace.registry.graphs import check_graph
from knowtrace.registry.panels import Panels

TIMES = ("lags", "elapsed")
GRAPHS = ("observe", "predict", "answer", "mastery")
STATE_AND_PROBABILITIES = ["next_state", "asked_probabilities"]


class StepGraphs:
    """`observe`, `predict`, both in one, and `predict` of fixed items, of one student at a time, on one thread.

    Holds no student, and its sessions may be called from several threads at once. A model that does not read times
    has graphs without them.
    """

    def __init__(self, folder: Path, read: Callable[[str], bytes] | None = None) -> None:
        """Open the graphs of a folder; `read` gives the content of a file of it, unverified where it is not given."""

        def graph(name: str) -> tuple[Path, bytes]:
            path = folder / f"{name}.onnx"
            return path, path.read_bytes() if read is None else read(path.name)

        observe, predict, answer, mastery = map(graph, GRAPHS)
        answered, asked = ("state", "items", "skills", "responses"), ("items", "skills")
        self._observe, self._observe_times = _session(observe, answered, TIMES, [2])
        self._predict, self._predict_times = _session(predict, ("state", *asked), TIMES[:1], [3])
        fused = (*answered, *self._observe_times, *(f"asked_{name}" for name in asked))
        self._answer, self._answer_times = _session(answer, fused, ("asked_lags",), [2, 3])
        self._mastery, self._mastery_times = _session(mastery, ("state",), TIMES[:1], [3])
        self.num_panel_items = int(self._mastery.get_outputs()[0].shape[1])
        self.state_size = int(self._observe.get_inputs()[0].shape[1])

    def observe(
        self,
        state: NDArray[np.float32],
        item: int,
        skills: Sequence[int],
        response: int,
        *,
        lag: float = UNKNOWN_TIME,
        elapsed: float = UNKNOWN_TIME,
    ) -> NDArray[np.float32]:
        """Return the state (D,) after one answer: item index, padded row of skill indices, category, seconds."""
        outputs: Any = self._observe.run(None, self._answered(state, item, skills, response, lag, elapsed))
        return outputs[0][0]

    def answer(
        self,
        state: NDArray[np.float32],
        item: int,
        skills: Sequence[int],
        response: int,
        *,
        asked: Panels,
        lag: float = UNKNOWN_TIME,
        elapsed: float = UNKNOWN_TIME,
        asked_lag: float = UNKNOWN_TIME,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the state (D,) after one answer, and category probabilities (N, K) of items of the panels, asked
        `asked_lag` seconds later.

        The same as `observe` and then `predict`, in one call of the runtime.
        """
        inputs = self._answered(state, item, skills, response, lag, elapsed)
        inputs["asked_items"], inputs["asked_skills"] = asked.items[None], asked.skills[None]
        if self._answer_times:
            inputs["asked_lags"] = np.array([asked_lag], dtype=np.float32)
        outputs: Any = self._answer.run(STATE_AND_PROBABILITIES, inputs)
        return outputs[0][0], outputs[1][0]

    def predict(
        self,
        state: NDArray[np.float32],
        items: NDArray[np.int64],
        skills: NDArray[np.int64],
        *,
        lag: float = UNKNOWN_TIME,
    ) -> NDArray[np.float32]:
        """Return category probabilities (N, K) of items (N,) with skills (N, S)."""
        inputs = {"state": state[None], "items": items[None], "skills": skills[None]}
        if self._predict_times:
            inputs["lags"] = np.array([lag], dtype=np.float32)
        outputs: Any = self._predict.run(None, inputs)
        return outputs[0][0]

    def mastery(self, state: NDArray[np.float32], *, lag: float = UNKNOWN_TIME) -> NDArray[np.float32]:
        """Return category probabilities (N, K) of the items of all panels: what `predict` gives, at less cost."""
        inputs = {"state": state[None]}
        if self._mastery_times:
            inputs["lags"] = np.array([lag], dtype=np.float32)
        outputs: Any = self._mastery.run(None, inputs)
        return outputs[0][0]

    def _answered(
        self,
        state: NDArray[np.float32],
        item: int,
        skills: Sequence[int],
        response: int,
        lag: float,
        elapsed: float,
    ) -> dict[str, Any]:
        inputs: dict[str, Any] = {
            "state": state[None],
            "items": np.array([item]),
            "skills": np.array([list(skills)]),
            "responses": np.array([response]),
        }
        for name in self._observe_times:
            inputs[name] = np.array([lag if name == "lags" else elapsed], dtype=np.float32)
        return inputs


def _session(
    graph: tuple[Path, bytes], inputs: tuple[str, ...], optional: tuple[str, ...], outputs: list[int]
) -> tuple[ort.InferenceSession, tuple[str, ...]]:
    """Open a graph that takes `inputs` and perhaps some of the `optional` ones, and gives as many arrays as there are
    `outputs`, each of so many dimensions; return it and which of the optional inputs it takes.
    """
    path, content = graph
    check_graph(content, path)
    options = ort.SessionOptions()
    # One answer is too little work to share between threads; requests are what runs in parallel.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Its warnings are about graphs, not about anything an operator can act on.
    options.log_severity_level = 3
    try:
        # As bytes, a graph has no folder from which it could read weights that no manifest vouches for.
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotImplemented, RuntimeException) as error:
        raise RunError(f"{path} is not a graph that can be run: {error}. Train the run again.") from error
    found = tuple(given.name for given in session.get_inputs())
    times = found[len(inputs) :]
    if (
        found[: len(inputs)] != inputs
        or not set(times) <= set(optional)
        or len(session.get_inputs()[0].shape) != 2
    ):
        raise RunError(
            f"{path} takes {', '.join(found)}; a step takes {', '.join(inputs)} and may take {', '.join(optional)}. "
            "Train the run again."
        )
    if [len(given.shape) for given in session.get_outputs()] != outputs:
        raise RunError(f"{path} gives other arrays than a step. Train the run again.")
    return session, times
