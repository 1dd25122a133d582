"""The recurrence against `nn.LSTM`, values and gradients."""

import torch
from torch import Tensor, nn

from knowtrace.models.recurrence import Steps, lstm

WIDTH, KINDS = 5, 7
VALID = torch.arange(6) < torch.tensor([[3], [6], [1], [6], [0]])


def table_and_rows() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    table = torch.randn(KINDS, 4 * WIDTH, generator=rng, dtype=torch.float64)
    return table, torch.randint(0, KINDS, VALID.shape, generator=rng)


def test_outputs_and_gradients_equal_those_of_torchs_lstm() -> None:
    """The reference reads the same gate inputs through the identity as its input weights, row by row padded."""
    torch.manual_seed(1)
    reference = nn.LSTM(4 * WIDTH, WIDTH, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        reference.weight_ih_l0.copy_(torch.eye(4 * WIDTH))
        reference.bias_ih_l0.zero_()
        reference.bias_hh_l0.zero_()
    values, rows = table_and_rows()
    ours, theirs = values.clone().requires_grad_(), values.clone().requires_grad_()
    weight = reference.weight_hh_l0.detach().clone().requires_grad_()
    steps = Steps.of(VALID)

    outputs = lstm(ours, steps.take(rows), weight, steps)
    expected = steps.take(reference(theirs[rows])[0])
    torch.testing.assert_close(outputs, expected)

    pull = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    outputs.backward(pull)
    expected.backward(pull)
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(weight.grad, reference.weight_hh_l0.grad)


def test_a_second_pass_back_gives_the_same_gradients() -> None:
    values, rows = table_and_rows()
    table, steps = values.requires_grad_(), Steps.of(VALID)
    weight = torch.randn(4 * WIDTH, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    total = lstm(table, steps.take(rows), weight, steps).square().sum()
    first = torch.autograd.grad(total, table, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(total, table), first, atol=0, rtol=0)


def test_what_is_taken_goes_back_to_its_place() -> None:
    values = torch.arange(VALID.numel()).view(VALID.shape) + 1
    steps = Steps.of(VALID)
    torch.testing.assert_close(steps.put(steps.take(values), VALID), values * VALID)


def test_a_delay_gives_each_answer_the_one_before_it() -> None:
    rows = torch.arange(VALID.numel()).view(VALID.shape) + 10
    steps = Steps.of(VALID)
    delayed = steps.put(steps.delay(steps.take(rows), first=1), VALID)
    expected = torch.cat([torch.ones(len(VALID), 1, dtype=torch.long), rows[:, :-1]], dim=1)
    torch.testing.assert_close(delayed, expected * VALID)
