"""The memory against its definition, and the three embeddings of a response by hand."""

import pytest
import torch

from knowtrace.errors import TrainingError
from knowtrace.models import model_config
from knowtrace.models.deep_gpcm import response_blocks
from knowtrace.models.key_value_memory import read, read_all, write


def inputs(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    rng = torch.Generator().manual_seed(0)
    start, attention, erased, added = (
        torch.randn(shape, generator=rng, dtype=dtype) for shape in ((3, 4), (2, 5, 3), (2, 5, 4), (2, 5, 4))
    )
    return start, attention.softmax(-1), erased.sigmoid(), added.tanh()


def test_a_write_erases_and_adds() -> None:
    """Zhang et al. (2017), equations 4 to 7: slot i becomes M_i (1 - w_i e) + w_i a."""
    memory = torch.tensor([[[2.0, 4.0], [1.0, 1.0]]])
    after = write(memory, torch.tensor([[0.5, 0.0]]), torch.tensor([[1.0, 0.5]]), torch.tensor([[3.0, -1.0]]))
    assert after[0].tolist() == [[2 * 0.5 + 1.5, 4 * 0.75 - 0.5], [1.0, 1.0]]
    assert read(after, torch.tensor([[[0.5, 0.5]]]))[0, 0].tolist() == [1.75, 1.75]


def test_all_steps_at_once_equal_reads_before_writes() -> None:
    start, attention, erased, added = inputs()
    memory = start.expand(2, -1, -1)
    for t in range(5):
        expected = read(memory, attention[:, t : t + 1])[:, 0]
        torch.testing.assert_close(read_all(start, attention, erased, added)[:, t], expected)
        memory = write(memory, attention[:, t], erased[:, t], added[:, t])


def test_gradients_of_all_steps_are_those_of_finite_differences() -> None:
    assert torch.autograd.gradcheck(read_all, [x.requires_grad_() for x in inputs()])


def test_response_embeddings_by_hand() -> None:
    """K = 4, response 1: the blocks of Deep-GPCM's linear decay, unordered and ordered embeddings."""
    assert response_blocks("linear-decay", 4)[1].tolist() == pytest.approx([2 / 3, 1, 2 / 3, 1 / 3])
    assert response_blocks("unordered", 4)[1].tolist() == [0, 1, 0, 0]
    assert response_blocks("ordered", 4)[1].tolist() == pytest.approx([1, 1 / 3])
    assert response_blocks("ordered", 4)[0].tolist() == [0, 0]


def test_settings_that_fit_no_memory_are_refused_together() -> None:
    with pytest.raises(TrainingError, match=r"embedding \('round'\).*; slots \(40\) times value_dim \(64\)"):
        model_config("deep-gpcm", {"embedding": "round", "slots": 40})
    with pytest.raises(TrainingError, match=r"heads \(5\) must divide width \(64\)"):
        model_config("transformer-gpcm", {"heads": 5})
