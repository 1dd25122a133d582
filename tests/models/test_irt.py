"""The filter of abilities against Bayes' rule by hand, and calibration against the parameters that drew the data."""

import numpy as np
import pytest
import torch
from contract.answers import answers_in, batch_of, one_answer, one_asked
from torch import Tensor

from knowtrace.errors import TrainingError
from knowtrace.models import Batch, Sizes, build_model
from knowtrace.models.item_curves import first_answers_of, log_curves

NUM_ITEMS = 40


def drawn(num_students: int, num_categories: int = 2, *, seed: int = 0) -> tuple[Batch, Tensor, Tensor]:
    """Return 2PL or partial-credit answers of students to 20 items each of 40, and the items' slopes and steps."""
    rng = torch.Generator().manual_seed(seed)
    slopes = torch.exp(0.25 * torch.randn(NUM_ITEMS + 2, generator=rng))
    steps = torch.randn(NUM_ITEMS + 2, num_categories - 1, generator=rng).sort(-1).values
    ability = torch.randn(num_students, generator=rng)
    items = torch.stack([torch.randperm(NUM_ITEMS, generator=rng)[:20] + 2 for _ in range(num_students)])
    above = slopes[items][..., None] * (ability[:, None, None] - steps[items])
    p = torch.nn.functional.pad(above.cumsum(-1), (1, 0)).softmax(-1)
    responses = torch.multinomial(p.flatten(0, 1), 1, generator=rng).view(items.shape)
    return batch_of(items, torch.full((*items.shape, 1), 2), responses), slopes, steps


def sizes_of(num_categories: int) -> Sizes:
    return Sizes(num_items=NUM_ITEMS + 2, num_skills=4, num_categories=num_categories)


def test_the_posterior_follows_bayes_rule() -> None:
    model = build_model("irt", sizes_of(2), {"diffusion": 0.0})
    model.get_buffer("slopes")[2], model.get_buffer("steps")[2] = 1.3, 0.4
    state = model.initial_state()
    for response in (1, 1, 0):
        state = model.observe(state, one_answer(2, (2,), response))
    grid = np.linspace(-5, 5, 41)
    right = 1 / (1 + np.exp(-1.3 * (grid - 0.4)))
    posterior = np.exp(-(grid**2) / 2) * right**2 * (1 - right)
    posterior /= posterior.sum()
    np.testing.assert_allclose(state[0].softmax(0).numpy(), posterior, atol=1e-6)
    p = model.predict(state, one_asked(2, 2))[0, 0, 1].item()
    assert p == pytest.approx(float(posterior @ right), abs=1e-5)


def test_the_curves_of_items_are_those_it_predicts_with() -> None:
    model = build_model("irt", sizes_of(2), {"mml_items": 0})
    model.start_from(answers_in(drawn(300)[0], sizes_of(2)))
    curves = model.item_curves(torch.full((NUM_ITEMS + 2, 1), 2))
    assert curves is not None
    a, b = curves["discrimination"][5], curves["difficulty"][5]
    grid = torch.linspace(-5, 5, 41)
    expected = (grid.square().neg() / 2).softmax(0) @ (a * (grid - b)).sigmoid()
    torch.testing.assert_close(model.predict(model.initial_state(), one_asked(5, 2))[0, 0, 1], expected)
    assert curves["guessing"][5] == 0


def test_diffusion_widens_and_growth_lifts_what_is_known_of_ability() -> None:
    grid = torch.linspace(-5, 5, 41)

    def moments(**settings: float) -> tuple[float, float]:
        model = build_model("irt", sizes_of(2), {"diffusion": 0.0} | settings)
        model.get_buffer("slopes").fill_(1e-6)  # an item that tells nothing
        state = model.observe(model.initial_state(), one_answer(2, (2,), 1))
        p = state[0].softmax(0)
        mean = float(p @ grid)
        return mean, float(p @ (grid - mean) ** 2)

    still, wider, higher = moments(), moments(diffusion=0.2), moments(growth=0.02)
    assert wider[0] == pytest.approx(still[0], abs=1e-5)
    assert wider[1] - still[1] == pytest.approx(0.04, abs=1e-3)
    assert higher[0] - still[0] == pytest.approx(0.02, abs=1e-4)


@pytest.mark.parametrize("mml_items", [0, 15])
def test_parameters_of_all_items_are_recovered(mml_items: int) -> None:
    """With 15 of 40 items calibrated by marginal likelihood and the rest by rounds, or all by rounds."""
    batch, slopes, steps = drawn(1_500)
    model = build_model("irt", sizes_of(2), {"mml_items": mml_items})
    model.start_from(answers_in(batch, sizes_of(2)))
    found = model.get_buffer("steps")[2:, 0], model.get_buffer("slopes")[2:]
    assert float((found[0] - steps[2:, 0]).square().mean().sqrt()) < 0.2
    assert float(torch.corrcoef(torch.stack([found[1], slopes[2:]]))[0, 1]) > 0.7


def test_graded_steps_are_recovered() -> None:
    batch, _, steps = drawn(1_500, 3)
    model = build_model("irt", sizes_of(3), {"mml_items": 10})
    model.start_from(answers_in(batch, sizes_of(3)))
    assert float((model.get_buffer("steps")[2:] - steps[2:]).square().mean().sqrt()) < 0.25


def test_only_the_first_answer_to_an_item_calibrates_it() -> None:
    items = torch.tensor([[2, 3, 2], [2, 2, 3]])
    batch = batch_of(items, items.unsqueeze(-1), torch.tensor([[0, 1, 1], [1, 0, 0]]))
    firsts = first_answers_of(answers_in(batch, sizes_of(2)))
    assert list(
        zip(firsts.students.tolist(), firsts.items.tolist(), firsts.responses.tolist(), strict=True)
    ) == [
        (0, 2, 0),
        (0, 3, 1),
        (1, 2, 1),
        (1, 3, 0),
    ]


@pytest.mark.parametrize("graded", [True, False])
def test_curves_are_probabilities_that_rise_with_ability(graded: bool) -> None:
    grid = torch.linspace(-5, 5, 41)
    p = log_curves(
        torch.tensor([0.5, 2.0]), torch.tensor([[0.3, -1.0], [0.0, 1.0]]), grid, graded=graded
    ).exp()
    torch.testing.assert_close(p.sum(-1), torch.ones(2, 41), atol=1e-5, rtol=0)
    assert (p[:, 1:, -1] >= p[:, :-1, -1]).all()


def test_a_binary_curve_refuses_graded_answers_and_unknown_curves_are_named() -> None:
    with pytest.raises(TrainingError, match="takes items with two categories; these have 4"):
        build_model("irt", sizes_of(4), {"curve": "2pl"})
    with pytest.raises(TrainingError, match=r"curve \('3pl'\) must be one of 1pl"):
        build_model("irt", sizes_of(2), {"curve": "3pl"})
