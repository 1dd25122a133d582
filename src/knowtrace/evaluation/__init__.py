"""A run judged honestly: held-out students, every answer but the first, intervals over students."""

from knowtrace.evaluation.bootstrap import Estimate, bootstrap
from knowtrace.evaluation.evaluate import PARTS, Evaluation, evaluate

__all__ = ["PARTS", "Estimate", "Evaluation", "bootstrap", "evaluate"]
