"""Rows written without an engine: what they promise is checked before anything is."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from knowtrace.errors import DataError
from knowtrace.lake.arrow import write_rows
from knowtrace.lake.bronze_tables import RAW_EDNET_KT1

PLACES = st.lists(st.tuples(st.sampled_from(["b.csv", "a.csv", "c.csv"]), st.integers(1, 3)), max_size=9)


@given(places=PLACES, is_in_order=st.booleans())
def test_a_row_that_is_there_twice_is_refused_in_any_order(
    places: list[tuple[str, int]], is_in_order: bool
) -> None:
    places = sorted(places) if is_in_order else places
    rows = pa.table({"source_file": pa.array([file for file, _ in places], pa.string())})
    rows = rows.append_column("line", pa.array([line for _, line in places], pa.int64()))
    for name in set(RAW_EDNET_KT1.column_names) - {"source_file", "line", "loaded_at"}:
        rows = rows.append_column(name, pa.array(["1"] * len(places), pa.string()))
    rows = rows.append_column("bucket", pa.array([file[0] for file, _ in places], pa.string()))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if len(set(places)) < len(places):
            with pytest.raises(DataError, match="source_file, line is unique"):
                write_rows(root, RAW_EDNET_KT1, rows, "1", datetime.now(UTC))
            assert not list(root.rglob("*.parquet"))
            return
        files = write_rows(root, RAW_EDNET_KT1, rows, "1", datetime.now(UTC))
        written = {
            (file.bucket, *place.values())
            for file in files
            for place in parquet.read_table(root / file.path, columns=["source_file", "line"]).to_pylist()
        }
    assert written == {(file[0], file, line) for file, line in places}


def test_a_row_without_its_place_is_refused(tmp_path: Path) -> None:
    row: dict[str, object] = dict.fromkeys(RAW_EDNET_KT1.column_names, "1") | {"line": 2, "bucket": "a"}
    rows = pa.Table.from_pylist([row, row | {"source_file": None, "line": None}]).drop_columns(["loaded_at"])
    with pytest.raises(DataError, match="source_file is known; line is known"):
        write_rows(tmp_path, RAW_EDNET_KT1, rows, "1", datetime.now(UTC))
