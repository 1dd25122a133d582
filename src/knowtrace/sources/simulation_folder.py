"""A simulation as a folder: interactions.csv.gz, truth.json, and two files of probabilities.

oracle.csv.gz has the true ones, ideal.csv.gz those of the ideal observer.
"""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowtrace.errors import DataError
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.ideal_observer import ideal_predictions
from knowtrace.sources.layout import plain_layout
from knowtrace.sources.lines import first_lines, numbered_lines, opened
from knowtrace.sources.simulator import Simulation
from knowtrace.sources.table import read_table

INTERACTIONS = "interactions.csv.gz"
ORACLE = "oracle.csv.gz"
IDEAL = "ideal.csv.gz"
TRUTH = "truth.json"

COLUMNS = (
    "student_id",
    "position",
    "item_id",
    "skill_ids",
    "response",
    "answered_at",
    "elapsed_seconds",
    "session_id",
)


def write_simulation(simulation: Simulation, path: Path) -> None:
    """Write the folder `path`, made when missing. The same simulation gives the same bytes.

    Raises: DataError when the folder cannot be made.
    """
    dataset = simulation.dataset
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path} cannot be made a folder ({error.strerror}): choose another one.") from None
    _write_table(path / INTERACTIONS, COLUMNS, _interaction_rows(dataset))
    columns = ("student_id", "position", *(f"p{k}" for k in range(dataset.num_categories)))
    _write_table(path / ORACLE, columns, _probability_rows(dataset.oracle or {}))
    ideal = ideal_predictions(simulation.config, simulation.items, dataset.students)
    _write_table(path / IDEAL, columns, _probability_rows(ideal))
    config = {**asdict(simulation.config), "start": simulation.config.start.isoformat()}
    truth = {
        "seed": simulation.seed,
        "config": config,
        "items": [asdict(item) for item in simulation.items],
        "students": [asdict(student) for student in simulation.students],
    }
    (path / TRUTH).write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def is_simulation(folder: Path) -> bool:
    return all((folder / name).is_file() for name in (INTERACTIONS, ORACLE, TRUTH))


def read_simulation(folder: Path) -> Dataset:
    """Read what `write_simulation` wrote: the answers, and the probabilities of the oracle and the ideal observer.

    Raises: DataError when truth.json or a file of probabilities does not belong to the answers.
    """
    try:
        truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
        num_categories = int(truth["config"]["num_categories"])
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{TRUTH} in {folder.name} has no config.num_categories: simulate again.") from None
    file = folder / INTERACTIONS
    header = first_lines(file, 1)[0].split(",")
    dataset = read_table(file, plain_layout(file, header), responses="ordered", categories=num_categories)
    return replace(
        dataset,
        name=folder.resolve().name,
        format="simulation",
        oracle=_read_probabilities(folder / ORACLE, dataset),
        ideal=_read_probabilities(folder / IDEAL, dataset) if (folder / IDEAL).is_file() else None,
    )


def _interaction_rows(dataset: Dataset) -> Iterator[Sequence[object]]:
    for student_id, history in dataset.students.items():
        for position, answer in enumerate(history):
            assert answer.answered_at is not None
            yield (
                student_id,
                position,
                answer.item_id,
                ";".join(answer.skill_ids),
                answer.response,
                answer.answered_at.isoformat(),
                answer.elapsed_seconds,
                answer.session_id,
            )


def _probability_rows(probabilities: Mapping[str, NDArray[np.float64]]) -> Iterator[Sequence[object]]:
    for student_id, of_student in probabilities.items():
        for position, row in enumerate(of_student.tolist()):
            yield (student_id, position, *row)


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    # Neither the clock nor the file's name may reach the bytes: equal seeds give equal files.
    path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=6, mtime=0))


def _read_probabilities(path: Path, dataset: Dataset) -> dict[str, NDArray[np.float64]]:
    rows: dict[str, list[list[float]]] = {}
    try:
        with opened(path) as stream:
            lines = numbered_lines(stream, lambda _number, _line: None)
            next(lines)
            for _, line in lines:
                student_id, _, *values = line.split(",")
                rows.setdefault(student_id, []).append([float(p) for p in values])
        probabilities = {student_id: np.array(p, dtype=np.float64) for student_id, p in rows.items()}
    except ValueError:
        raise DataError(f"{path.name} holds a row that is not probabilities: simulate again.") from None
    if any(p.shape[1:] != (dataset.num_categories,) for p in probabilities.values()):
        raise DataError(
            f"{path.name} does not have {dataset.num_categories} probabilities per row: simulate again."
        )
    for student_id, history in dataset.students.items():
        num_rows = len(probabilities.get(student_id, ()))
        if num_rows != len(history):
            raise DataError(
                f"{path.name} has {num_rows} rows for student {student_id}, but {INTERACTIONS} has "
                f"{len(history)} answers: simulate again."
            )
    return probabilities
