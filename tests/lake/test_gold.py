"""Sequences and features against hand computations, and nothing of the future in them."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowtrace.lake import build_lake
from lake.conftest import DAY, HEADER, QUESTIONS, START
from lake.lake_rows import rows_of

FEATURES = "gold.wdirt_features"


def features_of(root: Path, user: str) -> list[dict[str, Any]]:
    rows = [row for row in rows_of(root, FEATURES) if row["user_id"] == user]
    return sorted(rows, key=lambda row: row["position"])


def test_a_sequence_is_the_whole_history_in_order(ednet: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet])
    (row,) = rows_of(tmp_path / "lake", "gold.sakt_sequences")
    assert row["items"] == [2, 3, 4]
    assert row["responses"] == [1, 0, 1]
    assert row["containers"] == [1, 1, 3]
    assert row["elapsed_ms"] == [4000, 61000, None]
    assert row["answered_at"] == [START * 1000, START * 1000, (START + DAY) * 1000]
    sets = {row["skill_set"]: row["skill_ids"] for row in rows_of(tmp_path / "lake", "gold.skill_sets")}
    assert [sets[number] for number in row["skill_sets"]] == [["11", "12"], ["11"], []]


def test_features_are_what_was_known_before_the_container(ednet: Path, tmp_path: Path) -> None:
    """u1: q1 right in 4 s and q2 wrong in 61 s, together; q3 right a day later. Mean latency 32.5 s: bucket 9."""
    build_lake(tmp_path / "lake", [ednet])
    first, second, third = features_of(tmp_path / "lake", "u1")
    for row in (first, second):
        assert (row["attempts_before"], row["correct_before"], row["recent_accuracy"]) == (0, 0, 0.5)
        assert (row["recent_latency_bucket"], row["hours_since_last"]) == (1, None)
    assert (third["attempts_before"], third["correct_before"], third["recent_accuracy"]) == (2, 1, 0.5)
    assert (third["recent_latency_bucket"], third["hours_since_last"]) == (9, 24.0)
    assert third["help_tendency"] is None


def test_an_items_statistics_are_those_of_training_students_on_days_before(tmp_path: Path) -> None:
    folder = tmp_path / "KT1"
    folder.mkdir()
    (folder / "questions.csv").write_text(QUESTIONS, encoding="utf-8")
    training = [name for name in (f"u{i}" for i in range(50)) if split_of(name) == "train"][:3]
    held_out = next(name for name in (f"u{i}" for i in range(50)) if split_of(name) == "test")
    for day, (user, choice) in enumerate(
        [(training[0], "a"), (held_out, "a"), (training[1], "d"), (training[2], "a")]
    ):
        time = START + day * DAY
        (folder / f"{user}.csv").write_text(f"{HEADER}{time},1,q1,{choice},1000\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [folder])
    seen = [
        (row["item_attempts"], row["item_success_rate"])
        for user in (training[0], held_out, training[1], training[2])
        for row in features_of(tmp_path / "lake", user)
    ]
    assert seen == [(0, 1 / 2), (1, 2 / 3), (1, 2 / 3), (2, 2 / 4)]


def split_of(user: str) -> str:
    """The rule of the lake, once more: the first four hexadecimal digits of md5("42:" + id) as a share of 65,536."""
    share = int(hashlib.md5(f"42:{user}".encode()).hexdigest()[:4], 16) / 0x10000
    return "train" if share < 0xB333 / 0x10000 else "valid" if share < 0xD999 / 0x10000 else "test"


def test_splits_follow_their_rule_and_folds_are_even(kt1_lake: Path) -> None:
    rows = rows_of(kt1_lake, "silver.user_splits")
    assert {row["user_id"]: row["split"] for row in rows} == {
        row["user_id"]: split_of(row["user_id"]) for row in rows
    }
    shares = [split_of(f"student {i}") for i in range(20_000)]
    assert shares.count("train") / 20_000 == pytest.approx(0.70, abs=0.01)
    assert shares.count("test") / 20_000 == pytest.approx(0.15, abs=0.01)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
def test_a_later_answer_changes_nothing_before_it(
    seed: int, kt1: Path, kt1_lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One answer is turned round: only features of later containers, and of later days, may change."""
    files = sorted((kt1 / "KT1").iterdir())
    file = files[seed % len(files)]
    header, *lines = file.read_text(encoding="utf-8").splitlines()
    place = seed % len(lines)
    cells = lines[place].split(",")
    cells[3] = "d" if cells[3] == "a" else "a"
    folder = tmp_path_factory.mktemp("changed")
    (folder / "questions.csv").write_bytes((kt1 / "contents" / "questions.csv").read_bytes())
    for other in files:
        (folder / other.name).write_bytes(other.read_bytes())
    changed = [*lines[:place], ",".join(cells), *lines[place + 1 :]]
    (folder / file.name).write_text("\n".join([header, *changed]) + "\n", encoding="utf-8")
    build_lake(folder / "lake", [folder])
    user = file.name.removesuffix(".csv")
    before, after = features_of(kt1_lake, user), features_of(folder / "lake", user)
    known = (
        "attempts_before",
        "correct_before",
        "recent_accuracy",
        "item_attempts_before",
        "item_success_rate",
    )
    for old, new in zip(before[: place + 1], after[: place + 1], strict=True):
        assert [old[name] for name in known] == [new[name] for name in known]
    assert before[place]["correct"] != after[place]["correct"]
    if place + 1 < len(before):
        assert before[place + 1]["correct_before"] != after[place + 1]["correct_before"]
