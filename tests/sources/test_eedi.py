"""Eedi's NeurIPS 2020 tables, by hand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.sources import read
from knowtrace.sources.eedi import KEY_DISAGREES, TWO_STUDENTS, UNKNOWN_QUESTION, UNTIMED
from knowtrace.sources.eedi_subjects import NO_LIST, UNKNOWN_SUBJECT, Subject, leaves
from knowtrace.sources.gathering import CONFLICT
from knowtrace.standards.cells import NO_STUDENT

SUBJECTS = (
    "\ufeffSubjectId,Name,ParentId,Level\n3,Maths,NULL,0\n32,Number,3,1\n33,BIDMAS,32,2\n"
    "71,Algebra,3,1\n98,Lines,71,2\n"
)
QUESTIONS = 'QuestionId,SubjectId\n1,"[3, 32, 33]"\n2,"[3, 71, 98, 32]"\n3,"[3, 71]"\n'
TIMES = (
    "AnswerId,DateAnswered,Confidence,GroupId,QuizId,SchemeOfWorkId\n"
    "10,2020-02-12 13:48:00.000,75.0,5,7,\n"
    "11,2020-02-12 13:47:00.000,,5,7,\n"
    "9,2020-02-12 13:48:00.000,,5,8,\n"
    "99,2020-02-12 13:48:00.000,,5,8,\n"
)
ANSWERS = "QuestionId,UserId,AnswerId,IsCorrect,CorrectAnswer,AnswerValue\n1,5,10,1,2,2\n2,5,11,0,4,1\n3,5,9,1,3,3\n"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return train_task_1_2.csv within the release's folders."""
    for folder in ("metadata", "train_data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "metadata" / "subject_metadata.csv").write_text(SUBJECTS)
    (tmp_path / "metadata" / "question_metadata_task_1_2.csv").write_text(QUESTIONS)
    (tmp_path / "metadata" / "answer_metadata_task_1_2.csv").write_text(TIMES)
    (tmp_path / "metadata" / "question_metadata_task_3_4.csv").write_text('QuestionId,SubjectId\n1,"[71]"\n')
    path = tmp_path / "train_data" / "train_task_1_2.csv"
    path.write_text(ANSWERS)
    return path


def test_leaf_subjects_are_the_skills_and_times_stand_in_their_own_table(release: Path) -> None:
    dataset = read(release)
    assert dataset.format == "Eedi"
    at = datetime(2020, 2, 12, 13, 48, tzinfo=UTC)
    assert dataset.students == {
        "5": [
            Interaction(
                student_id="5",
                item_id="2",
                skill_ids=("98", "32"),
                response=0,
                answered_at=at.replace(minute=47),
                session_id="7",
            ),
            Interaction(
                student_id="5", item_id="3", skill_ids=("71",), response=1, answered_at=at, session_id="8"
            ),
            Interaction(
                student_id="5", item_id="1", skill_ids=("33",), response=1, answered_at=at, session_id="7"
            ),
        ]
    }
    assert dataset.skill_names == {"32": "Number", "33": "BIDMAS", "71": "Algebra", "98": "Lines"}
    assert dataset.quarantined == ()


def test_the_folder_of_one_file_of_answers_is_enough(release: Path) -> None:
    assert read(release.parent).name == "train_data"
    assert read(release.parents[1]).students == read(release).students
    (release.parent / "train_task_3_4.csv").write_text(ANSWERS)
    with pytest.raises(
        DataError, match=r"holds 2 files of answers \(train_task_1_2.csv, train_task_3_4.csv\)"
    ):
        read(release.parent)


def test_a_question_of_another_task_is_another_question(release: Path) -> None:
    other = release.parent / "train_task_3_4.csv"
    other.write_text(ANSWERS.replace("2,5,11", "1,5,11").replace("3,5,9", "1,6,9"))
    dataset = read(other)
    assert {a.skill_ids for history in dataset.students.values() for a in history} == {("71",)}
    assert "No table of answers' times: the order of a student's answers means nothing." in dataset.notes
    assert [a.answered_at for a in dataset.students["5"]] == [None, None]


@pytest.mark.parametrize(
    ("row", "column", "value", "rule"),
    [
        ("1,,10,1,2,2", "UserId", "", NO_STUDENT),
        ("4,6,10,1,2,2", "QuestionId", "4", UNKNOWN_QUESTION),
        ("1,6,99,0,2,2", "IsCorrect", "0", KEY_DISAGREES),
        ("1,6,99,1,2,3", "IsCorrect", "1", KEY_DISAGREES),
        ("1,6,12,1,2,2", "AnswerId", "12", UNTIMED),
        ("1,6,99,x,2,2", "IsCorrect", "x", "a response is an integer from 0 to 1"),
        ("2,5,10,0,4,2", "IsCorrect", "0", CONFLICT),
        ("1,6,10,1,2,2", "AnswerId", "10", TWO_STUDENTS),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason(
    release: Path, row: str, column: str, value: str, rule: str
) -> None:
    release.write_text(f"{ANSWERS}{row}\n")
    rows = read(release).quarantined
    assert [(r.file, r.line, r.column, r.value, r.rule) for r in rows] == [
        ("train_task_1_2.csv", 5, column, value, rule)
    ]


def test_a_question_without_a_readable_list_costs_its_answers(release: Path) -> None:
    table = release.parents[1] / "metadata" / "question_metadata_task_1_2.csv"
    table.write_text('QuestionId,SubjectId\n1,"[3, 32, 33]"\n2,3\n3,"[3, 5]"\n4,[]\n')
    rows = read(release).quarantined
    assert [(r.file, r.line, r.value, r.rule) for r in rows] == [
        ("question_metadata_task_1_2.csv", 3, "3", NO_LIST),
        ("question_metadata_task_1_2.csv", 4, "5", UNKNOWN_SUBJECT),
        ("question_metadata_task_1_2.csv", 5, "", NO_LIST),
        ("train_task_1_2.csv", 3, "2", UNKNOWN_QUESTION),
        ("train_task_1_2.csv", 4, "3", UNKNOWN_QUESTION),
    ]


def test_all_missing_tables_are_named_at_once(release: Path, tmp_path: Path) -> None:
    alone = tmp_path / "far" / "away" / "answers.csv"
    alone.parent.mkdir(parents=True)
    alone.write_text(ANSWERS)
    (alone.parent / "empty.csv").write_text("")
    with pytest.raises(
        DataError, match=r"table of questions \(columns .*\) and a table of subjects .*answers.csv"
    ):
        read(alone)
    metadata = release.parents[1] / "metadata"
    (metadata / "question_metadata_task_3_4.csv").unlink()
    assert read(release, contents=metadata).num_interactions == 3


trees = st.lists(st.integers(0, 30), min_size=1, max_size=12)


@given(trees, st.data())
def test_a_leaf_has_no_listed_subject_below_it_and_every_list_has_one(
    parents: list[int], data: st.DataObject
) -> None:
    tree = {
        str(i): Subject(name="", parent_id=None if i == 0 else str(parent % i))
        for i, parent in enumerate(parents)
    }
    listed = data.draw(st.lists(st.sampled_from(sorted(tree)), min_size=1, max_size=8))

    def above(subject_id: str) -> set[str]:
        parent = tree[subject_id].parent_id
        return set() if parent is None else {parent} | above(parent)

    found = leaves(listed, tree)
    assert set(found) == {s for s in listed if not any(s in above(other) for other in listed)}
    assert found


def test_a_tree_that_runs_in_a_circle_ends() -> None:
    tree = {"1": Subject(name="", parent_id="2"), "2": Subject(name="", parent_id="1")}
    assert leaves(["1"], tree) == ("1",)


def test_subjects_above_one_another_in_a_circle_are_named_and_kept_as_skills(release: Path) -> None:
    """Algebra stands above Lines and Lines above Algebra, so neither hangs on Maths; Number does, as it did."""
    (release.parents[1] / "metadata" / "subject_metadata.csv").write_text(
        SUBJECTS.replace("71,Algebra,3,1", "71,Algebra,98,1")
    )
    dataset = read(release)
    assert [a.skill_ids for a in dataset.students["5"]] == [("71", "98", "32"), ("3", "71"), ("33",)]
    assert any(
        note.startswith("2 subjects of subject_metadata.csv stand above themselves (71, 98)")
        for note in dataset.notes
    )
