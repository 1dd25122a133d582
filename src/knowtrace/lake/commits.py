"""The lake's log of commits: which files make up each table. One new file in the log is the whole change.

Data files are written under names that were never used, and belong to no table until a commit lists them: a build
that is killed leaves the tables of the last commit, whole.
"""

import errno
import fcntl
import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from knowtrace.errors import ConflictError, DataError
from knowtrace.lake.tables import Table

LOG = "_commits"
LOCK = "_lock"
FORMAT = 2
LAYERS = ("bronze", "silver", "gold")
SWEPT = (*LAYERS, "_work")
WITHOUT_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
WITHOUT_LOCKS = (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK)
"""What file systems say that have no hard links, or no locks, as mounted object stores have none."""

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)

KEPT_COMMITS = 2
"""Files that only older commits list are removed: a reader of the last commit but one still finds its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file of a table: its path within the lake, its rows, and the bucket whose students it holds, if one."""

    path: str
    num_rows: int
    bucket: str | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The lake at one commit.

    `pending` names the landed batches whose rows are not in silver yet. Commits before `oldest` are not kept, as they
    hold students who were erased since. `skill_map` is the hash of the map that answers were read by, "" for none.
    """

    version: int = 0
    created_at: str = ""
    tables: Mapping[str, tuple[DataFile, ...]] = field(default_factory=dict[str, tuple[DataFile, ...]])
    pending: tuple[str, ...] = ()
    oldest: int = 0
    skill_map: str = ""

    def files(self, table: Table, buckets: Iterable[str] | None = None) -> tuple[DataFile, ...]:
        """Return a table's files, or those of some buckets."""
        files = self.tables.get(table.full_name, ())
        if buckets is None:
            return files
        wanted = set(buckets)
        return tuple(file for file in files if file.bucket in wanted)

    def num_rows(self, table: Table) -> int:
        return sum(file.num_rows for file in self.files(table))

    def appended(self, table: Table, files: Sequence[DataFile]) -> "Snapshot":
        return self._with(table, (*self.files(table), *files))

    def replaced(
        self, table: Table, files: Sequence[DataFile], buckets: Iterable[str] | None = None
    ) -> "Snapshot":
        """Return the snapshot with a table's files, or those of some buckets, exchanged."""
        gone = set() if buckets is None else set(buckets)
        kept = () if buckets is None else (file for file in self.files(table) if file.bucket not in gone)
        return self._with(table, (*kept, *files))

    def _with(self, table: Table, files: tuple[DataFile, ...]) -> "Snapshot":
        return replace(self, tables={**self.tables, table.full_name: files})


class CommitLog:
    """The log of one lake, a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / LOG

    @contextmanager
    def building(self) -> Generator[None]:
        """Hold the lake for one builder. The operating system lets go of it when the process ends, however it ends.

        Raises: ConflictError when another build is running; DataError when the folder holds files of others, which
        a builder would take for what a killed build left, and remove.
        """
        if not self.folder.is_dir() and (taken := [name for name in LAYERS if _holds_any(self.root / name)]):
            raise DataError(
                f"{self.root} is no lake, but holds files in {', '.join(taken)}: give a folder that is empty or new."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.root / LOCK).open("a+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError(
                    f"Another build of the lake {self.root} is running: wait for it, or stop it, then run again."
                ) from None
            except OSError as error:
                if error.errno not in WITHOUT_LOCKS:
                    raise
            yield

    def last(self) -> Snapshot:
        """Return the last commit, or an empty lake. Raises: DataError when the log cannot be read."""
        paths = self._commits()
        return self._read(paths[-1]) if paths else Snapshot()

    def commit(self, snapshot: Snapshot, *, created_at: str) -> Snapshot:
        """Make a snapshot the lake's next commit, durably. Raises: ConflictError when another came first."""
        following = replace(snapshot, version=snapshot.version + 1, created_at=created_at)
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / f"{following.version:08d}.json"
        draft = self.folder / f".{os.getpid()}.draft"
        with draft.open("wb") as stream:
            stream.write(orjson.dumps({"format": FORMAT, **asdict(following)}))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            _publish(draft, target)
        except FileExistsError:
            draft.unlink()
            raise ConflictError(
                f"Commit {following.version} of the lake {self.root} was made by another build: run again."
            ) from None
        _sync_folder(self.folder)
        return following

    def sweep(self) -> int:
        """Remove data files that none of the last commits lists, and older commits; return how many files went."""
        paths = self._commits()
        oldest = self.last().oldest
        kept = [path for path in paths[-KEPT_COMMITS:] if int(path.stem) >= oldest]
        unlisted = self.files_without([self._read(path) for path in kept])
        for file in unlisted:
            file.unlink()
        for layer in SWEPT:
            _remove_empty_folders(self.root / layer)
        for path in paths:
            if path not in kept:
                path.unlink()
        for draft in self.folder.glob(".*.draft"):
            draft.unlink()
        return len(unlisted)

    def files_without(self, snapshots: Sequence[Snapshot]) -> list[Path]:
        """Return the data files that none of some commits lists."""
        listed = {file.path for one in snapshots for files in one.tables.values() for file in files}
        return [
            file
            for layer in SWEPT
            for file in (self.root / layer).rglob("*")
            if file.is_file()
            and "_delta_log" not in file.parts
            and file.relative_to(self.root).as_posix() not in listed
        ]

    def _commits(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.json")) if self.folder.is_dir() else []

    def _read(self, path: Path) -> Snapshot:
        try:
            content: dict[str, Any] = orjson.loads(path.read_bytes())
            number = content["format"]
            if number != FORMAT:
                raise DataError(
                    f"The lake {self.root} is of format {number}, this version reads {FORMAT}: build it anew."
                )
            return Snapshot(
                version=content["version"],
                created_at=content["created_at"],
                tables={
                    name: tuple(DataFile(**file) for file in files)
                    for name, files in content["tables"].items()
                },
                pending=tuple(content["pending"]),
                oldest=content.get("oldest", 0),
                skill_map=content.get("skill_map", ""),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise DataError(
                f"The commit {path} cannot be read ({error}): remove this file to go back to the commit before it."
            ) from None


@contextmanager
def told_when_full(root: Path) -> Generator[None]:
    """Raises: DataError instead of what the system, or an engine, says when a lake's disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise DataError(
            f"No room left at {root}: the lake is as its last commit left it. Make room, then run again."
        ) from error


def _remove_empty_folders(folder: Path) -> None:
    for inner in sorted(folder.rglob("*"), reverse=True):
        if inner.is_dir() and not any(inner.iterdir()):
            inner.rmdir()


def _publish(draft: Path, target: Path) -> None:
    """Give a draft its name, whole or not at all. Raises: FileExistsError when another has it."""
    try:
        os.link(draft, target)
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        # A mounted object store renames, and has no links: there, builds are kept apart by who starts them.
        if target.exists():
            raise FileExistsError(target) from error
        draft.rename(target)
    else:
        draft.unlink()


def _holds_any(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or next(folder.iterdir(), None) is not None)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
