"""A run is judged on students it has not seen, every answer but the first."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from training.histories import Quiet

from knowtrace.domain import Interaction, metrics
from knowtrace.errors import TrainingError
from knowtrace.evaluation import Evaluation, evaluate
from knowtrace.registry import Run
from knowtrace.sources import Dataset, SimulationConfig, simulate
from knowtrace.training import (
    Recipe,
    encode,
    load_model,
    predict_all,
    recipe_of,
    split_of,
    train,
)


@pytest.fixture(scope="module")
def evaluation(opened_run: Run, small_dataset: Dataset) -> Evaluation:
    return evaluate(opened_run, small_dataset, resamples=50)


def test_first_answers_are_not_scored(
    evaluation: Evaluation, opened_run: Run, small_dataset: Dataset
) -> None:
    """The figures are those of all answers of the test part without each student's first, counted by hand."""
    test = split_of(small_dataset, recipe_of(opened_run)).test
    model, vocabulary = load_model(opened_run)
    probabilities, responses, _ = predict_all(model, encode(small_dataset, test, vocabulary))
    later = [n for n in range(len(responses)) if n % 40 != 0]  # 40 answers each
    assert evaluation.n_scored == len(later) == 39 * len(test)
    assert evaluation.n_students == len(test)
    assert evaluation.metrics["auc"].value == pytest.approx(
        metrics.auc(probabilities[later], responses[later])
    )
    assert evaluation.metrics["nll"].value == pytest.approx(
        metrics.nll(probabilities[later], responses[later])
    )


def test_json_has_metrics_with_bounds_at_its_top(evaluation: Evaluation) -> None:
    content = evaluation.as_json()
    assert set(content) == {
        "auc", "accuracy", "nll", "brier", "ece",
        "model", "version", "data", "split", "protocol", "n_scored", "n_students", "interactions_per_second",
        "share_unseen_items", "item_mean_nll", "oracle_nll", "share_of_oracle",
        "ideal_nll", "share_of_ideal", "notes",
    }  # fmt: skip
    for name in ("auc", "accuracy", "nll", "brier", "ece"):
        assert set(content[name]) == {"value", "low", "high"}
    assert content["model"] == "dkt"
    assert content["interactions_per_second"] > 0


def test_graded_answers_add_graded_figures_to_the_json(tmp_path: Path) -> None:
    config = SimulationConfig(num_students=60, num_answers=12, num_items=10, num_skills=2, num_categories=3)
    dataset = simulate(config, seed=1).dataset
    recipe = Recipe(model="item-mean")
    content = evaluate(
        train(dataset, recipe, tmp_path / "run", reporter=Quiet()), dataset, resamples=10
    ).as_json()
    figures = {
        "qwk",
        "ordinal_accuracy",
        "mae",
        *(f"{f}_{k}" for f in ("precision", "recall") for k in range(3)),
    }
    assert figures | {"auc", "nll", "share_of_oracle"} < set(content)
    assert 0 < content["mae"]["value"] < 2


def test_oracle_and_item_mean_are_those_of_the_same_answers(
    evaluation: Evaluation, opened_run: Run, small_dataset: Dataset
) -> None:
    assert small_dataset.oracle is not None
    test = split_of(small_dataset, recipe_of(opened_run)).test
    truth = np.concatenate([small_dataset.oracle[s][1:] for s in test])
    responses = np.array([a.response for s in test for a in small_dataset.students[s][1:]])
    assert evaluation.oracle_nll == pytest.approx(metrics.nll(truth, responses))
    counts = {item.item_id: item.category_counts for item in opened_run.vocabulary.items}
    right, total = (sum(c[k] for c in counts.values()) for k in (1, 0))
    share = (right + 1) / (right + total + 2)
    losses = []
    for student_id in test:
        for answer in small_dataset.students[student_id][1:]:
            wrong, correct = counts[answer.item_id]
            p = (correct + 5 * share) / (wrong + correct + 5)
            losses.append(-np.log(p if answer.response else 1 - p))
    assert evaluation.item_mean_nll == pytest.approx(np.mean(losses))
    assert evaluation.share_of_oracle is not None
    assert 0 < evaluation.share_of_oracle <= 1
    assert evaluation.share_unseen_items == 0


def test_the_same_run_is_judged_the_same_way_twice(
    evaluation: Evaluation, opened_run: Run, small_dataset: Dataset
) -> None:
    again = evaluate(opened_run, small_dataset, resamples=50)
    assert again.metrics == evaluation.metrics
    assert evaluation.notes == ()


def test_other_data_are_noted(opened_run: Run, small_dataset: Dataset) -> None:
    fewer = dict(small_dataset.students)
    fewer.popitem()
    found = evaluate(opened_run, dataclasses.replace(small_dataset, students=fewer), part="all", resamples=10)
    assert found.n_students == 149
    assert "not the data of the run" in found.notes[0]


def test_data_with_more_categories_and_unknown_parts_are_refused(
    opened_run: Run, small_dataset: Dataset
) -> None:
    with pytest.raises(TrainingError, match="has 4 response categories, the run was trained on 2"):
        evaluate(opened_run, dataclasses.replace(small_dataset, num_categories=4))
    with pytest.raises(TrainingError, match=r"No part 'dev'\. Choose one of test, valid, train, all"):
        evaluate(opened_run, small_dataset, part="dev")


def test_a_part_without_a_second_answer_cannot_be_judged(opened_run: Run) -> None:
    students = {
        f"s{n}": [Interaction(student_id=f"s{n}", item_id="x", skill_ids=(), response=n % 2)]
        for n in range(60)
    }
    single = Dataset(name="single", format="test", students=students, num_categories=2)
    with pytest.raises(TrainingError, match="first answers are not scored"):
        evaluate(opened_run, single)


def test_other_parts_of_the_same_answers_are_noted(opened_run: Run, small_dataset: Dataset) -> None:
    """Without its split column a table has the same answers, and test students who were learnt from."""
    splits = {s: "test" if n % 7 == 0 else "train" for n, s in enumerate(small_dataset.students)}
    found = evaluate(opened_run, dataclasses.replace(small_dataset, splits=splits), resamples=10)
    assert "the parts are not those of the run" in found.notes[0]


def test_answers_given_together_are_scored_but_for_the_first_of_each_student_and_noted(
    opened_run: Run, small_dataset: Dataset
) -> None:
    """40 answers of each of the test students in containers of four: 36 are scored."""
    together = {
        s: [dataclasses.replace(a, container_id=str(n // 4)) for n, a in enumerate(history)]
        for s, history in small_dataset.students.items()
    }
    found = evaluate(opened_run, dataclasses.replace(small_dataset, students=together), resamples=10)
    assert found.n_scored == 36 * found.n_students
    assert "not the data of the run" in found.notes[0]
    assert found.notes[1].startswith(
        f"{40 * found.n_students:,} of {40 * found.n_students:,} answers were given together with others: each is "
        f"predicted from what stood before all of these; {4 * found.n_students:,} answers are not scored"
    )
