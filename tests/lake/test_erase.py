"""A student who is erased is in no table, no file and no older version of a lake, and does not come back."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import orjson
import pytest
from deltalake import DeltaTable
from pyarrow import parquet

from knowtrace.errors import DataError, NotFoundError
from knowtrace.lake import BuildOptions, BuildReport, build_lake, erase_students, status_of
from knowtrace.lake.erased import KEY
from knowtrace.lake.erasures import FOLDER
from knowtrace.lake.gold_tables import ITEM_DAYS
from lake.conftest import HEADER, QUESTIONS, START
from lake.lake_rows import all_content, content_of, histories, rows_of

MARIA = "umaria-7"
ANNA = "uanna"
HERS = (MARIA, f"https://school.example/{MARIA}")
"""Her ids: of an account in xAPI it is its home and name."""

TABLE_HEADER = "student,item,skill,correct,time,note\n"
EVENTS = "silver.canonical_learning_events"
REBUILT = ("silver.users", "silver.user_splits", "silver.items", "silver.skills", "silver.item_skill_sets",
           "gold.item_days", "gold.sakt_sequences")  # fmt: skip
"""Tables that end as if the student had never been there."""


def school(folder: Path, *, with_maria: bool = True) -> Path:
    """A table of answers, KT1's files and xAPI statements: two students each, one of them Maria.

    Her rows: an answer whose quoted note runs over two lines, a repeat, a row that is no answer, and an item that only
    she was asked; Anna's hold the letters of her id within a longer word.
    """
    rows = [
        f'{MARIA},a,x,1,1500000000,"a note of {MARIA}\nwith two lines"',
        f"{ANNA},a,x,0,1500000050,{MARIA}x",
        f"{MARIA},only-hers,z,0,1500000060,",
        f"{MARIA},only-hers,z,0,1500000060,",
        f"{MARIA},b,x,never,1500000070,",
        f"{ANNA},b,x,wrong,1500000070,",
        f"{ANNA},b,x,1,1500000080,",
    ]
    kept = [row for row in rows if with_maria or not row.startswith(MARIA)]
    (folder / "KT1").mkdir(parents=True)
    (folder / "table.csv").write_text(TABLE_HEADER + "\n".join(kept) + "\n", encoding="utf-8")
    (folder / "KT1" / "questions.csv").write_text(QUESTIONS, encoding="utf-8")
    answers = f"{START},1,q1,a,4000\n{START},1,q2,a,61000\n{START},1,q9,a,1\n"
    for student in (MARIA, ANNA) if with_maria else (ANNA,):
        (folder / "KT1" / f"{student}.csv").write_text(HEADER + answers, encoding="utf-8")
    people = (MARIA, ANNA) if with_maria else (ANNA,)
    (folder / "xapi.json").write_bytes(orjson.dumps([_statement(student) for student in people]))
    return folder


def sources(folder: Path) -> list[Path]:
    return [folder / "table.csv", folder / "KT1", folder / "xapi.json"]


def _statement(student: str) -> dict[str, Any]:
    return {
        "actor": {"account": {"homePage": "https://school.example", "name": student}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": "https://school.example/items/a"},
        "result": {"success": True},
        "timestamp": "2021-03-01T10:00:00Z",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return school(tmp_path_factory.mktemp("school"))


@pytest.fixture(scope="module")
def built(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Delta lake with Maria."""
    root = tmp_path_factory.mktemp("built") / "lake"
    build_lake(root, sources(folder), options=BuildOptions(is_delta=True))
    assert traces_of(root, MARIA)
    return root


@pytest.fixture(scope="module")
def erased(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("erased") / "lake"
    copytree(built, root)
    erase_students(root, HERS)
    return root


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that never knew her."""
    folder = school(tmp_path_factory.mktemp("without"), with_maria=False)
    build_lake(folder / "lake", sources(folder))
    return folder / "lake"


def traces_of(root: Path, student: str) -> list[str]:
    """Return where the lake's files hold an id: in their names, their bytes, and the texts of their columns."""
    found: list[str] = []
    for path in sorted(file for file in root.rglob("*") if file.is_file()):
        if student in str(path.relative_to(root)) or student.encode() in path.read_bytes():
            found.append(f"{path}: bytes")
        if path.suffix == ".parquet":
            rows = parquet.ParquetFile(path).read()
            for name in rows.column_names:
                texts = (str(value).replace(f"{student}x", "") for value in rows[name].to_pylist())
                found += [f"{path}: {name}" for text in texts if student in text]
    return found


def without_longer_words(root: Path) -> list[str]:
    """Return her traces but for Anna's note, where her id is part of a longer word and compressed bytes may show it."""
    return [
        trace for trace in traces_of(root, MARIA) if "bronze/raw_lines" not in trace or "bytes" not in trace
    ]


def test_no_file_holds_an_erased_student(built: Path, erased: Path) -> None:
    tables = {
        trace.partition("lake/")[2].rsplit("/", 1)[0].split("/")[1] for trace in traces_of(built, MARIA)
    }
    bronze = {"source_files", "raw_ednet_kt1", "parsed_answers", "raw_lines"}
    silver = {"canonical_learning_events", "quarantine", "users", "user_splits"}
    assert tables >= bronze | silver | {"sakt_sequences", "wdirt_features"}
    assert without_longer_words(erased) == []
    lines = [row["text"] for row in rows_of(erased, "bronze.raw_lines")]
    assert [line for line in lines if MARIA in line] == [f"{ANNA},a,x,0,1500000050,{MARIA}x"]
    assert not [line for line in lines if "with two lines" in line or "actor" in line]
    assert len([line for line in lines if line.startswith(ANNA)]) == 3


def test_what_is_left_is_as_if_the_student_had_never_been_there(erased: Path, without: Path) -> None:
    for name in REBUILT:
        if name == "gold.sakt_sequences":
            columns = ("items", "skill_sets")
            assert content_of(erased, name, without=columns) == content_of(without, name, without=columns)
        else:
            assert content_of(erased, name) == content_of(without, name), name
    assert histories(erased) == histories(without)


def test_rows_still_add_up_and_the_reason_says_nothing_else(erased: Path) -> None:
    quarantine = rows_of(erased, "silver.quarantine")
    reasons = [row for row in quarantine if row["rule"] == "an erased student's rows are not kept"]
    assert {row["source_file"] for row in reasons} == {"table.csv", "xapi.json"}
    assert {(row["line"], row["column_name"], row["value"]) for row in reasons} == {(None, "", "")}
    ledger = rows_of(erased, "bronze.source_files")
    answers = rows_of(erased, "bronze.parsed_answers")
    for name in ("table.csv", "xapi.json"):
        (file,) = [row for row in ledger if row["source_file"].endswith(name)]
        landed = [row for row in answers if row["source_file"] == name]
        rejected = [row for row in quarantine if (row["source_file"], row["stage"]) == (name, "landing")]
        assert file["num_quarantined"] == len(rejected)
        assert file["num_rows"] == len(landed) + file["num_merged"] + file["num_quarantined"]
    assert "wrong" in {row["value"] for row in quarantine}


def test_no_older_version_can_be_read(built: Path, erased: Path) -> None:
    assert len(list((erased / "_commits").glob("*.json"))) == 1
    assert MARIA not in students_in(erased)
    with pytest.raises(FileNotFoundError):
        students_in(erased, version=0)
    assert MARIA in students_in(built, version=0)


def students_in(root: Path, *, version: int | None = None) -> list[str]:
    """Return the students of a version of the Delta table of events."""
    table = DeltaTable(str(root / EVENTS.replace(".", "/")), version=version)
    return table.to_pyarrow_table()["user_id"].to_pylist()


def test_the_receipt_counts_and_names_nobody(built: Path, erased: Path) -> None:
    (path,) = (erased / FOLDER).iterdir()
    receipt = orjson.loads(path.read_bytes())
    assert (receipt["num_students"], receipt["num_known"], receipt["num_found"]) == (2, 0, 2)
    events = [row for row in rows_of(built, EVENTS) if row["user_id"] in HERS]
    assert receipt["rows"][EVENTS] == receipt["rows"]["gold.wdirt_features"] == len(events) == 5
    assert receipt["rows"]["bronze.raw_ednet_kt1"] == 3
    assert receipt["num_files_removed"] > 0
    assert path.name == f"{receipt['receipt_id']}.json"
    assert (erased / KEY).stat().st_mode & 0o777 == 0o600
    remembered = rows_of(erased, "silver.erased_students")
    assert [row["receipt_id"] for row in remembered] == [receipt["receipt_id"]] * 2


def test_a_build_over_the_same_and_longer_sources_leaves_her_out(
    folder: Path, erased: Path, tmp_path: Path
) -> None:
    root = tmp_path / "lake"
    copytree(erased, root)
    before = all_content(root)
    report = build_lake(root, sources(folder))
    assert report.is_unchanged
    assert report.landing.num_erased_files == 1
    assert all_content(root) == before
    longer = tmp_path / "longer.csv"
    rows = (folder / "table.csv").read_text(encoding="utf-8")
    longer.write_text(f"{rows}{MARIA},c,x,1,1500000090,\n{ANNA},c,x,1,1500000090,\n", encoding="utf-8")
    added = build_lake(root, [longer])
    # Two of her answers, the third; a repeat and a row that is none.
    assert (added.landing.num_erased, added.num_new_events) == (5, 1)
    assert without_longer_words(root) == []
    assert landed_adds_up(added)


def landed_adds_up(report: BuildReport) -> bool:
    landing = report.landing
    return landing.num_rows == report.num_candidates + landing.num_merged + landing.num_quarantined


def test_a_second_erasure_changes_nothing(erased: Path, tmp_path: Path) -> None:
    before = sorted(path for path in erased.rglob("*") if path.is_file())
    receipt = erase_students(erased, HERS)
    assert receipt.is_unchanged
    assert (receipt.num_known, receipt.rows) == (2, {})
    assert sorted(path for path in erased.rglob("*") if path.is_file()) == before


def test_somebody_unknown_is_remembered_all_the_same(without: Path, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    copytree(without, root)
    receipt = erase_students(root, HERS)
    assert (receipt.is_unchanged, receipt.num_found, receipt.rows) == (False, 0, {})
    late = tmp_path / "late.csv"
    late.write_text(f"{TABLE_HEADER}{MARIA},a,x,1,1500000000,\n", encoding="utf-8")
    report = build_lake(root, [late])
    assert (report.landing.num_erased, report.num_new_events) == (1, 0)
    assert histories(root) == histories(without)
    (root / KEY).unlink()
    with pytest.raises(DataError, match="_erasure_key"):
        build_lake(root, [late])


def test_the_last_student_of_a_lake_can_be_erased(erased: Path, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    copytree(erased, root)
    erase_students(root, [student.replace(MARIA, ANNA) for student in HERS])
    assert not rows_of(root, EVENTS)
    assert students_in(root) == []
    assert traces_of(root, ANNA) == []
    late = tmp_path / "late.csv"
    late.write_text(f"{TABLE_HEADER}{MARIA},a,x,1,1500000000,\nben,a,x,1,1500000000,\n", encoding="utf-8")
    assert build_lake(root, [late]).num_new_events == 1


def landed_alone(root: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Land a source and stop before silver."""

    def no_engine(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr("knowtrace.lake.build.open_engine", no_engine)
        build_lake(root, [source])
    assert status_of(root).num_pending


def test_landed_rows_that_wait_are_erased_and_the_others_go_on_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "both.csv"
    rows = "".join(f"{student},{item},1\n" for student in ("s6", "s9") for item in "ab")
    source.write_text(f"student,item,correct\n{rows}", encoding="utf-8")
    landed_alone(tmp_path / "lake", source, monkeypatch)
    receipt = erase_students(tmp_path / "lake", ["s6"])
    assert receipt.rows == {"bronze.parsed_answers": 2, "bronze.raw_lines": 2}
    build_lake(tmp_path / "lake", [source])
    assert {student: len(answers) for student, answers in histories(tmp_path / "lake").items()} == {"s9": 2}


def test_a_students_file_of_actions_leaves_no_name_and_the_others_are_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KT4: a file a student, parsed at landing; its rows do not name the student."""
    folder = tmp_path / "KT4"
    folder.mkdir()
    (folder / "questions.csv").write_text(QUESTIONS, encoding="utf-8")
    actions = [
        (START, "enter", "b1"),
        (START + 1, "respond", "q1"),
        (START + 2, "submit", "b1"),
        ("soon", "respond", "q2"),
    ]
    rows = "".join(
        f"{time},{action},{item},diagnosis,{'a' if item == 'q1' else ''},web\n"
        for time, action, item in actions
    )
    for student in (MARIA, ANNA):
        header = "timestamp,action_type,item_id,source,user_answer,platform\n"
        (folder / f"{student}.csv").write_text(header + rows, encoding="utf-8")
    root = tmp_path / "lake"
    landed_alone(root, folder, monkeypatch)
    assert erase_students(root, [MARIA]).rows == {
        "bronze.source_files": 1,
        "bronze.raw_lines": 5,
        "bronze.parsed_answers": 1,
        "silver.quarantine": 1,
    }
    assert traces_of(root, MARIA) == []
    (row,) = rows_of(root, "silver.quarantine")
    assert (row["source_file"], row["value"]) == (f"{ANNA}.csv", "soon")
    files = {file["source_file"]: file for file in rows_of(root, "bronze.source_files")}
    assert set(files) == {"questions.csv", f"{ANNA}.csv"}
    assert (files[f"{ANNA}.csv"]["num_rows"], files[f"{ANNA}.csv"]["num_quarantined"]) == (2, 1)
    report = build_lake(root, [folder])
    assert (report.landing.num_erased_files, list(histories(root))) == (1, [ANNA])
    assert traces_of(root, MARIA) == []


@pytest.mark.parametrize("form", ["KT1", "KT4"])
def test_one_students_file_that_was_landed_alone_is_erased(form: str, tmp_path: Path) -> None:
    (tmp_path / "questions.csv").write_text(QUESTIONS, encoding="utf-8")
    content = {
        "KT1": f"{HEADER}{START},1,q1,a,4000\n",
        "KT4": "timestamp,action_type,item_id,user_answer\n"
        f"{START},respond,q1,a\n{START + 1},submit,b1,\n{START + 2},respond,q2,a\n",
    }
    source, root = tmp_path / f"{MARIA}.csv", tmp_path / "lake"
    source.write_text(content[form], encoding="utf-8")
    build_lake(root, [source])
    erase_students(root, [MARIA])
    assert traces_of(root, MARIA) == []
    assert build_lake(root, [source]).num_new_events == 0


KILLED = """
import os, signal, sys
from pathlib import Path
from knowtrace.lake import erase_students
import {module} as module

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

{patch}
erase_students(Path(sys.argv[1]), sys.argv[2:])
"""
BEFORE = ("knowtrace.lake.commits", "module.CommitLog.commit = die")
AFTER = (
    "knowtrace.lake.erase",
    "calls = iter([lambda log: None, die]); module.finish_erasures = lambda log: next(calls)(log)",
)


@pytest.mark.parametrize(("where", "is_new"), [(BEFORE, False), (AFTER, True)], ids=["before", "after"])
def test_a_kill_leaves_the_old_or_the_new_lake_and_is_made_good(
    built: Path, erased: Path, tmp_path: Path, where: tuple[str, str], is_new: bool
) -> None:
    root = tmp_path / "lake"
    copytree(built, root)
    old = all_content(root)
    program = KILLED.format(module=where[0], patch=where[1])
    ended = subprocess.run([sys.executable, "-c", program, str(root), *HERS], check=False, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    assert traces_of(root, MARIA)
    seen = all_content(root)
    if is_new:
        assert {k: v for k, v in seen.items() if k != "silver.erased_students"} == {
            k: v for k, v in all_content(erased).items() if k != "silver.erased_students"
        }
    else:
        assert seen == old
    receipt = erase_students(root, HERS)
    assert receipt.is_unchanged is is_new
    assert without_longer_words(root) == []
    assert [path.suffix for path in (root / FOLDER).iterdir()] == [".json"]


@pytest.mark.parametrize(("ids", "message"), [([], "No student is named"), ([""], "empty id")])
def test_what_names_nobody_is_refused(erased: Path, ids: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        erase_students(erased, ids)


def test_where_there_is_no_lake_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no lake"):
        erase_students(tmp_path / "nowhere", [MARIA])
    assert not (tmp_path / "nowhere").exists()


def test_a_table_that_would_break_its_promise_stops_the_erasure(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "lake"
    copytree(built, root)
    before = all_content(root)
    monkeypatch.setattr("knowtrace.lake.erase._Erasing._count_items", _count_twice)
    with pytest.raises(DataError, match="item_id, day is unique"):
        erase_students(root, HERS)
    assert all_content(root) == before
    assert not list((root / FOLDER).glob("*.json"))


def _count_twice(erasing: Any) -> None:
    days = erasing.engine.read(ITEM_DAYS, erasing.before.files(ITEM_DAYS), erasing.root)
    erasing.files.replace(erasing.engine, ITEM_DAYS, days.unionByName(days))


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
