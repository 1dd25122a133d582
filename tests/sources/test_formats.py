"""Which format a file is of, by its columns or its JSON alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from knowtrace.sources.formats import holds_known_format, known_layout, knows_columns, loader_for

Source = Callable[..., Path]


@pytest.mark.parametrize(
    "columns",
    [
        "timestamp,solving_id,question_id,user_answer,elapsed_time",
        "timestamp,action_type,item_id,user_answer",
        "QuestionId,UserId,AnswerId,IsCorrect,CorrectAnswer,AnswerValue",
        "assignment_log_id,timestamp,problem_id,action",
        "Anon Student Id,Problem Name,Step Name,Correct First Attempt",
        "user_id,log_id,sequence_id,correct",
    ],
)
def test_a_published_table_is_known_by_its_columns_wherever_they_stand(columns: str) -> None:
    header = ["index", *reversed(columns.split(","))]
    assert knows_columns(header)
    assert not knows_columns(header[:-1])


def test_a_table_with_plain_names_is_none_of_them() -> None:
    assert known_layout(["student", "item", "correct"]) is None
    assert loader_for(["student", "item", "correct"], None) is None


def test_a_callers_columns_make_a_table_of_ones_own_but_for_datashops_skills() -> None:
    step = ["Anon Student Id", "Problem Name", "Step Name", "First Attempt", "KC (A)"]
    clicks = ["assignment_log_id", "timestamp", "problem_id", "action"]
    assert loader_for(step, {"skill": "KC (A)"}) is not None
    assert loader_for(step, {"skill": "KC (A)", "item": "Step Name"}) is None
    assert loader_for(clicks, {"skill": "action"}) is None


@pytest.mark.parametrize(
    ("content", "is_known"),
    [
        ('{"actor": {}, "verb": {}, "object": {}}', True),
        ('[{"statements": []}, {"sensor": "s", "data": []}]', True),
        ('{"type": "GradeEvent", "actor": "a", "action": "Graded", "object": "o"}', True),
        ('{"answers": 3}', False),
        ("{", False),
        ("", False),
        ("\x00\x01", False),
        ("name,age\nx,3\n", False),
    ],
)
def test_a_file_beside_the_answers_is_told_apart_whatever_it_holds(
    source: Source, content: str, *, is_known: bool
) -> None:
    assert holds_known_format(source(content)) == is_known
