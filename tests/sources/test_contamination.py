"""Contamination: silent on clean data, found where it was planted, and what each sort needs."""

from dataclasses import replace

import numpy as np
import pytest

from knowtrace.domain import Interaction
from knowtrace.sources import (
    Contamination,
    Dataset,
    SimulationConfig,
    find_contamination,
    find_twins,
    plant,
    simulate,
)

CONFIG = SimulationConfig(num_students=200, num_answers=120, num_items=300)
GRADED = replace(CONFIG, num_categories=4)


def clean(config: SimulationConfig = CONFIG, seed: int = 0) -> Dataset:
    return simulate(config, seed).dataset


def in_one_order(dataset: Dataset) -> Dataset:
    """Return each student's first answers, in the order of the items' ids, as in a test."""
    students = {
        student_id: sorted(
            {a.item_id: a for a in reversed(history)}.values(), key=lambda answer: answer.item_id
        )
        for student_id, history in dataset.students.items()
    }
    return replace(dataset, students=students, oracle=None)


def block_pairs(found: Contamination) -> set[tuple[str, ...]]:
    return {tuple(sorted(block.student_ids)) for block in found.copied_blocks}


def is_empty(found: Contamination) -> bool:
    sure = [g for g in found.twins + found.exact_duplicates if g.is_beyond_chance]
    return not (sure or found.copied_blocks or found.duplicated_items or found.clusters)


@pytest.mark.parametrize("config", [CONFIG, GRADED])
def test_clean_data_raise_no_alarm(config: SimulationConfig) -> None:
    for seed in range(2):
        assert is_empty(find_contamination(clean(config, seed)))


def test_a_clean_test_that_everybody_takes_in_one_order_raises_no_alarm() -> None:
    """Easy items in one order: equal answers abound, and chance explains them all."""
    config = SimulationConfig(num_students=300, num_answers=120, num_items=30, guessing=0.9)
    dataset = in_one_order(clean(config))
    assert find_twins(dataset)
    found = find_contamination(dataset)
    assert found.twins
    assert is_empty(found)


def test_a_twin_among_students_whom_chance_makes_alike_is_told_from_them() -> None:
    config = SimulationConfig(num_students=200, num_answers=300, num_items=100, guessing=0.8)
    planted = plant(in_one_order(clean(config)), 1, num_twins=6, twin_noise=0)
    found = find_contamination(planted.dataset)
    sure = {group.student_ids for group in found.twins if group.is_beyond_chance}
    assert max(map(len, find_twins(planted.dataset))) > 2
    assert sure
    assert sure <= planted.twins


def test_responses_that_decide_the_next_item_raise_no_alarm() -> None:
    """A wrong answer is followed by a hint item: equal items then mean equal responses, copied by nobody."""
    rng = np.random.default_rng(3)
    students: dict[str, list[Interaction]] = {}
    for n in range(60):
        students[f"s{n}"] = history = []
        for i in range(12):
            response = int(rng.random() < 0.5)
            asked = [(f"i{i}", response), (f"after{i}", 1)] if response else [(f"i{i}", 0), (f"hint{i}", 1)]
            history += [
                Interaction(student_id=f"s{n}", item_id=item, skill_ids=(), response=r) for item, r in asked
            ]
    students["a"] = [replace(answer, student_id="a") for answer in students["s0"]]
    found = find_contamination(Dataset(name="", format="", students=students, num_categories=2))
    assert is_empty(found)


@pytest.mark.parametrize("config", [CONFIG, GRADED])
def test_planted_blocks_are_found_and_nothing_else(config: SimulationConfig) -> None:
    planted = plant(clean(config), 1, num_blocks=12, block_length=40)
    found = find_contamination(planted.dataset)
    truth = {tuple(sorted(pair)) for pair in planted.blocks}
    assert len(block_pairs(found) & truth) >= 11
    assert block_pairs(found) <= truth
    assert any(one == other for one, other in block_pairs(found))
    between = {pair for pair in block_pairs(found) if pair[0] != pair[1]}
    assert {tuple(sorted(cluster)) for cluster in found.clusters} == between


def test_a_block_says_where_it_stands() -> None:
    planted = plant(clean(), 1, num_blocks=4, block_length=50)
    for block in find_contamination(planted.dataset).copied_blocks:
        one, other = (
            [(a.item_id, a.response) for a in planted.dataset.students[s][start : start + block.num_answers]]
            for s, start in zip(block.student_ids, block.starts, strict=True)
        )
        assert one == other
        assert block.num_answers >= 50
        assert block.num_expected <= 0.01


def test_planted_twins_are_kept_on_one_side() -> None:
    planted = plant(clean(), 2, num_twins=12)
    found = find_contamination(planted.dataset)
    clusters = [set(cluster) for cluster in found.clusters]
    kept = [pair for pair in planted.twins if any(cluster.issuperset(pair) for cluster in clusters)]
    assert len(kept) >= 11
    assert {frozenset(cluster) for cluster in found.clusters} <= {frozenset(pair) for pair in planted.twins}
    share = sum(len(planted.dataset.students[s]) for cluster in clusters for s in cluster)
    assert found.clustered_share == pytest.approx(share / planted.dataset.num_interactions)


@pytest.mark.parametrize("config", [CONFIG, GRADED])
def test_planted_items_are_found_and_nothing_else(config: SimulationConfig) -> None:
    planted = plant(clean(replace(config, num_items=100)), 3, num_items=8)
    found = find_contamination(planted.dataset).duplicated_items
    assert {tuple(sorted(pair.item_ids)) for pair in found} == planted.items
    shares = sorted(pair.adjacent_share for pair in found)
    assert shares[3] < 0.1
    assert shares[4] > 0.9


def test_equal_histories_are_exact_duplicates_only_beyond_chance() -> None:
    dataset = clean()
    students = dict(dataset.students)
    for original, again in (("student-001", "x"), ("student-002", "y")):
        students[again] = [replace(answer, student_id=again) for answer in students[original]]
    for n in range(3):
        students[f"robot{n}"] = [
            Interaction(student_id=f"robot{n}", item_id=f"item-{i:03}", skill_ids=(), response=1)
            for i in range(1, 25)
        ]
    found = find_contamination(replace(dataset, students=students, oracle=None))
    assert {group.student_ids: group.is_beyond_chance for group in found.exact_duplicates} == {
        ("student-001", "x"): True,
        ("student-002", "y"): True,
        ("robot0", "robot1", "robot2"): False,
    }
    assert set(found.clusters) == {("student-001", "x"), ("student-002", "y")}
    assert found.copied_blocks == ()


@pytest.mark.parametrize("num_answers", [1, 19, 20, 21])
def test_short_histories_and_one_student(num_answers: int) -> None:
    history = [
        Interaction(student_id="s", item_id=f"i{n}", skill_ids=(), response=n % 2) for n in range(num_answers)
    ]
    found = find_contamination(Dataset(name="", format="", students={"s": history}, num_categories=2))
    assert is_empty(found)


def test_no_answers_are_not_contaminated() -> None:
    found = find_contamination(Dataset(name="", format="", students={"s": []}, num_categories=2))
    assert is_empty(found)
    assert found.clustered_share == 0


def test_planting_more_than_there_is_room_for_is_refused() -> None:
    with pytest.raises(ValueError, match="need 202 students"):
        plant(clean(), 0, num_twins=200, num_blocks=1)
