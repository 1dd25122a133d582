"""Twins: the three thresholds, each from both sides."""

from itertools import combinations

import numpy as np

from knowtrace.domain import Interaction
from knowtrace.sources import Dataset, find_twins


def dataset_of(students: dict[str, dict[str, int]]) -> Dataset:
    return Dataset(
        name="made",
        format="made",
        num_categories=2,
        students={
            student_id: [
                Interaction(student_id=student_id, item_id=item, skill_ids=(), response=response)
                for item, response in answers.items()
            ]
            for student_id, answers in students.items()
        },
    )


def answers(start: int, stop: int, wrong: int = 0) -> dict[str, int]:
    """Return answers to items start..stop-1, the first `wrong` of them wrong."""
    return {f"i{i}": int(i >= start + wrong) for i in range(start, stop)}


def test_twenty_common_items_are_needed() -> None:
    assert find_twins(dataset_of({"a": answers(0, 20), "b": answers(0, 20)})) == [["a", "b"]]
    assert find_twins(dataset_of({"a": answers(0, 19), "b": answers(0, 19)})) == []


def test_ninety_five_percent_of_the_answers_must_agree() -> None:
    assert find_twins(dataset_of({"a": answers(0, 20), "b": answers(0, 20, wrong=1)})) == [["a", "b"]]
    assert find_twins(dataset_of({"a": answers(0, 20), "b": answers(0, 20, wrong=2)})) == []


def test_half_of_the_shorter_ones_items_must_be_common() -> None:
    assert find_twins(dataset_of({"a": answers(0, 40), "b": answers(20, 90)})) == [["a", "b"]]
    assert find_twins(dataset_of({"a": answers(0, 41), "b": answers(21, 90)})) == []


def test_twins_of_twins_share_a_cluster_in_the_datas_order() -> None:
    students = {"z": answers(0, 40), "x": answers(100, 140), "y": answers(20, 60), "w": answers(40, 80)}
    assert find_twins(dataset_of(students)) == [["z", "y", "w"]]


def test_the_first_answer_to_an_item_counts() -> None:
    dataset = dataset_of({"a": answers(0, 20), "b": answers(0, 20)})
    again = [Interaction(student_id="b", item_id=f"i{i}", skill_ids=(), response=0) for i in range(20)]
    repeated = {"a": dataset.students["a"], "b": [*dataset.students["b"], *again]}
    assert find_twins(Dataset(name="", format="", students=repeated, num_categories=2)) == [["a", "b"]]


def test_it_agrees_with_comparing_every_pair() -> None:
    rng = np.random.default_rng(5)
    students: dict[str, dict[str, int]] = {}
    for n in range(40):
        items = rng.choice(70, size=int(rng.integers(15, 60)), replace=False)
        students[f"s{n}"] = {f"i{i}": int(rng.random() < 0.95) for i in items}
    found = {frozenset(cluster) for cluster in find_twins(dataset_of(students))}
    linked: list[set[str]] = []
    for (a, first), (b, second) in combinations(students.items(), 2):
        common = first.keys() & second.keys()
        equal = sum(first[item] == second[item] for item in common)
        if len(common) >= max(20, min(len(first), len(second)) / 2) and equal >= 0.95 * len(common):
            joined = [group for group in linked if group & {a, b}]
            linked = [group for group in linked if not group & {a, b}] + [set[str]().union({a, b}, *joined)]
    assert found == {frozenset(group) for group in linked}
    assert linked


def test_nobody_has_a_twin_among_few_answers() -> None:
    assert find_twins(dataset_of({"a": answers(0, 3)})) == []
