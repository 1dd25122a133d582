"""The band over all steps equals the window step by step, also when histories outgrow it."""

import pytest
import torch

from knowtrace.models.causal_window import CausalWindow


@pytest.mark.parametrize("num_steps", [1, 3, 4, 9, 16])
def test_band_equals_the_kept_window(num_steps: int) -> None:
    torch.manual_seed(num_steps)
    window = CausalWindow(width=8, heads=2, window=4)
    torch.nn.init.normal_(window.by_distance)
    queries, answers = torch.randn(2, num_steps, 8), torch.randn(2, num_steps, 8)
    with torch.no_grad():
        together = window(queries, answers)
        state = torch.zeros(2, window.state_size)
        for t in range(num_steps):
            torch.testing.assert_close(window.find(state, queries[:, t : t + 1])[:, 0], together[:, t])
            state = window.keep(state, answers[:, t])


def test_an_answer_beyond_the_window_is_forgotten() -> None:
    torch.manual_seed(0)
    window = CausalWindow(width=8, heads=2, window=4)
    queries, answers = torch.randn(1, 9, 8), torch.randn(1, 9, 8)
    other = answers.clone()
    other[:, 2] += 1
    with torch.no_grad():
        moved = (window(queries, answers) - window(queries, other)).abs().amax(-1)[0] > 1e-6
    assert moved.tolist() == [False] * 3 + [True] * 4 + [False] * 2
