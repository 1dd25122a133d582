"""`knowtrace data inspect` and `knowtrace simulate`, as a person types them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from knowtrace.cli.data import app as data_app
from knowtrace.cli.simulate import simulate_command
from knowtrace.errors import DataError

Source = Callable[..., Path]

app = typer.Typer()
app.add_typer(data_app, name="data")
app.command("simulate")(simulate_command)


def run(*arguments: object) -> str:
    """Return what a command prints; its own errors are raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    if result.exception is not None:
        raise result.exception
    return result.output


def test_inspect_prints_what_a_person_wants_to_know(golden: Path) -> None:
    text = run("data", "inspect", golden / "answers.csv")
    for part in ("answers.csv: answers table", "students", "answers per student", "66.7%", "test 1, train 1"):
        assert part in text


def test_a_wide_table_is_written_as_answers_that_inspect_reads(source: Source, tmp_path: Path) -> None:
    exam = source("q1,q2,sex\n1,0,f\n0,,m\n", "exam.csv")
    long = tmp_path / "long.csv"
    assert "3 answers of 2 students to 2 items" in run(
        "data", "unpivot", exam, "--into", long, "--items", "q*"
    )
    assert json.loads(run("data", "inspect", long, "--json"))["num_interactions"] == 3
    with pytest.raises(DataError, match="not numbers in sex"):
        run("data", "unpivot", exam, "--into", long)


def test_inspect_prints_json(golden: Path) -> None:
    facts = json.loads(run("data", "inspect", golden / "ednet" / "KT4", "--json"))
    assert (facts["num_interactions"], facts["num_quarantined"]) == (3, 2)
    assert facts["first_answered_at"].startswith("2019-08-06T12:55:30")
    assert facts["broken_rules"][0]["first"]["line"] == 14


def test_inspect_takes_columns_responses_contents_and_writes_the_quarantine(
    golden: Path, source: Source, tmp_path: Path
) -> None:
    path = source("pupil,problem,points\ns,a,0.333\ns,b,1.000\n,c,0.000\n")
    out = tmp_path / "bad.csv"
    columns = "student=pupil,item=problem,response=points"
    text = run(
        "data", "inspect", path, "--columns", columns, "--responses", "partial-credit", "--categories", 4,
        "--quarantine", out,
    )  # fmt: skip
    assert "1: 50.0%" in text
    assert "3: 50.0%" in text
    assert out.read_text().splitlines()[1] == "answers.csv,4,pupil,,every answer names its student"
    contents = golden / "ednet" / "questions.csv"
    assert "EdNet KT1" in run("data", "inspect", golden / "ednet" / "KT1" / "u1.csv", "--contents", contents)


def test_inspect_writes_nothing_unless_told_and_its_help_says_so(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = source("student,item,correct\ns,a,1\ns,a,maybe\n")
    before = sorted((file, file.stat().st_mtime_ns) for file in tmp_path.rglob("*"))
    run("data", "inspect", path)
    assert sorted((file, file.stat().st_mtime_ns) for file in tmp_path.rglob("*")) == before
    assert "writes nothing but the file of --quarantine" in " ".join(run("data", "inspect", "--help").split())


def test_markup_in_the_data_is_shown_as_it_is(source: Source) -> None:
    text = run("data", "inspect", source("student,item,correct\ns,a,1\ns,a,[red]x[/red]\n"))
    assert "[red]x[/red]" in text


@pytest.mark.parametrize("options", [("--columns", "student"), ("--responses", "pc"), ("--categories", "1")])
def test_wrong_options_are_our_own_errors(golden: Path, options: tuple[str, str]) -> None:
    with pytest.raises(DataError):
        run("data", "inspect", golden / "answers.csv", *options)


def test_a_simulation_can_be_inspected(tmp_path: Path) -> None:
    out = tmp_path / "simulated"
    run("simulate", "--out", out, "--students", 15, "--answers", 12, "--items", 20, "--skills", 3,
        "--categories", 3, "--seed", 4)  # fmt: skip
    facts = json.loads(run("data", "inspect", out, "--json"))
    assert (facts["format"], facts["num_interactions"], facts["num_categories"]) == ("simulation", 180, 3)
    with pytest.raises(DataError, match=r"num_items \(2\) must be at least num_skills \(10\)"):
        run("simulate", "--out", out, "--items", 2)


@pytest.mark.parametrize("command", [("data", "inspect"), ("simulate",)])
def test_help_ends_with_an_example(command: tuple[str, ...]) -> None:
    assert f"Example: knowtrace {' '.join(command)}" in run(*command, "--help")
