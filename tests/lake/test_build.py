"""A lake says what the loaders say, grows by what is new, and counts every row."""

import errno
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import DATA

from knowtrace.errors import ConflictError, DataError
from knowtrace.lake import CommitLog, SourceOptions, build_lake, lineage_of
from knowtrace.sources import SimulationConfig, read, simulate
from knowtrace.sources.layouts import LAYOUTS, write_layout
from lake.conftest import DAY, HEADER, START
from lake.lake_rows import all_content, content_of, histories, histories_of, rows_of

EVENTS = "silver.canonical_learning_events"
QUARANTINE = "silver.quarantine"


def test_events_are_what_the_loader_reads(kt1: Path, kt1_lake: Path) -> None:
    assert histories(kt1_lake) == histories_of(read(kt1))


@pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - {"ednet-kt1"}))
def test_other_layouts_are_what_their_loaders_read(layout: str, tmp_path: Path) -> None:
    config = SimulationConfig(num_students=3, num_answers=8, num_items=6, num_skills=3, num_categories=2)
    write_layout(simulate(config, seed=2).dataset, layout, tmp_path / "source")
    text = tmp_path / "source" / "answers.txt"
    source = text if text.exists() else tmp_path / "source"
    build_lake(tmp_path / "lake", [source])
    assert histories(tmp_path / "lake") == histories_of(read(source))
    (student, *_) = histories(tmp_path / "lake")
    lineage = lineage_of(tmp_path / "lake", CommitLog(tmp_path / "lake").last(), student, 1)
    landed = "KT4/" if layout == "ednet-kt4" else source.name
    assert landed in lineage.source["source_file"]


@pytest.mark.data
@pytest.mark.parametrize("source", ["assistments2009/raw_15_students.csv.gz", "ednet"])
def test_real_data_are_what_their_loaders_read(source: str, tmp_path: Path) -> None:
    report = build_lake(tmp_path, [DATA / source])
    dataset = read(DATA / source)
    assert histories(tmp_path) == histories_of(dataset)
    num_questions = len(rows_of(tmp_path, "bronze.raw_ednet_questions"))
    num_rows = dataset.num_interactions + dataset.num_merged + len(dataset.quarantined)
    assert report.landing.num_rows == num_questions + num_rows
    assert len(rows_of(tmp_path, QUARANTINE)) == len(dataset.quarantined)


def test_a_second_build_changes_nothing(kt1: Path, tmp_path: Path) -> None:
    build_lake(tmp_path, [kt1])
    files = sorted(path for path in tmp_path.rglob("*.parquet"))
    report = build_lake(tmp_path, [kt1])
    assert report.is_unchanged
    assert report.landing.num_known_files == 41
    assert sorted(path for path in tmp_path.rglob("*.parquet")) == files


def test_increments_end_where_one_build_of_all_would(kt1: Path, kt1_lake: Path, tmp_path: Path) -> None:
    """Each student's first ten answers come last: all of them late."""
    late, early = tmp_path / "late", tmp_path / "early"
    for folder in (late, early):
        folder.mkdir()
        (folder / "questions.csv").write_bytes((kt1 / "contents" / "questions.csv").read_bytes())
    for file in (kt1 / "KT1").iterdir():
        header, *rows = file.read_text(encoding="utf-8").splitlines(keepends=True)
        (late / file.name).write_text(header + "".join(rows[:10]), encoding="utf-8")
        (early / file.name).write_text(header + "".join(rows[10:]), encoding="utf-8")
    build_lake(tmp_path / "lake", [early])
    report = build_lake(tmp_path / "lake", [late])
    assert report.num_new_events == 400
    grown, whole = all_content(tmp_path / "lake"), all_content(kt1_lake)
    for name in (
        "silver.users",
        "silver.user_splits",
        "silver.items",
        "silver.skills",
        "gold.item_days",
        "gold.wdirt_features",
        "gold.sakt_sequences",
    ):
        if name in ("gold.wdirt_features", "gold.sakt_sequences"):
            # Numbers of ids depend on when each was first met; what they stand for does not.
            columns = ("loaded_at", "item_index", "skill_set", "items", "skill_sets")
            assert content_of(tmp_path / "lake", name, without=columns) == content_of(
                kt1_lake, name, without=columns
            )
        else:
            assert grown[name] == whole[name], name
    assert histories(tmp_path / "lake") == histories(kt1_lake)


def test_indices_never_change(ednet: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet])
    before = {row["item_id"]: row["item_index"] for row in rows_of(tmp_path / "lake", "gold.item_vocabulary")}
    assert before == {"q1": 2, "q2": 3, "q3": 4}
    with (ednet / "questions.csv").open("a", encoding="utf-8") as questions:
        questions.write("a0,b0,e0,a,1,13,0\n")
    (ednet / "u2.csv").write_text(f"{HEADER}{START},1,a0,a,10\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [ednet])
    after = {row["item_id"]: row["item_index"] for row in rows_of(tmp_path / "lake", "gold.item_vocabulary")}
    assert after == {**before, "a0": 5}


def test_every_row_is_an_event_a_repeat_or_quarantined_with_its_reason(ednet: Path, tmp_path: Path) -> None:
    future = int((datetime.now(UTC) + timedelta(days=3)).timestamp() * 1000)
    (ednet / "u2.csv").write_text(
        f"{HEADER}{START},1,q1,a,10\n{START},1,q1,a,10\n{START},1,q9,a,10\n{START},1,q1,e,10\n"
        f"{START},1,q1,a,long\n{START},1,q1,a,-5\nsoon,1,q1,a,5\n-1,1,q1,a,5\n{future},1,q1,a,5\n{START},1,q1\n"
        f"nan,1,q1,a,5\ninf,1,q1,a,5\n1e300,1,q1,a,5\n{START},1,q1,a,nan\n",
        encoding="utf-8",
    )
    report = build_lake(tmp_path / "lake", [ednet])
    assert (report.num_candidates, report.num_new_events, report.num_repeats, report.num_faulty) == (
        16,
        4,
        1,
        11,
    )
    assert report.landing.num_quarantined == 1
    reasons = {
        (row["line"], row["column_name"], row["value"][:10]) for row in rows_of(tmp_path / "lake", QUARANTINE)
    }
    assert reasons == {
        (3, "", "q1, 1"),
        (4, "question_id", "q9"),
        (5, "user_answer", "e"),
        (6, "elapsed_time", "long"),
        (7, "elapsed_time", "-5"),
        (8, "timestamp", "soon"),
        (9, "timestamp", "-1"),
        (10, "timestamp", str(future)[:10]),
        (11, "", f"{START},1,q1"[:10]),
        (12, "timestamp", "nan"),
        (13, "timestamp", "inf"),
        (14, "timestamp", "1e300"),
        (15, "elapsed_time", "nan"),
    }
    assert {row["rule"] for row in rows_of(tmp_path / "lake", QUARANTINE)} >= {
        "every question is in the table of questions",
        "an answer is one of a, b, c, d",
    }


def test_a_student_in_two_folders_has_each_answer_once(ednet: Path, tmp_path: Path) -> None:
    copy = ednet / "copy"
    copy.mkdir()
    (copy / "u1.csv").write_bytes((ednet / "u1.csv").read_bytes())
    report = build_lake(tmp_path / "lake", [ednet])
    assert (report.num_new_events, report.num_repeats) == (3, 3)


def test_a_source_without_times_keeps_its_order(tmp_path: Path) -> None:
    (tmp_path / "day1.csv").write_text("student,item,correct\ns,b,1\ns,a,0\ns,b,1\n", encoding="utf-8")
    (tmp_path / "day2.csv").write_text("student,item,correct\ns,b,1\ns,c,1\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [tmp_path / "day1.csv"])
    report = build_lake(tmp_path / "lake", [tmp_path / "day2.csv"])
    assert report.num_repeats == 0
    assert [answer[0] for answer in histories(tmp_path / "lake")["s"]] == ["b", "a", "b", "b", "c"]


def test_exports_that_overlap_or_come_twice_give_each_answer_once(tmp_path: Path) -> None:
    """Two windows over one log of five answers, of which two came at once and one count fits no column."""
    source = tmp_path / "exports"
    source.mkdir()
    header = "student,item,correct,time,attempt\n"
    times = (0, 60, 60, 120, 180)
    rows = [f"s,i{i},1,{START // 1000 + time},1\n" for i, time in enumerate(times)]
    (source / "week1.csv").write_text(header + "".join(rows[:4]), encoding="utf-8")
    (source / "week2.csv").write_text(header + "".join(rows[1:]) + "s,i9,1,0,3000000000\n", encoding="utf-8")
    for name in ("plain.csv", "plain (1).csv"):
        (source / name).write_text("student,item,correct\nt,a,1\nt,b,0\n", encoding="utf-8")
    report = build_lake(tmp_path / "lake", [source])
    assert (report.landing.num_known_files, report.num_repeats, report.num_faulty) == (1, 3, 1)
    items = {
        student: [answer[0] for answer in history]
        for student, history in histories(tmp_path / "lake").items()
    }
    assert items == {"s": ["i0", "i1", "i2", "i3", "i4"], "t": ["a", "b"]}
    broken = {(row["column_name"], row["value"]) for row in rows_of(tmp_path / "lake", QUARANTINE)}
    assert ("attempt", "3000000000") in broken


def test_published_splits_overrule_ours(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("student,item,correct,split\ns,a,1,test\nt,a,0,fold1\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [tmp_path / "a.csv"])
    rows = rows_of(tmp_path / "lake", "silver.user_splits")
    splits = {row["user_id"]: (row["given_split"], row["split"]) for row in rows}
    assert splits == {"s": ("test", "test"), "t": ("fold1", "train")}
    (item,) = rows_of(tmp_path / "lake", "silver.items")
    assert (item["num_events"], item["num_training_events"], item["share_correct"]) == (2, 1, 0.0)


def test_a_build_without_any_answer_stops_and_names_the_table(ednet: Path, tmp_path: Path) -> None:
    (ednet / "u1.csv").write_text(f"{HEADER}{START},1,q9,a,4000\n", encoding="utf-8")
    with pytest.raises(
        DataError, match="canonical_learning_events: it is not empty, but none of 1 landed rows"
    ):
        build_lake(tmp_path / "lake", [ednet])
    assert not CommitLog(tmp_path / "lake").last().tables.get(EVENTS)


def test_two_builds_at_once_are_refused(ednet: Path, tmp_path: Path) -> None:
    with CommitLog(tmp_path / "lake").building(), pytest.raises(ConflictError, match="Another build"):
        build_lake(tmp_path / "lake", [ednet])


def test_a_file_system_without_links_and_locks_keeps_commits(
    ednet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As mounted object stores have none: a commit is renamed into place, and a taken number is still refused."""

    def no_such_thing(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr("os.link", no_such_thing)
    monkeypatch.setattr("fcntl.flock", no_such_thing)
    build_lake(tmp_path / "lake", [ednet])
    log = CommitLog(tmp_path / "lake")
    last = log.last()
    assert len(histories(tmp_path / "lake")["u1"]) == 3
    with pytest.raises(ConflictError, match="made by another build"):
        log.commit(replace(last, version=last.version - 1), created_at=last.created_at)
    assert log.last() == last


def test_a_stopped_build_goes_on_with_what_was_landed(
    ednet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_engine(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr("knowtrace.lake.build.open_engine", no_engine)
        build_lake(tmp_path / "lake", [ednet])
    assert CommitLog(tmp_path / "lake").last().pending
    report = build_lake(tmp_path / "lake", [ednet])
    assert (report.landing.num_files, report.num_new_events) == (0, 3)
    assert not CommitLog(tmp_path / "lake").last().pending


def test_columns_of_a_table_are_told_as_to_the_loaders(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("pupil,problem,right\ns,a,1\n", encoding="utf-8")
    columns = {"student": "pupil", "item": "problem", "correct": "right"}
    build_lake(tmp_path / "lake", [tmp_path / "a.csv"], SourceOptions(columns=columns))
    assert list(histories(tmp_path / "lake")) == ["s"]
    with pytest.raises(DataError, match="pupil"):
        build_lake(tmp_path / "other", [tmp_path / "a.csv"])


def test_the_day_after_counts_what_training_students_did_before(ednet: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet])
    days = {row["item_id"]: row["day"] for row in rows_of(tmp_path / "lake", "gold.item_days")}
    assert days == {"q1": START // DAY, "q2": START // DAY, "q3": START // DAY + 1}


def test_progress_counts_every_stage_to_its_end(
    ednet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of students' files and two tables; students lie in several buckets, worked on one at a time."""
    monkeypatch.setattr("knowtrace.lake.duckdb_engine.ROWS_AT_ONCE", 1)
    exports = tmp_path / "exports"
    exports.mkdir()
    for name in ("s", "t"):
        (exports / f"{name}.csv").write_text(f"student,item,correct\n{name},a,1\n", encoding="utf-8")
    calls: list[tuple[str, int, int]] = []
    report = build_lake(tmp_path / "lake", [ednet, exports], progress=lambda *call: calls.append(call))
    num_buckets = len(report.buckets)
    assert num_buckets > 1
    assert calls == [
        ("landing", 1, 1),
        ("landing", 1, 2),
        ("landing", 2, 2),
        *(
            (stage, done, num_buckets)
            for stage in ("events", "sequences", "features")
            for done in range(1, num_buckets + 1)
        ),
    ]
    calls.clear()
    build_lake(tmp_path / "lake", [exports], progress=lambda *call: calls.append(call))
    assert calls == [("landing", 1, 2), ("landing", 2, 2)]
