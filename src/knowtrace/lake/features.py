"""What was known before each answer: the inputs of Wide & Deep IRT, and of trees and logistic models.

Answers given together see what stood before the first of them. Statistics of an item are those of training students up
to the day before. Windows and edges are those of the Databricks guide, but for the latency: an answer's own is not
known before it.
"""

from knowtrace.lake.catalogue import DAY, YEAR_2000
from knowtrace.lake.engine import Engine, Expression, Frame
from knowtrace.lake.sequences import with_containers
from knowtrace.lake.tables import BUCKET

RECENT = 10
HELP_WINDOW = 20
LATENCY_EDGES = (1, 2, 3, 5, 10, 20, 30, 60)
"""Seconds. Bucket 1 is an unknown latency, bucket 2 one below the first edge."""

HOUR = 3_600_000_000
"""Microseconds."""

AS_OF_FIRST = ("attempts_before", "correct_before", "recent_accuracy", "help_tendency", "prior_latency_bucket", "hours")


def features(engine: Engine, events: Frame, splits: Frame, items: Frame, sets: Frame, days: Frame) -> Frame:
    """Return one row per answer of some buckets; `days` is the whole of gold.item_days."""
    f, window = engine.functions, engine.window
    in_order = window.partitionBy("user_id").orderBy("position")
    earlier = in_order.rowsBetween(window.unboundedPreceding, -1)
    lag_latency = f.lag("latency_ms").over(in_order)
    hours = (f.col("timestamp") - f.lag("timestamp").over(in_order)) / HOUR
    steps = with_containers(engine, events)
    seen = steps.select(
        "event_id",
        "user_id",
        "position",
        "item_id",
        "skill_ids",
        "timestamp",
        "correct",
        "container",
        BUCKET,
        (f.col("position") - 1).alias("attempts_before"),
        f.coalesce(f.sum("correct").over(earlier), f.lit(0)).alias("correct_before"),
        f.coalesce(f.avg("correct").over(in_order.rowsBetween(-RECENT, -1)), f.lit(0.5)).alias("recent_accuracy"),
        f.avg(f.col("help_requested").cast("int")).over(in_order.rowsBetween(-HELP_WINDOW, -1)).alias("help_tendency"),
        _bucket_of(engine, lag_latency).alias("prior_latency_bucket"),
        hours.alias("hours"),
    )
    together = window.partitionBy("user_id", "container").orderBy("position")
    as_of_first = [
        f.first(name).over(together.rowsBetween(window.unboundedPreceding, 0)).alias(name) for name in AS_OF_FIRST
    ]
    kept = ("event_id", "user_id", "position", "item_id", "skill_ids", "timestamp", "correct", "container", BUCKET)
    of_item = window.partitionBy("user_id", "item_id").orderBy("container")
    known = (
        seen.select(*kept, *as_of_first)
        .withColumn(
            "item_attempts_before",
            f.coalesce(f.count(f.lit(1)).over(of_item.rangeBetween(window.unboundedPreceding, -1)), f.lit(0)),
        )
        .withColumn("day", f.when(f.col("timestamp") >= YEAR_2000, f.floor(f.col("timestamp") / DAY).cast("bigint")))
    )
    return (
        known.join(items, on="item_id", how="inner")
        .join(sets, on="skill_ids", how="inner")
        .join(splits.select("user_id", "split"), on="user_id", how="inner")
        .join(_until(engine, days), on=["item_id", "day"], how="left")
        .select(
            "event_id",
            "user_id",
            "position",
            "split",
            "item_index",
            "skill_set",
            "correct",
            "attempts_before",
            "correct_before",
            "item_attempts_before",
            "recent_accuracy",
            "help_tendency",
            "prior_latency_bucket",
            f.col("hours").alias("hours_since_last"),
            f.coalesce(f.col("answers_until"), f.lit(0)).alias("item_attempts"),
            ((f.coalesce(f.col("right_until"), f.lit(0)) + 1) / (f.coalesce(f.col("answers_until"), f.lit(0)) + 2)).alias(
                "item_success_rate"
            ),
            BUCKET,
        )
    )


def _until(engine: Engine, days: Frame) -> Frame:
    """Return, for each item and day with answers, the counts of training students on the days before."""
    f, window = engine.functions, engine.window
    daily = (
        days.filter(f.col("day").isNotNull())
        .groupBy("item_id", "day")
        .agg(f.sum("num_training_events").alias("answers"), f.sum("num_training_correct").alias("right"))
    )
    before = window.partitionBy("item_id").orderBy("day").rowsBetween(window.unboundedPreceding, -1)
    return daily.select(
        "item_id",
        "day",
        f.coalesce(f.sum("answers").over(before), f.lit(0)).alias("answers_until"),
        f.coalesce(f.sum("right").over(before), f.lit(0)).alias("right_until"),
    )


def _bucket_of(engine: Engine, latency_ms: Expression) -> Expression:
    f = engine.functions
    bucket = f.lit(len(LATENCY_EDGES) + 2)
    for number, edge in reversed(list(enumerate(LATENCY_EDGES))):
        bucket = f.when(latency_ms < edge * 1000, f.lit(number + 2)).otherwise(bucket)
    return f.when(latency_ms.isNull(), f.lit(1)).otherwise(bucket)
