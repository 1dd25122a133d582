"""Candidates into canonical events: repeats out, answers numbered in each student's order."""

from knowtrace.lake.engine import Engine, Expression, Frame, looked_up
from knowtrace.lake.silver_tables import EVENTS
from knowtrace.lake.tables import BUCKET
from knowtrace.sources.gathering import DUPLICATE

MILLISECONDS = 1_000

NUMBERED = ("position", "container")
"""Columns that follow from the order of all a student's answers."""

FILE_OF_ORDER = "file_of_order"
"""The source and file of an answer without a time, null for others: such an order means nothing beyond its file."""

IDENTITY = ("user_id", "item_id", "response", "timestamp", "order_key", FILE_OF_ORDER, "event_id")
"""What makes two rows one answer."""

SUPERSEDED = "of an answer that its source tells again by its event_id, the version landed last stands"
WITHDRAWN = "an answer that its source took back is none"


def merged(engine: Engine, before: Frame, candidates: Frame) -> Frame:
    """Return the events before, and the good candidates as events, without positions."""
    columns = [name for name in EVENTS.column_names if name not in NUMBERED] + [BUCKET]
    together = before.select(*columns).union(_events(engine, candidates).select(*columns))
    return together.withColumn(
        FILE_OF_ORDER,
        engine.functions.when(
            engine.functions.col("timestamp").isNull(),
            engine.functions.concat_ws(
                "/", engine.functions.col("dataset"), engine.functions.col("source_file")
            ),
        ),
    )


def judged(engine: Engine, together: Frame, withdrawals: Frame) -> Frame:
    """Return merged events with `fate`: why one does not stand any more, null for those that do.

    The last landed counts, be it a version or a withdrawal; of one landing a source has said itself what is last.
    """
    f = engine.functions
    newest = engine.window.partitionBy("user_id", "event_id").orderBy(
        f.col("loaded_at").desc(), f.col("line").desc()
    )
    gone = withdrawals.groupBy("user_id", "event_id").agg(f.max("loaded_at").alias("withdrawn_at"))
    ranked_ = looked_up(
        together.withColumn("version", f.row_number().over(newest)),
        gone,
        ("user_id", "event_id"),
        ("withdrawn_at",),
    )
    has_id = f.col("event_id").isNotNull()
    fate = f.when(has_id & (f.col("withdrawn_at") >= f.col("loaded_at")), f.lit(WITHDRAWN)).when(
        has_id & (f.col("version") > 1), f.lit(SUPERSEDED)
    )
    return ranked_.withColumn("fate", fate)


def corrected(engine: Engine, judged_: Frame) -> Frame:
    """Return the events that do not stand any more, as rows of the quarantine: their ids, not what was answered."""
    f = engine.functions
    return judged_.filter(f.col("fate").isNotNull()).select(
        "source_file",
        "line",
        f.lit("event_id").alias("column_name"),
        f.substring(f.col("event_id"), 1, 200).alias("value"),
        f.col("fate").alias("rule"),
        f.lit("correction").alias("stage"),
        "loaded_at",
    )


def num_repeated(engine: Engine, together: Frame) -> int:
    """Return how many rows of merged events repeat the answer of another."""
    f = engine.functions
    answers = together.groupBy(*IDENTITY).agg(f.count(f.lit(1)).alias("n"))
    found = engine.rows(answers.filter(f.col("n") > 1).agg(f.sum(f.col("n") - 1)))[0][0]
    return int(found or 0)


def ranked(engine: Engine, together: Frame) -> Frame:
    """Return merged events with `rank`, 1 for the row that stands for its answer: the one landed first."""
    first = engine.window.partitionBy(*IDENTITY).orderBy("loaded_at", "source_file", "line")
    return together.withColumn("rank", engine.functions.row_number().over(first))


def numbered(engine: Engine, answers: Frame) -> Frame:
    """Return events, one row per answer, with their positions and containers."""
    f, window = engine.functions, engine.window
    order = window.partitionBy("user_id").orderBy(*_order(engine))
    # Both windows in one selection: DuckDB sorts all columns once for each that it finds windows in.
    placed = answers.select(
        *answers.columns,
        f.row_number().over(order).alias("position"),
        f.lag("container_id").over(order).alias("container_before"),
    )
    is_together = f.coalesce(f.col("container_id") == f.col("container_before"), f.lit(False))
    # As text: SQLFrame writes "ignore nulls" of a window where DuckDB takes none. A maximum takes three times as long.
    container = f.expr(
        "last_value(begins) IGNORE NULLS OVER "
        "(PARTITION BY user_id ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )
    return placed.withColumn("begins", f.when(~is_together, f.col("position"))).withColumn(
        "container", container
    )


def repeats(engine: Engine, ranks: Frame) -> Frame:
    """Return the rows that repeat an answer, as rows of the quarantine."""
    f = engine.functions
    return ranks.filter(f.col("rank") > 1).select(
        "source_file",
        "line",
        f.lit("").alias("column_name"),
        f.substring(f.concat_ws(", ", f.col("item_id"), f.col("response").cast("string")), 1, 200).alias(
            "value"
        ),
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
        "event_id",
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
    return [
        f.col("timestamp").asc_nulls_first(),
        f.col(FILE_OF_ORDER).asc_nulls_first(),
        f.col("order_key").asc(),
        f.col("source_file").asc(),
        f.col("line").asc_nulls_first(),
        f.col("item_id").asc(),
        f.col("response").asc(),
    ]
