"""Spark: the same plans on local cores or a cluster."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as spark_functions

from knowtrace.lake.commits import DataFile
from knowtrace.lake.duckdb_engine import written_files
from knowtrace.lake.engine import SQL_TYPES, Frame, shaped, told_as_system_error
from knowtrace.lake.tables import BUCKET, Table

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""What plans rest on, in any session: a bucket is text, a time is UTC."""


class SparkEngine:
    """A Spark session: the one that is running, as on Databricks and Glue, or a local one.

    A session that was given gets our SETTINGS, and its own back when the engine is closed.
    """

    functions: Any = spark_functions
    window: Any = Window

    def __init__(self, *, work: Path, memory: str, threads: int) -> None:
        work.mkdir(parents=True, exist_ok=True)
        running = SparkSession.getActiveSession()
        self._is_ours = running is None
        self._session: Any = running or (
            SparkSession.builder.master(f"local[{threads}]")
            .appName("knowtrace lake")
            .config("spark.driver.memory", memory.lower().replace("gb", "g").replace("mb", "m"))
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.local.dir", str(work))
            .config("spark.sql.warehouse.dir", str(work / "warehouse"))
            .config("spark.sql.shuffle.partitions", str(max(threads, 2)))
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.ui.enabled", "false")
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
        conf = self._session.conf
        self._before: dict[str, str | None] = {name: conf.get(name, None) for name in SETTINGS}
        for name, value in SETTINGS.items():
            conf.set(name, value)

    def read(self, table: Table, files: Sequence[DataFile], root: Path) -> Frame:
        f = self.functions
        if not files:
            nothing = [f.lit(None).cast(SQL_TYPES[c.type]).alias(c.name) for c in table.columns]
            nothing += [f.lit(None).cast("string").alias(BUCKET)] if table.is_bucketed else []
            return self._session.range(0).select(*nothing)
        kinds = {c.name: "timestamp" if c.type == "timestamp" else SQL_TYPES[c.type] for c in table.columns}
        kinds |= {BUCKET: "string"} if table.is_bucketed else {}
        columns = [
            f.unix_micros(f.col(name)).alias(name) if kind == "timestamp" else f.col(name)
            for name, kind in kinds.items()
        ]
        # Told, the columns need not be looked for in a file, which would be a job of Spark's for each read.
        reader = self._session.read.schema(", ".join(f"`{name}` {kind}" for name, kind in kinds.items()))
        if not table.is_bucketed:
            return reader.parquet(*(str(root / file.path) for file in files)).select(*columns)
        frame: Frame = None
        for base in sorted({_base_of(file.path) for file in files}):
            paths = [str(root / file.path) for file in files if _base_of(file.path) == base]
            part = reader.option("basePath", str(root / base)).parquet(*paths).select(*columns)
            frame = part if frame is None else frame.unionByName(part)
        return frame

    def write(
        self, frame: Frame, table: Table, folder: Path, root: Path, buckets: Sequence[str] = ()
    ) -> list[DataFile]:
        f = self.functions
        out = shaped(frame, table, f)
        for column in table.columns:
            if column.type == "timestamp":
                out = out.withColumn(column.name, f.timestamp_micros(f.col(column.name)))
        writer = out.write.partitionBy(BUCKET) if table.is_bucketed else out.coalesce(1).write
        with told_as_system_error():
            writer.mode("errorifexists").parquet(str(folder))
        return [file for file in written_files(folder, root) if file.num_rows]

    def rows(self, frame: Frame) -> list[tuple[Any, ...]]:
        with told_as_system_error():
            return [tuple(row) for row in frame.collect()]

    def named(self, frame: Frame) -> Frame:
        return frame

    def groups(self, buckets: Iterable[str], rows_of: dict[str, int]) -> list[list[str]]:
        together = sorted(buckets)
        return [together] if together else []

    def close(self) -> None:
        if self._is_ours:
            self._session.stop()
            return
        for name, value in self._before.items():
            if value is None:
                self._session.conf.unset(name)
            else:
                self._session.conf.set(name, value)


def _base_of(path: str) -> str:
    return path.split(f"/{BUCKET}=", 1)[0]
