"""Abilities and their spread: against the exact posterior, and against the truth of a simulation."""

import numpy as np
import pytest
import torch
from contract.answers import answers_of, batch_of, one_answer
from torch.distributions import Normal, kl_divergence

from knowtrace.evaluation.ability_recovery import Linked, link
from knowtrace.models import Sizes, build_model, usual_training
from knowtrace.models.bayesian_gpcm import BayesianGPCM
from knowtrace.models.contract import response_loss
from knowtrace.sources import SimulationConfig, simulate
from knowtrace.sources.simulator import gpcm_probabilities
from knowtrace.training import TrainingConfig, build_vocabulary, encode, split_students
from knowtrace.training.batches import bucket
from knowtrace.training.sequences import sizes_of
from knowtrace.training.train import prepare

GRADED = Sizes(num_items=5, num_skills=4, num_categories=3)


def model_of(sizes: Sizes) -> BayesianGPCM:
    model = build_model("bayesian-gpcm", sizes).eval()
    assert isinstance(model, BayesianGPCM)
    return model


def test_abilities_are_those_of_the_exact_posterior() -> None:
    """Three answers in two skills against a grid over (overall, skill 2, skill 3), items known and nothing growing.

    The filter keeps two moments of a posterior that is not quite normal, hence a tolerance of 0.04.
    """
    model = model_of(GRADED)
    discrimination, thresholds = 1.3, np.array([-0.7, 0.4])
    location = thresholds.mean()
    with torch.no_grad():
        model.items.answered[2:] = True
        model.items.mean[:] = torch.tensor([location, np.log(discrimination), np.log(np.diff(thresholds)[0])])
        model.items.log_std.fill_(-12.0)
        model.growth_logit.fill_(-30.0)
        model.log_noise.fill_(-30.0)
        model.log_skill_variance.fill_(float(np.log(0.5)))
        state = model.initial_state()
        for skill, response in ((2, 2), (3, 0), (2, 1)):
            state = model.observe(state, one_answer(3, (skill,), response))
        mean, std = (x[0].double().numpy() for x in model.ability(state))
    axis = np.linspace(-4.5, 4.5, 91)
    overall, second, third = (x.ravel() for x in np.meshgrid(axis, axis, axis, indexing="ij"))
    weight = np.exp(-(overall**2) / 2 - ((second - overall) ** 2 + (third - overall) ** 2) / (2 * 0.5))
    for ability, response in ((second, 2), (third, 0), (second, 1)):
        rows = np.ones(len(ability))
        p = gpcm_probabilities(ability, discrimination * rows, np.tile(thresholds, (len(rows), 1)))
        weight = weight * p[:, response]
    weight /= weight.sum()
    for column, values in ((0, overall), (2, second), (3, third)):
        exact = (weight * values).sum()
        assert mean[column] == pytest.approx(exact, abs=0.04)
        assert std[column] == pytest.approx(np.sqrt((weight * (values - exact) ** 2).sum()), abs=0.04)


def test_the_divergence_is_that_of_normal_distributions() -> None:
    model = model_of(GRADED)
    model.start_from(answers_of(torch.tensor([[0.0, 0, 0], [0, 0, 0], [3, 5, 2], [1, 9, 1], [0, 0, 0]])))
    items = model.items
    expected = kl_divergence(
        Normal(items.mean, items.log_std.exp()), Normal(items.prior_mean, items.prior_log_std.exp())
    )[2:4].sum()  # items 2 and 3 were answered
    torch.testing.assert_close(items.divergence(), expected)


def test_the_divergence_is_annealed_over_the_first_batches() -> None:
    torch.manual_seed(0)
    model = build_model("bayesian-gpcm", GRADED, {"annealed_batches": 4})
    assert isinstance(model, BayesianGPCM)
    counts = torch.tensor([[0.0, 0, 0], [0, 0, 0], [3, 5, 2], [1, 9, 1], [2, 2, 2]])
    model.start_from(answers_of(counts))
    ones = torch.ones(2, 3, dtype=torch.long)
    batch = batch_of(2 * ones, 2 * ones.unsqueeze(-1), ones)
    weights: list[float] = []
    for _ in range(6):
        torch.manual_seed(1)
        total = model.loss(batch)
        torch.manual_seed(1)
        likelihood = response_loss(model(batch), batch)
        added = (total - likelihood) / model.items.divergence() * counts.sum()
        weights.append(added.item())
    assert weights == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1], abs=1e-3)


def test_an_unanswered_item_moves_an_ability_less_than_a_known_one() -> None:
    """What is not known of an item is not learnt from its answer."""
    model = model_of(GRADED)
    with torch.no_grad():
        model.items.answered[3] = True
        model.items.log_std[3] = -6.0
        spreads = [
            model.ability(model.observe(model.initial_state(), one_answer(item, (2,), 2)))[1][0, 2].item()
            for item in (1, 3)
        ]
    assert spreads[1] < spreads[0]


@pytest.fixture(scope="module")
def linked() -> Linked:
    """Abilities of held-out students after a short training on others."""
    config = SimulationConfig(
        num_students=400,
        num_answers=25,
        num_items=20,
        num_skills=3,
        num_categories=4,
        gaming_share=0.0,
        drifting_share=0.0,
    )
    simulation = simulate(config, seed=5)
    split = split_students(simulation.dataset)
    held_out = (*split.valid, *split.test)
    vocabulary = build_vocabulary(simulation.dataset, split.train)
    train, test = (encode(simulation.dataset, part, vocabulary) for part in (split.train, held_out))
    torch.manual_seed(0)
    model = model_of(sizes_of(vocabulary))
    prepare(model, vocabulary, train)
    settings = TrainingConfig(**usual_training("bayesian-gpcm"))
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    rng = np.random.default_rng(0)
    model.train()
    for _ in range(3):
        for students in bucket(train, batch_answers=settings.batch_answers, rng=rng):
            optimizer.zero_grad()
            model.loss(train.batch(students)).backward()
            optimizer.step()
    model.eval()
    batch = test.batch(np.arange(len(held_out)))
    with torch.no_grad():
        state = model.initial_state(len(held_out))
        for t in range(config.num_answers):
            state = model.observe(state, batch.answer_at(t))
        mean, std = (x.double().numpy() for x in model.ability(state))
        figures = model.items.mean.double().numpy()
    return link(
        simulation,
        vocabulary,
        held_out,
        mean=mean,
        std=std,
        locations=figures[:, 0],
        log_discriminations=figures[:, 1],
    )


def test_ninety_percent_intervals_hold_the_truth_about_as_often(linked: Linked) -> None:
    recovery = linked.recovery()
    assert recovery.n >= 240
    assert 0.85 <= recovery.coverage <= 0.95


def test_where_the_spread_is_larger_the_error_is_larger(linked: Linked) -> None:
    assert linked.recovery().rank_correlation > 0


def test_recovery_by_hand() -> None:
    """Errors 0.1, -0.4, 1 and 2 with spreads 0.1, 0.2, 0.5 and 2: two are beyond 1.645 spreads; ranks agree."""
    found = Linked(
        student_ids=("a", "b"),
        mean=np.array([[0.1, -0.4], [1.0, 2.0]]),
        std=np.array([[0.1, 0.2], [0.5, 2.0]]),
        truth=np.zeros((2, 2)),
    )
    everyone = found.recovery()
    assert (everyone.n, everyone.coverage) == (4, 0.5)
    assert everyone.bias == pytest.approx(2.7 / 4)
    assert everyone.rank_correlation == pytest.approx(1)
    assert found.recovery([True, False]).n == 2
