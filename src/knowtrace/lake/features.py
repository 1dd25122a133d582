"""What was known before each answer: the inputs of Wide & Deep IRT, and of trees and logistic models.

Answers given together see what stood before the first of them. "The last n" are those given together with one of the n
answers before: n of them, where every answer was given alone. Statistics of an item are those of training students up
to the day before. Windows and edges are those of the Databricks guide, but for the latency: an answer's own is not
known before it.
"""

from knowtrace.lake.engine import Engine, Expression, Frame, looked_up
from knowtrace.lake.item_counts import day_of
from knowtrace.lake.tables import BUCKET

RECENT = 10
HELP_WINDOW = 20
LATENCY_EDGES = (1, 2, 3, 5, 10, 20, 30, 60)
"""Seconds. Bucket 1 is an unknown latency, bucket 2 one below the first edge."""

HOUR = 3_600_000_000
"""Microseconds."""


def features(engine: Engine, events: Frame, splits: Frame, items: Frame, sets: Frame, days: Frame) -> Frame:
    """Return one row per answer of some buckets; `days` is the whole of gold.item_days."""
    f, window = engine.functions, engine.window
    before = window.partitionBy("user_id").orderBy("container").rangeBetween
    earlier, recent = before(window.unboundedPreceding, -1), before(-RECENT, -1)
    same_item = window.partitionBy("user_id", "item_index").orderBy("container")
    until = days.select(
        "item_id",
        "day",
        f.col("training_events_before").alias("answers"),
        f.col("training_correct_before").alias("right"),
    )
    helped = f.col("help_requested").cast("int")
    known = (
        events.withColumn("day", day_of(engine))
        .join(items, on="item_id", how="inner")
        .join(sets, on="skill_ids", how="inner")
        .join(splits.select("user_id", "split"), on="user_id", how="inner")
    )
    return looked_up(known, until, ("item_id", "day"), ("answers", "right")).select(
        "user_id",
        "position",
        "split",
        "item_index",
        "skill_set",
        "correct",
        (f.col("container") - 1).alias("attempts_before"),
        f.coalesce(f.sum("correct").over(earlier), f.lit(0)).alias("correct_before"),
        (f.rank().over(same_item) - 1).cast("bigint").alias("item_attempts_before"),
        f.coalesce(f.avg("correct").over(recent), f.lit(0.5)).alias("recent_accuracy"),
        f.avg(helped).over(before(-HELP_WINDOW, -1)).alias("help_tendency"),
        _bucket_of(engine, f.avg("latency_ms").over(recent)).alias("recent_latency_bucket"),
        ((f.col("timestamp") - f.max("timestamp").over(earlier)) / HOUR).alias("hours_since_last"),
        f.coalesce(f.col("answers"), f.lit(0)).alias("item_attempts"),
        ((f.coalesce(f.col("right"), f.lit(0)) + 1) / (f.coalesce(f.col("answers"), f.lit(0)) + 2)).alias(
            "item_success_rate"
        ),
        BUCKET,
    )


def _bucket_of(engine: Engine, latency_ms: Expression) -> Expression:
    f = engine.functions
    bucket = f.lit(len(LATENCY_EDGES) + 2)
    for number, edge in reversed(list(enumerate(LATENCY_EDGES))):
        bucket = f.when(latency_ms < edge * 1000, f.lit(number + 2)).otherwise(bucket)
    return f.when(latency_ms.isNull(), f.lit(1)).otherwise(bucket)
