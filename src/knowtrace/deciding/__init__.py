"""What to ask next: pure rules over expected success; nothing here reads a clock or a database."""

from knowtrace.deciding.catalogue import Catalogue, difficulty
from knowtrace.deciding.rules import Advice, Candidate, Rules, recommend

__all__ = ["Advice", "Candidate", "Catalogue", "Rules", "difficulty", "recommend"]
