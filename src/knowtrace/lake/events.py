"""Candidates into canonical events: repeats out, answers numbered in each student's order."""

from knowtrace.lake.engine import Engine, Expression, Frame
from knowtrace.lake.silver_tables import EVENTS
from knowtrace.lake.tables import BUCKET
from knowtrace.sources.gathering import DUPLICATE

MILLISECONDS = 1_000


def merged(engine: Engine, before: Frame, candidates: Frame) -> Frame:
    """Return the events of some buckets, those before and the new: one row per answer, numbered anew.

    `rank` is 1 for the row that stands for its answer, the one landed first; the others repeat it.
    """
    f = engine.functions
    columns = [name for name in EVENTS.column_names if name != "position"] + [BUCKET]
    together = before.select(*columns).unionByName(_events(engine, candidates).select(*columns))
    first = engine.window.partitionBy("event_id").orderBy("loaded_at", "source_file", "line")
    return together.withColumn("rank", f.row_number().over(first))


def numbered(engine: Engine, events: Frame) -> Frame:
    """Return the events that stand for their answers, each with its position in the student's order."""
    f = engine.functions
    return events.filter(f.col("rank") == 1).withColumn(
        "position", f.row_number().over(engine.window.partitionBy("user_id").orderBy(*_order(engine)))
    )


def repeats(engine: Engine, events: Frame) -> Frame:
    """Return the rows that repeat an answer, as rows of the quarantine."""
    f = engine.functions
    return events.filter(f.col("rank") > 1).select(
        "source_file",
        "line",
        f.lit("").alias("column_name"),
        f.substring(f.concat_ws(", ", f.col("item_id"), f.col("response").cast("string")), 1, 200).alias("value"),
        f.lit(DUPLICATE).alias("rule"),
        f.lit("merge").alias("stage"),
        "loaded_at",
    )


def faulty(engine: Engine, candidates: Frame) -> Frame:
    """Return the candidates that break a rule, as rows of the quarantine."""
    f = engine.functions
    return candidates.filter(f.col("rule").isNotNull()).select(
        "source_file",
        "line",
        f.col("bad_column").alias("column_name"),
        f.col("bad_value").alias("value"),
        "rule",
        f.lit("candidate").alias("stage"),
        "loaded_at",
    )


def _events(engine: Engine, candidates: Frame) -> Frame:
    f = engine.functions
    return candidates.filter(f.col("rule").isNull()).select(
        "event_id",
        "user_id",
        "item_id",
        "skill_ids",
        "timestamp",
        (f.col("response") == f.col("num_categories") - 1).cast("int").alias("correct"),
        "response",
        "num_categories",
        f.coalesce(f.col("session_id"), f.col("container_id")).alias("action_sequence_id"),
        "container_id",
        f.round(f.col("elapsed_seconds") * MILLISECONDS, 0).cast("bigint").alias("latency_ms"),
        (f.col("hints_used") > 0).alias("help_requested"),
        "hints_used",
        "attempt",
        "dataset",
        "order_key",
        "source_file",
        "line",
        "loaded_at",
        BUCKET,
    )


def _order(engine: Engine) -> list[Expression]:
    """Answers without a time come first, file by file; then by time, the source's order, file and line."""
    f = engine.functions
    file_without_time = f.when(f.col("timestamp").isNull(), f.col("source_file"))
    return [
        f.col("timestamp").asc_nulls_first(),
        file_without_time.asc_nulls_first(),
        f.col("order_key").asc(),
        f.col("source_file").asc(),
        f.col("line").asc_nulls_first(),
        f.col("event_id").asc(),
    ]
