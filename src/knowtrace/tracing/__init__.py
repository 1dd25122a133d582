"""The live state of every student: a trained model as a filter, its answers made durable, its replay."""

from knowtrace.tracing.student import SkillEvidence, StudentKey, StudentState
from knowtrace.tracing.tracer import Tracer

__all__ = ["SkillEvidence", "StudentKey", "StudentState", "Tracer"]
