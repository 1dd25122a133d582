"""What a path given to the lake holds: students' files, or files that a loader reads."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.lake.commits import LOG
from knowtrace.lake.student_files import EDNET_KT1, EDNET_KT4, LOOKED_AT, Member, header_lines, members
from knowtrace.sources.ednet_contents import find_contents
from knowtrace.sources.ednet_kt1 import is_ednet_kt1
from knowtrace.sources.ednet_kt4 import is_ednet_kt4
from knowtrace.sources.formats import SourceOptions, holds_known_format
from knowtrace.sources.records import header_of


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source as found: one file per student (`students`), or files and folders that are read whole (`files`)."""

    format: str
    students: tuple[Member, ...] = ()
    files: tuple[Path, ...] = ()
    questions: Path | None = None


def find_source(path: Path, options: SourceOptions) -> Source:
    """Return what a path holds. Raises: DataError when there is nothing at it, or it is a lake."""
    if not path.exists():
        raise DataError(f"There is nothing at {path}: check the path.")
    if (path / LOG).is_dir():
        raise DataError(f"{path} is a lake itself: give the files it was built from.")
    if options.columns is None and (students := members(path)):
        for form, recognises in ((EDNET_KT1, is_ednet_kt1), (EDNET_KT4, is_ednet_kt4)):
            if _are(students, recognises):
                questions = find_contents(path, options.contents)
                return Source(format=form, students=tuple(students), questions=questions)
    if path.is_dir() and (several := _tables_in(path)):
        return Source(format="", files=tuple(several))
    return Source(format="", files=(path,))


def _are(students: list[Member], recognises: Callable[[list[str]], bool]) -> bool:
    """Return whether one of the first files that can be read has a format's columns: one may have lost some."""
    return any(recognises(header_of(line)[1]) for line in header_lines(students[:LOOKED_AT]))


def _tables_in(folder: Path) -> list[Path]:
    """Return the files of a folder of exports, each a source by itself; none when it is one source of several files."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    tables = [
        file for file in files if file.name.endswith((".csv", ".csv.gz", ".json", ".jsonl", ".txt", ".tsv"))
    ]
    names = {file.name.split(".", 1)[0] for file in tables}
    if names & {"interactions", "truth", "assignment_details", "questions", "students"}:
        return []
    is_exports = len(tables) == len(files) or any(map(holds_known_format, tables))
    return tables if is_exports else []
