"""`knowtrace influences`, as a person types it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from knowtrace.evaluation import influences
from knowtrace.models.sakt import SAKT
from knowtrace.registry import Run
from knowtrace.sources import Dataset, SimulationConfig, read, simulate, write_simulation
from knowtrace.training import Recipe, TrainingConfig, load_model, train
from knowtrace.training.sequences import encode
from tests.conftest import SilentReporter

from .conftest import Knowtrace

CONFIG = SimulationConfig(num_students=40, num_answers=12, num_items=10, num_skills=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "simulated"
    write_simulation(simulate(CONFIG, seed=2), folder)
    return folder


def trained(model: str, dataset: Dataset, path: Path) -> Run:
    settings = {"width": 8, "heads": 2, "window": 6} if model == "sakt" else {}
    recipe = Recipe(model=model, settings=settings, training=TrainingConfig(epochs=1))
    return train(dataset, recipe, path, reporter=SilentReporter())


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained("sakt", read(data), tmp_path_factory.mktemp("runs") / "sakt")


def test_each_prediction_names_the_answers_that_weigh_most(
    knowtrace: Knowtrace, run: Run, data: Path
) -> None:
    dataset = read(data)
    student = next(iter(dataset.students))
    asked = ("influences", run.path, "--data", data, "--student", student, "--top", 2, "--last", 100)
    found = json.loads(knowtrace(*asked, "--json").out)
    history = dataset.students[student]
    model, vocabulary = load_model(run)
    batch = encode(dataset, [student], vocabulary).batch([0])
    assert isinstance(model, SAKT)
    with torch.inference_mode():
        weights, predicted = model.influences(batch)[0], model(batch)[0].softmax(-1)[:, 1]
    assert (found["model_version"], found["student_id"]) == (run.version, student)
    assert len(found["predictions"]) == len(history) == 12
    for t, prediction in enumerate(found["predictions"]):
        assert prediction["position"] == t + 1
        assert (prediction["item_id"], prediction["response"]) == (history[t].item_id, history[t].response)
        assert prediction["predicted"] == pytest.approx(float(predicted[t]), abs=1e-6)
        assert len(prediction["influences"]) == min(2, t)
        for past, weight in zip(
            prediction["influences"], weights[t].sort(descending=True).values, strict=False
        ):
            step = past["position"] - 1
            assert (past["item_id"], past["response"]) == (history[step].item_id, history[step].response)
            assert past["weight"] == pytest.approx(float(weight), abs=1e-6)
            assert past["weight"] == pytest.approx(float(weights[t, 6 - (t - step)]), abs=1e-6)


def test_answers_given_together_are_each_shown_with_what_stood_before_all_of_them(
    run: Run, data: Path
) -> None:
    """Twelve answers in pages of three; each prediction is the model's own of the pages before and that answer."""
    dataset = read(data)
    student, answers = next(iter(dataset.students.items()))
    # Without times: the lag before a page is that of all its answers.
    history = [replace(answer, answered_at=None, elapsed_seconds=None) for answer in answers]
    paged = [replace(answer, container_id=str(n // 3)) for n, answer in enumerate(history)]
    found = influences(run, replace(dataset, students={student: paged}), student, top=6)
    assert [prediction.position for prediction in found] == list(range(1, 13))
    model, vocabulary = load_model(run)
    for n, prediction in enumerate(found):
        before, turn = n - n % 3, n % 3
        # In its pass all pages are turned alike, and this model hears their order.
        past = [history[page + (place + turn) % 3] for page in range(0, before, 3) for place in range(3)]
        alone = replace(dataset, students={student: [*past, history[n]]})
        with torch.inference_mode():
            predicted = model(encode(alone, [student], vocabulary).batch([0]))[0, -1].softmax(-1)[1]
        assert prediction.item_id == history[n].item_id
        assert prediction.predicted == pytest.approx(float(predicted), abs=1e-5)
        assert len(prediction.influences) == min(6, before)
        for influence in prediction.influences:
            assert influence.position <= before
            assert influence.item_id == history[influence.position - 1].item_id


def test_a_table_shows_the_latest(knowtrace: Knowtrace, run: Run, data: Path) -> None:
    student = next(iter(read(data).students))
    text = knowtrace("influences", run.path, "--data", data, "--student", student, "--last", 2).out
    assert re.findall(r"^ ?(\d+) ", text, re.MULTILINE) == ["11", "12"]
    assert text.count("%") == 6


def test_what_cannot_be_shown_is_refused_in_one_line(
    knowtrace: Knowtrace, run: Run, data: Path, tmp_path: Path
) -> None:
    plain = trained("item-mean", read(data), tmp_path / "plain")
    for path, because in (
        (run.path, "has no student 'nobody'"),
        (plain.path, "item-mean has no attention to read. Models that have: sakt."),
    ):
        said = knowtrace("influences", path, "--data", data, "--student", "nobody")
        assert (said.code, said.out) == (2, "")
        assert because in said.error.splitlines()[-1]
        assert "Traceback" not in said.error
