"""Graphs that give what no response model may give are named before they are sealed."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from knowtrace.domain import CatalogueItem, Vocabulary
from knowtrace.registry import Run, ailments

VOCABULARY = Vocabulary(
    items=tuple(CatalogueItem(item_id=str(n), skill_ids=("s",), category_counts=(1, 1)) for n in range(4)),
    skill_ids=("s",),
    num_categories=2,
)
START = np.zeros(3, dtype=np.float32)


class Steps:
    """Graphs of which one thing may be wrong."""

    def __init__(self, *, right: float = 0.4, wrong: float = 0.6, state: Any = START) -> None:
        self.pair, self.state = (wrong, right), state

    def observe(self, *_: Any, **__: Any) -> NDArray[np.float32]:
        return self.state

    def predict(self, state: NDArray[np.float32], items: NDArray[np.int64], *_: Any, **__: Any) -> Any:
        return np.tile(np.array(self.pair, dtype=np.float32), (len(items), 1))


def test_a_trained_run_is_healthy(opened_run: Run) -> None:
    assert ailments(opened_run.steps(), opened_run.initial_state, opened_run.vocabulary) == []


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (Steps(right=0.7), "sum to 1 +- 0.3"),
        (Steps(right=float("nan")), "not a finite number"),
        (Steps(right=1.2, wrong=-0.2), "reach from -0.2 to 1.2"),
        (Steps(state=np.array([0, np.inf, 0], dtype=np.float32)), "not finite"),
        (Steps(state=np.zeros(4, dtype=np.float32)), "has shape (4,), not (3,)"),
    ],
)
def test_each_fault_is_named(steps: Any, said: str) -> None:
    found = ailments(steps, START, VOCABULARY)
    assert any(said in sentence for sentence in found), found


def test_sound_steps_have_no_ailment() -> None:
    assert ailments(Steps(), START, VOCABULARY) == []  # pyright: ignore[reportArgumentType]
