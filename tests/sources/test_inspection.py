"""Facts and suspicions, on data made to have them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from knowtrace.sources import Inspection, SimulationConfig, inspect, plant, read, simulate

Source = Callable[..., Path]


def suspicions(inspection: Inspection) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {suspicion.kind: (suspicion.count, suspicion.examples) for suspicion in inspection.suspicions}


def test_the_facts_by_hand(golden: Path) -> None:
    inspection = inspect(read(golden / "answers.csv"))
    assert (inspection.num_students, inspection.num_items, inspection.num_skills) == (2, 2, 2)
    assert inspection.num_interactions == 3
    assert inspection.category_shares == pytest.approx((1 / 3, 2 / 3))
    assert inspection.mean_score == pytest.approx(2 / 3)
    assert inspection.splits == {"test": 1, "train": 1}
    assert (inspection.answers_per_student.minimum, inspection.answers_per_student.maximum) == (1, 2)
    assert inspection.answers_per_item.mean == 1.5
    assert inspection.skills_per_item.maximum == 2
    assert inspection.first_answered_at is None


def test_broken_rules_are_counted_with_the_first_example(source: Source) -> None:
    inspection = inspect(
        read(source("student,item,correct,position\ns,a,1,0\n,a,1,1\n,b,1,2\ns,a,x,3\ns,a,1,0\n"))
    )
    assert [(broken.count, broken.rule, broken.first.line) for broken in inspection.broken_rules] == [
        (2, "every answer names its student", 3),
        (1, "a response is an integer from 0 to 1", 5),
        (1, "no row repeats the student, item, response, time and position of another", 6),
    ]
    assert (inspection.num_quarantined, inspection.num_duplicates) == (4, 1)


def test_the_span_of_time(golden: Path) -> None:
    inspection = inspect(read(golden / "ednet" / "KT4"))
    assert inspection.first_answered_at is not None
    assert inspection.last_answered_at is not None
    assert (inspection.last_answered_at - inspection.first_answered_at).total_seconds() == 30


def test_every_suspicion_finds_its_case(source: Source) -> None:
    rows = [f"robot,r{i},1,x,5,2024-01-01" for i in range(20)]
    rows += [f"twin{t},t{i},{i % 2},x,5,2024-01-01" for t in "ab" for i in range(20)]
    rows += [f"twina,u{i},{i % 2},x,5,2024-01-02" for i in range(2)]
    rows += [f"s{n},easy,1,x,5,2024-01-01" for n in range(10)] + [
        f"s{n},broken,0,,5,2024-01-02" for n in range(10)
    ]
    rows += ["once,p,1,x,5,2024-01-01", "fast,q,1,x,0.4,2024-01-01", "fast,q,0,y,5,2024-01-02"]
    rows += ["late,z,1,x,5,9998-01-01"]
    inspection = inspect(read(source("\n".join(["student,item,correct,skill,elapsed,time", *rows]))))
    assert suspicions(inspection) == {
        "twins": (1, ("twina = twinb",)),
        "item answered once": (23, ("r0", "r1", "r2", "r3", "r4")),
        "everybody right": (1, ("easy",)),
        "everybody wrong": (1, ("broken",)),
        "inconsistent skills": (1, ("q",)),
        "no skill": (1, ("broken",)),
        "one answer": (1, ("once",)),
        "same responses": (1, ("robot",)),
        "too fast": (1, ("fast",)),
        "future": (1, ("answers.csv line 87: 9998-01-01",)),
    }


def test_contamination_is_said_with_its_largest_cases_and_what_to_do() -> None:
    clean = simulate(
        SimulationConfig(num_students=120, num_answers=80, num_items=150, num_skills=1), 3
    ).dataset
    planted = plant(clean, 3, num_twins=4, twin_noise=0, num_blocks=5, block_length=45, num_items=5)
    inspection = inspect(planted.dataset)
    found = {suspicion.kind: suspicion for suspicion in inspection.suspicions}
    for kind in ("twins", "copied blocks", "duplicated items"):
        assert len(found[kind].examples) == 3
    sizes = [block.num_answers for block in inspection.contamination.copied_blocks]
    assert found["copied blocks"].count == len(sizes)
    assert f"({max(sizes)} answers)" in found["copied blocks"].examples[0]
    assert "knowtrace train --clean" in found["twins"].text
    assert "% of all answers" in found["twins"].text
    assert (found["duplicated items"].count, "one id" in found["duplicated items"].text) == (5, True)


def test_a_category_that_nobody_gave_is_named(source: Source) -> None:
    rows = [f"s{n},i{i},{(n + i) % 2 * 3}" for n in range(3) for i in range(5)]
    inspection = inspect(read(source("\n".join(["student,item,response", *rows])), categories=4))
    assert suspicions(inspection)["empty category"] == (2, ("1", "2"))
    assert inspection.category_counts == (8, 0, 0, 7)


def test_clean_data_raises_no_suspicion(source: Source) -> None:
    rows = [f"s{n},i{i},{(n + i) % 2},x" for n in range(3) for i in range(5)]
    assert inspect(read(source("\n".join(["student,item,correct,skill", *rows])))).suspicions == ()
