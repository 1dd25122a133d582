"""`read`: one call for every format, recognised by what the file holds, not by its name."""

import gc
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.sources import ednet_kt1, ednet_kt4
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.ednet import student_files
from knowtrace.sources.ednet_kt1 import is_ednet_kt1, read_ednet_kt1
from knowtrace.sources.ednet_kt4 import is_ednet_kt4, read_ednet_kt4
from knowtrace.sources.formats import SourceOptions, holds_known_format, known_layout, loader_for, read_json
from knowtrace.sources.json_values import starts_as_json
from knowtrace.sources.layout import plain_layout
from knowtrace.sources.line_text import LINES_TO_LOOK_AT, lines_per_student, read_line_text
from knowtrace.sources.lines import first_lines
from knowtrace.sources.records import header_of
from knowtrace.sources.scale import MAX_CATEGORIES, Responses
from knowtrace.sources.simulation_folder import is_simulation, read_simulation
from knowtrace.sources.table import read_skill_names, read_table

FOLDER_FORMS = "interactions.csv(.gz), a simulation, EdNet's u*.csv(.gz), or one file of a known format"


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
    many there are; both are inferred, with a note, when left out. `contents` is the table of questions that
    EdNet and Riiid come with, or the folder of the tables of EdNet, Riiid, Eedi or EDM Cup, when they do not lie
    beside the answers. DataShop's column of skills is chosen with `columns={"skill": "KC (name)"}`.
    Raises: DataError when the source cannot be read as answers at all. Rows that are merely wrong are in the
    Dataset's quarantine.
    """
    if responses not in (None, "ordered", "partial-credit"):
        raise DataError(f"responses ({responses!r}) must be 'ordered' or 'partial-credit', or be left out.")
    if categories is not None and not 2 <= categories <= MAX_CATEGORIES:
        raise DataError(
            f"categories ({categories}) must be at least 2, wrong and right, and at most {MAX_CATEGORIES}."
        )
    options = SourceOptions(columns=columns, responses=responses, categories=categories, contents=contents)
    with _no_garbage_collection():
        return _read(Path(path), options)


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


def _read(path: Path, options: SourceOptions) -> Dataset:
    if not path.is_dir():
        return _read_file(path, options)
    if options.columns is None and is_simulation(path):
        return read_simulation(path)
    if (file := _interactions_in(path)) is not None:
        return replace(_read_file(file, options), name=path.resolve().name)
    inside = [path, *sorted(entry for entry in path.iterdir() if entry.is_dir())]
    of_students = [folder for folder in inside if student_files(folder)]
    if len(of_students) == 1:
        return _read_ednet_folder(of_students[0], options.contents)
    return replace(_read_file(_only_known_file(path), options), name=path.resolve().name)


def _interactions_in(folder: Path) -> Path | None:
    names = ("interactions.csv.gz", "interactions.csv")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _only_known_file(folder: Path) -> Path:
    """Return the one file of a folder, or of the folders in it, that is of a known format.

    Raises: DataError when there is none, or more than one.
    """
    known = _known_files(folder)
    if not known:
        inner = sorted(entry for entry in folder.iterdir() if entry.is_dir())
        known = [file for place in inner for file in _known_files(place)]
    if len(known) == 1:
        return known[0]
    if known:
        names = ", ".join(file.name for file in known[:10])
        raise DataError(f"{folder} holds {len(known)} files of answers ({names}): give one of them.")
    found = ", ".join(sorted(entry.name for entry in folder.iterdir())[:10]) or "nothing"
    raise DataError(f"{folder} ({found}) holds none of {FOLDER_FORMS}: give one file, or another folder.")


def _known_files(folder: Path) -> list[Path]:
    files = sorted(entry for entry in folder.iterdir() if entry.is_file())
    return [file for file in files if holds_known_format(file)]


def _read_ednet_folder(folder: Path, contents: Path | None) -> Dataset:
    files = student_files(folder)
    header = _header_of_students(files)
    if is_ednet_kt1(header):
        return read_ednet_kt1(folder, contents)
    if is_ednet_kt4(header):
        return read_ednet_kt4(folder, contents)
    lost = [
        [name for name in columns if name not in header] for columns in (ednet_kt1.COLUMNS, ednet_kt4.COLUMNS)
    ]
    raise DataError(
        f"{files[0].name} in {folder} has neither EdNet KT1's nor KT4's columns ({', '.join(header)[:200]}): it lacks "
        f"{', '.join(min(lost, key=len))}; give one file with columns=."
    )


def _header_of_students(files: Sequence[Path]) -> list[str]:
    """Return the columns of the first file that can be read. Raises: DataError, of the first file, when none can."""
    errors: list[DataError] = []
    for file in files:
        try:
            return header_of(first_lines(file, 1)[0])[1]
        except DataError as error:
            errors.append(error)
    raise errors[0]


def _read_file(file: Path, options: SourceOptions) -> Dataset:
    responses, categories, columns = options.responses, options.categories, options.columns
    if columns is None and starts_as_json(file):
        return read_json(file, options)
    lines = first_lines(file, LINES_TO_LOOK_AT)
    if columns is None and (size := lines_per_student(lines)) is not None:
        return read_line_text(file, size, responses=responses, categories=categories)
    _, header = header_of(lines[0])
    if (load := loader_for(header, columns)) is not None:
        return load(file, options)
    layout = known_layout(header) if columns is None else None
    beside = [file.parent / name for name in ("skills.csv", "skills.csv.gz")]
    names = next((path for path in beside if path.is_file()), None)
    return read_table(
        file,
        layout or plain_layout(file, header, columns),
        responses=responses,
        categories=categories,
        skill_names=None if names is None else read_skill_names(names),
    )
