"""Jobs for Databricks and Glue: each builds, on a session that it is given, the lake that the command line builds."""

import json
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from lake.conftest import HEADER, QUESTIONS, START
from lake.lake_rows import all_content
from lake.test_engines import needs_java, pyspark

from knowtrace.lake import build_lake

DEPLOY = ROOT / "deploy"
HABITS = {
    "spark.sql.session.timeZone": "America/New_York",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "INT96",
}
"""Settings of a session that is not ours: read with them, buckets 0 to 9 are numbers and times are local."""


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    (folder / "questions.csv").write_text(QUESTIONS, encoding="utf-8")
    for n in range(1, 13):
        rows = "".join(
            f"{START + 60_000 * place},{place},q{1 + (n + place) % 3},{'abc'[place % 3]},9\n"
            for place in range(8)
        )
        (folder / f"u{n}.csv").write_text(HEADER + rows, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def expected(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    root = tmp_path_factory.mktemp("expected") / "lake"
    build_lake(root, [exports])
    return all_content(root)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session with habits of its own, as a platform gives it."""
    builder = pyspark.sql.SparkSession.builder.master("local[2]").appName("given")
    settings = {
        **HABITS,
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.local.dir": str(tmp_path_factory.mktemp("spark")),
        "spark.log.level": "ERROR",
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def databricks(exports: Path, lake: Path) -> list[str]:
    """Return the parameters of the bundle's task, its variables filled in."""
    bundle = yaml.safe_load((DEPLOY / "databricks" / "databricks.yml").read_text(encoding="utf-8"))
    (task,) = bundle["resources"]["jobs"]["lake"]["tasks"]
    places = {"${var.volume}/exports": str(exports), "${var.volume}/lake": str(lake)}
    return [places.get(text, text) for text in task["spark_python_task"]["parameters"]]


def glue(exports: Path, lake: Path) -> list[str]:
    """Return the arguments that Glue gives: those of the template, and its own."""
    template = json.loads((DEPLOY / "glue" / "template.json").read_text(encoding="utf-8"))
    given = template["Resources"]["LakeJob"]["Properties"]["DefaultArguments"]
    values = {"Sources": str(exports), "Lake": str(lake)}
    filled = {name: values[value["Ref"]] if "Ref" in value else value for name, value in given.items()}
    filled |= {"--additional-python-modules": "knowtrace.whl", "--JOB_NAME": "knowtrace-lake"}
    return [text for pair in filled.items() for text in pair]


@needs_java
@pytest.mark.slow
@pytest.mark.xdist_group("spark")
@pytest.mark.parametrize("arguments", [databricks, glue])
def test_a_job_builds_the_lake_on_the_session_it_is_given(
    arguments: Callable[[Path, Path], list[str]],
    exports: Path,
    expected: dict[str, list[str]],
    session: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = DEPLOY / arguments.__name__ / "build_lake.py"
    runpy.run_path(str(script))["main"](arguments(exports, tmp_path / "lake"))
    assert json.loads(capsys.readouterr().out)["num_new_events"] == 96
    found = all_content(tmp_path / "lake")
    assert [name for name in expected if found[name] != expected[name]] == []
    assert {name: session.conf.get(name) for name in HABITS} == HABITS
    assert session.range(3).count() == 3


def test_jobs_run_one_at_a_time() -> None:
    """Where a file system has no locks, nothing else keeps two builds apart."""
    bundle = yaml.safe_load((DEPLOY / "databricks" / "databricks.yml").read_text(encoding="utf-8"))
    template = json.loads((DEPLOY / "glue" / "template.json").read_text(encoding="utf-8"))
    assert bundle["resources"]["jobs"]["lake"]["max_concurrent_runs"] == 1
    assert template["Resources"]["LakeJob"]["Properties"]["ExecutionProperty"]["MaxConcurrentRuns"] == 1
