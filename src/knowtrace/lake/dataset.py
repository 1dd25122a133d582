"""Gold sequences as the data that models train on: columns stay in Arrow, a student becomes interactions when asked."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.lake.arrow import arrow_schema
from knowtrace.lake.commits import LOG, CommitLog, Snapshot
from knowtrace.lake.gold_tables import ITEM_VOCABULARY, SEQUENCES, SKILL_SETS
from knowtrace.lake.silver_tables import EVENTS
from knowtrace.lake.tables import Table
from knowtrace.sources import Dataset
from knowtrace.standards.cells import EPOCH

SCRATCH = "_sequences.arrow"
"""The sequences of the last commit once more, in the form that is read through memory without being loaded."""

LISTS = ("items", "skill_sets", "responses", "answered_at", "elapsed_ms", "containers")


def is_lake(path: Path) -> bool:
    return (path / LOG).is_dir()


def read_lake(root: Path) -> Dataset:
    """Return a lake's gold sequences as a dataset, its splits the source's own or else the lake's.

    Memory holds ids and one student at a time: histories are read from a file as they are asked for.
    Raises: DataError when nothing was built.
    """
    snapshot = CommitLog(root).last()
    if not snapshot.files(SEQUENCES):
        raise DataError(f"The lake {root} has no gold sequences: run `knowtrace lake build` first.")
    students = _Students(_mapped(root, snapshot), _ids(root, snapshot))
    return Dataset(
        name=root.resolve().name,
        format="gold sequences",
        students=students,
        num_categories=_num_categories(root, snapshot),
        splits=students.splits,
    )


class _Students(Mapping[str, Sequence[Interaction]]):
    """Histories by student, each made when it is asked for."""

    def __init__(self, rows: Any, ids: "_Ids") -> None:
        self._rows = rows
        self._ids = ids
        names: list[str] = rows["user_id"].to_pylist()
        self._places = {name: place for place, name in enumerate(names)}
        self._lengths: list[int] = rows["num_events"].to_pylist()
        given, ours = rows["given_split"].to_pylist(), rows["split"].to_pylist()
        self.splits = dict(zip(names, given if all(given) else ours, strict=True))

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, student_id: object) -> bool:
        return student_id in self._places

    def __getitem__(self, student_id: str) -> Sequence[Interaction]:
        place = self._places[student_id]
        return _History(student_id, self._rows, place, self._lengths[place], self._ids)


class _History(Sequence[Interaction]):
    """One student's answers; its length is known without making them."""

    def __init__(self, student_id: str, rows: Any, place: int, length: int, ids: "_Ids") -> None:
        self._student_id, self._rows, self._place, self._length, self._ids = (
            student_id,
            rows,
            place,
            length,
            ids,
        )

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        return self._made[index]

    def __iter__(self) -> Iterator[Interaction]:
        return iter(self._made)

    @cached_property
    def _made(self) -> list[Interaction]:
        lists = [self._rows[name][self._place].as_py() for name in LISTS]
        return [self._interaction(*step) for step in zip(*lists, strict=True)]

    def _interaction(
        self, item: int, skill_set: int, response: int, at: int | None, elapsed_ms: int | None, container: int
    ) -> Interaction:
        return Interaction(
            student_id=self._student_id,
            item_id=self._ids.items[item],
            skill_ids=self._ids.skills[skill_set],
            response=response,
            answered_at=None if at is None else EPOCH + timedelta(microseconds=at),
            elapsed_seconds=None if elapsed_ms is None else elapsed_ms / 1000,
            container_id=str(container),
        )


class _Ids:
    """What the numbers in sequences stand for."""

    def __init__(self, items: dict[int, str], skills: dict[int, tuple[str, ...]]) -> None:
        self.items = items
        self.skills = skills


def _ids(root: Path, snapshot: Snapshot) -> _Ids:
    items = _read(root, snapshot, ITEM_VOCABULARY)
    sets = _read(root, snapshot, SKILL_SETS)
    return _Ids(
        items=dict(zip(items["item_index"].to_pylist(), items["item_id"].to_pylist(), strict=True)),
        skills=dict(
            zip(sets["skill_set"].to_pylist(), map(tuple, sets["skill_ids"].to_pylist()), strict=True)
        ),
    )


def _num_categories(root: Path, snapshot: Snapshot) -> int:
    """Return the sources' number of categories. Raises: DataError when they differ."""
    found: set[int] = set()
    for file in snapshot.files(EVENTS):
        numbers = parquet.ParquetFile(root / file.path).read(columns=["num_categories"])["num_categories"]
        found.update(numbers.unique().to_pylist())
    if len(found) != 1:
        raise DataError(
            f"The sources of the lake {root} have {sorted(found)} categories: one model learns from one number of "
            "them. Build a lake of each."
        )
    return found.pop()


def _mapped(root: Path, snapshot: Snapshot) -> Any:
    """Return the sequences, memory-mapped, writing them once per commit."""
    made_at = snapshot.created_at.replace(":", "")
    scratch = root / f"{snapshot.version:08d}-{made_at}{SCRATCH}"
    if not scratch.is_file():
        # Another reader may be at the same work: its draft is its own, and what is old may be gone by now.
        for old in root.glob(f"[0-9]*{SCRATCH}"):
            old.unlink(missing_ok=True)
        draft = root / f".{uuid.uuid4().hex}{SCRATCH}"
        schema = arrow_schema(SEQUENCES)
        with pa.OSFile(str(draft), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for file in snapshot.files(SEQUENCES):
                rows = parquet.ParquetFile(root / file.path)
                for batch in rows.iter_batches(batch_size=4096, columns=list(SEQUENCES.column_names)):
                    writer.write_table(pa.Table.from_batches([batch]).cast(schema))
        draft.rename(scratch)
    return pa.ipc.open_file(pa.memory_map(str(scratch))).read_all()


def _read(root: Path, snapshot: Snapshot, table: Table) -> Any:
    files = [parquet.ParquetFile(root / file.path).read() for file in snapshot.files(table)]
    return pa.concat_tables(files)
