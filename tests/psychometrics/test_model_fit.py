"""M2 and C2 against mirt, and against the law they claim to follow."""

import csv
from pathlib import Path

import numpy as np
import pytest

from knowtrace.errors import CalibrationError
from knowtrace.psychometrics import ResponseMatrix, fit, model_fit, response_matrix

from .conftest import Answers
from .test_calibration import made_of


def test_m2_of_the_law_school_tests(lsat6: ResponseMatrix, lsat7: ResponseMatrix) -> None:
    """mirt's own tests: M2 of the 2PL is 4.737 on LSAT6 and 11.953 on LSAT7, 5 degrees of freedom."""
    for matrix, published in ((lsat6, 4.737), (lsat7, 11.953)):
        found = model_fit(fit(matrix, "2pl"), matrix)
        assert found.statistic == pytest.approx(published, abs=0.005)
        assert found.degrees_of_freedom == 5


@pytest.mark.data
def test_c2_of_science(real_data: Path) -> None:
    """mirt's documentation: C2 of the graded model is 19.179, 2 degrees of freedom."""
    with (real_data / "psychometrics" / "science.csv").open(newline="") as stream:
        rows = [[int(value) for value in row] for row in list(csv.reader(stream))[1:]]
    matrix = response_matrix(rows)
    found = model_fit(fit(matrix, "grm"), matrix)
    assert found.statistic == pytest.approx(19.179, abs=0.005)
    assert found.degrees_of_freedom == 2


@pytest.mark.parametrize(
    ("model", "kind", "categories"), [("1pl", "partial-credit", 2), ("gpcm", "partial-credit", 3)]
)
def test_a_model_that_holds_is_not_rejected(answers: Answers, model, kind: str, categories: int) -> None:
    """The mean of a chi-squared statistic is its degrees of freedom; 20 samples come within 4 standard errors."""
    truth = made_of(kind, 6, categories, 20)
    if model == "1pl":
        truth.slope[:] = 1.2
    found = []
    for seed in range(20):
        matrix = response_matrix(answers(truth, 800, seed))
        found.append(model_fit(fit(matrix, model), matrix))
    free = found[0].degrees_of_freedom
    statistics = np.array([each.statistic for each in found])
    assert abs(statistics.mean() - free) < 4 * np.sqrt(2 * free / len(found))
    assert found[0].rmsea >= 0


def test_what_cannot_be_tested_is_said(lsat6: ResponseMatrix) -> None:
    short = lsat6.columns([0, 1, 2])
    with pytest.raises(CalibrationError, match="6 margins and 6 parameters leave nothing to test"):
        model_fit(fit(short, "2pl"), short)
    rows = lsat6.responses.copy()
    rows[0, 0] = -1
    holes = response_matrix(rows, counts=lsat6.counts)
    with pytest.raises(CalibrationError, match="1 answers are missing"):
        model_fit(fit(holes, "2pl"), holes)
