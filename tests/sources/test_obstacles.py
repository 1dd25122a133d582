"""Data traps are named by `knowtrace data inspect`, before training starts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from knowtrace.cli.data import app as data_app
from knowtrace.sources import Dataset, training_obstacles

Source = Callable[..., Path]

app = typer.Typer()
app.add_typer(data_app, name="data")


def inspected(path: Path, *options: str) -> tuple[str, dict[str, object]]:
    """Return what inspect prints for a person, on one line, and its JSON."""
    printed: list[str] = []
    for more in ((), ("--json",)):
        arguments = ["data", "inspect", str(path), *options, *more]
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "300"}, catch_exceptions=False)
        assert result.exit_code == 0
        printed.append(result.output)
    return " ".join(printed[0].split()), json.loads(printed[1])


def rows(num_students: int, num_answers: int, response: Callable[[int, int], int]) -> list[str]:
    return [f"s{n},i{i},{response(n, i)},x" for n in range(num_students) for i in range(num_answers)]


def table(answers: list[str], header: str = "student,item,correct,skill") -> str:
    return "\n".join([header, *answers])


@pytest.mark.parametrize(("response", "name"), [(0, "'wrong'"), (1, "'right'")])
def test_a_single_category(source: Source, response: int, name: str) -> None:
    text, facts = inspected(source(table(rows(12, 20, lambda n, i: response))))
    obstacle = (
        f"All 240 responses are {name} (one category): nothing can be learnt; give data with at least two."
    )
    assert facts["obstacles"] == [obstacle]
    assert f"Training cannot start: {obstacle}" in text


def test_a_single_graded_category(source: Source) -> None:
    _, facts = inspected(source(table(rows(12, 2, lambda n, i: 2))), "--categories", "4")
    assert facts["obstacles"] == [
        "All 24 responses are 2 (one category): nothing can be learnt; give data with at least two."
    ]


def test_one_student(source: Source) -> None:
    text, facts = inspected(source(table(rows(1, 60, lambda n, i: i % 2))))
    assert facts["obstacles"] == [
        "All 60 answers are of one student: training needs students to learn from, others to choose the epoch by "
        "and others to judge by; give at least 3."
    ]
    assert "Training cannot start" in text


def test_students_with_one_answer_each(source: Source) -> None:
    _, facts = inspected(source(table(rows(9, 1, lambda n, i: n % 2))))
    assert facts["obstacles"] == [
        "None of the 9 students has a second answer: the first one of each is never predicted, nor what was given "
        "together with it; give students with histories."
    ]


def test_no_answers() -> None:
    empty = Dataset(name="d", format="", students={}, num_categories=2)
    assert training_obstacles(empty) == ["d holds no answers: give data with some."]


def test_several_obstacles_are_said_together(source: Source) -> None:
    _, facts = inspected(source(table(rows(2, 1, lambda n, i: 1))))
    assert len(facts["obstacles"]) == 3  # type: ignore[arg-type]


def test_neither_skills_nor_times_are_needed(source: Source) -> None:
    answers = [f"s{n},i{i},{(n + i) % 2}" for n in range(5) for i in range(6)]
    text, facts = inspected(source(table(answers, "student,item,correct")))
    assert facts["obstacles"] == []
    assert facts["num_skills"] == 0
    assert "time none: the source keeps only the order of answers" in text
    assert "Items without a skill, which count towards no mastery: 6." in text


def test_an_item_answered_once_is_named_and_no_obstacle(source: Source) -> None:
    text, facts = inspected(source(table([*rows(5, 6, lambda n, i: (n + i) % 2), "s0,rare,1,x"])))
    assert facts["obstacles"] == []
    assert "Items answered once, of which no difficulty can be learnt: 1. They are 14% of the items." in text
    assert "rare" in text


@pytest.mark.slow
def test_a_hundred_thousand_items(source: Source) -> None:
    answers = [f"s{n % 500},i{n},{n * 7919 % 13 % 2},x" for n in range(100_000)]
    text, facts = inspected(source(table(answers)))
    assert (facts["num_items"], facts["obstacles"]) == (100_000, [])
    assert "100,000" in text


def test_graded_data_show_the_share_of_each_category(source: Source) -> None:
    answers = rows(4, 5, lambda n, i: (0, 0, 1, 2, 2)[i])
    text, facts = inspected(source(table(answers, "student,item,response,skill")))
    assert facts["category_counts"] == [8, 4, 8]
    assert "0: 40.0% (8), 1: 20.0% (4), 2: 40.0% (8); mean score 50.0%" in text
