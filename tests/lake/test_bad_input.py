"""Sources with something wrong: named, counted, quarantined or stopped; nothing half-written."""

import gzip
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from knowtrace.errors import DataError
from knowtrace.lake import CommitLog, Snapshot, SourceOptions, build_lake, plan_build, student_files
from knowtrace.lake.erased import ErasedStudents
from knowtrace.lake.landing import land_source
from knowtrace.lake.reports import LandingReport
from knowtrace.lake.sources_found import Source, find_source
from knowtrace.lake.student_files import members
from knowtrace.sources.ednet import UNREADABLE
from lake.conftest import HEADER, START
from lake.lake_rows import histories, rows_of

COLUMNS = ("timestamp", "solving_id", "question_id", "user_answer", "elapsed_time")
ROW = f"{START},1,q1,a,4000\n"


def landed(folder: Path) -> tuple[list[tuple[object, ...]], list[tuple[str, int | None, str]]]:
    """Return the rows of a folder of students' files, and what was rejected."""
    found = student_files.land(members(folder), COLUMNS, frozenset())
    rows = [
        (row["source_file"], row["line"], *(row[name] for name in COLUMNS)) for row in found.rows.to_pylist()
    ]
    return rows, [(row.file, row.line, row.rule) for row in found.rejected]


@pytest.mark.parametrize(
    "content",
    [
        HEADER + ROW + ROW,
        "\ufeff" + HEADER + ROW + ROW,
        (HEADER + ROW + ROW).replace("\n", "\r\n"),
        HEADER + ROW + ROW.rstrip("\n"),
        HEADER + ROW + ROW.replace("a", '"a"'),
    ],
    ids=["plain", "byte order mark", "windows line ends", "no last line end", "quotes"],
)
def test_forms_of_one_file_give_the_same_rows(content: str, tmp_path: Path) -> None:
    (tmp_path / "u1.csv").write_bytes(content.encode())
    row = (str(START), "1", "q1", "a", "4000")
    assert landed(tmp_path) == ([("u1.csv", 2, *row), ("u1.csv", 3, *row)], [])


def test_blank_lines_are_no_rows_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "u1.csv").write_text(f"{HEADER}{ROW}\n\n{ROW}", encoding="utf-8")
    rows, rejected = landed(tmp_path)
    assert ([row[1] for row in rows], rejected) == ([2, 5], [])


def test_mixed_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "u1.csv").write_bytes(
        (HEADER + ROW.replace("\n", "\r\n") + ROW + ROW.replace("\n", "\r")).encode()
    )
    assert [row[1] for row in landed(tmp_path)[0]] == [2, 3, 4]


def test_odd_files_cost_themselves_alone(tmp_path: Path) -> None:
    (tmp_path / "u1.csv").write_text(HEADER + ROW, encoding="utf-8")
    (tmp_path / "u2.csv.gz").write_bytes(gzip.compress((HEADER + ROW * 50).encode())[:-20])
    (tmp_path / "u3.csv").write_bytes(HEADER.encode() + b"\xff\xfe" + ROW.encode())
    (tmp_path / "u4.csv").write_text("timestamp,question_id\n1,q1\n", encoding="utf-8")
    (tmp_path / "u5.csv").write_text(f"{HEADER}{ROW}1,2,3\n", encoding="utf-8")
    (tmp_path / "u6.csv").write_bytes(b"")
    (tmp_path / "u7.csv.gz").write_bytes(gzip.compress((HEADER + ROW).encode()))
    rows, rejected = landed(tmp_path)
    assert {row[:2] for row in rows} == {("u1.csv", 2), ("u5.csv", 2), ("u7.csv.gz", 2)}
    assert {row[:2] for row in rejected} == {
        ("u2.csv.gz", None), ("u3.csv", None), ("u4.csv", None), ("u5.csv", 3), ("u6.csv", None)
    }  # fmt: skip
    assert sum(row[2] == UNREADABLE for row in rejected) == 4


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_an_archive_is_read_as_the_folder_is(form: str, ednet: Path, tmp_path: Path) -> None:
    questions = ednet / "questions.csv"
    archive = tmp_path / f"EdNet-KT1.{form}"
    if form == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            packed.write(ednet / "u1.csv", "KT1/u1.csv")
    else:
        with tarfile.open(archive, "w:gz") as packed:
            packed.add(ednet / "u1.csv", "KT1/u1.csv")
    (tmp_path / "questions.csv").write_bytes(questions.read_bytes())
    build_lake(tmp_path / "lake", [archive])
    assert [answer[0] for answer in histories(tmp_path / "lake")["u1"]] == ["q1", "q2", "q3"]


def test_one_unreadable_export_among_several_is_named(tmp_path: Path) -> None:
    source = tmp_path / "exports"
    source.mkdir()
    (source / "day1.csv").write_text("student,item,correct\ns,a,1\n", encoding="utf-8")
    (source / "day2.csv").write_text("pupil,item,right\ns,b,1\n", encoding="utf-8")
    report = build_lake(tmp_path / "lake", [source])
    assert (report.num_new_events, report.landing.num_unreadable_files) == (1, 1)
    (row,) = rows_of(tmp_path / "lake", "silver.quarantine")
    assert row["source_file"] == "day2.csv"
    assert "no column for student" in row["value"]
    columns = {"student": "pupil", "item": "item", "correct": "right"}
    report = build_lake(tmp_path / "lake", [source], SourceOptions(columns=columns))
    assert (report.num_new_events, report.landing.num_known_files) == (1, 1)


def test_every_table_of_a_folder_of_exports_is_landed_or_quarantined(tmp_path: Path) -> None:
    """One of a known format says what the folder is; notes beside the tables take none of them away."""
    source = tmp_path / "exports"
    source.mkdir()
    (source / "a2015.csv").write_text("user_id,log_id,sequence_id,correct\ns,1,a,1\n", encoding="utf-8")
    (source / "day2.csv").touch()
    (source / "day3.csv").write_text("student,item,correct\nt,b,1\n", encoding="utf-8")
    (source / "notes.md").write_text("As exported.\n", encoding="utf-8")
    report = build_lake(tmp_path / "lake", [source])
    assert (report.landing.num_files, report.landing.num_unreadable_files) == (3, 1)
    assert set(histories(tmp_path / "lake")) == {"s", "t"}
    (row,) = rows_of(tmp_path / "lake", "silver.quarantine")
    assert row["source_file"] == "day2.csv"


def test_a_file_without_permission_is_named_and_landed_when_it_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the superuser may read everything, opening is what refuses here."""
    source = tmp_path / "exports"
    source.mkdir()
    (source / "day1.csv").write_text("student,item,correct\ns,a,1\n", encoding="utf-8")
    (source / "day2.csv").write_text("student,item,correct\ns,b,1\n", encoding="utf-8")
    opened = Path.open

    def refused(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if path.name == "day2.csv" and mode == "rb":
            raise PermissionError(13, "Permission denied")
        return opened(path, mode, *rest, **named)

    found = Source(format="", files=(source / "day1.csv", source / "day2.csv"))
    log = CommitLog(tmp_path / "lake")
    snapshot = log.last()
    with monkeypatch.context() as locked:
        locked.setattr(Path, "open", refused)
        for num_listed in (1, 0):
            snapshot, report = land(found, log, snapshot)
            assert report.num_unreadable_files == num_listed
        with pytest.raises(DataError, match=r"day2.csv cannot be read \(Permission denied\)"):
            land(Source(format="", files=(source / "day2.csv",)), log, snapshot)
        assert plan_build(tmp_path / "lake", [source]).sources[0].num_new == 1
    (row,) = rows_of(tmp_path / "lake", "silver.quarantine")
    assert (row["source_file"], "Permission denied" in row["value"]) == ("day2.csv", True)
    snapshot, report = land(found, log, snapshot)
    assert (report.num_files, report.num_known_files) == (1, 1)


def land(source: Source, log: CommitLog, snapshot: Snapshot) -> tuple[Snapshot, LandingReport]:
    return land_source(
        source,
        SourceOptions(),
        log,
        snapshot,
        erased=ErasedStudents(),
        workers=1,
        progress=lambda *_: None,
    )


def test_rows_that_break_a_key_of_bronze_are_not_landed(ednet: Path, tmp_path: Path) -> None:
    """A tar may hold a file twice, with other content: its lines would be nobody's."""
    archive = tmp_path / "KT1.tar"
    with tarfile.open(archive, "w") as packed:
        for elapsed in (4, 5):
            (ednet / "u1.csv").write_text(f"{HEADER}{START},1,q1,a,{elapsed}\n", encoding="utf-8")
            packed.add(ednet / "u1.csv", "u1.csv")
    (tmp_path / "questions.csv").write_bytes((ednet / "questions.csv").read_bytes())
    with pytest.raises(
        DataError, match=r"raw_ednet_kt1: source_file, line is unique \(1 are not, the first is u1.csv, 2"
    ):
        build_lake(tmp_path / "lake", [archive])
    assert CommitLog(tmp_path / "lake").last().tables.get("bronze.raw_ednet_kt1") is None


def test_a_sweep_leaves_no_empty_folder(tmp_path: Path) -> None:
    left = tmp_path / "silver" / "users" / "00000009-0001" / "bucket=a"
    left.mkdir(parents=True)
    (left / "part-0.parquet").touch()
    assert CommitLog(tmp_path).sweep() == 1
    assert list((tmp_path / "silver").iterdir()) == []


def test_nothing_at_the_path_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is nothing at"):
        build_lake(tmp_path / "lake", [tmp_path / "nowhere"])


def test_a_damaged_commit_says_how_to_go_back(ednet: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet])
    last = sorted((tmp_path / "lake" / "_commits").glob("*.json"))[-1]
    last.write_bytes(last.read_bytes()[:100])
    with pytest.raises(DataError, match="remove this file to go back"):
        CommitLog(tmp_path / "lake").last()


def test_a_folder_of_exports_may_hold_a_name_that_looks_like_a_students(tmp_path: Path) -> None:
    source = tmp_path / "exports"
    source.mkdir()
    (source / "users-2024.csv").write_text("student,item,correct\ns,a,1\n", encoding="utf-8")
    (source / "users-2025.csv").write_text("student,item,correct\nt,a,1\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [source])
    assert set(histories(tmp_path / "lake")) == {"s", "t"}


def test_an_archive_of_other_tables_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "exports.zip", "w") as packed:
        packed.writestr("exports/u1.csv", "student,item,correct\n")
    with pytest.raises(DataError, match="unpack it"):
        build_lake(tmp_path / "lake", [tmp_path / "exports.zip"])


def test_files_of_others_are_neither_taken_for_a_lake_nor_removed(ednet: Path, tmp_path: Path) -> None:
    report = tmp_path / "project" / "gold" / "report.txt"
    report.parent.mkdir(parents=True)
    report.write_text("ours", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(DataError, match=r"no lake, but holds files in gold"):
            build_lake(tmp_path / "project", [ednet])
    assert report.read_text(encoding="utf-8") == "ours"


def test_a_lake_is_no_source_and_lies_in_none(ednet: Path, tmp_path: Path) -> None:
    (tmp_path / "lake" / "_commits").mkdir(parents=True)
    with pytest.raises(DataError, match="is a lake itself"):
        build_lake(tmp_path / "other", [tmp_path / "lake"])
    (ednet / "u1.csv").unlink()
    with pytest.raises(DataError, match="lies within its source"):
        build_lake(ednet / "lake", [ednet])


def test_a_folder_of_exports_may_begin_with_one(tmp_path: Path) -> None:
    (tmp_path / "day1.csv").write_text("student,item,correct\ns,a,1\n", encoding="utf-8")
    assert find_source(tmp_path, SourceOptions()).files == (tmp_path / "day1.csv",)


def test_students_of_ednet_kt4_are_not_taken_for_kt1(tmp_path: Path) -> None:
    (tmp_path / "questions.csv").touch()
    folder = tmp_path / "KT4"
    folder.mkdir()
    header = "timestamp,action_type,item_id,cursor_time,source,user_answer,platform\n"
    (folder / "u0.csv").touch()
    for name in ("u1.csv", "u2.csv"):
        (folder / name).write_text(header, encoding="utf-8")
    archive = tmp_path / "KT4.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(folder / "u1.csv", "KT4/u1.csv")
    for path in (folder, archive):
        found = find_source(path, SourceOptions())
        assert (found.format, found.files) == ("EdNet KT4", ())
        assert "KT4/u1.csv".endswith(found.students[-2 if path is folder else -1].name)


def test_a_truncated_archive_is_one_sentence(ednet: Path, tmp_path: Path) -> None:
    archive = tmp_path / "KT1.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(ednet, "KT1")
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot be read to its end"):
        find_source(archive, SourceOptions())


def encrypt_first(archive: Path) -> None:
    """Bit 0 of a member's flags, at byte 6 of its own header and 8 of its entry in the directory, says encrypted."""
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)


def test_an_encrypted_member_costs_itself_alone(tmp_path: Path) -> None:
    archive = tmp_path / "KT1.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("u1.csv", HEADER + ROW)
        packed.writestr("u2.csv", HEADER + ROW)
    encrypt_first(archive)
    rows, rejected = landed(archive)
    assert ([row[0] for row in rows], [row[0] for row in rejected]) == (["u2.csv"], ["u1.csv"])


def test_files_that_cannot_be_opened_are_listed_once_and_landed_when_they_can(
    ednet: Path, tmp_path: Path
) -> None:
    """As the superuser may read everything, one of 2,000 is a folder here, and one a link to nothing."""
    for i in range(2_000):
        (ednet / f"u{i}.csv").write_text(HEADER + ROW, encoding="utf-8")
    for name in ("u7.csv", "u8.csv"):
        (ednet / name).unlink()
    (ednet / "u7.csv").mkdir()
    (ednet / "u8.csv").symlink_to(ednet / "nowhere")
    lake = tmp_path / "lake"
    assert plan_build(lake, [ednet]).sources[0].num_new == 2_000
    first = build_lake(lake, [ednet])
    taken = (first.landing.num_rows - 3, first.landing.num_quarantined, first.num_candidates)
    assert taken == (2_000, 2, 1_998), "the table of questions has three rows"
    assert {row["source_file"] for row in rows_of(lake, "silver.quarantine")} == {"u7.csv", "u8.csv"}
    listed = {row["source_file"]: row for row in rows_of(lake, "bronze.source_files")}
    assert (listed["u7.csv"]["num_rows"], listed["u7.csv"]["num_quarantined"]) == (1, 1)
    again = build_lake(lake, [ednet])
    assert (again.version, again.landing.num_files) == (first.version, 0)
    assert plan_build(lake, [ednet]).sources[0].num_new == 0
    (ednet / "u7.csv").rmdir()
    (ednet / "u7.csv").write_text(HEADER + ROW, encoding="utf-8")
    assert build_lake(lake, [ednet]).num_new_events == 1


def test_an_encrypted_member_is_listed_once(ednet: Path, tmp_path: Path) -> None:
    archive = tmp_path / "KT1.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for name in ("u1.csv", "u2.csv"):
            packed.writestr(name, HEADER + ROW)
    encrypt_first(archive)
    (tmp_path / "questions.csv").write_bytes((ednet / "questions.csv").read_bytes())
    reports = [build_lake(tmp_path / "lake", [archive]) for _ in range(2)]
    assert [report.landing.num_unreadable_files for report in reports] == [1, 0]
    assert reports[0].version == reports[1].version


def test_a_file_name_that_is_not_utf8_is_told_byte_by_byte(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/u\xff.csv")).write_text(HEADER + ROW, encoding="utf-8")
    assert [row[0] for row in landed(tmp_path)[0]] == ["u\\xff.csv"]


def test_half_a_surrogate_pair_costs_its_row_alone(tmp_path: Path) -> None:
    source = tmp_path / "answers.csv"
    source.write_bytes(b"student,item,correct\ns,a,1\n\xed\xa0\x80,b,1\n")
    assert build_lake(tmp_path / "lake", [source]).num_new_events == 1
    lines = [row["text"] for row in rows_of(tmp_path / "lake", "bronze.raw_lines")]
    assert lines == ["student,item,correct", "s,a,1", "\ufffd,b,1"]
