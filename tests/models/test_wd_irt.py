"""Wide and deep IRT: its curve and ranges, and the table of item parameters with their errors."""

import torch
from contract.answers import answers_in, batch_of

from knowtrace.models import Asked, Batch, Sizes
from knowtrace.models.wd_irt import WDIRT, WDIRTConfig
from knowtrace.models.wide_parameters import Wide, scores_of

SIZES = Sizes(num_items=8, num_skills=5, num_categories=2)


def made(num_categories: int = 2) -> tuple[WDIRT, Batch]:
    """Return a model, no weight at its start, and answers: item 2 sixty times, item 3 six times, item 7 never."""
    torch.manual_seed(3)
    sizes = Sizes(num_items=8, num_skills=5, num_categories=num_categories)
    model = WDIRT(WDIRTConfig(hidden_dim=8, skill_dim=4, output_dim=8), sizes)
    items = torch.tensor([[2] * 10 + [3]] * 6)
    batch = batch_of(items, items.unsqueeze(-1) - 1, torch.randint(0, num_categories, items.shape))
    model.start_from(answers_in(batch, sizes))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.5 * torch.randn_like(p))
        for table in (model.of_skill, model.of_item, model.skill):
            table.weight[0] = 0
    return model.eval(), batch


def test_the_curve_is_the_three_parameter_logistic() -> None:
    model, _ = made()
    wide = Wide(torch.tensor([1.5]), torch.tensor([[0.4]]), torch.tensor([0.2]))
    p = model._logits(torch.tensor([1.0]), wide).softmax(-1)[0, 1]
    torch.testing.assert_close(p, 0.2 + 0.8 * torch.tensor(1.5 * 0.6).sigmoid())


def test_parameters_stay_in_their_ranges_whatever_is_learnt() -> None:
    model, batch = made()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(100)
        wide, ability = model.measure(batch)
    assert ((wide.discrimination >= 0.249) & (wide.discrimination <= 4.001)).all()
    assert ((wide.guessing >= 0) & (wide.guessing <= 0.3)).all()
    assert (ability.abs() <= 4).all()


def test_the_curves_of_items_are_those_it_predicts_with() -> None:
    """Items of one skill meet one ability: what the first says of it foretells the second."""
    model, _ = made()
    skills = torch.full((SIZES.num_items, 1), 2)
    asked = Asked(torch.tensor([[2, 3]]), torch.tensor([[[2], [2]]]), torch.tensor([60.0]))
    with torch.no_grad():
        curves = model.item_curves(skills)
        p = model.predict(torch.randn(1, 8), asked)[0, :, 1]
    a, b, c = (curves[name] for name in ("discrimination", "difficulty", "guessing"))
    ability = ((p[0] - c[2]) / (1 - c[2])).logit() / a[2] + b[2]
    torch.testing.assert_close(p[1], c[3] + (1 - c[3]) * (a[3] * (ability - b[3])).sigmoid())
    assert p[0] != p[1]


def test_every_item_has_a_row_and_thin_data_a_wide_error() -> None:
    model, batch = made()
    rows = model.item_parameters(answers_in(batch, SIZES))
    assert [row.item for row in rows] == list(range(1, SIZES.num_items))
    often, seldom, never = rows[1], rows[2], rows[6]
    assert (often.num_answers, seldom.num_answers, never.num_answers) == (60, 6, 0)
    assert often.difficulty_error[0] < seldom.difficulty_error[0] < never.difficulty_error[0]
    assert often.discrimination_error < seldom.discrimination_error < never.discrimination_error
    assert 0 < often.guessing_error <= never.guessing_error
    assert often.mean_difficulty_error == often.difficulty_error[0]


def test_the_mean_difficulty_of_a_graded_item_is_surer_than_its_steps_on_average() -> None:
    model, batch = made(4)
    often = model.item_parameters(answers_in(batch, model.sizes))[1]
    assert len(often.difficulty) == 3
    assert 0 < often.mean_difficulty_error < sum(often.difficulty_error) / 3


def test_an_item_without_answers_has_the_parameters_of_its_skills() -> None:
    model, _ = made()
    found = model.wide(torch.tensor([7, 1]), torch.tensor([[3], [3]]))
    torch.testing.assert_close(found.difficulty[0], found.difficulty[1])
    with torch.no_grad():
        raw = model.common + model.of_skill.weight[3]
    torch.testing.assert_close(found.difficulty[0, 0], raw[1])


def test_scores_are_the_derivatives_of_log_probabilities() -> None:
    for num_categories in (2, 4):
        model, _ = made(num_categories)
        guessing = torch.tensor([0.15 if num_categories == 2 else 0.0])
        flat = [torch.tensor([1.3]), torch.linspace(-1, 1, num_categories + 1)[None, 1:-1], guessing]
        ability = torch.tensor([0.3])

        def log_probabilities(
            a: torch.Tensor,
            b: torch.Tensor,
            c: torch.Tensor,
            model: WDIRT = model,
            at: torch.Tensor = ability,
        ) -> torch.Tensor:
            return model._logits(at, Wide(a, b, c)).log_softmax(-1)[0]

        jacobian = torch.autograd.functional.jacobian(log_probabilities, tuple(flat))
        parts = [j.reshape(num_categories, -1) for j in jacobian]
        expected = torch.cat(parts if num_categories == 2 else parts[:2], dim=-1)
        probabilities, scores = scores_of(Wide(*flat), ability, guesses=num_categories == 2)
        torch.testing.assert_close(scores[0], expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(probabilities[0].log(), log_probabilities(*flat), atol=1e-5, rtol=0)
