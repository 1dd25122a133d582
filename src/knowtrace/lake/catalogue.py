"""Items and skills, from what each bucket of students says of each item on each day."""

from knowtrace.lake.engine import Engine, Frame
from knowtrace.lake.people import is_training
from knowtrace.lake.tables import BUCKET

DAY = 86_400_000_000
"""Microseconds."""

YEAR_2000 = 946_684_800_000_000
"""An earlier time counts from an unknown origin: its date means nothing."""


def item_days(engine: Engine, events: Frame, splits: Frame) -> Frame:
    """Return the counts of each item, set of skills and day, within each bucket of the events."""
    f = engine.functions
    trains = splits.select("user_id", is_training(engine).cast("int").alias("trains"))
    day = f.when(f.col("timestamp") >= YEAR_2000, f.floor(f.col("timestamp") / DAY).cast("bigint"))
    return (
        events.join(trains, on="user_id", how="left")
        .select("item_id", "skill_ids", day.alias("day"), "correct", "trains", BUCKET)
        .groupBy("item_id", "skill_ids", "day", BUCKET)
        .agg(
            f.count(f.lit(1)).alias("num_events"),
            f.sum("correct").alias("num_correct"),
            f.sum("trains").alias("num_training_events"),
            f.sum(f.col("trains") * f.col("correct")).alias("num_training_correct"),
        )
        .withColumn("bucket_of_users", f.col(BUCKET))
    )


def items(engine: Engine, days: Frame) -> Frame:
    """Return one row per item; of equally frequent sets of skills the first in order is the item's."""
    f = engine.functions
    sums = days.groupBy("item_id", "skill_ids").agg(
        f.sum("num_events").alias("num_events"),
        f.sum("num_training_events").alias("num_training_events"),
        f.sum("num_training_correct").alias("num_training_correct"),
    )
    of_item = engine.window.partitionBy("item_id")
    ranked = sums.withColumn(
        "rank", f.row_number().over(of_item.orderBy(f.col("num_events").desc(), _text(engine).asc()))
    )
    totals = sums.groupBy("item_id").agg(
        f.sum("num_events").alias("num_events"),
        f.sum("num_training_events").alias("num_training_events"),
        f.sum("num_training_correct").alias("num_training_correct"),
    )
    share = f.col("num_training_correct") / f.col("num_training_events")
    return (
        ranked.filter(f.col("rank") == 1)
        .select("item_id", "skill_ids")
        .join(totals, on="item_id", how="inner")
        .select(
            "item_id",
            "skill_ids",
            "num_events",
            f.when(f.col("num_training_events") > 0, share).alias("share_correct"),
            "num_training_events",
        )
    )


def skills(engine: Engine, days: Frame) -> Frame:
    """Return one row per skill."""
    f = engine.functions
    sums = days.groupBy("item_id", "skill_ids").agg(f.sum("num_events").alias("num_events"))
    each = sums.select("item_id", "num_events", f.explode("skill_ids").alias("skill_id"))
    return each.groupBy("skill_id").agg(
        f.countDistinct(f.col("item_id")).alias("num_items"), f.sum("num_events").alias("num_events")
    )


def _text(engine: Engine) -> Frame:
    f = engine.functions
    return f.concat_ws("\x1f", f.col("skill_ids"))
