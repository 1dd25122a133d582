"""`read` finds its format, and says so when it finds none."""

import gc
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from knowtrace.errors import DataError
from knowtrace.sources import read

Source = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("answers.csv", "answers table"),
        ("skills_only.csv", "answers table"),
        ("timed.tsv", "answers table"),
        ("assistments2009_raw.csv", "ASSISTments 2009 raw"),
        ("assistments2009_indexed.csv", "ASSISTments 2009 raw"),
        ("ednet/KT1", "EdNet KT1"),
        ("ednet/KT4", "EdNet KT4"),
        ("three_line.txt", "three-line text"),
        ("partial_credit.txt", "three-line text"),
        ("four_line.txt", "four-line text"),
    ],
)
def test_the_format_is_recognised_by_content(golden: Path, name: str, format_name: str) -> None:
    assert read(golden / name).format == format_name


def test_the_name_of_a_file_tells_nothing(golden: Path, tmp_path: Path) -> None:
    shutil.copy(golden / "assistments2009_raw.csv", tmp_path / "notes.md")
    assert read(tmp_path / "notes.md").format == "ASSISTments 2009 raw"


def test_a_folder_of_interactions_takes_the_folders_name(golden: Path, tmp_path: Path) -> None:
    folder = tmp_path / "spring"
    folder.mkdir()
    shutil.copy(golden / "answers.csv", folder / "interactions.csv")
    (folder / "skills.csv").write_text("skill_id,skill_name\nratios,Ratios\n")
    dataset = read(folder)
    assert (dataset.name, dataset.skill_names) == ("spring", {"ratios": "Ratios"})


def test_a_folder_of_something_else_lists_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\(nothing\) holds none of interactions.csv"):
        read(tmp_path)
    (tmp_path / "photo.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"\(photo.png\) holds none of"):
        read(tmp_path)
    (tmp_path / "u1.csv").write_text("name,age\nx,3\n")
    with pytest.raises(DataError, match=r"neither EdNet KT1's nor KT4's columns \(name, age\)"):
        read(tmp_path)


def test_an_unknown_header_is_refused(source: Source) -> None:
    with pytest.raises(DataError, match="no column for student, item, correct"):
        read(source("1.5,2,7\n"))
    with pytest.raises(DataError, match=r"is JSON, but neither xAPI statements .* nor Caliper events"):
        read(source("{}"))


def test_a_folder_with_one_file_of_a_known_format_is_that_file(golden: Path, tmp_path: Path) -> None:
    shutil.copy(golden / "assistments2009_raw.csv", tmp_path / "export.txt")
    (tmp_path / "notes.csv").write_text("name,age\nx,3\n")
    (tmp_path / "broken.json").write_text("[")
    assert read(tmp_path).name == tmp_path.name
    shutil.copy(golden / "assistments2009_raw.csv", tmp_path / "twice.txt")
    with pytest.raises(DataError, match=r"holds 2 files of answers \(export.txt, twice.txt\): give one"):
        read(tmp_path)


def test_arguments_out_of_range_are_refused(golden: Path) -> None:
    with pytest.raises(DataError, match=r"categories \(1\) must be at least 2"):
        read(golden / "answers.csv", categories=1)
    with pytest.raises(DataError, match=r"responses \('pc'\) must be 'ordered' or 'partial-credit'"):
        read(golden / "answers.csv", responses="pc")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"categories \(101\) must be .* at most 100"):
        read(golden / "answers.csv", categories=101)


def test_reading_leaves_the_garbage_collector_as_it_was(golden: Path, tmp_path: Path) -> None:
    read(golden / "answers.csv")
    assert gc.isenabled()
    with pytest.raises(DataError):
        read(tmp_path / "gone.csv")
    assert gc.isenabled()
