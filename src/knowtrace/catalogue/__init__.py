"""What is taught and asked: skill maps, prerequisites between skills, and banks of items in and out."""

from knowtrace.catalogue.described import described
from knowtrace.catalogue.exchange import ReadBank, read_bank, write_bank
from knowtrace.catalogue.item_bank import BankItem, ItemBank, Option, bank_of
from knowtrace.catalogue.map_coverage import MapCoverage, apply_skill_map, draft_map, map_coverage
from knowtrace.catalogue.prerequisite_graph import PrerequisiteGraph
from knowtrace.catalogue.prerequisite_suggestions import (
    Suggestion,
    SuggestionRules,
    Suggestions,
    suggest_prerequisites,
)
from knowtrace.catalogue.prerequisites import (
    Edge,
    accept,
    graph_of,
    read_prerequisites,
    read_suggestions,
    write_prerequisites,
    write_suggestions,
)
from knowtrace.catalogue.skill_map import MapRow, SkillMap, read_skill_map, write_skill_map

__all__ = [
    "BankItem",
    "Edge",
    "ItemBank",
    "MapCoverage",
    "MapRow",
    "Option",
    "PrerequisiteGraph",
    "ReadBank",
    "SkillMap",
    "Suggestion",
    "SuggestionRules",
    "Suggestions",
    "accept",
    "apply_skill_map",
    "bank_of",
    "described",
    "draft_map",
    "graph_of",
    "map_coverage",
    "read_bank",
    "read_prerequisites",
    "read_skill_map",
    "read_suggestions",
    "suggest_prerequisites",
    "write_bank",
    "write_prerequisites",
    "write_skill_map",
    "write_suggestions",
]
