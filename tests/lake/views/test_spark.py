"""The script for Spark, run in Spark: every row is DuckDB's."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from knowtrace.lake.views import VIEWS
from lake.views.conftest import SCHOOL
from lake.views.databases import in_duckdb, in_spark, key_of, same
from lake.views.written_lake import write_lake

os.environ["SPARK_CONF_DIR"] = str(Path(__file__).parents[1] / "spark")
sql: Any = pytest.importorskip("pyspark.sql") if not os.environ.get("CI") else __import__("pyspark.sql").sql
pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("CI") and shutil.which("java") is None and "JAVA_HOME" not in os.environ,
        reason="Spark needs Java: `make services` installs it",
    ),
    pytest.mark.slow,
    pytest.mark.xdist_group("spark"),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session in a zone of its own: days must be those of UTC all the same."""
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    for name, value in (
        ("spark.driver.host", "127.0.0.1"),
        ("spark.driver.bindAddress", "127.0.0.1"),
        ("spark.sql.shuffle.partitions", "1"),
        ("spark.sql.session.timeZone", "Pacific/Auckland"),
        ("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse"))),
    ):
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def test_spark_shows_the_rows_that_duckdb_shows(school: Path, session: Any) -> None:
    with in_duckdb(school, 4) as ours, in_spark(school, 4, session) as theirs:
        for view in VIEWS:
            here, there = ours.rows(view.name), theirs.rows(view.name)
            assert len(here) == len(there) > 0, view.name
            for one, other in zip(here, there, strict=True):
                assert same(list(one.values()), list(other.values())), (view.name, key_of(view, one))


def test_the_script_reads_the_last_commit_alone_and_places_without_rows(tmp_path: Path, session: Any) -> None:
    """Files of the commit before are kept in the same folders, and the folder has signs that SQL quotes."""
    root = write_lake(tmp_path / "o'lake", SCHOOL)
    write_lake(root, SCHOOL)
    with in_spark(root, 1, session) as views:
        assert views.cell("bi_overview")["num_answers"] == len(SCHOOL)
        assert views.rows("bi_item_drift") == []
