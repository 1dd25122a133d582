"""Files of edges and of suggestions: what is refused, and how a suggestion becomes an edge."""

from datetime import date
from pathlib import Path

import pytest

from knowtrace.catalogue import (
    Edge,
    Suggestion,
    accept,
    graph_of,
    read_prerequisites,
    read_suggestions,
    write_prerequisites,
    write_suggestions,
)
from knowtrace.errors import DataError

HEADER = "skill,needs,source,support,confidence,accepted_by,accepted_on\n"
TODAY = date(2026, 11, 21)


def file_of(tmp_path: Path, rows: str, name: str = "edges.csv") -> Path:
    path = tmp_path / name
    path.write_text(HEADER + rows)
    return path


def edge(skill: str, needs: str, **more: object) -> Edge:
    return Edge(
        **{"skill": skill, "needs": needs, "source": "learned", "support": 200, "confidence": 0.99, **more}
    )


def test_edges_are_read_and_written_back(tmp_path: Path) -> None:
    path = file_of(tmp_path, "b,a,file,,,Ada,2026-11-20\nc,b,learned,250,0.9812,Ada,2026-11-21\n")
    edges = read_prerequisites(path)
    assert edges[1] == Edge(
        skill="c",
        needs="b",
        source="learned",
        support=250,
        confidence=0.9812,
        accepted_by="Ada",
        accepted_on="2026-11-21",
    )
    assert graph_of(edges).order == ("a", "b", "c")
    before = path.read_text()
    write_prerequisites(edges, path)
    assert path.read_text() == before


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "a,a,file,,,Ada,2026-11-20\n"
        "b,a,file,,,Ada,2026-11-20\n"
        "b,a,file,,,Ada,2026-11-20\n"
        "b,ghost,guess,-1,1.5,Ada,21.11.2026\n"
        "c,b,learned,,,,\n"
        "x,y,file,,,Ada,2026-11-20\n"
        "y,x,file,,,Ada,2026-11-20\n"
        "only,three,cells\n",
    )
    with pytest.raises(DataError) as error:
        read_prerequisites(path, skills=["a", "b", "c", "x", "y"])
    text = str(error.value)
    for part in (
        "edges.csv has 11 problems",
        "line 2, needs, 'a': a skill does not need itself",
        "line 4, needs, 'a': an edge stands once, and this is that of line 3",
        "line 5, source, 'guess'",
        "line 5, support, '-1'",
        "line 5, confidence, '1.5'",
        "line 5, accepted_on, '21.11.2026'",
        "line 5, needs, 'ghost': every skill is one of the catalogue",
        "line 6, support, '': a learned edge has support and confidence",
        "line 6, accepted_by, '': an edge names who accepted it and when",
        "'x needs y needs x': what a skill needs never needs that skill",
        "line 9, 'only,three,cells': a row has 7 cells",
    ):
        assert part in text


def test_a_table_without_the_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("skill,needs,needs\na,b,c\n")
    with pytest.raises(DataError, match=r"has no column source, .* and has several columns needs"):
        read_prerequisites(path)


def test_suggestions_are_written_unaccepted_and_become_edges_when_accepted(tmp_path: Path) -> None:
    path = tmp_path / "suggestions.csv"
    one = Suggestion(
        skill="b", needs="a", support=300, num_in_order=180, confidence=0.98765, odds_ratio=3.2, odds_ratio_low=2.1,
        right_if_mastered=0.8, right_if_not=None,
    )  # fmt: skip
    write_suggestions([one], path, names={"a": "Adding"})
    assert path.read_text().splitlines()[1] == "b,a,learned,300,0.9877,,,180,3.2000,2.1000,0.8000,,,Adding"
    (suggested,) = read_suggestions(path)
    assert not suggested.is_accepted
    with pytest.raises(DataError, match="a suggestion is accepted first"):
        read_prerequisites(path)
    (made,) = accept([suggested], by="Ada", on=TODAY, into=(), file="edges.csv")
    assert (made.accepted_by, made.accepted_on, made.source) == ("Ada", "2026-11-21", "learned")


def test_accepting_keeps_what_is_there_and_refuses_cycles() -> None:
    there = edge("b", "a", accepted_by="Ada", accepted_on="2026-01-01")
    together = accept([edge("b", "a"), edge("c", "b")], by="Bo", on=TODAY, into=[there], file="edges.csv")
    assert together[0] is there
    assert [one.accepted_by for one in together] == ["Ada", "Bo"]
    with pytest.raises(DataError, match=r"edges\.csv has 1 problem: edges, 'a needs b needs a'"):
        accept([edge("a", "b")], by="Bo", on=TODAY, into=[there], file="edges.csv")
    with pytest.raises(DataError, match="an edge stands once"):
        accept([edge("c", "b"), edge("c", "b")], by="Bo", on=TODAY, into=[], file="edges.csv")


def test_a_row_a_person_accepted_in_the_file_keeps_that_name() -> None:
    own = edge("b", "a", accepted_by="Ada", accepted_on="2026-02-03")
    assert accept([own], by="", on=TODAY, into=[], file="edges.csv") == (own,)


def test_nobody_accepts_nothing() -> None:
    with pytest.raises(ValueError, match="by must name who accepts"):
        accept([edge("b", "a")], by=" ", on=TODAY, into=[], file="edges.csv")


def test_the_example_of_the_documents_is_a_file_of_edges() -> None:
    examples = Path(__file__).resolve().parents[2] / "docs" / "examples"
    assert graph_of(read_prerequisites(examples / "prerequisites.csv")).order == (
        "fractions-equivalent",
        "fractions-add",
    )
