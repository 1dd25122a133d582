"""The quarantine as a file."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from knowtrace.errors import DataError
from knowtrace.sources import read, write_quarantine


def test_the_quarantine_is_a_table_that_no_spreadsheet_computes(
    source: Callable[..., Path], tmp_path: Path
) -> None:
    path = source(
        'student,item,correct\nok,i,1\ns,i,=cmd()\ns,i,"+1\n2"\ns,i,-1\ns,i,@x\ns,i,' + "9" * 500 + "\n"
    )
    write_quarantine(read(path), tmp_path / "bad.csv")
    with (tmp_path / "bad.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["value"] for row in rows] == ["'=cmd()", "'+1\n2", "'-1", "'@x", "9" * 200]
    assert rows[0] == {
        "file": "answers.csv",
        "line": "3",
        "column": "correct",
        "value": "'=cmd()",
        "rule": "a response is an integer from 0 to 1",
    }


def test_a_place_that_cannot_be_written_is_named(golden: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be written \(No such file or directory\)"):
        write_quarantine(read(golden / "answers.csv"), tmp_path / "no" / "bad.csv")
