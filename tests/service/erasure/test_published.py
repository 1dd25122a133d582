"""Who is erased from the lake leaves the PostgreSQL database, too, to which that lake is published."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lake.views.databases import connected, new_database
from psycopg import sql

from knowtrace.jobs import Done
from knowtrace.lake import build_lake
from knowtrace.lake.views.publish import publish
from knowtrace.service.erasure.lake import erase_from_lake
from knowtrace.store import Outcome
from service.erasure.test_erasure import CANARY, rows_with
from service.identity.school import School, open_school

NOBODY_THERE = "postgresql://nobody:hidden42@127.0.0.1:9/none"


@pytest.fixture
def database(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of the lake alone, named in the environment: there the schedule's command looks for it."""
    with new_database(postgres_url) as url:
        monkeypatch.setenv("KNOWTRACE_LAKE_DATABASE_URL", url)
        yield url


@pytest.fixture
async def school(tiny_run: Path, tmp_path: Path, database: str) -> AsyncIterator[School]:
    source = tmp_path / "answers.csv"
    source.write_text(f"student,item,correct\n{CANARY},a,1\nben,a,0\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [source])
    publish(tmp_path / "lake", database, minimum=1)
    store = f"sqlite+aiosqlite:///{tmp_path / 'school.db'}"
    async with open_school(tiny_run, store, lake=tmp_path / "lake", lake_tenant="north") as school:
        await school.answer("north", CANARY, 1)
        yield school


async def erase(school: School) -> dict[str, list[str]]:
    answer = await school.ask(("north", "admin"), "DELETE", f"/api/v1/students/{CANARY}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def carry(school: School) -> Done:
    return await erase_from_lake(school.classroom, datetime.now(UTC))


def published_with(url: str, text: str) -> dict[str, int]:
    """Count the rows that hold a text in every table and view that a publication has made."""
    counts: dict[str, int] = {}
    with connected(url) as connection:
        relations = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema LIKE 'lake\\_%'"
        ).fetchall()
        assert {schema for schema, _ in relations} == {"lake_silver", "lake_gold", "lake_bi"}
        for schema, name in relations:
            query = sql.SQL("SELECT count(*) FROM {} AS t WHERE strpos(t::text, %s) > 0")
            found = connection.execute(query.format(sql.Identifier(schema, name)), [text]).fetchone()
            if found is not None and found[0]:
                counts[f"{schema}.{name}"] = found[0]
    return counts


def num_students(url: str) -> int:
    with connected(url) as connection:
        found = connection.execute("SELECT num_students FROM lake_bi.bi_overview").fetchone()
    assert found is not None
    return found[0]


async def test_no_published_row_names_the_student_afterwards(school: School, database: str) -> None:
    assert published_with(database, CANARY)
    receipt = await erase(school)
    assert [line for line in receipt["waiting"] if "KNOWTRACE_LAKE_DATABASE_URL" in line]
    assert not any("lake publish" in line for line in receipt["not_covered"])
    done = await carry(school)
    assert done.outcome == Outcome.DONE, done.detail
    assert done.detail.endswith("It is published again without them.")
    assert published_with(database, CANARY) == {}
    assert await rows_with(school.classroom.store, CANARY) == {}
    assert num_students(database) == 1  # withheld below the minimum it was published with, 1, not below 5


async def test_a_database_that_is_away_leaves_everybody_waiting(
    school: School, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await erase(school)
    with monkeypatch.context() as away:
        away.setenv("KNOWTRACE_LAKE_DATABASE_URL", NOBODY_THERE)
        done = await carry(school)
    assert done.outcome == Outcome.FAILED
    assert "But lake publish ended with exit code 2: 1 students wait on." in done.detail
    assert "cannot be reached" in done.detail and "hidden42" not in done.detail
    assert await rows_with(school.classroom.store, CANARY) == {"lake_erasures": 1}
    assert published_with(database, CANARY)
    again = await carry(school)
    assert again.outcome == Outcome.DONE, again.detail
    assert published_with(database, CANARY) == {}
    assert await rows_with(school.classroom.store, CANARY) == {}


async def test_without_its_database_the_receipt_says_that_published_tables_are_not_covered(
    tiny_run: Path, tmp_path: Path
) -> None:
    store = f"sqlite+aiosqlite:///{tmp_path / 'school.db'}"
    async with open_school(tiny_run, store, lake=tmp_path / "lake", lake_tenant="north") as school:
        receipt = await erase(school)
    assert len(receipt["waiting"]) == 1
    assert [line for line in receipt["not_covered"] if "knowtrace lake publish" in line]
