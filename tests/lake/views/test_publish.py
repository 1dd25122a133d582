"""Publishing into a real PostgreSQL: all or nothing, nothing twice, every value as it was."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from knowtrace.errors import ConflictError, DataError
from knowtrace.lake import build_lake, erase_students
from knowtrace.lake.views import publish as publishing
from knowtrace.lake.views.publish import publish
from lake.views.databases import connected
from lake.views.written_lake import Event, write_lake

MONDAY = datetime(2024, 1, 1, 9)
Connection = psycopg.Connection[tuple[Any, ...]]


def lake_of(root: Path, num_students: int) -> Path:
    return write_lake(root, [Event(student=f"u{n}", item="a", at=MONDAY) for n in range(num_students)])


@pytest.fixture
def database(postgres_url: str) -> Iterator[Connection]:
    with connected(postgres_url) as connection:
        for schema in ("lake_bi", "lake_silver", "lake_gold"):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        yield connection


def counted(database: Connection) -> int:
    found = database.execute("SELECT num_students FROM lake_bi.bi_overview").fetchone()
    assert found is not None
    return found[0]


def test_a_second_publication_loads_nothing(tmp_path: Path, postgres_url: str, database: Connection) -> None:
    root = lake_of(tmp_path / "lake", 6)
    first, second = publish(root, postgres_url), publish(root, postgres_url)
    assert first.rows["silver.canonical_learning_events"] == 6
    assert first.loaded == list(first.rows)
    assert second.loaded == []
    assert second.rows == first.rows
    assert counted(database) == 6


def test_a_new_commit_replaces_the_tables_it_changed(
    tmp_path: Path, postgres_url: str, database: Connection
) -> None:
    publish(lake_of(tmp_path / "lake", 6), postgres_url)
    publication = publish(lake_of(tmp_path / "lake", 9), postgres_url)
    assert publication.version == 2
    assert publication.loaded == ["silver.canonical_learning_events", "silver.items", "silver.users"]
    assert counted(database) == 9
    left = database.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE '%\\_\\_%'").fetchall()
    assert left == []


def test_another_minimum_makes_the_views_anew_and_loads_nothing(
    tmp_path: Path, postgres_url: str, database: Connection
) -> None:
    root = lake_of(tmp_path / "lake", 6)
    publish(root, postgres_url)
    assert publish(root, postgres_url, minimum=7).loaded == []
    assert counted(database) is None


def test_a_view_that_was_dropped_comes_back(tmp_path: Path, postgres_url: str, database: Connection) -> None:
    root = lake_of(tmp_path / "lake", 6)
    publish(root, postgres_url)
    database.execute("DROP VIEW lake_bi.bi_overview")
    publish(root, postgres_url)
    assert counted(database) == 6


def test_a_publication_that_is_stopped_changes_nothing(
    tmp_path: Path, postgres_url: str, database: Connection
) -> None:
    publish(lake_of(tmp_path / "lake", 6), postgres_url)

    def stop(table: str, done: int, total: int) -> None:
        if table == "silver.users":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(lake_of(tmp_path / "lake", 9), postgres_url, progress=stop)
    assert counted(database) == 6
    assert publish(tmp_path / "lake", postgres_url).rows["silver.users"] == 9
    assert counted(database) == 9


def test_every_value_arrives_as_it_was(tmp_path: Path, postgres_url: str, database: Connection) -> None:
    """Quotes, commas, line ends, backslashes, braces, empty text and NULL; a zero byte, which PostgreSQL has not."""
    hard = ['say "no", twice', "two\nlines", "back\\slash", "{braces}", "NULL", "", "naïve ✓", "\\N"]
    events = [
        Event(
            student=f"u{n}",
            item=text,
            skills=(text, "x"),
            at=MONDAY.replace(microsecond=123_456),
            latency_ms=n,
        )
        for n, text in enumerate(hard)
    ]
    events.append(Event(student="zero\0byte", item="plain"))
    publish(write_lake(tmp_path / "lake", events), postgres_url)
    rows = database.execute(
        "SELECT user_id, item_id, skill_ids, timestamp, latency_ms, help_requested, container_id "
        "FROM lake_silver.canonical_learning_events ORDER BY latency_ms NULLS LAST"
    ).fetchall()
    assert rows == [
        *(
            (f"u{n}", text, [text, "x"], MONDAY.replace(microsecond=123_456), n, None, None)
            for n, text in enumerate(hard)
        ),
        ("zero\ufffdbyte", "plain", [], None, None, None, None),
    ]


def test_a_reader_of_the_views_cannot_read_the_tables(
    tmp_path: Path, postgres_url: str, database: Connection
) -> None:
    publish(lake_of(tmp_path / "lake", 6), postgres_url)
    database.execute("DROP ROLE IF EXISTS analyst")
    database.execute("CREATE ROLE analyst")
    database.execute("GRANT USAGE ON SCHEMA lake_bi TO analyst")
    database.execute("GRANT SELECT ON ALL TABLES IN SCHEMA lake_bi TO analyst")
    publish(lake_of(tmp_path / "lake", 7), postgres_url)
    try:
        database.execute("SET ROLE analyst")
        assert counted(database) == 7
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.execute("SELECT user_id FROM lake_silver.users")
    finally:
        database.execute("RESET ROLE")
        database.execute("DROP OWNED BY analyst")
        database.execute("DROP ROLE analyst")


def test_what_others_built_on_a_table_is_named(
    tmp_path: Path, postgres_url: str, database: Connection
) -> None:
    publish(lake_of(tmp_path / "lake", 6), postgres_url)
    database.execute("CREATE VIEW public.of_others AS SELECT count(*) AS n FROM lake_silver.users")
    try:
        with pytest.raises(ConflictError, match=r"of_others.*Build on the views of lake_bi"):
            publish(lake_of(tmp_path / "lake", 7), postgres_url)
        assert counted(database) == 6
    finally:
        database.execute("DROP VIEW public.of_others")


def test_views_of_another_version_are_named(tmp_path: Path, postgres_url: str, database: Connection) -> None:
    root = lake_of(tmp_path / "lake", 6)
    database.execute("CREATE SCHEMA lake_bi")
    database.execute("CREATE VIEW lake_bi.bi_overview AS SELECT 1 AS other")
    with pytest.raises(ConflictError, match="DROP SCHEMA lake_bi CASCADE"):
        publish(root, postgres_url)


def test_a_reader_who_never_ends_stops_the_publication_not_the_other_readers(
    tmp_path: Path, postgres_url: str, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(lake_of(tmp_path / "lake", 6), postgres_url)
    monkeypatch.setattr(publishing, "PATIENCE_SECONDS", 1)
    with connected(postgres_url) as reader, reader.transaction():
        assert counted(reader) == 6
        with pytest.raises(ConflictError, match="idle in transaction"):
            publish(lake_of(tmp_path / "lake", 7), postgres_url)
    assert counted(database) == 6


def test_two_publications_at_once_are_refused(
    tmp_path: Path, postgres_url: str, database: Connection
) -> None:
    root = lake_of(tmp_path / "lake", 6)
    database.execute("SELECT pg_advisory_lock(%s)", [publishing.LOCK])
    with pytest.raises(ConflictError, match="Another publication"):
        publish(root, postgres_url)
    database.execute("SELECT pg_advisory_unlock(%s)", [publishing.LOCK])


def test_views_withhold_as_much_as_before(tmp_path: Path, postgres_url: str, database: Connection) -> None:
    publish(lake_of(tmp_path / "lake", 6), postgres_url, minimum=7)
    assert publish(lake_of(tmp_path / "lake", 5), postgres_url).loaded
    assert counted(database) is None
    publish(lake_of(tmp_path / "lake", 7), postgres_url)
    assert counted(database) == 7


def test_a_lake_whose_students_are_all_erased_is_published_empty(
    tmp_path: Path, postgres_url: str, database: Connection
) -> None:
    source = tmp_path / "answers.csv"
    source.write_text("student,item,correct\nanna,a,1\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [source])
    publish(tmp_path / "lake", postgres_url)
    erase_students(tmp_path / "lake", ["anna"])
    assert publish(tmp_path / "lake", postgres_url).rows["silver.users"] == 0
    assert database.execute("SELECT count(*) FROM lake_silver.users").fetchone() == (0,)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody:sec42%!@127.0.0.1:9/none",
        "postgresql://nobody:sec@42!@127.0.0.1:9/none",
        "postgresql://nobody:sec42!@[::1:9/none",
    ],
)
def test_a_url_that_cannot_be_read_is_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(DataError, match="URL cannot be read") as error:
        publish(lake_of(tmp_path / "lake", 6), url)
    assert "42" not in str(error.value) and "nobody" not in str(error.value)


def test_a_missing_lake_and_a_missing_database_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no lake"):
        publish(tmp_path / "nothing", "postgresql://nobody@127.0.0.1:9/none")
    root = lake_of(tmp_path / "lake", 6)
    with pytest.raises(DataError, match="cannot be reached") as error:
        publish(root, "postgresql://nobody:secret@127.0.0.1:9/none")
    assert "secret" not in str(error.value)
