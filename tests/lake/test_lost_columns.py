"""Columns that a source had and has no more: a whole delivery stops the build, one file among others costs itself."""

from pathlib import Path

import pytest

from knowtrace.errors import DataError
from knowtrace.lake import CommitLog, build_lake
from lake.conftest import HEADER, START
from lake.lake_rows import histories, rows_of

A2015 = "user_id,log_id,sequence_id,correct\n"
ROW = f"{START},1,q1,a,4000\n"
QUARANTINE = "silver.quarantine"


def export(folder: Path, day: int, header: str = A2015) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"day{day}.csv").write_text(f"{header}s{day},1,a,1\n", encoding="utf-8")
    return folder


def test_a_delivery_that_lost_a_column_stops_the_build(tmp_path: Path) -> None:
    """Without log_id and with an item, a day would be read as a plain table: in another order, without a word."""
    lake, source = tmp_path / "lake", tmp_path / "exports"
    build_lake(lake, [export(source, 1)])
    before = CommitLog(lake).last()
    export(source, 2, "user_id,order,sequence_id,correct\n")
    with pytest.raises(
        DataError, match=r"day2\.csv has no column log_id, as ASSISTments 2015 raw before it had"
    ):
        build_lake(lake, [source])
    assert CommitLog(lake).last() == before
    export(source, 3)
    build_lake(lake, [source])
    assert set(histories(lake)) == {"s1", "s3"}
    (row,) = rows_of(lake, QUARANTINE)
    assert (row["source_file"], row["column_name"]) == ("day2.csv", "log_id")


def test_a_plain_table_that_lost_a_column_stops_the_build(tmp_path: Path) -> None:
    lake, source = tmp_path / "lake", tmp_path / "exports"
    build_lake(lake, [export(source, 1, "student,position,item,correct\n")])
    export(source, 2, "student,position,item,right\n")
    with pytest.raises(DataError, match=r"day2\.csv has no column for correct"):
        build_lake(lake, [source])


def test_a_damaged_day_alone_stops_nothing(tmp_path: Path) -> None:
    lake, source = tmp_path / "lake", tmp_path / "exports"
    build_lake(lake, [export(source, 1)])
    (source / "day2.csv").write_bytes(b"\xff\xfe\x00")
    assert build_lake(lake, [source]).landing.num_unreadable_files == 1


def test_questions_that_lost_a_column_stop_the_build(ednet: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet])
    before = CommitLog(tmp_path / "lake").last()
    questions = ednet / "questions.csv"
    questions.write_text(
        questions.read_text(encoding="utf-8").replace("correct_answer", "key"), encoding="utf-8"
    )
    for _ in range(2):
        with pytest.raises(
            DataError, match=r"questions\.csv cannot be read \(it has no column correct_answer"
        ):
            build_lake(tmp_path / "lake", [ednet])
    assert CommitLog(tmp_path / "lake").last() == before


def test_students_files_that_all_lost_a_column_stop_the_build_and_one_costs_itself(
    ednet: Path, tmp_path: Path
) -> None:
    """Also where the one is the first by name."""
    renamed = HEADER.replace("elapsed_time", "spent")
    (ednet / "u0.csv").write_text(renamed + ROW, encoding="utf-8")
    report = build_lake(tmp_path / "lake", [ednet])
    assert (report.num_new_events, report.landing.num_unreadable_files) == (3, 1)
    (row,) = rows_of(tmp_path / "lake", QUARANTINE)
    assert (row["source_file"], row["column_name"]) == ("u0.csv", "elapsed_time")
    for name in ("u2.csv", "u3.csv"):
        (ednet / name).write_text(renamed + ROW, encoding="utf-8")
    with pytest.raises(DataError, match=r"u2\.csv, it has no column elapsed_time"):
        build_lake(tmp_path / "lake", [ednet])
    (ednet / "u1.csv").write_text(renamed + ROW, encoding="utf-8")
    with pytest.raises(DataError, match="it lacks elapsed_time"):
        build_lake(tmp_path / "lake", [ednet])
