"""What is noted beside answering is there after an orderly stop."""

import asyncio
from pathlib import Path

import pytest

from knowtrace.service.identity import journal as module
from knowtrace.service.identity.journal import Journal
from knowtrace.store import Deed, Store

DEED = Deed(subject="key:x", role="student", action="erase", object="path:/x", outcome="denied")


async def test_a_stop_while_notes_are_being_written_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    async with Store(f"sqlite+aiosqlite:///{tmp_path / 'store.db'}") as store:
        await store.migrate()
        async with Journal(store) as journal:
            journal.denied("north", DEED)
            await (
                store._turn.acquire()
            )  # somebody else writes, when the journal's turn comes and then the stop
            async with asyncio.timeout(10):
                while journal._denials:
                    await asyncio.sleep(0.01)
            asyncio.get_running_loop().call_later(0.1, store._turn.release)
        async with store.reading("north") as session:
            assert [line.action for line in await session.audit.newest(limit=5)] == ["erase"]


async def test_a_stop_does_not_wait_for_the_next_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 3_600)
    async with Store(f"sqlite+aiosqlite:///{tmp_path / 'store.db'}") as store:
        await store.migrate()
        async with asyncio.timeout(10), Journal(store) as journal:
            journal.denied("north", DEED)
        async with store.reading("north") as session:
            assert len(await session.audit.newest(limit=5)) == 1
