"""A run judged honestly: held-out students, every answer but the first, intervals over students."""

from knowtrace.evaluation.bootstrap import Estimate, bootstrap
from knowtrace.evaluation.card import model_card
from knowtrace.evaluation.evaluate import Evaluation, evaluate
from knowtrace.evaluation.gate import Limits, Verdict, gate
from knowtrace.evaluation.influences import Influence, Influenced, influences
from knowtrace.evaluation.published import PUBLISHED, PublishedFigure, published_for
from knowtrace.evaluation.scoring import PARTS, Scored, score

__all__ = [
    "PARTS",
    "PUBLISHED",
    "Estimate",
    "Evaluation",
    "Influence",
    "Influenced",
    "Limits",
    "PublishedFigure",
    "Scored",
    "Verdict",
    "bootstrap",
    "evaluate",
    "gate",
    "influences",
    "model_card",
    "published_for",
    "score",
]
