"""The steps of an LSTM in NumPy, for models that give themselves away as one: a quarter of what a runtime's call costs.

A step of one student is a hundred thousand multiplications, some 20 microseconds; a graph of fifty small operators
spends several times that on going from one to the next. What the model is called plays no part here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from knowtrace.domain import PADDING, UNKNOWN_TIME
from knowtrace.errors import RunError
from knowtrace.registry.arrays import arrays_of
from knowtrace.registry.panels import Panels

Floats = NDArray[np.float32]

BLOCK = 128
"""Items that meet the state at a time: what lies between then stays in the nearest cache."""


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """What makes a model an LSTM whose output meets the asked item: I items, S skills, E and H wide, K categories.

    item_vectors (I, E) and skill_vectors (S, E): an answered item is its own vector plus the mean of its skills' ·
    gates (K, 4H, E + H): for each response, from an answered item and the hidden state to the gates that let in,
    forget, propose and let out · gate_bias (4H,) · item_meets (I, H), skill_meets (S, H): the same of an asked item ·
    known (H, H): what the hidden state is when they meet · out (H,): from what is left of both to the score ·
    item_thresholds (I, K-1), skill_thresholds (S,): what the score must reach.
    """

    item_vectors: Floats
    skill_vectors: Floats
    gates: Floats
    gate_bias: Floats
    item_meets: Floats
    skill_meets: Floats
    known: Floats
    out: Floats
    item_thresholds: Floats
    skill_thresholds: Floats

    def save(self, path: Path) -> None:
        arrays = {field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}
        save_file(arrays, path)

    @classmethod
    def of(cls, content: bytes, path: Path) -> Self:
        """Return what `save` wrote; `path` is where it did.

        Raises:
            RunError: the content is not arrays that fit one another.
        """
        arrays = arrays_of(content, path)
        wrong = _misfits(arrays)
        if wrong:
            raise RunError(
                f"{path} does not hold one recurrence ({', '.join(wrong)}). Train the run again or restore it."
            )
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})


def _misfits(arrays: Mapping[str, Floats]) -> list[str]:
    names = [field.name for field in fields(Recurrence)]
    missing = [f"{name} is missing" for name in names if name not in arrays]
    if missing or any(arrays[name].dtype != np.float32 for name in names):
        return missing or ["not in float32"]
    ranks = {"gates": 3, "gate_bias": 1, "out": 1, "skill_thresholds": 1}
    flat = [name for name in names if arrays[name].ndim != ranks.get(name, 2)]
    if flat:
        return [f"{name} has shape {arrays[name].shape}" for name in flat]
    num_items, width = arrays["item_vectors"].shape
    num_skills, hidden = arrays["skill_meets"].shape
    num_categories = len(arrays["gates"])
    shapes = {
        "item_vectors": (num_items, width),
        "skill_vectors": (num_skills, width),
        "gates": (num_categories, 4 * hidden, width + hidden),
        "gate_bias": (4 * hidden,),
        "item_meets": (num_items, hidden),
        "skill_meets": (num_skills, hidden),
        "known": (hidden, hidden),
        "out": (hidden,),
        "item_thresholds": (num_items, num_categories - 1),
        "skill_thresholds": (num_skills,),
    }
    return [f"{name} has shape {arrays[name].shape}" for name in names if arrays[name].shape != shapes[name]]


class RecurrentSteps:
    """`observe` and `predict` of one student at a time, equal to the step graphs within rounding.

    Holds no student, and may be called from several threads at once. Reads no times: lags and seconds are ignored.
    """

    def __init__(self, recurrence: Recurrence, panels: Panels) -> None:
        r = recurrence
        self._hidden = hidden = r.known.shape[0]
        self._width = r.item_vectors.shape[1]
        self.state_size = 2 * hidden
        self.num_panel_items = len(panels.items)
        # sigmoid(x) = (tanh(x / 2) + 1) / 2: with three of the gates halved, one tanh serves all four.
        half = np.full(4 * hidden, 0.5, dtype=np.float32)
        half[2 * hidden : 3 * hidden] = 1
        # By columns: the product of a flat matrix and one vector is a fifth faster so.
        self._gates = [np.asfortranarray(gates * half[:, None]) for gates in r.gates]
        self._gate_bias = r.gate_bias * half
        self._r = r
        self._panel_meets, self._panel_thresholds = self._asked(panels.items, panels.skills)

    def observe(
        self,
        state: Floats,
        item: int,
        skills: Sequence[int],
        response: int,
        *,
        lag: float = UNKNOWN_TIME,
        elapsed: float = UNKNOWN_TIME,
    ) -> Floats:
        """Return the state (D,) after one answer: item index, padded row of skill indices, category."""
        h, r = self._hidden, self._r
        entered = np.empty(self._width + h, dtype=np.float32)
        entered[: self._width] = r.item_vectors[item]
        real = [skill for skill in skills if skill != PADDING]
        if len(real) == 1:
            entered[: self._width] += r.skill_vectors[real[0]]
        elif real:
            entered[: self._width] += r.skill_vectors[real].mean(0)
        entered[self._width :] = state[:h]
        gates = self._gates[response] @ entered
        gates += self._gate_bias
        np.tanh(gates, out=gates)
        enter, forget, candidate, leave = gates[:h], gates[h : 2 * h], gates[2 * h : 3 * h], gates[3 * h :]
        after = np.empty(2 * h, dtype=np.float32)
        hidden, cell = after[:h], after[h:]
        forget += 1
        np.multiply(forget, state[h:], out=cell)
        enter += 1
        enter *= candidate
        cell += enter
        cell *= 0.5
        np.tanh(cell, out=hidden)
        leave += 1
        leave *= 0.5
        hidden *= leave
        return after

    def answer(
        self,
        state: Floats,
        item: int,
        skills: Sequence[int],
        response: int,
        *,
        asked: Panels,
        lag: float = UNKNOWN_TIME,
        elapsed: float = UNKNOWN_TIME,
        asked_lag: float = UNKNOWN_TIME,
    ) -> tuple[Floats, Floats]:
        """Return the state (D,) after one answer, and category probabilities (N, K) of items of the panels."""
        after = self.observe(state, item, skills, response)
        place = asked.place
        return after, self._meet(after, self._panel_meets[place], self._panel_thresholds[place])

    def predict(
        self,
        state: Floats,
        items: NDArray[np.int64],
        skills: NDArray[np.int64],
        *,
        lag: float = UNKNOWN_TIME,
    ) -> Floats:
        """Return category probabilities (N, K) of items (N,) with skills (N, S)."""
        return self._meet(state, *self._asked(items, skills))

    def mastery(self, state: Floats, *, lag: float = UNKNOWN_TIME) -> Floats:
        """Return category probabilities (N, K) of the items of all panels."""
        return self._meet(state, self._panel_meets, self._panel_thresholds)

    def _asked(self, items: NDArray[np.int64], skills: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return what of asked items meets the state (N, H), and what the score must reach (N, K-1)."""
        r = self._r
        is_skill = skills != PADDING
        count = np.maximum(is_skill.sum(1), 1).astype(np.float32)[:, None]
        meets = r.item_meets[items] + (r.skill_meets[skills] * is_skill[..., None]).sum(1) / count
        harder = (r.skill_thresholds[skills] * is_skill).sum(1)[:, None] / count
        return meets.astype(np.float32), (r.item_thresholds[items] + harder).astype(np.float32)

    def _meet(self, state: Floats, meets: Floats, thresholds: Floats) -> Floats:
        r = self._r
        known = r.known @ state[: self._hidden]
        # max(meets + known, 0) = max(meets, -known) + known, and the sum over what is added is one number for all.
        hidden = -known
        score = np.empty((len(meets), 1), dtype=np.float32)
        for start in range(0, len(meets), BLOCK):
            meeting = np.maximum(meets[start : start + BLOCK], hidden)
            np.matmul(meeting, r.out, out=score[start : start + BLOCK, 0])
        score += known @ r.out
        steps = score - thresholds
        probabilities = np.empty((len(meets), steps.shape[1] + 1), dtype=np.float32)
        if steps.shape[1] == 1:
            above = probabilities[:, 1:]
            np.divide(steps, 2, out=above)
            np.tanh(above, out=above)
            above += 1
            above *= 0.5
            np.subtract(1, above, out=probabilities[:, :1])
            return probabilities
        probabilities[:, 0] = 0
        np.cumsum(steps, axis=1, out=probabilities[:, 1:])
        probabilities -= probabilities.max(1, keepdims=True)
        np.exp(probabilities, out=probabilities)
        probabilities /= probabilities.sum(1, keepdims=True)
        return probabilities
