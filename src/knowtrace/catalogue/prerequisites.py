"""Prerequisite edges as a file: what a person wrote, and what answers suggested and a person accepted.

A CSV with the columns skill, needs, source, support, confidence, accepted_by, accepted_on; others are passed over.
`source` is file or learned; a learned row has support and confidence. A row nobody accepted is a suggestion: it may
stand in a file of suggestions, never in a file of edges.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from knowtrace.catalogue.csv_rows import read_rows, write_rows
from knowtrace.catalogue.prerequisite_graph import PrerequisiteGraph, cycle_text, find_cycles
from knowtrace.catalogue.prerequisite_suggestions import Suggestion
from knowtrace.catalogue.problems import Problems
from knowtrace.catalogue.skill_map import is_date

COLUMNS = ("skill", "needs", "source", "support", "confidence", "accepted_by", "accepted_on")
EVIDENCE = ("num_in_order", "odds_ratio", "odds_ratio_low", "right_if_mastered", "right_if_not")
SOURCES = ("file", "learned")
NEXT_STEP = "Correct the file."

Placed = tuple[str, "Edge"]
"""Where an edge stands, as "line 4", and the edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`skill` needs `needs` first. `support` students and `confidence`, in [0, 1], where answers suggested it.

    `accepted_by` and `accepted_on` (an ISO date) are "" for a suggestion.
    """

    skill: str
    needs: str
    source: str
    support: int | None = None
    confidence: float | None = None
    accepted_by: str = ""
    accepted_on: str = ""

    @property
    def is_accepted(self) -> bool:
        return bool(self.accepted_by and self.accepted_on)


def read_prerequisites(path: Path, *, skills: Collection[str] | None = None) -> tuple[Edge, ...]:
    """Read a file of edges, each accepted; `skills`, when given, are all there are.

    Raises: DataError naming every row that breaks a rule, and every cycle.
    """
    problems = Problems(path.name)
    placed = _read(path, problems)
    for place, edge in placed:
        if not edge.is_accepted:
            rule = "an edge names who accepted it and when; a suggestion is accepted first"
            problems.add(f"{place}, accepted_by", edge.accepted_by, rule)
    check_edges(placed, problems, skills=skills)
    problems.raise_any(NEXT_STEP)
    return tuple(edge for _, edge in placed)


def read_suggestions(path: Path) -> tuple[Edge, ...]:
    """Read a file of suggestions, accepted or not, in order; they may contradict one another.

    Raises: DataError naming every row that breaks a rule.
    """
    problems = Problems(path.name)
    placed = _read(path, problems)
    problems.raise_any(NEXT_STEP)
    return tuple(edge for _, edge in placed)


def write_prerequisites(edges: Iterable[Edge], path: Path) -> None:
    """Write edges, by skill and what it needs. Raises: DataError when the file cannot be written."""
    ordered = sorted(edges, key=lambda edge: (edge.skill, edge.needs))
    write_rows(path, COLUMNS, (_cells(edge) for edge in ordered))


def write_suggestions(suggestions: Sequence[Suggestion], path: Path, *, names: Mapping[str, str]) -> None:
    """Write what answers suggest with its evidence and the skills' names where known; nobody has accepted it.

    Raises: DataError when the file cannot be written.
    """
    write_rows(
        path,
        (*COLUMNS, *EVIDENCE, "skill_name", "needs_name"),
        (
            (
                *_cells(suggested_edge(one)),
                *(_figure(getattr(one, name)) for name in EVIDENCE),
                names.get(one.skill, ""),
                names.get(one.needs, ""),
            )
            for one in suggestions
        ),
    )


def suggested_edge(suggestion: Suggestion) -> Edge:
    """Return a suggestion as an edge that nobody has accepted."""
    return Edge(
        skill=suggestion.skill,
        needs=suggestion.needs,
        source="learned",
        support=suggestion.support,
        confidence=round(suggestion.confidence, 4),
    )


def accept(
    suggested: Iterable[Edge], *, by: str, on: date, into: Sequence[Edge], file: str
) -> tuple[Edge, ...]:
    """Return the edges of `into` with those suggested, accepted by a person on a day.

    An edge that is already there stays as it was accepted first, and so does one that names who accepted it.
    Raises: DataError, which names `file`, when the edges together have a cycle; ValueError when `by` is nobody.
    """
    pairs = {(edge.skill, edge.needs) for edge in into}
    new = [edge for edge in suggested if (edge.skill, edge.needs) not in pairs]
    if not by.strip() and not all(edge.is_accepted for edge in new):
        raise ValueError("by must name who accepts these edges.")
    accepted = [
        edge if edge.is_accepted else replace(edge, accepted_by=by, accepted_on=on.isoformat())
        for edge in new
    ]
    together = (*into, *accepted)
    problems = Problems(file)
    check_edges([(f"{edge.skill} needs {edge.needs}", edge) for edge in together], problems)
    problems.raise_any("Accept fewer of them, or take an edge out.")
    return together


def graph_of(edges: Iterable[Edge]) -> PrerequisiteGraph:
    """Return the graph of the accepted edges. Raises: ValueError when they have a cycle."""
    return PrerequisiteGraph((edge.skill, edge.needs) for edge in edges if edge.is_accepted)


def check_edges(
    placed: Sequence[Placed],
    problems: Problems,
    *,
    skills: Collection[str] | None = None,
) -> None:
    """Add every self edge, duplicate, unknown skill and cycle to `problems`."""
    first: dict[tuple[str, str], str] = {}
    needs: dict[str, list[str]] = {}
    for place, edge in placed:
        pair = (edge.skill, edge.needs)
        if skills is not None:
            for name, skill in (("skill", edge.skill), ("needs", edge.needs)):
                if skill and skill not in skills:
                    problems.add(f"{place}, {name}", skill, "every skill is one of the catalogue")
        if edge.skill and edge.skill == edge.needs:
            problems.add(f"{place}, needs", edge.needs, "a skill does not need itself")
        elif pair in first:
            problems.add(
                f"{place}, needs", edge.needs, f"an edge stands once, and this is that of {first[pair]}"
            )
        elif all(pair):
            first[pair] = place
            needs.setdefault(edge.skill, []).append(edge.needs)
            needs.setdefault(edge.needs, [])
    for cycle in find_cycles(needs):
        problems.add("edges", cycle_text(cycle), "what a skill needs never needs that skill")


def _read(path: Path, problems: Problems) -> list[Placed]:
    return [
        (f"line {line}", _edge(f"line {line}", cells, problems))
        for line, cells in read_rows(path, COLUMNS, problems)
    ]


def _edge(place: str, cells: dict[str, str], problems: Problems) -> Edge:
    for name in ("skill", "needs"):
        if not cells[name]:
            problems.add(f"{place}, {name}", "", "an edge names two skills")
    source = cells["source"]
    if source not in SOURCES:
        problems.add(f"{place}, source", source, "an edge is from a file or learned")
    support = _number(place, cells, "support", int, 0, float("inf"), problems)
    confidence = _number(place, cells, "confidence", float, 0, 1, problems)
    if source == "learned" and not (cells["support"] and cells["confidence"]):
        problems.add(f"{place}, support", cells["support"], "a learned edge has support and confidence")
    if bool(cells["accepted_by"]) != bool(cells["accepted_on"]):
        problems.add(f"{place}, accepted_on", cells["accepted_on"], "who accepted an edge also says when")
    if cells["accepted_on"] and not is_date(cells["accepted_on"]):
        problems.add(f"{place}, accepted_on", cells["accepted_on"], "a day is written as 2026-11-21")
    return Edge(
        skill=cells["skill"],
        needs=cells["needs"],
        source=source,
        support=None if support is None else int(support),
        confidence=confidence,
        accepted_by=cells["accepted_by"],
        accepted_on=cells["accepted_on"],
    )


def _number(
    place: str,
    cells: dict[str, str],
    name: str,
    kind: type[int] | type[float],
    lowest: float,
    highest: float,
    problems: Problems,
) -> float | None:
    if not cells[name]:
        return None
    try:
        number = kind(cells[name])
    except ValueError:
        number = None
    if number is None or not lowest <= number <= highest:
        rule = f"{name} is a share from 0 to 1" if highest == 1 else f"{name} is a whole number from 0 on"
        problems.add(f"{place}, {name}", cells[name], rule)
        return None
    return number


def _cells(edge: Edge) -> tuple[object, ...]:
    return tuple(_figure(getattr(edge, name)) for name in COLUMNS)


def _figure(value: object) -> object:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else value
