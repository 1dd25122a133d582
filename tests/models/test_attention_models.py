"""Attention models over histories longer than their window, which the contract's short histories never leave."""

from dataclasses import replace

import pytest
import torch
from contract.answers import batch_of

from knowtrace.domain import PADDING
from knowtrace.models import Batch, ResponseModel, Sizes, build_model
from knowtrace.models.item_statistics import ItemStatistics
from knowtrace.models.layers import scan

SIZES = Sizes(num_items=40, num_skills=9, num_categories=3)
NAMES = ("sakt", "simplekt", "akt", "dkt-transformer")
LAYERS = {"sakt": 1, "simplekt": 2, "akt": 2, "dkt-transformer": 2}
"""Layers between an answer and a prediction: how many windows far its influence may reach."""

WINDOW = 12


def narrow(name: str, **settings: float) -> ResponseModel:
    """Return a model whose weights and item statistics are no longer at their start."""
    torch.manual_seed(1)
    model = build_model(name, SIZES, {"width": 16, "heads": 2, "window": WINDOW, **settings}).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        for module in model.modules():
            if isinstance(module, ItemStatistics):
                module.table.normal_()
                module.thresholds.normal_()
    return model


def histories(num_students: int, longest: int, *, seed: int) -> Batch:
    """Return histories of 1 to `longest` answers, one of them that long, with one or two skills each."""
    rng = torch.Generator().manual_seed(seed)
    shape = (num_students, longest)
    lengths = torch.randint(1, longest + 1, (num_students, 1), generator=rng)
    lengths[0] = longest
    valid = torch.arange(longest) < lengths
    skills = torch.randint(1, SIZES.num_skills, (*shape, 2), generator=rng)
    skills[..., 1] *= torch.randint(0, 2, shape, generator=rng)
    return batch_of(
        items=torch.randint(1, SIZES.num_items, shape, generator=rng).where(valid, PADDING),
        skills=skills.where(valid.unsqueeze(-1), PADDING),
        responses=torch.randint(0, SIZES.num_categories, shape, generator=rng).where(valid, 0),
        valid=valid,
    )


@pytest.mark.parametrize("longest", [40, 130])
@pytest.mark.parametrize("name", NAMES)
def test_steps_equal_the_parallel_form_beyond_the_window(name: str, longest: int) -> None:
    """40 steps are one chunk, 130 a band; both drop answers from the window."""
    model, batch = narrow(name), histories(20, longest, seed=2)
    with torch.no_grad():
        parallel, stepped = model(batch).softmax(-1), scan(model, batch)
    assert (parallel - stepped)[batch.valid].abs().max() <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_forgotten_after_a_window_per_layer(name: str) -> None:
    model, batch = narrow(name), histories(6, 60, seed=3)
    responses = batch.responses.clone()
    responses[:, 0] = (responses[:, 0] + 1) % SIZES.num_categories
    with torch.no_grad():
        moved = (model(replace(batch, responses=responses)) - model(batch)).abs().amax(-1)[0]
    reach = LAYERS[name] * WINDOW
    assert moved[1 : WINDOW + 1].gt(0).all()
    # A layer that sees itself passes on from its own step, so the sum of windows is one step longer.
    assert moved[reach + 2 :].eq(0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_state_never_grows(name: str) -> None:
    model, batch = narrow(name), histories(2, 3 * WINDOW, seed=4)
    with torch.no_grad():
        state = model.initial_state(2)
        for t in range(3 * WINDOW):
            after = model.observe(state, batch.answer_at(t))
            assert after.shape == state.shape
            state = after


@pytest.mark.parametrize("name", NAMES)
def test_hidden_items_are_hidden_in_training_only(name: str) -> None:
    model, batch = narrow(name, dropout=0.0, hidden_items=1.0), histories(4, 6, seed=6)
    unseen = replace(batch, items=batch.items.clamp(max=1))
    with torch.no_grad():
        torch.testing.assert_close(model.train()(batch), model.eval()(unseen))
        assert not torch.allclose(model.eval()(batch), model.eval()(unseen))
