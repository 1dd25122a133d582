"""Places of the lake that later stages fill: a file is checked, appended once, and erased like the rest."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyarrow import parquet

from knowtrace.errors import DataError, NotFoundError
from knowtrace.lake import TABLES, CommitLog, append_rows, build_lake, erase_students
from knowtrace.lake.arrow import arrow_schema
from knowtrace.lake.delta import publish_delta
from lake.lake_rows import BY_NAME, rows_of
from lake.views.written_lake import Event, write_lake

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
PREDICTIONS, EMBEDDINGS = "gold.sakt_predictions", "gold.content_embeddings"
HEADER = "user_id,item_id,position,actual,predicted,model_version,computed_at\n"
ROWS = "s1,a,1,1,0.75,m1,2024-03-01T12:00:00Z\ns2,a,1,0,0.5,m1,2024-03-01T12:00:00Z\n"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return write_lake(tmp_path / "lake", [Event(student=f"s{n}", item="a") for n in range(1, 4)])


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def in_parquet(path: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows, arrow_schema(BY_NAME[name])), path)
    return path


def test_rows_are_appended_once(lake: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "predictions.csv", HEADER + ROWS + ROWS)
    report = append_rows(lake, PREDICTIONS, file)
    assert (report.num_rows, report.num_new, report.num_known, report.num_erased) == (4, 2, 2, 0)
    assert report.version == CommitLog(lake).last().version == 2
    first, _ = sorted(rows_of(lake, PREDICTIONS), key=lambda row: row["user_id"])
    assert first == {"user_id": "s1", "item_id": "a", "position": 1, "actual": 1, "predicted": 0.75,
                     "model_version": "m1", "computed_at": AT}  # fmt: skip
    again = append_rows(
        lake, PREDICTIONS, in_parquet(tmp_path / "same", PREDICTIONS, rows_of(lake, PREDICTIONS))
    )
    assert (again.num_new, again.num_known, again.version) == (0, 2, 2)
    more = written(tmp_path / "more.csv", HEADER + ROWS + ROWS.replace("m1", "m2"))
    assert append_rows(lake, PREDICTIONS, more).num_new == 2
    assert len(rows_of(lake, PREDICTIONS)) == 4


def test_another_row_under_a_taken_key_is_refused_and_each_is_named(lake: Path, tmp_path: Path) -> None:
    append_rows(lake, PREDICTIONS, written(tmp_path / "first.csv", HEADER + ROWS))
    other = written(tmp_path / "other.csv", HEADER + ROWS.replace("0.75", "0.7").replace("0.5", "0.6"))
    with pytest.raises(DataError, match=r"2 problems: .*'s1, 1, m1'.*'s2, 1, m1': a key has one row"):
        append_rows(lake, PREDICTIONS, other)
    twice = written(tmp_path / "twice.csv", HEADER + "s3,a,1,1,0.1,m1,2024-03-01T12:00:00Z\n"
                    "s3,a,1,1,0.2,m1,2024-03-01T12:00:00Z\n")  # fmt: skip
    with pytest.raises(DataError, match=r"1 problem: .*'s3, 1, m1'"):
        append_rows(lake, PREDICTIONS, twice)
    assert CommitLog(lake).last().version == 2


def test_all_that_breaks_the_columns_is_named_at_once(lake: Path, tmp_path: Path) -> None:
    file = written(
        tmp_path / "bad.csv",
        "user_id,item_id,position,actual,predicted,computed_at,mood\n"
        ",a,0,1,1.5,2024-03-01T12:00:00Z,x\ns2,a,two,1,nan,soon,x\ns3,a,three,1,0.5,2024-03-01T12:00:00Z,x\n",
    )
    with pytest.raises(DataError) as refused:
        append_rows(lake, PREDICTIONS, file)
    for part in (
        "bad.csv has 7 problems",
        "columns, 'mood'",
        "columns, 'model_version': the column stands in the file once",
        "row 1, user_id, '': a value is known",
        "row 2, row 3, position, 'two': a value is of the type long",
        "row 1, predicted, '1.5': a value is at most 1",
        "row 2, predicted, 'nan': a value is finite",
        "row 2, computed_at, 'soon': a value is of the type timestamp",
    ):
        assert part in str(refused.value)
    assert rows_of(lake, PREDICTIONS) == []


def test_lists_and_references(lake: Path, tmp_path: Path) -> None:
    embeddings = written(
        tmp_path / "embeddings.csv", 'content_id,embedding,model_version\nc1,"[0.5, -1]",m1\nc2,"[1]",m1\n'
    )
    with pytest.raises(DataError, match=r"2 problems: content_id, 'c1': it is in gold.content_library"):
        append_rows(lake, EMBEDDINGS, embeddings)
    library = "content_id,content_type,title,text\nc1,skill_description,T,t\nc2,skill_description,T,t\n"
    append_rows(lake, "gold.content_library", written(tmp_path / "library.csv", library))
    append_rows(lake, EMBEDDINGS, embeddings)
    assert {row["content_id"]: row["embedding"] for row in rows_of(lake, EMBEDDINGS)} == {
        "c1": [0.5, -1.0],
        "c2": [1.0],
    }


def test_an_erased_students_rows_go_and_do_not_come_back(ednet: Path, tmp_path: Path) -> None:
    """In a lake that was built: an erasure checks that gold holds every event."""
    lake = tmp_path / "lake"
    (ednet / "u2.csv").write_text((ednet / "u1.csv").read_text())
    build_lake(lake, [ednet])
    explanation = {"explanation_id": "e1", "user_id": "u1", "explanation_type": "mastery_insight", "text": "t",
                   "sources": ["c1"], "model_version": "m1", "computed_at": AT}  # fmt: skip
    file = written(tmp_path / "predictions.csv", HEADER + ROWS.replace("s1", "u1").replace("s2", "u2"))
    append_rows(lake, PREDICTIONS, file)
    append_rows(
        lake, "gold.rag_explanations", in_parquet(tmp_path / "e", "gold.rag_explanations", [explanation])
    )
    receipt = erase_students(lake, ["u1"])
    assert (receipt.rows[PREDICTIONS], receipt.rows["gold.rag_explanations"]) == (1, 1)
    assert [row["user_id"] for row in rows_of(lake, PREDICTIONS)] == ["u2"]
    assert rows_of(lake, "gold.rag_explanations") == []
    report = append_rows(lake, PREDICTIONS, file)
    assert (report.num_new, report.num_known, report.num_erased) == (0, 1, 1)
    assert [row["user_id"] for row in rows_of(lake, PREDICTIONS)] == ["u2"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_delta_shows_what_was_appended(lake: Path, tmp_path: Path) -> None:
    publish_delta(lake, CommitLog(lake).last(), TABLES)
    append_rows(lake, PREDICTIONS, written(tmp_path / "predictions.csv", HEADER + ROWS))
    shown = DeltaTable(lake / "gold" / "sakt_predictions").to_pyarrow_table()
    assert sorted(shown["user_id"].to_pylist()) == ["s1", "s2"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "silver.users",
            HEADER,
            "No table 'silver.users' is filled from files. Known: gold.sakt_predictions",
        ),
        (PREDICTIONS, "", "cannot be read as Parquet or CSV"),
        (PREDICTIONS, "PAR1 and no more", "cannot be read as Parquet or CSV"),
    ],
)
def test_what_is_no_such_table_or_file_is_named(
    lake: Path, tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        append_rows(lake, name, written(tmp_path / "x", text))


def test_a_lake_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no lake"):
        append_rows(tmp_path / "none", PREDICTIONS, written(tmp_path / "x.csv", HEADER))
    assert not (tmp_path / "none").exists()
