"""`read`: one call for every format, recognised by what the file holds, not by its name."""

import gc
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.sources import assistments2009
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.ednet import student_files
from knowtrace.sources.ednet_kt1 import is_ednet_kt1, read_ednet_kt1
from knowtrace.sources.ednet_kt4 import is_ednet_kt4, read_ednet_kt4
from knowtrace.sources.layout import plain_layout
from knowtrace.sources.line_text import LINES_TO_LOOK_AT, lines_per_student, read_line_text
from knowtrace.sources.lines import first_lines
from knowtrace.sources.records import header_of
from knowtrace.sources.scale import MAX_CATEGORIES, Responses
from knowtrace.sources.simulation_folder import is_simulation, read_simulation
from knowtrace.sources.table import read_skill_names, read_table

FOLDER_FORMS = "interactions.csv(.gz), a simulation, or EdNet's u*.csv(.gz)"


def read(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    responses: Responses | None = None,
    categories: int | None = None,
    contents: Path | None = None,
) -> Dataset:
    """Read a file or a folder of students' answers, plain or gzip.

    `columns` maps what a column says ("student", "item", "correct" …) to its name, for tables with names of
    their own. `responses` says whether responses are ordered integers or partial credit, `categories` how
    many there are; both are inferred, with a note, when left out. `contents` is EdNet's table of questions,
    or its folder, when it does not lie beside the answers.
    Raises: DataError when the source cannot be read as answers at all. Rows that are merely wrong are in the
    Dataset's quarantine.
    """
    if responses not in (None, "ordered", "partial-credit"):
        raise DataError(f"responses ({responses!r}) must be 'ordered' or 'partial-credit', or be left out.")
    if categories is not None and not 2 <= categories <= MAX_CATEGORIES:
        raise DataError(
            f"categories ({categories}) must be at least 2, wrong and right, and at most {MAX_CATEGORIES}."
        )
    with _no_garbage_collection():
        return _read(Path(path), columns, responses, categories, contents)


@contextmanager
def _no_garbage_collection() -> Generator[None]:
    """A million new objects and no cycle among them: looking for cycles would take a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read(
    path: Path,
    columns: Mapping[str, str] | None,
    responses: Responses | None,
    categories: int | None,
    contents: Path | None,
) -> Dataset:
    if path.is_dir():
        if columns is None and is_simulation(path):
            return read_simulation(path)
        if (file := _interactions_in(path)) is not None:
            dataset = _read_file(file, columns, responses, categories, contents)
            return replace(dataset, name=path.resolve().name)
        return _read_ednet_folder(path, contents)
    return _read_file(path, columns, responses, categories, contents)


def _interactions_in(folder: Path) -> Path | None:
    names = ("interactions.csv.gz", "interactions.csv")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_ednet_folder(folder: Path, contents: Path | None) -> Dataset:
    files = student_files(folder)
    if not files:
        found = ", ".join(sorted(entry.name for entry in folder.iterdir())[:10]) or "nothing"
        raise DataError(f"{folder} ({found}) holds none of {FOLDER_FORMS}: give one file, or another folder.")
    _, header = header_of(first_lines(files[0], 1)[0])
    if is_ednet_kt1(header):
        return read_ednet_kt1(folder, contents)
    if is_ednet_kt4(header):
        return read_ednet_kt4(folder, contents)
    raise DataError(
        f"{files[0].name} in {folder} has neither EdNet KT1's nor KT4's columns ({', '.join(header)[:200]}): "
        "give one file with columns=."
    )


def _read_file(
    file: Path,
    columns: Mapping[str, str] | None,
    responses: Responses | None,
    categories: int | None,
    contents: Path | None,
) -> Dataset:
    lines = first_lines(file, LINES_TO_LOOK_AT)
    if columns is None and (size := lines_per_student(lines)) is not None:
        return read_line_text(file, size, responses=responses, categories=categories)
    _, header = header_of(lines[0])
    if columns is None and is_ednet_kt1(header):
        return read_ednet_kt1(file, contents)
    if columns is None and is_ednet_kt4(header):
        return read_ednet_kt4(file, contents)
    is_assistments2009 = columns is None and assistments2009.is_assistments2009(header)
    layout = assistments2009.LAYOUT if is_assistments2009 else plain_layout(file, header, columns)
    beside = [file.parent / name for name in ("skills.csv", "skills.csv.gz")]
    names = next((path for path in beside if path.is_file()), None)
    return read_table(
        file,
        layout,
        responses=responses,
        categories=categories,
        skill_names=None if names is None else read_skill_names(names),
    )
