"""Nobody waits for ever, and the writer not for readers."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from knowtrace.domain import Interaction
from knowtrace.errors import UnavailableError
from knowtrace.store import Store, StoredEvent, dialect, turns


async def test_a_writer_waits_only_so_long_for_another_process(store: Store, database_url: str) -> None:
    async with Store(database_url, lock_wait_seconds=0.2) as other:
        async with store.writing("default"), asyncio.timeout(10):
            with pytest.raises(UnavailableError, match=r"^The database cannot answer\. Nothing") as error:
                async with other.writing("default"):
                    pass
        async with other.writing("default"):
            pass
    assert "lock" in error.value.behind
    assert error.value.behind not in str(error.value)
    assert error.value.behind in error.value.for_operators


async def test_a_writer_that_has_frozen_is_ended(
    postgres_store: Store, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LONGEST_PAUSE", "100ms")
    async with Store(postgres_url, lock_wait_seconds=5) as other:
        with pytest.raises(UnavailableError):
            async with postgres_store.writing("default"), asyncio.timeout(10), other.writing("default"):
                pass


async def test_the_writer_does_not_wait_for_readers(store: Store) -> None:
    async with AsyncExitStack() as readers:
        for _ in range(2 * dialect.CONNECTIONS):
            await readers.enter_async_context(store.reading("default"))
        async with asyncio.timeout(10), store.writing("default") as session:
            assert await session.students.page(limit=1) == []


async def test_the_first_year_can_be_read_back_wherever_the_server_stands(
    postgres_store: Store, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """West of Greenwich it would begin in the year before it, which no datetime can hold."""
    monkeypatch.setenv("PGTZ", "America/New_York")
    long_ago = datetime(1, 1, 1, tzinfo=UTC)
    answer = Interaction(student_id="anna", item_id="a", skill_ids=(), response=1, answered_at=long_ago)
    event = StoredEvent(
        position=1, event_id="e", interaction=answer, received_at=datetime.now(UTC), fingerprint="f"
    )
    async with Store(postgres_url) as western:
        async with western.writing("default") as session:
            await session.events.append([event])
        async with western.reading("default") as session:
            [found] = await session.events.newest("anna", limit=1)
    assert found.interaction.answered_at == long_ago
