"""Answers corrected, withdrawn, graded anew: what was landed last counts, and counts follow."""

from pathlib import Path

from knowtrace.lake import build_lake
from knowtrace.sources import read
from lake.conftest import HEADER, QUESTIONS, START
from lake.lake_rows import content_of, histories, rows_of

COLUMNS = "event_id,student,item,skill,correct,time,withdrawn\n"
LAKE = (
    "silver.users",
    "silver.user_splits",
    "silver.items",
    "silver.skills",
    "silver.item_skill_sets",
    "gold.item_days",
)


def day(folder: Path, name: str, *rows: str) -> Path:
    (folder / name).write_text(COLUMNS + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return folder / name


def test_the_newest_version_of_an_answer_stands_and_a_withdrawn_one_is_gone(tmp_path: Path) -> None:
    """The end is that of a lake which was told only what stands: e1, e3 graded anew, e5; t has nothing left."""
    first = day(
        tmp_path, "1.csv", "e1,s,a,x,1,1500000000,", "e2,s,b,x,1,1500000060,", "e3,s,c,y,0,1500000120,",
        "e4,t,only,z,1,1500000000,",
    )  # fmt: skip
    second = day(
        tmp_path,
        "2.csv",
        "e3,s,c,y,1,1500000130,",
        "e2,s,,,,,true",
        "e4,t,,,,,1",
        "e5,u,a,x,0,1500000000,false",
    )
    build_lake(tmp_path / "lake", [first])
    report = build_lake(tmp_path / "lake", [second])
    assert (report.num_candidates, report.num_taken, report.num_corrected, report.num_new_events) == (
        2,
        -1,
        3,
        -1,
    )
    assert [answer[0] + str(answer[2]) for answer in histories(tmp_path / "lake")["s"]] == ["a1", "c1"]
    assert set(histories(tmp_path / "lake")) == {"s", "u"}
    told = day(
        tmp_path, "3.csv", "e1,s,a,x,1,1500000000,", "e3,s,c,y,1,1500000130,", "e5,u,a,x,0,1500000000,"
    )
    build_lake(tmp_path / "told", [told])
    for name in LAKE:
        assert content_of(tmp_path / "lake", name) == content_of(tmp_path / "told", name), name
    columns = ("items", "item_index", "skill_sets", "skill_set")
    for name in ("gold.sakt_sequences", "gold.wdirt_features"):
        assert content_of(tmp_path / "lake", name, without=columns) == content_of(
            tmp_path / "told", name, without=columns
        )
    rows = rows_of(tmp_path / "lake", "silver.quarantine")
    assert {(row["value"], row["stage"]) for row in rows} == {(e, "correction") for e in ("e2", "e3", "e4")}


def test_all_that_a_lake_held_may_be_withdrawn(tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [day(tmp_path, "1.csv", "e1,s,a,x,1,1500000000,")])
    build_lake(tmp_path / "lake", [day(tmp_path, "2.csv", "e1,s,,,,,true")])
    for name in ("silver.canonical_learning_events", "silver.users", "silver.items", "gold.sakt_sequences"):
        assert rows_of(tmp_path / "lake", name) == [], name
    assert len(rows_of(tmp_path / "lake", "gold.item_vocabulary")) == 1


def test_within_one_file_what_is_written_last_counts(tmp_path: Path) -> None:
    path = day(
        tmp_path, "1.csv", "e1,s,a,x,0,1500000000,", "e1,s,a,x,1,1500000000,", "e2,s,b,x,1,1500000060,", "e2,s,,,,,yes",
        "e3,s,,,,,yes", "e3,s,c,x,0,1500000120,", "e4,s,d,x,1,1500000180,", "e5,s,d,x,1,1500000180,",
        ",s,e,x,1,1500000240,", ",s,,,,,true", "e6,s,f,x,1,1500000300,maybe",
    )  # fmt: skip
    dataset = read(path)
    answers = [(answer.item_id, answer.response) for answer in dataset.students["s"]]
    assert answers == [("a", 1), ("c", 0), ("d", 1), ("d", 1), ("e", 1)]
    assert dataset.event_ids["s"] == ("e1", "e3", "e4", "e5", None)
    assert [gone.event_id for gone in dataset.withdrawn] == ["e2"]
    assert [(row.column, row.value) for row in dataset.quarantined] == [
        ("event_id", ""),
        ("withdrawn", "maybe"),
    ]
    assert dataset.num_interactions + dataset.num_merged + len(dataset.quarantined) == 11


def test_questions_that_change_grade_anew_and_give_unknown_ones_another_chance(tmp_path: Path) -> None:
    """The end is that of a lake which had the last table of questions from the start; nothing is there twice."""
    source = tmp_path / "KT1"
    source.mkdir()
    answers = f"{START},1,q1,a,4000\n{START + 5_000},2,q3,c,9\n{START + 9_000},3,q9,b,9\n"
    (source / "questions.csv").write_text(QUESTIONS, encoding="utf-8")
    (source / "u1.csv").write_text(HEADER + answers, encoding="utf-8")
    (source / "u2.csv").write_text(f"{HEADER}{START},1,q1,b,1\n{START},1,q1,b,1\n", encoding="utf-8")
    first = build_lake(tmp_path / "lake", [source])
    assert (first.num_new_events, first.num_faulty, first.num_repeats) == (3, 1, 1)
    changed = (
        QUESTIONS.replace("q1,b1,e1,a,1,11;12,0", "q1,b1,e1,b,1,12;11;12;11,0") + "q9,b9,e9,b,4,13;13,0\n"
    )
    (source / "questions.csv").write_text(changed, encoding="utf-8")
    (source / "u1.csv").write_text(f"{HEADER}{answers}{START + 20_000},4,q1,b,9\n", encoding="utf-8")
    second = build_lake(tmp_path / "lake", [source])
    assert (second.num_candidates, second.num_taken, second.num_new_events) == (9, 5, 2)
    assert [(answer[0], answer[1], answer[2]) for answer in histories(tmp_path / "lake")["u1"]] == [
        ("q1", ("12", "11"), 0), ("q3", (), 1), ("q9", ("13",), 1), ("q1", ("12", "11"), 1)
    ]  # fmt: skip
    build_lake(tmp_path / "whole", [source])
    for name in LAKE:
        assert content_of(tmp_path / "lake", name) == content_of(tmp_path / "whole", name), name
    assert histories(tmp_path / "lake") == histories(tmp_path / "whole")
    stages = [row["stage"] for row in rows_of(tmp_path / "lake", "silver.quarantine")]
    assert stages == ["merge"] * 4


def test_files_of_one_name_in_two_folders_keep_their_answers(tmp_path: Path) -> None:
    """Without times a place means nothing beyond its file; the same file grown is still the same file."""
    for school in ("north", "south"):
        (tmp_path / school).mkdir()
        rows = "s,a,1\ns,b,0\n" + ("s,c,1\n" if school == "south" else "")
        (tmp_path / school / "export.csv").write_text(f"student,item,correct\n{rows}", encoding="utf-8")
    report = build_lake(tmp_path / "lake", [tmp_path / "north", tmp_path / "south" / "export.csv"])
    assert (report.num_new_events, report.num_repeats) == (5, 0)
    with (tmp_path / "north" / "export.csv").open("a", encoding="utf-8") as grown:
        grown.write("s,d,1\n")
    report = build_lake(tmp_path / "lake", [tmp_path / "north"])
    assert (report.num_new_events, report.num_repeats) == (1, 2)
