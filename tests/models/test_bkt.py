"""Bayesian knowledge tracing step by step: against Corbett and Anderson's formulas, and its promises."""

import pytest
import torch
from contract.answers import answers_in, batch_of, one_answer, one_asked
from hypothesis import given, settings
from hypothesis import strategies as st

from knowtrace.models import ResponseModel, Sizes, build_model

SIZES = Sizes(num_items=6, num_skills=5, num_categories=2)


def with_parameters(model: ResponseModel, **values: float) -> ResponseModel:
    for name, value in values.items():
        tensor = torch.tensor(value)
        model.get_buffer(name).fill_(tensor.logit() if name == "prior_logit" else tensor)
    return model


def test_mastery_follows_the_formulas() -> None:
    """Corbett and Anderson (1995): Bayes' rule, then learning. Right, then wrong, on one skill."""
    model = with_parameters(
        build_model("bkt", SIZES, {"forgetting": False}), prior_logit=0.4, learn=0.1, guess=0.2, slip=0.1
    )
    state = model.initial_state()
    assert model.predict(state, one_asked(2, 3))[0, 0, 1].item() == pytest.approx(0.4 * 0.9 + 0.6 * 0.2)
    mastery = 0.4
    for response, known, unknown in ((1, 0.9, 0.2), (0, 0.1, 0.8)):
        state = model.observe(state, one_answer(2, (3,), response))
        after = mastery * known / (mastery * known + (1 - mastery) * unknown)
        mastery = after + (1 - after) * 0.1
        p = mastery * 0.9 + (1 - mastery) * 0.2
        assert model.predict(state, one_asked(2, 3))[0, 0, 1].item() == pytest.approx(p, abs=1e-6)
    # A skill that was not asked stands where it stood, and a two-skill item takes the mean.
    both = model.predict(state, one_asked(2, 3, 4))[0, 0, 1].item()
    assert both == pytest.approx((p + 0.4 * 0.9 + 0.6 * 0.2) / 2, abs=1e-6)


@given(
    prior=st.floats(0.001, 0.999),
    learn=st.floats(0.001, 0.999),
    forget=st.floats(0.0, 0.5),
    guess=st.floats(0.001, 0.5),
    slip=st.floats(0.001, 0.5),
    before=st.lists(st.integers(0, 1), max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_a_right_answer_never_lowers_mastery(
    prior: float, learn: float, forget: float, guess: float, slip: float, before: list[int]
) -> None:
    model = with_parameters(
        build_model("bkt", SIZES, {"forgetting": True}),
        prior_logit=prior,
        learn=learn,
        forget=forget,
        guess=guess,
        slip=slip,
    )
    state = model.initial_state()
    for response in before:
        state = model.observe(state, one_answer(2, (3,), response))
    was = model.predict(state, one_asked(2, 3))[0, 0, 1].item()
    now = model.predict(model.observe(state, one_answer(2, (3,), 1)), one_asked(2, 3))[0, 0, 1].item()
    assert now >= was - 1e-6


def test_individual_priors_lift_new_skills_of_a_strong_student() -> None:
    model = with_parameters(build_model("bkt", SIZES, {"individual_priors": True}), standing=2.0)
    new = model.predict(model.initial_state(), one_asked(2, 4))[0, 0, 1].item()
    found = {}
    for response in (0, 1):
        state = model.initial_state()
        for _ in range(4):
            state = model.observe(state, one_answer(2, (3,), response))
        found[response] = model.predict(state, one_asked(2, 4))[0, 0, 1].item()
    assert found[0] < new < found[1]


def test_item_effects_make_an_easier_item_likelier() -> None:
    items = torch.tensor([[2, 3] * 20])
    batch = batch_of(items, torch.full((1, 40, 1), 2), items.eq(2).long())
    model = build_model("bkt", SIZES, {"item_effects": True})
    model.start_from(answers_in(batch, SIZES))
    state = model.initial_state()
    easy, hard = (model.predict(state, one_asked(item, 2))[0, 0, 1].item() for item in (2, 3))
    assert easy > hard + 0.2
    plain = build_model("bkt", SIZES)
    plain.start_from(answers_in(batch, SIZES))
    same = [plain.predict(state, one_asked(item, 2))[0, 0, 1].item() for item in (2, 3)]
    assert same[0] == same[1]


def test_graded_answers_are_predicted_as_often_as_they_were_given() -> None:
    sizes = Sizes(num_items=6, num_skills=5, num_categories=4)
    rng = torch.Generator().manual_seed(0)
    responses = torch.multinomial(
        torch.tensor([0.1, 0.2, 0.3, 0.4]), 300 * 8, replacement=True, generator=rng
    )
    batch = batch_of(torch.full((300, 8), 2), torch.full((300, 8, 1), 2), responses.view(300, 8))
    model = build_model("bkt", sizes)
    model.start_from(answers_in(batch, sizes))
    with torch.no_grad():
        mean = model(batch).softmax(-1).mean((0, 1))
    torch.testing.assert_close(mean, torch.tensor([0.1, 0.2, 0.3, 0.4]), atol=0.05, rtol=0)
