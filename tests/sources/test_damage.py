"""Damaged files of every layout: nothing crashes, and every row is an answer, merged, counted or quarantined."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowtrace.errors import DataError
from knowtrace.sources import Dataset, SimulationConfig, read, simulate
from knowtrace.sources.layouts import write_layout

TABLES = {
    "assistments2012": "2012-2013-data-with-predictions-4-final.csv",
    "assistments2015": "2015_100_skill_builders_main_problems.csv",
    "assistments2017": "anonymized_full_release_competition_dataset.csv",
    "datashop": "student_step.txt",
    "edm-cup": "action_logs.csv",
    "eedi": "train_data/train_task_1_2.csv",
    "riiid": "train.csv",
}
CELLS = (
    "",
    "-1",
    "0",
    "1",
    "0.5",
    "nan",
    "inf",
    "1e400",
    "x",
    "NULL",
    "99999999999999999999",
    "2024-02-30",
    "\x7f",
)
VALUES = (None, True, -1, 0.5, 10**400, "", "x", [], {}, [[]], {"id": 7}, float("nan"))
FILES = {"xapi": "statements.jsonl", "caliper": "envelopes.jsonl"}
COUNTED = re.compile(
    r"([\d,]+) (?:rows are lectures|rows are actions other|statements are no answers|answers were voided)"
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives the folder of a layout, written once."""
    config = SimulationConfig(num_students=4, num_answers=4, num_items=6, num_skills=2)
    dataset, folder = simulate(config, 3).dataset, tmp_path_factory.mktemp("layouts")

    def folder_of(layout: str) -> Path:
        if not (folder / layout).exists():
            write_layout(dataset, layout, folder / layout)
            name = (TABLES | FILES)[layout]
            (folder / layout / f"{name}.whole").write_bytes((folder / layout / name).read_bytes())
        return folder / layout

    return folder_of


def num_accounted(dataset: Dataset) -> int:
    counted = sum(
        int(found[1].replace(",", "")) for note in dataset.notes if (found := COUNTED.match(note)) is not None
    )
    return dataset.num_interactions + dataset.num_merged + len(dataset.quarantined) + counted


@pytest.mark.parametrize("layout", TABLES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(data=st.data())
def test_every_row_of_a_damaged_table_is_accounted_for(
    written: Callable[[str], Path], layout: str, data: st.DataObject
) -> None:
    path = written(layout) / TABLES[layout]
    separator = "\t" if layout == "datashop" else ","
    header, *rows = path.with_name(f"{path.name}.whole").read_text().splitlines()
    for _ in range(data.draw(st.integers(1, 6))):
        row = data.draw(st.integers(0, len(rows) - 1))
        cells = rows[row].split(separator)
        match data.draw(st.sampled_from(["cell", "cell", "cell", "repeat", "shorter", "move"])):
            case "cell":
                cells[data.draw(st.integers(0, len(cells) - 1))] = data.draw(st.sampled_from(CELLS))
                rows[row] = separator.join(cells)
            case "repeat":
                rows.append(rows[row])
            case "shorter":
                rows[row] = separator.join(cells[:-1]) or "x"
            case "move":
                rows.insert(0, rows.pop(row))
    path.write_text("\n".join([header, *rows]) + "\n")
    dataset = read(path)
    assert num_accounted(dataset) == len(rows)
    assert dataset.num_categories == 2
    for student, history in dataset.students.items():
        times = [answer.answered_at for answer in history if answer.answered_at is not None]
        assert times == sorted(times)
        assert all(a.student_id == student and a.item_id and a.response in (0, 1) for a in history)
        assert all(a.elapsed_seconds is None or 0 <= a.elapsed_seconds <= 86_400 for a in history)


def damaged(value: Any, data: st.DataObject) -> Any:
    """Return the value with one thing in it replaced."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: damaged(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], damaged(value[place], data), *value[place + 1 :]]
    return data.draw(st.sampled_from(VALUES))


@pytest.mark.parametrize("layout", FILES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(data=st.data())
def test_damaged_json_is_quarantined_or_refused(
    written: Callable[[str], Path], layout: str, data: st.DataObject
) -> None:
    path = written(layout) / FILES[layout]
    rows = path.with_name(f"{path.name}.whole").read_text().splitlines()
    for row in data.draw(st.sets(st.integers(1, len(rows) - 1), min_size=1, max_size=4)):
        is_cut = data.draw(st.booleans())
        rows[row] = rows[row][:-1] if is_cut else json.dumps(damaged(json.loads(rows[row]), data))
    path.write_text("\n".join(rows) + "\n")
    dataset = read(path)
    if layout == "xapi":
        assert num_accounted(dataset) == len(rows)
    assert dataset.num_interactions <= len(rows)


@pytest.mark.parametrize("layout", TABLES | FILES)
def test_a_file_cut_off_anywhere_is_read_as_far_as_it_goes_or_refused(
    written: Callable[[str], Path], layout: str
) -> None:
    path = written(layout) / (TABLES | FILES)[layout]
    whole = path.with_name(f"{path.name}.whole").read_bytes()
    for share in (0.02, 0.3, 0.55, 0.83, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        try:
            dataset = read(path)
        except DataError as error:
            assert str(error)
        else:
            assert dataset.num_interactions <= 16
