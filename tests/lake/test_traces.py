"""Where a text names a student, and which lines of a source go with one."""

import pytest

from knowtrace.lake.traces import lines_that_stay, names, student_of_file


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("anna,q1,1", True),
        ("q1;anna ; 1", True),
        ('"anna",q1', True),
        ('{"actor": "anna"}', True),
        ('{"actor": "mailto:anna"}', True),
        ("joanna,annabel,anna-2", False),
        ("", False),
    ],
)
def test_an_id_is_found_as_a_cell_a_quoted_text_or_a_word(text: str, is_named: bool) -> None:
    assert names(text, {"anna"}) is is_named


@pytest.mark.parametrize(
    ("student", "text"),
    [
        ("anna lopez", "anna lopez,q1"),
        ('anna "the" best', '"anna ""the"" best",q1'),
        ("anna:7@school", '"anna:7@school"\tq1'),
        ("åsa", '{"name": "\\u00e5sa"}'),
    ],
)
def test_ids_of_other_characters_are_found_as_they_are_written(student: str, text: str) -> None:
    assert names(text, {student})


def test_a_file_is_a_students_where_files_are_named_so() -> None:
    assert student_of_file("KT1/u7.csv.gz") == "u7"
    assert student_of_file("day7.csv") is None


def test_an_id_that_is_a_number_takes_no_other_answers_line() -> None:
    """Line 2 is an answer of student 1, line 3 of another, line 4 none that was read."""
    lines = [
        ("a.csv", number, text) for number, text in enumerate(("student,correct", "1,0", "2,1", "3,1"), 1)
    ]
    stays = lines_that_stay(
        lines, mine={("a.csv", 2)}, others={("a.csv", 3)}, students={"1"}, is_by_line=True
    )
    assert stays == [True, False, True, False]


def test_a_quoted_cell_goes_with_all_its_lines_and_no_more() -> None:
    texts = ('anna,"begins', "goes on", 'ends",1', "rejected", "ben,q1")
    lines = [("a.csv", number, text) for number, text in enumerate(texts, 1)]
    stays = lines_that_stay(
        lines, mine={("a.csv", 1)}, others={("a.csv", 5)}, students={"anna"}, is_by_line=True
    )
    assert stays == [False, False, False, True, True]


@pytest.mark.parametrize("student", ["anna", "nobody"])
def test_where_lines_cannot_be_told_apart_all_go_or_none(student: str) -> None:
    lines = [("a.txt", 1, "anna"), ("a.txt", 2, "q1,q2"), ("a.txt", 3, "1,0")]
    stays = lines_that_stay(lines, mine=set(), others=set(), students={student}, is_by_line=False)
    assert stays == [student == "nobody"] * 3
