"""The lake: raw logs to clean, documented, incremental tables. One code, on DuckDB or Spark."""

from knowtrace.lake.build import BuildOptions, BuildReport, build_lake
from knowtrace.lake.checks import TABLES
from knowtrace.lake.commits import CommitLog, Snapshot
from knowtrace.lake.sources_found import SourceOptions

__all__ = ["TABLES", "BuildOptions", "BuildReport", "CommitLog", "Snapshot", "SourceOptions", "build_lake"]
