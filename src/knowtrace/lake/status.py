"""What a lake holds, and what a build would bring."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knowtrace.errors import NotFoundError
from knowtrace.lake.candidates import READERS
from knowtrace.lake.checks import TABLES
from knowtrace.lake.commits import CommitLog
from knowtrace.lake.erased import ErasedStudents, erased_students
from knowtrace.lake.landing import hash_of, known_hashes, without_erased
from knowtrace.lake.skill_maps import new_map
from knowtrace.lake.sources_found import find_source
from knowtrace.lake.student_files import hashes
from knowtrace.sources.formats import SourceOptions


@dataclass(frozen=True, kw_only=True)
class TableStatus:
    name: str
    grain: str
    num_rows: int
    num_files: int
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class LakeStatus:
    """A lake at its last commit; `num_pending` landed batches are not in silver yet."""

    version: int
    created_at: str
    num_pending: int
    tables: tuple[TableStatus, ...]


@dataclass(frozen=True, kw_only=True)
class SourcePlan:
    """What one source would bring: its files, and those whose bytes are not known."""

    path: str
    format: str
    num_files: int
    num_new: int
    new_bytes: int


@dataclass(frozen=True, kw_only=True)
class MapPlan:
    """What a skill map that is new to the lake would do: its tags, and the landed answers that are read again."""

    path: str
    num_tags: int
    num_read_again: int


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """`skill_map` is None without a map, or with the one that the lake has."""

    sources: tuple[SourcePlan, ...]
    skill_map: MapPlan | None = None


def status_of(root: Path) -> LakeStatus:
    """Return what a lake holds. Raises: NotFoundError when there is no lake."""
    snapshot = CommitLog(root).last()
    if snapshot.version == 0:
        raise NotFoundError(
            f"There is no lake at {root}: `knowtrace lake build --source PATH --into {root}` makes one."
        )
    return LakeStatus(
        version=snapshot.version,
        created_at=snapshot.created_at,
        num_pending=len(snapshot.pending),
        tables=tuple(
            TableStatus(
                name=table.full_name,
                grain=table.grain,
                num_rows=snapshot.num_rows(table),
                num_files=len(snapshot.files(table)),
                num_bytes=sum((root / file.path).stat().st_size for file in snapshot.files(table)),
            )
            for table in TABLES
        ),
    )


def plan_build(
    root: Path, paths: Sequence[Path], source: SourceOptions | None = None, skill_map: Path | None = None
) -> BuildPlan:
    """Return what a build would land and read again, changing nothing.

    Raises: DataError when there is nothing at a path, or a skill map breaks a rule.
    """
    snapshot = CommitLog(root).last()
    known, erased = known_hashes(root, snapshot), erased_students(root, snapshot)
    found = new_map(skill_map, snapshot)
    return BuildPlan(
        sources=tuple(_plan(path, source or SourceOptions(), known, erased) for path in paths),
        skill_map=found
        and MapPlan(
            path=str(skill_map),
            num_tags=len(found.rows),
            num_read_again=sum(snapshot.num_rows(reader.table) for reader in READERS),
        ),
    )


def _plan(path: Path, options: SourceOptions, known: frozenset[str], erased: ErasedStudents) -> SourcePlan:
    source = find_source(path, options)
    if source.students:
        found = list(hashes(without_erased(source.students, erased)))
    else:
        found = [_hash_or_none(file) for file in source.files]
    new = [size for digest, size in found if digest not in known]
    return SourcePlan(
        path=str(path),
        format=source.format or "by its columns",
        num_files=len(found),
        num_new=len(new),
        new_bytes=sum(new),
    )


def _hash_or_none(file: Path) -> tuple[str, int]:
    """Return a file's hash and size; of one that cannot be read none, as nothing of it was landed."""
    try:
        return hash_of(file)
    except OSError:
        return "", 0
