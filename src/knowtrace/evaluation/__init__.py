"""A run judged honestly: held-out students, every answer but the first, intervals over students."""

from knowtrace.evaluation.bootstrap import Estimate, bootstrap
from knowtrace.evaluation.evaluate import PARTS, Evaluation, evaluate
from knowtrace.evaluation.published import PUBLISHED, PublishedFigure, published_for

__all__ = [
    "PARTS",
    "PUBLISHED",
    "Estimate",
    "Evaluation",
    "PublishedFigure",
    "bootstrap",
    "evaluate",
    "published_for",
]
