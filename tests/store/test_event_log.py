"""The log: order, pages, and what was seen lately."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from knowtrace.domain import Interaction
from knowtrace.store import KnownEvent, Store, StoredDecision, StoredEvent
from knowtrace.store import events as log
from knowtrace.store.tables import event_revisions

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(
    position: int, *, minute: int, item_id: str = "i1", response: int = 1, student: str = "anna"
) -> StoredEvent:
    return StoredEvent(
        position=position,
        event_id=f"e{position}",
        interaction=Interaction(
            student_id=student,
            item_id=item_id,
            skill_ids=("s1", "ß"),
            response=response,
            answered_at=NOON + timedelta(minutes=minute),
            elapsed_seconds=1.5,
            hints_used=2,
            attempt=1,
            session_id="lesson",
        ),
        received_at=NOON,
        fingerprint=f"{position:032x}",
    )


async def append(store: Store, *events: StoredEvent) -> None:
    async with store.writing("school") as session:
        await session.events.append(events)


async def history(store: Store, **bounds: datetime) -> list[StoredEvent]:
    async with store.reading("school") as session:
        return [found async for page in session.events.history("anna", **bounds) for found in page]


async def test_an_event_comes_back_as_it_went_in(store: Store) -> None:
    await append(store, event(1, minute=0))
    assert await history(store) == [event(1, minute=0)]


async def test_history_is_in_order_of_time_then_position_across_pages(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "HISTORY_PAGE", 2)
    minutes = [5, 3, 3, 9, 1, 3]
    await append(
        store, *(event(p, minute=m) for p, m in enumerate(minutes, 1)), event(7, minute=0, student="ben")
    )
    assert [found.position for found in await history(store)] == [5, 2, 3, 6, 1, 4]


async def test_a_window_includes_its_start_and_excludes_its_end(store: Store) -> None:
    await append(store, *(event(p, minute=p) for p in range(1, 6)))
    found = await history(store, start=NOON + timedelta(minutes=2), end=NOON + timedelta(minutes=4))
    assert [e.position for e in found] == [2, 3]


async def test_the_newest_come_first_and_pages_join(store: Store) -> None:
    await append(store, *(event(p, minute=m) for p, m in enumerate([5, 3, 3, 9], 1)))
    async with store.reading("school") as session:
        first = await session.events.newest("anna", limit=2)
        last = first[-1]
        assert last.interaction.answered_at
        rest = await session.events.newest(
            "anna", limit=9, before=(last.interaction.answered_at, last.position)
        )
    assert [found.position for found in [*first, *rest]] == [4, 1, 3, 2]


async def test_events_are_known_by_their_id(store: Store) -> None:
    await append(store, event(1, minute=0), event(2, minute=1))
    async with store.reading("school") as session:
        assert await session.events.known(["e2", "e3"]) == {"e2": KnownEvent(f"{2:032x}", is_withdrawn=False)}


async def test_the_head_moves_with_the_log(store: Store) -> None:
    async with store.transaction() as transaction:
        assert transaction.head == 0
        await transaction.move_head(7)
    async with store.transaction() as transaction:
        assert transaction.head == 7


async def test_a_revision_takes_the_place_and_keeps_what_was_there(store: Store) -> None:
    first = event(1, minute=0)
    corrected = replace(first, revision=1, interaction=replace(first.interaction, response=0))
    withdrawn = replace(corrected, revision=2, withdrawn_at=NOON)
    await append(store, first)
    async with store.writing("school") as session:
        await session.events.replace(first, corrected, at=NOON)
    assert await history(store) == [corrected]
    async with store.writing("school") as session:
        await session.events.replace(corrected, withdrawn, at=NOON)
        assert await session.events.find("e1") == withdrawn
        assert (await session.events.known(["e1"]))["e1"].is_withdrawn
    assert await history(store) == []
    async with store.reading("school") as session:
        assert await session.events.newest("anna", limit=5) == []
        assert await session.events.items_seen("anna", since=NOON, limit=5) == {}
        older = await session.events._connection.execute(
            sa.select(event_revisions.c.revision, event_revisions.c.body).order_by(event_revisions.c.revision)
        )
        assert [(row.revision, row.body["response"]) for row in older] == [(0, 1), (1, 0)]


async def test_items_seen_keeps_the_best_response_and_the_last_time(store: Store) -> None:
    await append(
        store,
        event(1, minute=0, item_id="old"),
        event(2, minute=10, item_id="both", response=1),
        event(3, minute=20, item_id="both", response=0),
        event(4, minute=15, item_id="wrong", response=0),
    )
    async with store.reading("school") as session:
        seen = await session.events.items_seen("anna", since=NOON + timedelta(minutes=5), limit=10)
        assert list(await session.events.items_seen("anna", since=NOON, limit=1)) == ["both"]
    assert {item_id: found.best_response for item_id, found in seen.items()} == {"both": 1, "wrong": 0}
    assert seen["both"].last_answered_at == NOON + timedelta(minutes=20)


async def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="names no zone"):
        await history(store, start=datetime(2026, 3, 1))


async def test_decisions_come_back_as_they_went_in(store: Store) -> None:
    decision = StoredDecision(
        decision_id="d" * 32,
        student_id="anna",
        skill="s1",
        created_at=NOON,
        model_version="m-1",
        recommendation_type="rule-based",
        items=[{"item_id": "i1", "expected_success": 0.7}],
        num_candidates=4,
        propensity=None,
    )
    async with store.writing("school") as session:
        await session.decisions.append([decision])
    async with store.reading("school") as session:
        assert await session.decisions.newest("anna", limit=5) == [decision]
