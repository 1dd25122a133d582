"""Gold sequences as the data that models train on: columns read shard by shard, histories made when asked for."""

import mmap
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from knowtrace.domain import FIRST_KNOWN, Interaction
from knowtrace.errors import DataError
from knowtrace.lake.arrow import arrow_schema
from knowtrace.lake.commits import LOG, CommitLog, Snapshot
from knowtrace.lake.gold_tables import ITEM_VOCABULARY, SEQUENCES, SKILL_SETS
from knowtrace.lake.silver_tables import EVENTS
from knowtrace.lake.tables import Table
from knowtrace.lake.vocabularies import FIRST_SET
from knowtrace.sources import Dataset
from knowtrace.sources.shards import UNKNOWN_MOMENT, Shard
from knowtrace.standards.cells import EPOCH

LISTS = ("items", "skill_sets", "responses", "answered_at", "elapsed_ms", "containers")

FACTS = ("user_id", "num_events", "given_split", "split")

STUDENTS_AT_ONCE = 256
"""Students of a shard. Their lists are in memory together: a few megabytes."""


def is_lake(path: Path) -> bool:
    return (path / LOG).is_dir()


def read_lake(root: Path) -> Dataset:
    """Return a lake's gold sequences as a dataset, its splits the source's own or else the lake's.

    Memory holds ids and lengths. `shards` reads the answers from the lake's files each time it is passed over; a
    history asked for by its student is read from a nameless temporary file, written at the first such question and
    gone with the dataset. Nothing is written into the lake.
    Raises: DataError when nothing was built.
    """
    snapshot = CommitLog(root).last()
    if not snapshot.files(SEQUENCES):
        raise DataError(f"The lake {root} has no gold sequences: run `knowtrace lake build` first.")
    shards = _GoldShards(
        files=tuple(root / file.path for file in snapshot.files(SEQUENCES)),
        item_ids=_in_order(
            _read(root, snapshot, ITEM_VOCABULARY), "item_index", "item_id", first=FIRST_KNOWN
        ),
        skill_sets=tuple(
            tuple(skills)
            for skills in _in_order(
                _read(root, snapshot, SKILL_SETS), "skill_set", "skill_ids", first=FIRST_SET
            )
        ),
    )
    students = _Students(shards)
    return Dataset(
        name=root.resolve().name,
        format="gold sequences",
        students=students,
        num_categories=_num_categories(root, snapshot),
        splits=students.splits,
        shards=shards,
    )


def _in_order(rows: Any, number: str, name: str, *, first: int) -> tuple[Any, ...]:
    """Return what the numbers of a vocabulary stand for, the first of them at place 0."""
    numbers = rows[number].to_numpy()
    order = np.argsort(numbers)
    assert np.array_equal(numbers[order], np.arange(first, first + len(numbers))), (
        "numbers are given without gaps"
    )
    names = rows[name].to_pylist()
    return tuple(names[place] for place in order.tolist())


@dataclass(frozen=True, kw_only=True)
class _GoldShards:
    """The sequences of one commit, from its files."""

    files: tuple[Path, ...]
    item_ids: tuple[str, ...]
    skill_sets: tuple[tuple[str, ...], ...]

    def __iter__(self) -> Iterator[Shard]:
        for batch in self.batches(("user_id", *LISTS)):
            starts = batch.column("items").offsets.to_numpy()
            starts = (starts - starts[0]).astype(np.int64)
            columns = {name: batch.column(name).flatten() for name in LISTS}
            containers = columns["containers"].to_numpy()
            begins = np.ones(len(containers), dtype=bool)
            begins[1:] = containers[1:] != containers[:-1]
            begins[starts[:-1]] = True
            yield Shard(
                student_ids=batch.column("user_id").to_pylist(),
                starts=starts,
                items=columns["items"].to_numpy() - FIRST_KNOWN,
                skill_sets=columns["skill_sets"].to_numpy() - FIRST_SET,
                responses=columns["responses"].to_numpy().astype(np.int64),
                begins=begins,
                answered_at=columns["answered_at"].fill_null(UNKNOWN_MOMENT).to_numpy(),
                elapsed_seconds=_seconds(columns["elapsed_ms"]),
            )

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Yield record batches of some students."""
        for path in self.files:
            with pa.memory_map(str(path)) as source:
                rows = parquet.ParquetFile(source)
                yield from rows.iter_batches(
                    batch_size=STUDENTS_AT_ONCE, columns=list(columns), use_threads=False
                )


def _seconds(milliseconds: Any) -> NDArray[np.float64]:
    return milliseconds.cast(pa.float64()).to_numpy(zero_copy_only=False) / 1000


class _Students(Mapping[str, Sequence[Interaction]]):
    """Histories by student, each made when it is asked for."""

    def __init__(self, shards: _GoldShards) -> None:
        self._shards = shards
        names, lengths, given, ours = (list[Any]() for _ in FACTS)
        for batch in shards.batches(FACTS):
            for facts, values in zip((names, lengths, given, ours), batch.columns, strict=True):
                facts.extend(values.to_pylist())
        self._places = {name: place for place, name in enumerate(names)}
        self._lengths = np.array(lengths, dtype=np.int64)
        self.splits: dict[str, str] = dict(zip(names, given if all(given) else ours, strict=True))

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, student_id: object) -> bool:
        return student_id in self._places

    def __getitem__(self, student_id: str) -> Sequence[Interaction]:
        return _History(student_id, self, self._places[student_id])

    def length(self, place: int) -> int:
        return int(self._lengths[place])

    def made(self, student_id: str, place: int) -> list[Interaction]:
        """Return the interactions of the student at a place."""
        lists = [self._rows[name][place].as_py() for name in LISTS]
        return [self._interaction(student_id, *step) for step in zip(*lists, strict=True)]

    @cached_property
    def _rows(self) -> Any:
        """All sequences, mapped from a temporary file that has no name: it goes with the last who reads it."""
        with tempfile.TemporaryFile() as file:
            with pa.ipc.new_file(pa.PythonFile(file, mode="w"), _list_schema()) as writer:
                for batch in self._shards.batches(LISTS):
                    writer.write_table(pa.Table.from_batches([batch]).cast(_list_schema()))
            file.flush()
            buffer = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            return pa.ipc.open_file(pa.BufferReader(buffer)).read_all()

    def _interaction(
        self,
        student_id: str,
        item: int,
        skill_set: int,
        response: int,
        at: int | None,
        elapsed_ms: int | None,
        container: int,
    ) -> Interaction:
        return Interaction(
            student_id=student_id,
            item_id=self._shards.item_ids[item - FIRST_KNOWN],
            skill_ids=self._shards.skill_sets[skill_set - FIRST_SET],
            response=response,
            answered_at=None if at is None else EPOCH + timedelta(microseconds=at),
            elapsed_seconds=None if elapsed_ms is None else elapsed_ms / 1000,
            container_id=str(container),
        )


class _History(Sequence[Interaction]):
    """One student's answers; its length is known without making them."""

    def __init__(self, student_id: str, students: _Students, place: int) -> None:
        self._student_id, self._students, self._place = student_id, students, place

    def __len__(self) -> int:
        return self._students.length(self._place)

    def __getitem__(self, index: Any) -> Any:
        return self._made[index]

    def __iter__(self) -> Iterator[Interaction]:
        return iter(self._made)

    @cached_property
    def _made(self) -> list[Interaction]:
        return self._students.made(self._student_id, self._place)


def _list_schema() -> Any:
    schema = arrow_schema(SEQUENCES)
    return pa.schema([schema.field(name) for name in LISTS])


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


def _read(root: Path, snapshot: Snapshot, table: Table) -> Any:
    files = [parquet.ParquetFile(root / file.path).read() for file in snapshot.files(table)]
    return pa.concat_tables(files)
