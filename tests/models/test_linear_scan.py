"""The scan against a plain loop, values and gradients."""

import pytest
import torch
from torch import Tensor

from knowtrace.models.linear_scan import linear_scan

SHAPE = (2, 5, 3)


def looped(kept: Tensor, added: Tensor) -> Tensor:
    state, states = torch.zeros_like(added[:, 0]), []
    for t in range(added.shape[1]):
        state = kept[:, t] * state + added[:, t]
        states.append(state)
    return torch.stack(states, dim=1)


def drawn(shape: tuple[int, ...], *, lowest: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return kept in (lowest, 1) and added, in double."""
    rng = torch.Generator().manual_seed(0)
    kept = lowest + (1 - lowest) * torch.rand(shape, generator=rng, dtype=torch.float64)
    return kept.requires_grad_(), torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_()


def test_gradients_are_those_of_finite_differences() -> None:
    assert torch.autograd.gradcheck(linear_scan, drawn(SHAPE))


@pytest.mark.parametrize("lowest", [0.0, 0.99])
def test_a_long_scan_is_the_plain_loop_and_so_are_its_gradients(lowest: float) -> None:
    """Over 2,000 steps; with states that keep 99 % and more, what stood long before still counts."""
    kept, added = drawn((2, 2_000, 4), lowest=lowest)
    ours, plain = linear_scan(kept, added), looped(kept, added)
    torch.testing.assert_close(ours, plain)
    pull = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.autograd.grad(plain, (kept, added), pull)
    for found, other in zip(torch.autograd.grad(ours, (kept, added), pull), expected, strict=True):
        torch.testing.assert_close(found, other)


def test_one_step_has_its_gradient() -> None:
    kept, added = drawn((2, 1, 3))
    of_kept, of_added = torch.autograd.grad(linear_scan(kept, added).sum(), (kept, added))
    assert not of_kept.any()
    torch.testing.assert_close(of_added, torch.ones_like(added))
