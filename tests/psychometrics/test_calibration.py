"""`fit`: the maximum and its curvature, known parameters found again, and data that determine nothing."""

from itertools import product

import numpy as np
import pytest

from knowtrace.errors import CalibrationError
from knowtrace.psychometrics import (
    GuessingPrior,
    ItemParameters,
    ResponseMatrix,
    fit,
    normal_grid,
    response_matrix,
)
from knowtrace.psychometrics.blocks import make_blocks
from knowtrace.psychometrics.families import GRADED, GUESSING, PARTIAL_CREDIT, SEQUENTIAL
from knowtrace.psychometrics.marginal import MarginalLikelihood
from knowtrace.psychometrics.observed import observed_information

from .conftest import Answers


def made_of(
    kind: str, num_items: int, num_categories: int, seed: int, guessing: float = 0.0
) -> ItemParameters:
    rng = np.random.default_rng(seed)
    steps = -np.sort(-rng.normal(0, 1.2, (num_items, num_categories - 1)), axis=1)
    return ItemParameters(
        items=tuple(f"i{i}" for i in range(num_items)),
        kinds=(kind,) * num_items,
        slope=rng.lognormal(0.1, 0.3, num_items),
        intercepts=steps - 0.3 * np.arange(num_categories - 1),
        guessing=np.full(num_items, guessing),
    )


@pytest.mark.parametrize(
    ("family", "common_slope"),
    [*product([GRADED, PARTIAL_CREDIT, SEQUENTIAL], [False, True]), (GUESSING, False)],
    ids=lambda value: getattr(value, "name", value),
)
def test_gradient_and_information_are_those_of_the_marginal_likelihood(family, common_slope: bool) -> None:
    """Against central differences, away from the maximum, with missing answers and items of different widths."""
    rng = np.random.default_rng(1)
    widths = [2, 2, 2] if family is GUESSING else [3, 2, 3]
    responses = np.stack([rng.integers(0, k, 40) for k in widths], axis=1).astype(np.int16)
    responses[rng.random(responses.shape) < 0.2] = -1
    blocks = make_blocks([family] * 3, widths, common_slope=common_slope)
    likelihood = MarginalLikelihood(
        responses, rng.uniform(1, 3, 40), blocks, normal_grid(81), GuessingPrior()
    )
    point = np.zeros(likelihood.num_parameters)
    for block in blocks:
        point[block.index] = block.family.start(
            np.array([[0.2, 0.5, 0.3][: block.num_categories]] * len(block.members))
        )
    point += rng.uniform(-0.1, 0.1, len(point))
    steps = 1e-5 * np.eye(len(point))
    around = [(likelihood.evaluate(point + step), likelihood.evaluate(point - step)) for step in steps]
    here = likelihood.evaluate(point)
    np.testing.assert_allclose(here.gradient, [(a.value - b.value) / 2e-5 for a, b in around], atol=1e-6)
    hessian = np.array([(a.gradient - b.gradient) / 2e-5 for a, b in around])
    np.testing.assert_allclose(observed_information(likelihood, here), -hessian, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "kind", "num_categories", "guessing"),
    [
        ("2pl", "partial-credit", 2, 0.0),
        ("grm", "graded", 4, 0.0),
        ("gpcm", "partial-credit", 3, 0.0),
        ("3pl", "guessing", 2, 0.2),
    ],
)
def test_known_parameters_are_found_again(
    answers: Answers, model: str, kind: str, num_categories: int, guessing: float
) -> None:
    """Errors over standard errors are standard normal: their root mean square is 1, their mean 0."""
    truth = made_of(kind, 15, num_categories, 2, guessing)
    found = fit(
        response_matrix(answers(truth, 3000, 3)),
        model,
        guessing_prior=GuessingPrior(2, 5) if guessing else None,
    )
    assert found.converged
    standardised = np.concatenate(
        [
            (found.parameters.slope - truth.slope) / found.errors.slope,
            ((found.parameters.intercepts - truth.intercepts) / found.errors.intercepts).ravel(),
        ]
    )
    assert 0.6 < np.sqrt(np.mean(standardised**2)) < 1.4
    assert abs(standardised.mean()) < 0.6
    if not guessing:  # 15 answers cannot tell a steep item from one that is guessed less
        assert np.corrcoef(found.parameters.slope, truth.slope)[0, 1] > 0.9


def test_answers_missing_at_random_do_not_bias(answers: Answers) -> None:
    truth = made_of("partial-credit", 20, 2, 4)
    values = answers(truth, 3000, 5).astype(float)
    values[np.random.default_rng(6).random(values.shape) < 0.5] = np.nan
    found = fit(response_matrix(values), "2pl")
    error = (found.parameters.slope - truth.slope) / found.errors.slope
    assert np.sqrt(np.mean(error**2)) < 1.5
    assert found.num_students == 3000


def test_sparse_and_dense_answers_give_the_same_fit(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = answers(made_of("graded", 8, 3, 7), 300, 8).astype(float)
    values[np.random.default_rng(9).random(values.shape) < 0.5] = np.nan
    dense = fit(response_matrix(values), "grm")
    monkeypatch.setattr("knowtrace.psychometrics.marginal.DENSE_SHARE", 1.1)
    sparse = fit(response_matrix(values), "grm")
    np.testing.assert_allclose(sparse.parameters.slope, dense.parameters.slope, atol=1e-8)
    np.testing.assert_allclose(sparse.errors.slope, dense.errors.slope, atol=1e-8)


def test_counts_are_students(lsat6: ResponseMatrix) -> None:
    rows = np.repeat(lsat6.responses, lsat6.counts.astype(int), axis=0)
    one_by_one, counted = fit(response_matrix(rows), "2pl"), fit(lsat6, "2pl")
    assert one_by_one.log_likelihood == pytest.approx(counted.log_likelihood, abs=1e-9)
    assert one_by_one.bic == pytest.approx(counted.bic, abs=1e-9)


def test_binary_items_fit_the_same_under_2pl_grm_and_gpcm(lsat6: ResponseMatrix) -> None:
    fits = [fit(lsat6, model) for model in ("2pl", "grm", "gpcm", "sequential")]
    assert {found.log_likelihood for found in fits} == {fits[0].log_likelihood}


def test_a_wrong_key_gives_a_negative_slope_and_a_flag(answers: Answers) -> None:
    values = answers(made_of("partial-credit", 10, 2, 10), 1000, 11)
    values[:, 3] = 1 - values[:, 3]
    found = fit(response_matrix(values), "2pl")
    assert found.parameters.slope[3] < 0
    assert list(found.flagged) == ["item 4"]
    assert "check the key" in found.flagged["item 4"]


def test_items_without_information_are_left_out_and_change_nothing(lsat6: ResponseMatrix) -> None:
    """An item that everybody gets right has likelihood 1 at its limit: the other estimates are the same."""
    rows = np.column_stack(
        [lsat6.responses, np.ones(len(lsat6.responses)), np.full(len(lsat6.responses), np.nan)]
    )
    found = fit(response_matrix(rows, counts=lsat6.counts), "2pl")
    assert found.left_out == {
        "item 6": "every answer is 1, which says nothing of ability",
        "item 7": "nobody answered it",
    }
    assert found.log_likelihood == fit(lsat6, "2pl").log_likelihood
    assert len(found.parameters.items) == 5


def test_answers_that_separate_students_end_finite_and_flagged() -> None:
    """Guttman's perfect scale: the likelihood has no maximum."""
    rows = np.tri(7, 6, -1)
    found = fit(response_matrix(np.repeat(rows, 3, axis=0)), "2pl")
    assert np.isfinite(found.parameters.slope).all()
    assert found.flagged
    assert all("no finite estimate" in reason for reason in found.flagged.values())


def test_unrelated_answers_have_slope_zero_and_say_so() -> None:
    rows = [[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    found = fit(response_matrix(rows, counts=[10] * 8), "1pl")
    assert abs(found.parameters.slope).max() < 0.05
    assert np.isfinite(found.log_likelihood)


@pytest.mark.parametrize(
    ("rows", "model", "because"),
    [
        ([[1, 0, 1]], "2pl", "1 student is too few: item parameters are read off differences between students."),
        ([[1, 1, 1], [1, 1, 1]], "2pl", "None of 3 items has two different answers (item 1: every answer is 1"),
        ([[0, 1, 2], [1, 0, 0], [1, 1, 1]], "1pl", "1pl takes items with two categories; more have"),
        ([[0, 1], [1, 0], [1, 1]], "2pl", "2 items have 4 response patterns, too few for the 4 parameters of 2pl."),
        ([[0, 1, 1], [1, 0, 0]], "4pl", "No model '4pl'. Known: 1pl, 2pl, 3pl, grm, gpcm, sequential."),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_said_before_fitting(rows: list, model, because: str) -> None:
    with pytest.raises(CalibrationError) as raised:
        fit(response_matrix(rows), model)
    assert str(raised.value).startswith(because)


def test_guessing_items_must_be_there(lsat6: ResponseMatrix) -> None:
    with pytest.raises(
        CalibrationError, match=r"guessing_items \(item 9\) must be items with two categories"
    ):
        fit(lsat6, "3pl", guessing_items=["item 9"])


def test_a_category_nobody_chose_is_closed_up_and_flagged(answers: Answers) -> None:
    values = answers(made_of("graded", 5, 3, 12), 500, 13)
    values[values == 2] = 3
    found = fit(response_matrix(values), "grm")
    assert found.labels == ((0, 1, 3),) * 5
    assert len(found.flagged) == 5
    assert (np.diff(found.parameters.intercepts, axis=1) < 0).all()


def test_many_parameters_are_fitted_without_standard_errors(
    lsat6: ResponseMatrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowtrace.psychometrics.maximise.MAX_PARAMETERS_OF_INFORMATION", 5)
    found = fit(lsat6, "2pl")
    assert found.converged
    assert np.isnan(found.errors.slope).all()
    assert "10 parameters are more than 5" in found.notes[0]
    assert found.log_likelihood == pytest.approx(-2466.6534, abs=1e-3)
