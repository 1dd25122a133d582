"""The audit log: whatever is done to its rows, `verify` says so."""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import orjson
import pytest
import sqlalchemy as sa

from knowtrace.store import Deed, Store
from knowtrace.store.access_tables import audit_heads, audit_log
from tests.store.conftest import empty

NUM_LINES = 5
C = audit_log.c


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[Store]:
    """A store with a key, and five lines in the log of the tenant `north`."""
    async with empty(database_url, audit_key=b"a key of this test") as store:
        for number in range(NUM_LINES):
            async with store.writing("north") as session:
                deed = Deed(subject="key:k1", role="admin", action="keys.create", object=f"key:{number}")
                await session.audit.append(deed)
        yield store


async def problems(store: Store, expected_head: str | None = None) -> tuple[str, ...]:
    async with store.reading("north") as session:
        return (await session.audit.verify(expected_head=expected_head)).problems


async def execute(store: Store, *statements: sa.Executable) -> None:
    """Do what somebody with the database's password could do, past all our code."""
    async with store.writing("north") as session:
        for statement in statements:
            await session.audit._connection.execute(statement)


async def test_an_untouched_log_is_whole_and_says_where_it_ends(log: Store) -> None:
    async with log.reading("north") as session:
        report = await session.audit.verify()
        newest = await session.audit.newest(limit=2)
    assert (report.num_lines, report.problems) == (NUM_LINES, ())
    assert report.head == f"{NUM_LINES}:{newest[0].hash}"
    assert [line.sequence for line in newest] == [5, 4]
    assert newest[0].previous_hash == newest[1].hash


async def test_tenants_have_logs_of_their_own(log: Store) -> None:
    async with log.writing("south") as session:
        line = await session.audit.append(Deed(subject="s", role="admin", action="a", object="key:0"))
    assert line.sequence == 1
    async with log.reading("south") as session:
        assert [found.sequence for found in await session.audit.newest(limit=10)] == [1]
        south = session.audit.object_hash("key:0")
    async with log.reading("north") as session:
        assert session.audit.object_hash("key:0") != south
        [found] = await session.audit.newest(limit=10, object_hash=session.audit.object_hash("key:3"))
    assert found.sequence == 4


async def test_a_deed_that_is_undone_leaves_no_line(log: Store) -> None:
    with pytest.raises(RuntimeError, match="stop"):
        async with log.writing("north") as session:
            await session.audit.append(Deed(subject="s", role="admin", action="a", object="o"))
            raise RuntimeError("stop")
    assert await problems(log) == ()


COLUMNS = ("subject", "role", "action", "object_hash", "outcome", "request_id", "previous_hash", "hash")


class UndoneError(Exception):
    """Ends a transaction without a trace."""


async def found_after(store: Store, statement: sa.Executable) -> tuple[str, ...]:
    """Return what `verify` says after a statement, which is then undone."""
    report = None
    with contextlib.suppress(UndoneError):
        async with store.writing("north") as session:
            await session.audit._connection.execute(statement)
            report = await session.audit.verify()
            raise UndoneError
    assert report is not None
    return report.problems


async def test_every_edit_of_every_column_of_every_line_is_found(log: Store) -> None:
    for sequence in range(1, NUM_LINES + 1):
        for column in COLUMNS:
            edit = sa.update(audit_log).where(C.sequence == sequence).values({column: "f" * 16})
            found = await found_after(log, edit)
            assert any(f"Line {sequence}" in problem for problem in found), (sequence, column, found)
        async with log.reading("north") as session:
            [line] = await session.audit.newest(limit=1, before=sequence + 1)
        later = line.at.replace(microsecond=(line.at.microsecond + 1) % 1_000_000)
        found = await found_after(log, sa.update(audit_log).where(C.sequence == sequence).values(at=later))
        assert found == (f"Line {sequence} was edited: its hash is not that of its content.",)
    assert await problems(log) == ()


async def test_every_dropped_line_is_found(log: Store) -> None:
    for sequence in range(1, NUM_LINES + 1):
        assert await found_after(log, sa.delete(audit_log).where(C.sequence == sequence)), sequence


async def test_every_line_put_in_twice_is_found(log: Store) -> None:
    values = {column: column if column != "role" else "admin" for column in COLUMNS}
    added = {"tenant_id": "north", "at": datetime.now(UTC), **values}
    for sequence in (0, NUM_LINES + 1, 99):
        assert await found_after(log, sa.insert(audit_log).values(sequence=sequence, **added)), sequence


async def test_lines_that_change_places_are_found(log: Store) -> None:
    await execute(
        log,
        sa.update(audit_log).where(C.sequence == 2).values(sequence=99),
        sa.update(audit_log).where(C.sequence == 3).values(sequence=2),
        sa.update(audit_log).where(C.sequence == 99).values(sequence=3),
    )
    assert len(await problems(log)) >= 2


async def test_a_line_of_another_tenant_fits_nowhere(log: Store) -> None:
    async with log.writing("south") as session:
        line = await session.audit.append(Deed(subject="s", role="admin", action="a", object="o"))
    values = {
        "subject": line.subject,
        "action": line.action,
        "object_hash": line.object_hash,
        "hash": line.hash,
    }
    await execute(log, sa.update(audit_log).where(C.tenant_id == "north", C.sequence == 1).values(values))
    assert any("Line 1" in problem for problem in await problems(log))


async def test_a_forger_without_the_key_cannot_make_the_hashes_fit(log: Store) -> None:
    """The whole tail is written anew, with plain SHA-256 in place of the HMAC."""
    async with log.reading("north") as session:
        line = (await session.audit.newest(limit=1))[0]
    content = ["line", "north", line.at.isoformat(), line.sequence, "forged", line.role, line.action]
    content += [line.object_hash, line.outcome, line.request_id, line.previous_hash]
    forged = hashlib.sha256(orjson.dumps(content)).hexdigest()
    seal = hashlib.sha256(orjson.dumps(["end", "north", 5, forged])).hexdigest()
    await execute(
        log,
        sa.update(audit_log).where(C.sequence == NUM_LINES).values(subject="forged", hash=forged),
        sa.update(audit_heads).values(hash=forged, seal=seal),
    )
    assert len(await problems(log)) == 2


def _drop_tail() -> list[sa.Executable]:
    return [sa.delete(audit_log).where(C.sequence > 3)]


def _drop_tail_and_note() -> list[sa.Executable]:
    return [sa.delete(audit_log).where(C.sequence > 3), sa.delete(audit_heads)]


def _move_note() -> list[sa.Executable]:
    third = sa.select(C.hash).where(C.sequence == 3).scalar_subquery()
    return [sa.update(audit_heads).values(sequence=3, hash=third), sa.delete(audit_log).where(C.sequence > 3)]


@pytest.mark.parametrize("attack", [_drop_tail, _drop_tail_and_note, _move_note])
async def test_a_dropped_end_is_found_now_and_after_more_lines(
    log: Store, attack: Callable[[], list[sa.Executable]]
) -> None:
    await execute(log, *attack())
    assert await problems(log)
    async with log.writing("north") as session:
        await session.audit.append(Deed(subject="s", role="admin", action="a", object="o"))
    assert await problems(log)


async def test_a_head_written_down_elsewhere_shows_a_log_put_back_to_an_earlier_day(log: Store) -> None:
    """The one thing the database alone cannot tell: all of it, the note of the end too, is from a backup."""
    async with log.reading("north") as session:
        early = (await session.audit.verify()).head
    backup = await _rows(log, audit_heads)
    async with log.writing("north") as session:
        await session.audit.append(Deed(subject="s", role="admin", action="erase", object="o"))
    async with log.reading("north") as session:
        late = (await session.audit.verify(expected_head=early)).head
    assert await problems(log, expected_head=early) == ()
    await execute(
        log, sa.delete(audit_log).where(C.sequence == 6), sa.update(audit_heads).values(**backup[0])
    )
    assert await problems(log) == ()
    assert await problems(log, expected_head=late) == (
        f"No line is {late}, which an earlier report gave as the last one.",
    )


async def _rows(store: Store, table: sa.Table) -> list[dict[str, object]]:
    async with store.reading("north") as session:
        found = await session.audit._connection.execute(sa.select(table))
        return [dict(row) for row in found.mappings()]
