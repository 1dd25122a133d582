"""Tables are held to what they promise: a build that breaks a promise says so and commits nothing."""

from pathlib import Path

import pytest

from knowtrace.errors import DataError
from knowtrace.lake import CommitLog, build_lake, erase_students, events, features, item_counts, sequences
from knowtrace.lake.engine import Engine, Frame
from knowtrace.lake.silver_tables import EVENTS as EVENTS_TABLE
from lake.conftest import HEADER, START

EVENTS = "silver.canonical_learning_events"


def broken_build(ednet: Path, lake: Path) -> str:
    """Build a lake that must not be committed; return what the build says."""
    (ednet / "u2.csv").write_text(f"{HEADER}{START},1,q1,a,10\n{START},1,q9,a,10\n", encoding="utf-8")
    with pytest.raises(DataError, match="stopped before its commit") as raised:
        build_lake(lake, [ednet])
    assert EVENTS not in CommitLog(lake).last().tables
    return str(raised.value)


def test_a_lost_row_stops_the_build(ednet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that break a rule and never reach the quarantine are missed in the sum."""
    faulty = events.faulty

    def forgetful(engine: Engine, candidates: Frame) -> Frame:
        return faulty(engine, candidates).filter(engine.functions.lit(False))

    monkeypatch.setattr(events, "faulty", forgetful)
    assert (
        "every landed row is an event, a repeat, a correction or in the quarantine (1 rows"
        in broken_build(ednet, tmp_path)
    )


def test_values_keys_and_ranges_are_checked(
    ednet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer is given position 0: below its range, and no key."""
    numbered = events.numbered

    def all_first(engine: Engine, answers: Frame) -> Frame:
        return numbered(engine, answers).withColumn("position", engine.functions.lit(0))

    monkeypatch.setattr(events, "numbered", all_first)
    text = broken_build(ednet, tmp_path)
    assert f"{EVENTS}: position is at least 1 (4 rows" in text
    assert f"{EVENTS}: user_id, position is unique" in text


def test_features_that_lose_an_event_stop_the_build(
    ednet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = features.features

    def without_the_first(engine: Engine, *frames: Frame) -> Frame:
        return made(engine, *frames).filter(engine.functions.col("position") > 1)

    monkeypatch.setattr(features, "features", without_the_first)
    assert "gold.wdirt_features: every event has a row (2 rows" in broken_build(ednet, tmp_path)


def test_sequences_that_lose_an_event_stop_the_build(
    ednet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sequences.sequences

    def without_the_first(engine: Engine, events_: Frame, *frames: Frame) -> Frame:
        return made(engine, events_.filter(engine.functions.col("position") > 1), *frames)

    monkeypatch.setattr(sequences, "sequences", without_the_first)
    text = broken_build(ednet, tmp_path)
    assert "gold.sakt_sequences: num_events adds up to the events (2 rows" in text


def test_references_are_checked(ednet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gold speaks of students that nobody knows and of numbers that no vocabulary gave; an item is forgotten."""
    features_of, sequences_of, items_of = features.features, sequences.sequences, item_counts.items

    def of_strangers(engine: Engine, rows: Frame) -> Frame:
        f = engine.functions
        return rows.withColumn("user_id", f.concat(f.col("user_id"), f.lit("x")))

    def strange_features(engine: Engine, *frames: Frame) -> Frame:
        number = engine.functions.lit(99)
        rows = of_strangers(engine, features_of(engine, *frames))
        return rows.withColumn("item_index", number).withColumn("skill_set", number)

    monkeypatch.setattr(features, "features", strange_features)
    monkeypatch.setattr(
        sequences, "sequences", lambda engine, *frames: of_strangers(engine, sequences_of(engine, *frames))
    )
    monkeypatch.setattr(
        item_counts,
        "items",
        lambda engine, sets: items_of(engine, sets).filter(engine.functions.col("item_id") != "q2"),
    )
    text = broken_build(ednet, tmp_path)
    for broken in (
        f"{EVENTS}: every item_id is in silver.items",
        "gold.sakt_sequences: every user_id is in silver.users",
        "gold.wdirt_features: every user_id is in silver.users",
        "gold.wdirt_features: every item_index is in gold.item_vocabulary",
        "gold.wdirt_features: every skill_set is in gold.skill_sets",
    ):
        assert broken in text, text


def test_an_erasure_explains_an_empty_lake_but_not_rows_that_are_no_answers(
    ednet: Path, tmp_path: Path
) -> None:
    build_lake(tmp_path / "lake", [ednet])
    erase_students(tmp_path / "lake", ["u1"])
    assert CommitLog(tmp_path / "lake").last().num_rows(EVENTS_TABLE) == 0
    assert build_lake(tmp_path / "lake", [ednet]).landing.num_erased_files == 1
    (ednet / "u2.csv").write_text(f"{HEADER}{START},1,q9,a,10\n", encoding="utf-8")
    with pytest.raises(DataError, match="it is not empty, but none of 1 landed rows is an answer"):
        build_lake(tmp_path / "lake", [ednet])
