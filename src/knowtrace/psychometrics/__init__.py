"""Item response theory: item parameters by marginal maximum likelihood, abilities, information, fit."""

from knowtrace.psychometrics.calibration import MODELS, Calibration, Model, fit
from knowtrace.psychometrics.grid import Grid, normal_grid
from knowtrace.psychometrics.information import (
    empirical_reliability,
    expected_frequencies,
    item_information,
    test_information,
)
from knowtrace.psychometrics.marginal import GuessingPrior
from knowtrace.psychometrics.model_fit import ModelFit, model_fit
from knowtrace.psychometrics.parameters import ItemParameters, StandardErrors
from knowtrace.psychometrics.responses import MISSING, ResponseMatrix, first_answers, response_matrix
from knowtrace.psychometrics.scores import Scores, score

__all__ = [
    "MISSING",
    "MODELS",
    "Calibration",
    "Grid",
    "GuessingPrior",
    "ItemParameters",
    "Model",
    "ModelFit",
    "ResponseMatrix",
    "Scores",
    "StandardErrors",
    "empirical_reliability",
    "expected_frequencies",
    "first_answers",
    "fit",
    "item_information",
    "model_fit",
    "normal_grid",
    "response_matrix",
    "score",
    "test_information",
]
