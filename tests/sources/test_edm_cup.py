"""EDM Cup 2023's tables, by hand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.sources import read
from knowtrace.sources.edm_cup import NO_SCORE, UNKNOWN_ASSIGNMENT
from knowtrace.standards.cells import NO_ITEM, NO_STUDENT

START = 1_599_150_900
ACTIONS = f"""assignment_log_id,timestamp,problem_id,max_attempts,available_core_tutoring,score_viewable,action
A1,{START}.0,,,,,assignment_started
A1,{START + 1}.5,P1,3,hint,1,problem_started
A1,{START + 5}.0,P1,3,hint,1,hint_requested
A1,{START + 9}.0,P1,3,hint,1,explanation_requested
A1,{START + 11}.75,P1,3,hint,1,wrong_response
A1,{START + 12}.0,P1,3,hint,1,answer_requested
A1,{START + 15}.0,P1,3,hint,1,correct_response
A1,{START + 16}.0,P2,3,hint,1,problem_started
A1,{START + 17}.0,P2,3,hint,1,open_response
A1,{START + 18}.0,P2,3,hint,1,problem_exploded
A2,{START - 50}.0,P3,1,,1,correct_response
A2,{START - 40}.0,P3,1,,1,problem_started
A3,{START - 200_000}.0,P4,1,,1,problem_started
A3,{START}.0,P4,1,,1,correct_response
"""
DETAILS = f"""assignment_log_id,teacher_id,class_id,student_id,sequence_id,assignment_start_time
A1,T,C,s1,Q1,{START}
A2,T,C,s1,Q2,{START - 60}
A3,T,C,s2,Q2,{START - 200_001}
U1,T,C,s1,Q9,{START + 5_000}
X9,T,C,s9,Q9,{START}
"""
PROBLEMS = """problem_id,problem_skill_code,problem_skill_description,problem_text_bert_pca
P1,6.RP.A.1,Ratios,"[0.1, 0.2]"
P2,,,
P3,6.RP.A.1,Ratios,
P5,6.NS.B.3,Decimals,
"""
SCORES = "assignment_log_id,problem_id,score\nU1,P5,1\nU1,P1,0.0\n"


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture
def cup(tmp_path: Path) -> Path:
    """Return the folder of the tables."""
    folder = tmp_path / "edm_cup_2023"
    folder.mkdir()
    (folder / "action_logs.csv").write_text(ACTIONS)
    (folder / "assignment_details.csv").write_text(DETAILS)
    (folder / "problem_details.csv").write_text(PROBLEMS)
    (folder / "training_unit_test_scores.csv").write_text(SCORES)
    (folder / "assignment_relationships.csv").write_text(
        "unit_test_assignment_log_id,in_unit_assignment_log_id\n"
    )
    return folder


def test_the_first_response_within_an_assignment_is_the_interaction(cup: Path) -> None:
    dataset = read(cup)
    assert (dataset.name, dataset.format) == ("edm_cup_2023", "EDM Cup 2023")
    history = dataset.students["s1"]
    assert history[0] == Interaction(
        student_id="s1",
        item_id="P3",
        skill_ids=("6.RP.A.1",),
        response=1,
        answered_at=at(START - 50),
        elapsed_seconds=None,
        hints_used=0,
        session_id="A2",
    )
    assert history[1] == Interaction(
        student_id="s1",
        item_id="P1",
        skill_ids=("6.RP.A.1",),
        response=0,
        answered_at=at(START + 11.75),
        elapsed_seconds=10.25,
        hints_used=2,
        session_id="A1",
    )
    assert dataset.skill_names == {"6.RP.A.1": "Ratios", "6.NS.B.3": "Decimals"}


def test_a_unit_tests_answers_share_their_container_and_its_start(cup: Path) -> None:
    tested = read(cup).students["s1"][2:]
    assert tested == [
        Interaction(
            student_id="s1",
            item_id=item,
            skill_ids=(skill,),
            response=response,
            answered_at=at(START + 5_000),
            session_id="U1",
            container_id="U1",
        )
        for item, skill, response in (("P5", "6.NS.B.3", 1), ("P1", "6.RP.A.1", 0))
    ]
    (cup / "training_unit_test_scores.csv").unlink()
    assert len(read(cup).students["s1"]) == 2


def test_every_row_is_accounted_for(cup: Path) -> None:
    dataset = read(cup)
    assert (dataset.num_interactions, dataset.num_merged, len(dataset.quarantined)) == (5, 1, 0)
    assert list(dataset.notes) == [
        "10 rows are actions other than answering.",
        "1 of them have names that EDM Cup does not define: problem_exploded 1.",
        "1 problems are not in problem_details.csv: they have no skills.",
        "1 problems were answered before they were started: their elapsed time is unknown.",
        "1 elapsed times exceed a day: kept as unknown.",
        "1 rows told more about an answer already read and were merged.",
        "1 students' rows were out of order: sorted by time, then position, then file order.",
    ]


def test_clicks_out_of_order_give_the_same_answers(cup: Path) -> None:
    ordered = read(cup).students
    header, *rows = ACTIONS.splitlines()
    (cup / "action_logs.csv").write_text("\n".join([header, *reversed(rows)]) + "\n")
    assert read(cup).students == ordered


@pytest.mark.parametrize(
    ("name", "row", "column", "value", "rule"),
    [
        ("action_logs", f"A1,{START},,,,,correct_response", "problem_id", "", NO_ITEM),
        ("action_logs", f"A1,{START},,,,,hint_requested", "problem_id", "", NO_ITEM),
        (
            "action_logs",
            "A1,noon,P1,,,,correct_response",
            "timestamp",
            "noon",
            "a time is ISO 8601, or seconds or milliseconds since 1970",
        ),
        ("action_logs", f"A7,{START},P1,,,,correct_response", "assignment_log_id", "A7", UNKNOWN_ASSIGNMENT),
        ("training_unit_test_scores", "U1,P5,0.5", "score", "0.5", NO_SCORE),
        ("training_unit_test_scores", "U1,,1", "problem_id", "", NO_ITEM),
        ("training_unit_test_scores", "U7,P5,1", "assignment_log_id", "U7", UNKNOWN_ASSIGNMENT),
        ("assignment_details", f"A1,T,C,,Q1,{START}", "student_id", "", NO_STUDENT),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason(
    cup: Path, name: str, row: str, column: str, value: str, rule: str
) -> None:
    table = cup / f"{name}.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, row]) + "\n")
    rows = read(cup).quarantined
    assert [(r.file, r.line, r.column, r.value, r.rule) for r in rows] == [
        (f"{name}.csv", len(lines) + 1, column, value, rule)
    ]


def test_a_unit_test_whose_start_is_no_time_is_quarantined(cup: Path) -> None:
    (cup / "assignment_details.csv").write_text(DETAILS.replace(str(START + 5_000), "soon"))
    assert [(r.line, r.column, r.value) for r in read(cup).quarantined] == [
        (2, "assignment_start_time", "soon"),
        (3, "assignment_start_time", "soon"),
    ]


def test_missing_tables_are_named_at_once(cup: Path, tmp_path: Path) -> None:
    alone = tmp_path / "clicks.csv"
    alone.write_text(ACTIONS)
    with pytest.raises(
        DataError, match=r"needs assignment_details.csv and problem_details.csv, not found in"
    ):
        read(alone)
    assert read(alone, contents=cup).num_interactions == 5
    (cup / "problem_details.csv").unlink()
    with pytest.raises(DataError, match=r"needs problem_details.csv, not found in"):
        read(cup)
    (cup / "problem_details.csv").write_text("problem_id\nP1\n")
    with pytest.raises(DataError, match=r"problem_details.csv has no column problem_skill_code among"):
        read(cup)


def test_an_answer_copied_after_it_was_shown_is_wrong(cup: Path) -> None:
    """Shown first, then typed in: no one showed that they know it. A hint before the answer changes nothing."""
    copied = f"A2,{START - 30}.0,P1,,,,answer_requested\nA2,{START - 20}.0,P1,,,,correct_response\n"
    helped = f"A2,{START - 10}.0,P5,,,,hint_requested\nA2,{START - 5}.0,P5,,,,correct_response\n"
    (cup / "action_logs.csv").write_text(ACTIONS + copied + helped)
    of_a2 = {a.item_id: a.response for a in read(cup).students["s1"] if a.session_id == "A2"}
    assert of_a2 == {"P3": 1, "P1": 0, "P5": 1}
