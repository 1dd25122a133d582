"""A power cut leaves SQLite's write-ahead log cut anywhere, or a page half-written: what is read then is whole."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from knowtrace.errors import UnavailableError
from knowtrace.store import Store
from knowtrace.tracing import Tracer
from knowtrace.tracing.intake import Intake
from knowtrace.tracing.states import replayed_state
from tests.tracing.test_intake import SCHOOL, answer

PAGE = 24 + 4_096
"""Bytes of one page in the log, with its head."""

STUDENTS = ("anna", "ben")


async def events_of(path: Path, tracer: Tracer) -> int:
    """Return how many answers a database holds, after comparing every state with a clean replay."""
    count = 0
    async with Store(f"sqlite+aiosqlite:///{path}") as store, store.reading(SCHOOL) as session:
        for student_id, stored in (await session.students.load(STUDENTS)).items():
            history = [event async for page in session.events.history(student_id) for event in page]
            assert len(history) == stored.num_answers
            replay = await replayed_state(session, tracer, student_id)
            np.testing.assert_array_equal(stored.vector, replay.vector)
            count += len(history)
    return count


async def test_a_log_cut_anywhere_holds_whole_transactions_and_all_before_the_cut(
    store: Store, tracer: Tracer, tmp_path: Path
) -> None:
    database, log = tmp_path / "test.db", tmp_path / "test.db-wal"
    sizes: list[int] = []
    async with Intake(store, tracer) as intake:
        for number in range(6):
            await intake.submit(SCHOOL, [answer(tracer, number, student_id=name) for name in STUDENTS])
            sizes.append(log.stat().st_size)
        content = log.read_bytes()
        assert sizes == sorted(set(sizes)), "the log was folded in meanwhile"
        cuts = range(sizes[2], len(content) + 1, PAGE // 2)
        held: list[int] = []
        for cut in cuts:
            torn = tmp_path / "torn" / str(cut)
            torn.mkdir(parents=True)
            shutil.copy(database, torn / "test.db")
            (torn / "test.db-wal").write_bytes(content[:cut])
            held.append(await events_of(torn / "test.db", tracer))
    # Every answer that was acknowledged before the cut, two with each transaction, and none of a later one.
    assert held == [2 * sum(size <= cut for size in sizes) for cut in cuts]
    assert set(held) == {6, 8, 10, 12}


async def test_a_page_that_was_half_written_ends_the_log(
    store: Store, tracer: Tracer, tmp_path: Path
) -> None:
    log = tmp_path / "test.db-wal"
    async with Intake(store, tracer) as intake:
        await intake.submit(SCHOOL, [answer(tracer, 0)])
        whole = log.stat().st_size
        await intake.submit(SCHOOL, [answer(tracer, 1)])
        content = bytearray(log.read_bytes())
        content[whole + PAGE // 2] ^= 0xFF
        (tmp_path / "torn").mkdir()
        shutil.copy(tmp_path / "test.db", tmp_path / "torn" / "test.db")
        (tmp_path / "torn" / "test.db-wal").write_bytes(content)
        assert await events_of(tmp_path / "torn" / "test.db", tracer) == 1


async def test_a_disk_without_room_acknowledges_nothing_and_then_goes_on(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Intake(store, tracer) as intake:
        await intake.submit(SCHOOL, [answer(tracer, 0)])
        async with store._writer.connect() as connection:
            pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
            limit = (await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")).scalar_one()
            assert limit == pages
        many = [answer(tracer, number) for number in range(1, 400)]
        with pytest.raises(UnavailableError):
            await intake.submit(SCHOOL, many)
        async with store._writer.connect() as connection:
            await connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        results = await intake.submit(SCHOOL, many)
        assert {result.outcome.value for result in results} == {"accepted"}
