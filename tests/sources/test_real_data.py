"""The real data, against what its README and its published clusters say."""

import csv
import functools
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from knowtrace.sources import Dataset, find_contamination, find_twins, read

pytestmark = pytest.mark.data

prepared = functools.lru_cache(maxsize=1)(read)
"""Reading takes seconds: the tests of one dataset stay together, so that one worker reads it once."""


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    yield
    prepared.cache_clear()


def of(name: str, *values: object) -> Any:
    return pytest.param(name, *values, marks=pytest.mark.xdist_group(f"real {name}"))


def num_items(dataset: Dataset) -> int:
    return len({answer.item_id for history in dataset.students.values() for answer in history})


def num_skills(dataset: Dataset) -> int:
    return len({s for history in dataset.students.values() for answer in history for s in answer.skill_ids})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        of("assistments2009", (282_760, 3_852, 17_737, 123)),
        of("assistments2015", (682_797, 19_093, 100, 100)),
        of("assistments2017", (941_502, 1_705, 3_162, 102)),
    ],
)
def test_prepared_files(real_data: Path, name: str, counts: tuple[int, int, int, int]) -> None:
    dataset = prepared(real_data / name)
    num_students = len(dataset.students)
    assert (dataset.num_interactions, num_students, num_items(dataset), num_skills(dataset)) == counts
    assert dataset.quarantined == ()
    assert len(dataset.splits) == num_students


@pytest.mark.xdist_group("real assistments2009")
def test_the_published_parts_of_assistments_2009(real_data: Path) -> None:
    dataset = prepared(real_data / "assistments2009")
    assert Counter(dataset.splits.values())["test"] == 770
    assert sum(len(dataset.students[s]) for s, split in dataset.splits.items() if split == "test") == 55_969
    assert dataset.skill_names["1"] == "Box and Whisker"
    with (real_data / "assistments2009" / "twins.csv").open(newline="") as stream:
        published: dict[str, set[str]] = {}
        for row in csv.DictReader(stream):
            published.setdefault(row["cluster"], set()).add(row["student_id"])
    assert {frozenset(cluster) for cluster in find_twins(dataset)} == set(map(frozenset, published.values()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "twins", "sure_twins", "equal_histories", "blocks"),
    [
        of("assistments2009", 92, 89, 0, 0),
        of("assistments2015", 14, 0, 22, 0),
        of("assistments2017", 4, 0, 0, 2),
    ],
)
def test_contamination(
    real_data: Path, name: str, twins: int, sure_twins: int, equal_histories: int, blocks: int
) -> None:
    """Figures of `docs/contamination.md`."""
    found = find_contamination(prepared(real_data / name))
    assert (len(found.twins), sum(g.is_beyond_chance for g in found.twins)) == (twins, sure_twins)
    assert sum(len(group.student_ids) for group in found.exact_duplicates) == equal_histories
    assert (len(found.copied_blocks), found.duplicated_items) == (blocks, ())
    assert len(found.clusters) == sure_twins + blocks


@pytest.mark.parametrize(
    ("name", "rows", "counts"),
    [
        ("raw_15_students.csv.gz", 1_887, (1_548, 15, 74)),
        ("raw_2_skills.csv.gz", 10_791, (10_791, 902, 2)),
    ],
)
def test_raw_assistments_2009(real_data: Path, name: str, rows: int, counts: tuple[int, int, int]) -> None:
    dataset = read(real_data / "assistments2009" / name)
    assert dataset.format == "ASSISTments 2009 raw"
    assert (dataset.num_interactions, len(dataset.students), num_skills(dataset)) == counts
    assert dataset.num_interactions + dataset.num_merged + len(dataset.quarantined) == rows


def test_timestamped_assistments_2017(real_data: Path) -> None:
    dataset = read(real_data / "assistments2017" / "timestamped_342_students.tsv.gz")
    assert (len(dataset.students), dataset.num_interactions) == (342, 90_586)
    assert (num_items(dataset), num_skills(dataset), dataset.quarantined) == (2_625, 400, ())


def test_ednet_kt4(real_data: Path) -> None:
    dataset = read(real_data / "ednet" / "KT4")
    assert len(dataset.students) == 9
    assert dataset.notes[0] == "15,201 rows are actions other than answering."
    assert dataset.num_interactions + dataset.num_merged + len(dataset.quarantined) + 15_201 == 18_256
    first = dataset.students["u7"][0]
    assert (first.item_id, first.elapsed_seconds, first.container_id) == (
        "q3993",
        31.623,
        "b2525@1552991583861",
    )
    for history in dataset.students.values():
        visits = [(a.container_id, a.answered_at) for a in history]
        met = [visit for visit, _ in groupby(visits)]
        assert len(met) == len(set(met))
        # Nobody answers one question twice in one submission.
        assert len({(a.container_id, a.item_id) for a in history}) == len(history)


def test_eedi(real_data: Path) -> None:
    """The 57 leaf subjects are the skills that published studies of tasks 3 and 4 count."""
    dataset = read(real_data / "eedi")
    assert (dataset.format, dataset.num_interactions, len(dataset.students)) == ("Eedi", 201_570, 1_476)
    assert (num_items(dataset), num_skills(dataset), dataset.quarantined) == (942, 57, ())
    assert dataset.skill_names["94"] == "Enlargement"


def test_riiids_questions_with_a_simulated_log(real_data: Path, tmp_path: Path) -> None:
    """Question 0 has the key 0 and the tags 51, 131, 162 and 38."""
    columns = (
        "row_id,timestamp,user_id,content_id,content_type_id,task_container_id,user_answer,answered_correctly"
    )
    log = tmp_path / "train.csv"
    log.write_text(f"{columns},prior_question_elapsed_time\n0,0,115,0,0,1,0,1,\n1,9000,115,2,0,2,1,0,8000\n")
    dataset = read(log, contents=real_data / "riiid")
    assert [(a.skill_ids, a.response, a.elapsed_seconds) for a in dataset.students["115"]] == [
        (("51", "131", "162", "38"), 1, 8.0),
        (("131", "101", "162", "92"), 0, None),
    ]
    assert dataset.quarantined == ()
