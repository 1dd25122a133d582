"""The lake: raw logs to clean, documented, incremental tables. One code, on DuckDB or Spark."""

from knowtrace.lake.append import AppendReport, append_rows
from knowtrace.lake.build import build_lake
from knowtrace.lake.checks import TABLES
from knowtrace.lake.commits import CommitLog, DataFile, Snapshot
from knowtrace.lake.dataset import is_lake, read_lake
from knowtrace.lake.erase import erase_students
from knowtrace.lake.erasures import LakeReceipt
from knowtrace.lake.lineage import ItemLineage, Lineage, item_lineage, lineage_of
from knowtrace.lake.reports import BuildOptions, BuildReport
from knowtrace.lake.status import BuildPlan, LakeStatus, plan_build, status_of
from knowtrace.lake.tables import Column, Table
from knowtrace.sources.formats import SourceOptions

__all__ = [
    "TABLES",
    "AppendReport",
    "BuildOptions",
    "BuildPlan",
    "BuildReport",
    "Column",
    "CommitLog",
    "DataFile",
    "ItemLineage",
    "LakeReceipt",
    "LakeStatus",
    "Lineage",
    "Snapshot",
    "SourceOptions",
    "Table",
    "append_rows",
    "build_lake",
    "erase_students",
    "is_lake",
    "item_lineage",
    "lineage_of",
    "plan_build",
    "read_lake",
    "status_of",
]
