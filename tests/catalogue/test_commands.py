"""`knowtrace catalogue`, as a person types it."""

import csv
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from catalogue.answering import simulate_mastery
from catalogue.banks import BANK
from knowtrace.catalogue import read_bank, read_prerequisites, write_bank
from knowtrace.cli.catalogue import app as catalogue_app
from knowtrace.domain import Interaction
from knowtrace.errors import DataError

app = typer.Typer()
app.add_typer(catalogue_app, name="catalogue")

COMMANDS = ("draft-map", "coverage", "suggest", "accept", "export", "import")


def run(*arguments: object) -> tuple[str, str]:
    """Return what a command prints to standard output, and to standard error; its own errors are raised."""
    words = ["catalogue", *(str(argument) for argument in arguments)]
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    if result.exception is not None:
        raise result.exception
    return result.stdout, result.stderr


def write_answers(path: Path, students: dict[str, list[Interaction]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["student", "item", "skill", "correct"])
        for student, history in students.items():
            writer.writerows([student, a.item_id, ";".join(a.skill_ids), a.response] for a in history)
    return path


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.csv"
    path.write_text("student,item,skill,correct\ns,a,1;2,1\ns,b,3,0\nt,a,1;2,1\nt,c,[red],1\n")
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_an_example(command: str) -> None:
    assert f"Example: knowtrace catalogue {command}" in run(command, "--help")[0]


def test_a_draft_is_written_once_and_its_coverage_is_told(answers: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    _, notes = run("draft-map", answers, "--out", path)
    assert "4 tags wait for a skill, a name, a topic and a review" in notes
    assert path.read_text().splitlines()[1] == "1,,,,,,2 answers to 1 item"
    with pytest.raises(DataError, match="is there already, and may hold a person's review"):
        run("draft-map", answers, "--out", path)
    lines = path.read_text().splitlines()
    lines[1] = "1,add,Adding,Sums,Ada,2026-11-20,"
    del lines[3]
    path.write_text("\n".join([*lines, "77,gone,,,Ada,2026-11-20,"]))
    text, _ = run("coverage", answers, "--map", path)
    for part in (
        "2 of 6 (33.3%)",
        "1: 77",
        "Not in the map",
        "Waiting for review",
        "[red]",
    ):
        assert part in text
    facts = json.loads(run("coverage", answers, "--map", path, "--json")[0])
    assert (facts["num_with_skill"], facts["never_met"], facts["share"]) == (2, ["77"], pytest.approx(1 / 3))


def test_a_bad_map_is_refused_before_the_answers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("tag,skill,name,topic,reviewed_by,reviewed_on,note\n1,,,,Ada,,\n")
    with pytest.raises(DataError, match=r"map\.csv has 2 problems: line 2, reviewed_on.*line 2, skill"):
        run("coverage", tmp_path / "missing.csv", "--map", path)


def test_suggestions_become_edges_when_a_person_accepts_them(tmp_path: Path) -> None:
    data = write_answers(
        tmp_path / "answers.csv", simulate_mastery([(0, 1), (2, 3)], num_students=700, num_skills=8, seed=2)
    )
    suggestions, edges = tmp_path / "suggestions.csv", tmp_path / "edges.csv"
    text, _ = run("suggest", data, "--out", suggestions, "--support", 50)
    assert "28 pairs of 8 skills have 50 students; the bulk of them have an odds ratio of" in text
    found = json.loads(run("suggest", data, "--out", suggestions, "--support", 50, "--json")[0])
    assert {(one["needs"], one["skill"]) for one in found["suggestions"]} == {("s0", "s1"), ("s2", "s3")}
    with pytest.raises(DataError, match="Nobody accepted a row"):
        run("accept", suggestions, "--into", edges)
    assert not edges.exists()
    text, notes = run("accept", suggestions, "--rows", "1", "--by", "M. Curie", "--into", edges)
    assert "1 edges, 1 of them new" in notes
    assert "M. Curie" in text
    run("accept", suggestions, "--rows", "1,2", "--by", "A. Noether", "--into", edges)
    assert sorted(edge.accepted_by for edge in read_prerequisites(edges)) == ["A. Noether", "M. Curie"]
    printed = json.loads(run("accept", suggestions, "--rows", "2", "--by", "x", "--into", edges, "--json")[0])
    assert len(printed["edges"]) == 2


def test_rows_a_person_filled_in_are_accepted_and_cycles_refused(tmp_path: Path) -> None:
    suggestions, edges = tmp_path / "suggestions.csv", tmp_path / "edges.csv"
    header = "skill,needs,source,support,confidence,accepted_by,accepted_on\n"
    suggestions.write_text(header + "b,a,learned,200,0.99,Ada,2026-11-20\nc,b,learned,200,0.98,,\n")
    run("accept", suggestions, "--into", edges)
    assert [(edge.skill, edge.accepted_by) for edge in read_prerequisites(edges)] == [("b", "Ada")]
    before = edges.read_text()
    suggestions.write_text(header + "a,b,learned,200,0.99,Ada,2026-11-20\n")
    with pytest.raises(DataError, match=r"edges\.csv has 1 problem: edges, 'a needs b needs a'"):
        run("accept", suggestions, "--into", edges)
    assert edges.read_text() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rows", "1"), "needs --by"),
        (("--rows", "0,2,x", "--by", "Ada"), r"--rows \(0, 2, x\) must be numbers from 1 to 1"),
    ],
)
def test_wrong_rows_are_refused(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    path = tmp_path / "suggestions.csv"
    path.write_text("skill,needs,source,support,confidence,accepted_by,accepted_on\nb,a,learned,200,0.99,,\n")
    with pytest.raises(DataError, match=message):
        run("accept", path, *options, "--into", tmp_path / "edges.csv")


def test_too_few_answers_suggest_nothing_and_say_why(answers: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 pairs of 4 skills have 100 students"):
        run("suggest", answers, "--out", tmp_path / "s.csv")
    assert not (tmp_path / "s.csv").exists()


def test_a_runs_items_are_exported_and_a_bank_is_held_against_it(tiny_run: Path, tmp_path: Path) -> None:
    text, notes = run("export", tiny_run, "--out", tmp_path / "items.csv")
    assert "30 items" in notes
    assert "unknown 30" in text
    bank = read_bank(tmp_path / "items.csv").bank
    assert sum(sum(content.item.category_counts) for content in bank.items) > 1000
    _, notes = run("export", tiny_run, "--out", tmp_path / "items.zip")
    assert "Left out 30 times: category counts of items" in notes
    out = tmp_path / "bank.json"
    facts = json.loads(run("import", tmp_path / "items.zip", "--out", out, "--run", tiny_run, "--json")[0])
    assert (facts["num_items"], facts["compared"]["in_both"], facts["compared"]["only_in_run"]) == (30, 30, 0)


def test_items_of_another_system_are_imported_and_converted(tmp_path: Path) -> None:
    write_bank(BANK, tmp_path / "school.zip")
    text, _ = run("import", tmp_path / "school.zip", "--out", tmp_path / "bank.json")
    for part in (
        "items          4",
        "skills         3, 2 of them named",
        "with key       3",
        "single 1, text 1, multiple 1",
    ):
        assert part in text
    run("export", tmp_path / "bank.json", "--out", tmp_path / "folder")
    assert read_bank(tmp_path / "folder").bank == read_bank(tmp_path / "school.zip").bank


def test_a_bad_bank_is_not_imported(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id,response_type\na,single\na,essay\n")
    with pytest.raises(DataError, match=r"items\.csv has 3 problems"):
        run("import", path, "--out", tmp_path / "bank.json")
    assert not (tmp_path / "bank.json").exists()
