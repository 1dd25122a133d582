"""Counts that name nobody, item parameters, and what is deleted."""

import csv
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.event import listen

from knowtrace.domain import CatalogueItem, ItemCurve, Mastery, Vocabulary, mastery_state
from knowtrace.jobs import (
    Keeping,
    forget,
    store_item_parameters,
    write_item_parameters,
    write_mastery_counts,
)
from knowtrace.store import Message, Snapshot, Store, StoredSkill, StoredStudent
from knowtrace.store.tables import item_parameters
from tests.jobs.conftest import Shop
from tests.store.test_store import decision, student

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def save(store: Store, tenant_id: str, students: list[tuple[str, str, float, int, bool]]) -> None:
    """Store masteries given as (student, skill, estimate, evidence, was_mastered)."""
    changed: list[tuple[StoredStudent, list[Mastery]]] = []
    for student_id, skill_id, estimate, evidence, was_mastered in students:
        state = mastery_state(estimate, evidence, was_mastered=was_mastered)
        mastery = Mastery(skill_id, estimate, 0, 1, evidence, NOW, state)
        skills = {
            skill_id: StoredSkill(num_answers=evidence, last_answered_at=NOW, was_mastered=was_mastered)
        }
        stored = StoredStudent(
            student_id=student_id,
            model_version="m-1",
            vector=student("x").vector,
            num_answers=evidence,
            last_answered_at=NOW,
            last_position=1,
            skills=skills,
        )
        changed.append((stored, [mastery]))
    async with store.writing(tenant_id) as session:
        await session.students.save([stored for stored, _ in changed])
        await session.students.save_masteries(changed, updated_at=NOW)


def snapshot(at: datetime, position: int) -> Snapshot:
    return Snapshot(
        student_id="anna",
        model_version="m-1",
        place=(at, position),
        vector=student("x").vector,
        num_answers=1,
        masteries=(),
        mastered=frozenset(),
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


async def test_the_database_names_states_as_the_rule_does(store: Store) -> None:
    """Every combination around every limit, each in a skill of its own."""
    cases = list(product((0.0, 0.6999, 0.70, 0.8499, 0.85, 1.0), (0, 2, 3, 50), (False, True)))
    await save(
        store,
        "north",
        [(f"s{n}", f"k{n:02d}", *case) for n, case in enumerate(cases)],
    )
    async with store.reading("north") as session:
        counts = await session.students.mastery_counts()
    expected = [
        (f"k{n:02d}", mastery_state(estimate, evidence, was_mastered=was), 1)
        for n, (estimate, evidence, was) in enumerate(cases)
    ]
    assert counts == expected


async def test_small_counts_are_withheld_and_no_single_gap_is_left(store: Store, tmp_path: Path) -> None:
    many = [(f"a{n}", "add", 0.9, 9, True) for n in range(8)]
    learning = [(f"b{n}", "add", 0.1, 9, False) for n in range(6)]
    few = [(f"c{n}", "add", 0.1, 1, False) for n in range(2)]
    alone = [("d", "=sub", 0.9, 9, True)]
    await save(store, "north", many + learning + few + alone)
    await save(store, "a/../b", [(f"n{n}", "add", 0.9, 9, True) for n in range(5)])
    said = await write_mastery_counts(store, tmp_path, day=DAY, smallest_cell=5)
    assert said == "5 counts of 2 tenants for 2026-03-01, 3 of them withheld"
    folder = tmp_path / "mastery_daily" / "day=2026-03-01"
    assert sorted(path.name for path in folder.iterdir()) == ["tenant=a%2F..%2Fb.csv", "tenant=north.csv"]
    shown = {
        (row["skill_id"], row["state"]): row["num_students"] for row in rows(folder / "tenant=north.csv")
    }
    assert shown == {
        ("=sub", "mastered"): "",
        ("add", "learning"): "",  # the smallest of those that could be shown: two gaps cannot be worked out
        ("add", "mastered"): "8",
        ("add", "not enough data"): "",
    }
    assert [row["num_students"] for row in rows(folder / "tenant=a%2F..%2Fb.csv")] == ["5"]


async def test_a_tenant_with_a_long_name_has_a_file_too(store: Store, tmp_path: Path) -> None:
    await save(store, "ü" * 100, [("n", "add", 0.9, 9, True)])
    await write_mastery_counts(store, tmp_path, day=DAY, smallest_cell=1)
    [path] = tmp_path.rglob("*.csv")
    assert rows(path)[0]["tenant_id"] == "ü" * 100


def test_item_parameters_are_those_of_the_vocabulary(tmp_path: Path) -> None:
    """ln 3 = 1.098612: one of four, shrunk to (1 + 1) / (6 + 2)."""
    vocabulary = Vocabulary(
        items=(
            CatalogueItem(item_id="i1", skill_ids=("a", "b"), category_counts=(5, 1)),
            CatalogueItem(item_id="i2", skill_ids=(), category_counts=()),
        ),
        skill_ids=("a", "b"),
        num_categories=2,
    )
    assert write_item_parameters(vocabulary, {}, "dkt-1", tmp_path) == "2 items of dkt-1 in dkt-1.csv"
    one, two = rows(tmp_path / "item_parameters" / "dkt-1.csv")
    assert one == {
        "item_id": "i1",
        "skill_ids": "a b",
        "n": "6",
        "mean_score": "0.166667",
        "difficulty": "1.098612",
        "discrimination": "",
        "guessing": "",
        "model_version": "dkt-1",
    }
    assert (two["n"], two["mean_score"], two["difficulty"]) == ("0", "", "")
    assert len(list(tmp_path.rglob("*"))) == 2, "nothing half written is left"


async def test_the_table_of_items_holds_those_of_one_model(store: Store) -> None:
    """ln 3 = 1.098612 as above; an item that nobody answered has no difficulty, and one of the model before is gone."""

    def vocabulary(*item_ids: str) -> Vocabulary:
        answered = [CatalogueItem(item_id=i, skill_ids=("a", "b"), category_counts=(5, 1)) for i in item_ids]
        never = CatalogueItem(item_id="never", skill_ids=(), category_counts=())
        return Vocabulary(items=(*answered, never), skill_ids=("a", "b"), num_categories=2)

    assert await store_item_parameters(store, vocabulary("i1", "i2"), {}, "dkt-1", now=NOW) == (
        "3 items of dkt-1 in the table item_parameters"
    )
    await store_item_parameters(store, vocabulary("i2"), {}, "dkt-2", now=NOW + timedelta(days=1))
    async with store._engine.connect() as connection:
        found = await connection.execute(sa.select(item_parameters).order_by(item_parameters.c.item_id))
    one, never = found.all()
    assert one[:4] == ("i2", "a", 6, pytest.approx(1 / 6))
    assert one.difficulty == pytest.approx(1.0986122886681098)
    assert (one.model_version, one.last_updated) == ("dkt-2", NOW + timedelta(days=1))
    assert (never.skill_id, never.num_answers, never.mean_score, never.difficulty) == (None, 0, None, None)
    assert (one.discrimination, one.guessing, one.drift_score) == (None, None, None)


async def test_items_with_a_curve_are_told_by_all_of_it(store: Store, tmp_path: Path) -> None:
    """A difficulty off the mean score is on another scale: it does not stand beside the curve's slope."""
    item = CatalogueItem(item_id="i1", skill_ids=("a",), category_counts=(5, 1))
    vocabulary = Vocabulary(items=(item,), skill_ids=("a",), num_categories=2)
    curves = {"i1": ItemCurve(difficulty=-0.25, discrimination=1.5, guessing=0.125)}
    await store_item_parameters(store, vocabulary, curves, "irt-1", now=NOW)
    async with store._engine.connect() as connection:
        [row] = (await connection.execute(sa.select(item_parameters))).all()
    assert (row.difficulty, row.discrimination, row.guessing) == (-0.25, 1.5, 0.125)
    write_item_parameters(vocabulary, curves, "irt-1", tmp_path)
    [written] = rows(tmp_path / "item_parameters" / "irt-1.csv")
    assert (written["difficulty"], written["discrimination"], written["guessing"]) == (
        "-0.25",
        "1.5",
        "0.125",
    )


async def test_retention_deletes_what_is_old_in_every_tenant_and_nothing_else(shop: Shop) -> None:
    store, now = shop.store, shop.clock()
    for tenant_id, days in product(("north", "south"), (5, 50)):
        at = now - timedelta(days=days)
        async with store.writing(tenant_id) as session:
            await session.decisions.append(
                [replace(decision("anna"), decision_id=f"{tenant_id}-{days}", created_at=at)]
            )
            await session.snapshots.save([snapshot(at, days)])
        shop.clock.time = at
        await shop.submit([1], tenant_id=tenant_id)
        await shop.worker().take_turn()
    keeping = Keeping(decisions_days=30, jobs_days=30, snapshots_days=30, messages_days=30)
    said = await forget(store, keeping, now=now)
    assert said == ("deleted 2 decisions, 2 jobs with their results, 2 snapshots and 0 messages of 2 tenants")
    assert await forget(store, keeping, now=now) == (
        "deleted 0 decisions, 0 jobs with their results, 0 snapshots and 0 messages of 2 tenants"
    )
    async with store.reading("south") as session:
        assert [d.decision_id for d in await session.decisions.newest("anna", limit=9)] == ["south-5"]
        assert await session.snapshots.newest("anna", "m-1") is not None


@pytest.mark.parametrize("kept", ["decisions_days", "jobs_days", "snapshots_days"])
async def test_what_has_no_limit_is_kept_for_ever(shop: Shop, kept: str) -> None:
    await shop.submit([1])
    await shop.worker().take_turn()
    days = {"decisions_days": None, "jobs_days": None, "snapshots_days": None}
    keeping = Keeping(**{**days, kept: 1}, messages_days=30)
    said = await forget(shop.store, keeping, now=shop.clock() + timedelta(days=9))
    assert f"{1 if kept == 'jobs_days' else 0} jobs" in said


async def test_what_is_old_goes_in_transactions_of_few_rows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten of each in threes and twos: somebody who writes all the time gets a turn between any two of them."""
    monkeypatch.setattr("knowtrace.jobs.retention.ROWS_AT_ONCE", 3)
    monkeypatch.setattr("knowtrace.jobs.retention.JOBS_AT_ONCE", 2)
    store, long_ago = shop.store, shop.clock() - timedelta(days=50)
    for number in range(10):
        async with store.writing("north") as session:
            await session.decisions.append([replace(decision("anna"), decision_id=str(number))])
            await session.snapshots.save([snapshot(long_ago, number)])
        await shop.submit([1], tenant_id="north")
        await shop.worker().take_turn()
    deleted: dict[str, list[int]] = {}
    commits = 0

    def note(_: object, cursor: Any, statement: str, *_more: object) -> None:
        if statement.startswith("DELETE FROM "):
            deleted.setdefault(statement.split()[2], []).append(cursor.rowcount)

    def committed(_: object) -> None:
        nonlocal commits
        commits += 1

    engine = store._writer.sync_engine
    listen(engine, "after_cursor_execute", note)
    listen(engine, "commit", committed)
    keeping = Keeping(decisions_days=1, jobs_days=1, snapshots_days=1, messages_days=30)
    said = await forget(store, keeping, now=shop.clock() + timedelta(days=9))
    assert said.startswith("deleted 10 decisions, 10 jobs with their results, 10 snapshots and 0 messages")
    assert [sum(deleted[name]) for name in ("recommendations", "student_snapshots", "jobs")] == [10, 10, 10]
    for name, most in (("recommendations", 3), ("student_snapshots", 3), ("jobs", 2)):
        assert max(deleted[name]) == most
    assert commits >= 4 + 4 + 5
    async with store._engine.connect() as connection:
        for table in ("recommendations", "student_snapshots", "jobs", "job_results", "job_queue"):
            assert await connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0, table


async def test_messages_go_once_they_have_arrived_or_were_given_up_long_ago(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several transactions, each of few messages: who waits to write gets a turn between them."""
    monkeypatch.setattr("knowtrace.jobs.retention.ROWS_AT_ONCE", 3)
    store, long_ago = shop.store, shop.clock() - timedelta(days=40)
    async with store.writing("north") as session:
        for number in range(10):
            message = Message(message_id=f"m{number}", kind="mastery", student_id="anna", body={})
            await session.outbox.append([(message, ["hook"])], at=long_ago)
    until = long_ago + timedelta(seconds=1)
    [lane] = await store.lease_lanes(now=long_ago, until=until, limit=1, most_of_one=1, held={})
    async with store.writing("north") as session:
        first, *others = await session.outbox.waiting(lane, limit=10)
        await session.outbox.settle(lane, delivered=[], failed=first, error="no", again_at=None, now=long_ago)
        sequences = [message.sequence for message in others[:7]]
        await session.outbox.settle(
            lane, delivered=sequences[:6], failed=None, error="", again_at=None, now=long_ago
        )
        await session.outbox.settle(
            lane, delivered=sequences[6:], failed=None, error="", again_at=None, now=shop.clock()
        )
    keeping = Keeping(decisions_days=None, jobs_days=None, snapshots_days=None, messages_days=30)
    assert "and 7 messages of" in await forget(store, keeping, now=shop.clock())
    async with store._engine.connect() as connection:
        left = (await connection.execute(sa.text("SELECT message_id FROM outbox ORDER BY sequence"))).all()
    assert left == [("m7",), ("m8",), ("m9",)], "one that arrived today, and two that still wait"
