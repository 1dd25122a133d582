"""EdNet KT4 in a lake: batches of students' files, folder or archive, by the loader's rules."""

import gzip
import tarfile
import zipfile
from pathlib import Path

import pytest

from knowtrace.errors import DataError
from knowtrace.lake import CommitLog, build_lake, erase_students, lineage_of, plan_build, student_files
from knowtrace.sources import read
from knowtrace.sources.ednet import UNREADABLE
from lake.conftest import QUESTIONS, START
from lake.lake_rows import content_of, histories, histories_of, rows_of

HEADER = "timestamp,action_type,item_id,cursor_time,source,user_answer,platform\n"
TABLES = (
    "silver.canonical_learning_events",
    "silver.quarantine",
    "gold.sakt_sequences",
    "gold.wdirt_features",
)
NUM_QUESTIONS = 3


def log(*actions: tuple[str, str, str]) -> str:
    """Return a file of actions, a second apart."""
    rows = [
        f"{START + 1000 * place},{action},{target},,diagnosis,{choice},web\n"
        for place, (action, target, choice) in enumerate(actions)
    ]
    return HEADER + "".join(rows)


FIRST = log(
    ("enter", "b1", ""), ("respond", "q1", "b"), ("respond", "q1", "a"), ("respond", "q2", "d"),
    ("play_audio", "b1", ""), ("submit", "b1", ""), ("enter", "b2", ""), ("respond", "q3", "c"),
)  # fmt: skip
"""Two answers and a response merged; q3 is never submitted."""

SECOND = log(
    ("respond", "q3", "c"), ("submit", "b2", ""), ("respond", "q9", "a"), ("dance", "b2", ""),
)  # fmt: skip


@pytest.fixture
def kt4(tmp_path: Path) -> Path:
    """Three students: u1 plain, u2 packed with a question that nobody knows, u3 who only looked."""
    folder = tmp_path / "EdNet" / "KT4"
    folder.mkdir(parents=True)
    (folder.parent / "questions.csv").write_text(QUESTIONS, encoding="utf-8")
    (folder / "u1.csv").write_text(FIRST, encoding="utf-8")
    (folder / "u2.csv.gz").write_bytes(gzip.compress(SECOND.encode()))
    (folder / "u3.csv").write_text(log(("enter", "b1", "")), encoding="utf-8")
    return folder


def packed(folder: Path, form: str) -> Path:
    """Return an archive of the folder's files, beside it."""
    archive = folder.parent / f"KT4.{form}"
    files = sorted(folder.iterdir())
    if form == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as into:
            for file in files:
                into.write(file, file.name)
    else:
        with tarfile.open(archive, "w:gz" if form.endswith("gz") else "w") as into:
            for file in files:
                into.add(file, file.name)
    return archive


@pytest.mark.parametrize("form", ["folder", "zip", "tar.gz"])
def test_a_folder_and_its_archives_are_what_the_loader_reads(form: str, kt4: Path, tmp_path: Path) -> None:
    source = kt4 if form == "folder" else packed(kt4, form)
    report = build_lake(tmp_path / "lake", [source])
    dataset = read(kt4)
    assert histories(tmp_path / "lake") == histories_of(dataset)
    found = [
        (row["source_file"], row["line"], row["column_name"], row["value"], row["rule"])
        for row in rows_of(tmp_path / "lake", "silver.quarantine")
    ]
    assert sorted(found) == [
        (row.file, row.line, row.column, row.value, row.rule) for row in dataset.quarantined
    ]
    assert report.landing.notes == [note for note in dataset.notes if "actions" in note or "names" in note]
    assert report.landing.num_rows - NUM_QUESTIONS == 3 + 1 + 2
    assert (report.landing.num_merged, report.landing.num_quarantined, report.num_taken) == (1, 2, 3)
    files = {row["source_file"]: row for row in rows_of(tmp_path / "lake", "bronze.source_files")}
    assert (files["u1.csv"]["num_rows"], files["u1.csv"]["num_merged"]) == (4, 1)
    assert files["u3.csv"]["num_rows"] == 0
    lineage = lineage_of(tmp_path / "lake", CommitLog(tmp_path / "lake").last(), "u2", 1)
    assert lineage.raw is not None
    assert lineage.raw["text"] == SECOND.splitlines()[1]
    assert lineage.source["source_file"] == "u2.csv.gz"


def test_a_batch_a_file_gives_the_same_lake(
    kt4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory holds a batch: so what is landed must not depend on how many there are."""
    build_lake(tmp_path / "one", [kt4])
    monkeypatch.setattr(student_files, "BATCH_BYTES", 1)
    calls: list[tuple[str, int, int]] = []
    build_lake(tmp_path / "three", [kt4], progress=lambda *call: calls.append(call))
    assert [call for call in calls if call[0] == "landing"] == [("landing", done, 3) for done in (1, 2, 3)]
    for table in TABLES:
        assert content_of(tmp_path / "three", table) == content_of(tmp_path / "one", table)
    batches = {row["batch"] for row in rows_of(tmp_path / "three", "bronze.source_files")}
    assert len(batches) == 1 + 3, "the questions have one of their own"


def test_a_packed_log_counts_as_what_it_unpacks_to() -> None:
    size = student_files.BATCH_BYTES // 2
    members = [student_files.Member(path="", name=f"u{i}.csv.gz", size=size) for i in range(2)]
    assert len(student_files.batches(members)) == 2


def test_only_new_files_are_landed_and_a_longer_one_adds_what_it_adds(kt4: Path, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    build_lake(root, [kt4])
    files = sorted(root.rglob("*.parquet"))
    again = build_lake(root, [kt4])
    assert (again.is_unchanged, again.landing.num_files, again.landing.num_known_files) == (True, 0, 4)
    assert sorted(root.rglob("*.parquet")) == files
    (kt4 / "u1.csv").write_text(FIRST + f"{START + 9000},submit,b2,,diagnosis,,web\n", encoding="utf-8")
    assert plan_build(root, [kt4]).sources[0].num_new == 1
    longer = build_lake(root, [kt4])
    assert (longer.landing.num_files, longer.num_new_events, longer.num_repeats) == (1, 1, 2)
    assert histories(root) == histories_of(read(kt4))


def test_the_same_log_twice_in_a_source_gives_each_answer_once(kt4: Path, tmp_path: Path) -> None:
    """Answers of one submission are told apart by their place in it, in each file anew."""
    (kt4 / "copy").mkdir()
    (kt4 / "copy" / "u1.csv").write_text(FIRST, encoding="utf-8")
    report = build_lake(tmp_path / "lake", [kt4])
    assert (report.num_new_events, report.num_repeats) == (3, 2)


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_broken_logs_are_named_and_cost_themselves_alone(form: str, kt4: Path, tmp_path: Path) -> None:
    content = gzip.compress((HEADER + SECOND * 50).encode())
    (kt4 / "u4.csv.gz").write_bytes(content[:-20])
    (kt4 / "u5.csv").write_bytes(HEADER.encode() + b"\xff\xfe\n")
    (kt4 / "u6.csv").write_text("timestamp,action_type,item_id\n1,enter,b1\n", encoding="utf-8")
    half = f"{START},respond,q1,,diagnosis,a,web\n{START},submit,b1,,,,\n".encode()
    (kt4 / "u7.csv").write_bytes(HEADER.encode() + b"\xed\xa0\x80,enter,b1,,,,\n" + half)
    report = build_lake(tmp_path / "lake", [kt4 if form == "folder" else packed(kt4, form)])
    quarantined = rows_of(tmp_path / "lake", "silver.quarantine")
    unread = {row["source_file"]: row["value"] for row in quarantined if row["rule"] == UNREADABLE}
    assert report.landing.num_unreadable_files == len(unread) == 3
    assert "end-of-stream" in unread["u4.csv.gz"]
    assert "0xff is not UTF-8" in unread["u5.csv"]
    assert unread["u6.csv"] == "it has no column user_answer"
    assert set(histories(tmp_path / "lake")) == {"u1", "u2", "u7"}
    (row,) = [row for row in quarantined if row["source_file"] == "u7.csv"]
    assert (row["line"], row["value"]) == (2, "\ufffd,enter,b1,,,,")


def test_a_damaged_member_of_a_zip_is_named(kt4: Path, tmp_path: Path) -> None:
    archive = packed(kt4, "zip")
    with zipfile.ZipFile(archive) as stored:
        entry = stored.getinfo("u1.csv")
    content = bytearray(archive.read_bytes())
    content[entry.header_offset + 30 + len("u1.csv") + 20] ^= 0xFF
    archive.write_bytes(content)
    build_lake(tmp_path / "lake", [archive])
    (row,) = [r for r in rows_of(tmp_path / "lake", "silver.quarantine") if r["rule"] == UNREADABLE]
    assert row["source_file"] == "u1.csv"
    assert list(histories(tmp_path / "lake")) == ["u2"]


def test_an_erased_students_logs_leave_a_lake_as_if_they_had_never_been_there(
    kt4: Path, tmp_path: Path
) -> None:
    """Her answers, a repeat among them, her quarantined row and her lines; the other's file keeps its counts."""
    (kt4 / "copy").mkdir()
    for folder in (kt4, kt4 / "copy"):
        (folder / "u8.csv").write_text(FIRST, encoding="utf-8")
    build_lake(tmp_path / "lake", [kt4])
    erase_students(tmp_path / "lake", ["u8"])
    for folder in (kt4, kt4 / "copy"):
        (folder / "u8.csv").unlink()
    build_lake(tmp_path / "without", [kt4])
    tables = (
        *TABLES[:3],
        "bronze.raw_lines",
        "bronze.parsed_answers",
        "bronze.source_files",
        "silver.users",
        "silver.items",
    )
    for table in tables:
        assert content_of(tmp_path / "lake", table) == content_of(tmp_path / "without", table), table


def test_logs_that_all_lost_a_column_stop_the_build(kt4: Path, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    build_lake(root, [kt4])
    before = CommitLog(root).last()
    for name in ("u8.csv", "u9.csv"):
        (kt4 / name).write_text(FIRST.replace("user_answer", "choice"), encoding="utf-8")
    with pytest.raises(DataError, match=r"u8\.csv, it has no column user_answer"):
        build_lake(root, [kt4])
    assert CommitLog(root).last() == before


def test_logs_without_their_questions_are_one_sentence(kt4: Path, tmp_path: Path) -> None:
    (kt4.parent / "questions.csv").unlink()
    with pytest.raises(DataError, match=r"need the table questions\.csv"):
        build_lake(tmp_path / "lake", [kt4])
