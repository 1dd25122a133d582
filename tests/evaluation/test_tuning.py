"""A search goes on where it was, repeats nothing, and is never mixed with another."""

from pathlib import Path
from typing import Any

import pytest
from training.histories import Quiet

from knowtrace.errors import TrainingError
from knowtrace.evaluation.tuning import Search, tune
from knowtrace.sources import Dataset


class QuietOf(Quiet):
    def __init__(self, title: str) -> None:
        super().__init__()

    def __enter__(self) -> "QuietOf":
        return self

    def __exit__(self, *_: object) -> None: ...


def search(dataset: Dataset, folder: Path, trials: int, **changed: Any) -> tuple[list[Any], list[Any]]:
    made: list[Any] = []
    asked = Search(**{"model": "dkt", "epochs": 1, "fixed": {"embedding_dim": 8}} | changed)
    found = tune(dataset, asked, folder, num_trials=trials, reporter_of=QuietOf, done=made.append)
    return found, made


def test_a_search_goes_on_and_tries_something_new(small_dataset: Dataset, tmp_path: Path) -> None:
    first, made = search(small_dataset, tmp_path / "search", 1)
    assert [trial["trial"] for trial in first] == [0]
    assert made[0]["settings"]["embedding_dim"] == 8
    both, made = search(small_dataset, tmp_path / "search", 2)
    assert [trial["trial"] for trial in made] == [1]
    assert len(both) == 2
    assert both[0]["chosen"] != both[1]["chosen"]
    assert both[0]["valid_auc"] >= both[1]["valid_auc"]
    assert search(small_dataset, tmp_path / "search", 2)[1] == []


def test_a_folder_holds_one_search(small_dataset: Dataset, tmp_path: Path) -> None:
    search(small_dataset, tmp_path / "search", 1)
    with pytest.raises(TrainingError, match="holds a search with another epochs, fold"):
        search(small_dataset, tmp_path / "search", 2, epochs=2, fold=1)


def test_a_model_without_settings_to_search_says_so(small_dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="blend has no settings to search"):
        search(small_dataset, tmp_path / "search", 1, model="blend")


def test_a_search_whose_every_trial_fails_says_why(small_dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"None of 2 trials could be trained. The last: embedding_dim"):
        search(small_dataset, tmp_path / "search", 2, fixed={"embedding_dim": -1})
    with pytest.raises(
        TrainingError, match=r"None of 2 trials could be trained. Give the search another folder"
    ):
        search(small_dataset, tmp_path / "search", 2, fixed={"embedding_dim": -1})


def test_a_model_without_gradients_is_not_given_rates_to_learn_at(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    [trial], made = search(small_dataset, tmp_path / "search", 1, model="item-mean", fixed={})
    assert trial["chosen"].keys() == {"prior_answers"}
    assert made[0]["settings"] == trial["chosen"]
