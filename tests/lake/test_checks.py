"""Tables are held to what they promise: a build that breaks a promise says so and commits nothing."""

from pathlib import Path

import pytest

from knowtrace.errors import DataError
from knowtrace.lake import CommitLog, build_lake, events
from knowtrace.lake.engine import Engine, Frame
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
