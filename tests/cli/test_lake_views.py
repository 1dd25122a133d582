"""`knowtrace lake views` and `knowtrace lake publish`."""

from pathlib import Path

import duckdb
import pytest
from lake.views.written_lake import Event, write_lake
from typer.testing import CliRunner

from knowtrace.cli import app
from knowtrace.errors import DataError


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return write_lake(tmp_path / "lake", [Event(student=f"u{n}", item="a", skills=("x",)) for n in range(6)])


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["lake", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_script_goes_to_standard_output_alone(lake: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(run("views", "--lake", str(lake)))
        assert connection.execute("SELECT num_students FROM bi_skill_practice").fetchall() == [(6,)]


def test_the_minimum_is_written_into_the_script(lake: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(run("views", "--lake", str(lake), "--minimum", "7"))
        assert connection.execute("SELECT num_students FROM bi_skill_practice").fetchall() == [(None,)]


@pytest.mark.parametrize("dialect", ["postgres", "spark"])
def test_the_script_goes_to_a_file(lake: Path, tmp_path: Path, dialect: str) -> None:
    path = tmp_path / "views.sql"
    run("views", "--lake", str(lake), "--dialect", dialect, "--out", str(path))
    assert "CREATE OR REPLACE VIEW lake_bi.bi_overview" in path.read_text(encoding="utf-8")


def test_a_database_file(lake: Path, tmp_path: Path) -> None:
    path = tmp_path / "bi.duckdb"
    run("views", "--lake", str(lake), "--out", str(path))
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT num_answers FROM bi_overview").fetchall() == [(6,)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dialect", "oracle"), "must be one of duckdb, postgres, spark"),
        (("--dialect", "spark", "--out", "bi.duckdb"), "needs --dialect duckdb, not spark"),
    ],
)
def test_what_cannot_be_is_named(lake: Path, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        run("views", "--lake", str(lake), *arguments)


def test_a_minimum_of_zero_is_refused(lake: Path) -> None:
    assert CliRunner().invoke(app, ["lake", "views", "--lake", str(lake), "--minimum", "0"]).exit_code == 2


def test_publish_says_what_it_loaded(lake: Path, postgres_url: str) -> None:
    first = run("publish", "--lake", str(lake), "--database", postgres_url)
    assert "silver.canonical_learning_events" in first
    second = run("publish", "--lake", str(lake), "--database", postgres_url)
    assert "loaded" not in second
    assert second.count("unchanged") == 7


def test_publish_finds_the_database_among_the_settings(
    lake: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KNOWTRACE_LAKE_DATABASE_URL", postgres_url)
    assert "silver.canonical_learning_events" in run("publish", "--lake", str(lake))


@pytest.mark.parametrize("arguments", [(), ("--database", "sqlite:///x.db")])
def test_publish_wants_postgresql(lake: Path, arguments: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="URL of a PostgreSQL database"):
        run("publish", "--lake", str(lake), *arguments)
