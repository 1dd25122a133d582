"""Items and skills: counts that grow with events, shrink with those that go, and what is read off them."""

from collections.abc import Sequence

from knowtrace.lake.engine import Engine, Expression, Frame, looked_up
from knowtrace.standards.cells import YEAR_2000

DAY = 86_400_000_000
"""Microseconds."""

FIRST_DATED = YEAR_2000 * 1_000_000
"""Microseconds. An earlier time counts from an unknown origin: its date means nothing."""

TRAINING = ("num_training_events", "num_training_correct")


def day_of(engine: Engine) -> Expression:
    """Return the day of `timestamp`, since 1970; null where the date is unknown."""
    f = engine.functions
    return f.when(f.col("timestamp") >= FIRST_DATED, f.floor(f.col("timestamp") / DAY).cast("bigint"))


def item_days(engine: Engine, before: Frame | None, new: Frame, splits: Frame, *, sign: int = 1) -> Frame:
    """Return the counts of each item and day with those of new events added, and the sums over the days before.

    `before` is None where nothing was counted yet. With a `sign` of -1 those of events that go are taken away.
    """
    f, window = engine.functions, engine.window
    names = ("num_events", "num_correct", *TRAINING)
    counted = _counts(engine, new.withColumn("day", day_of(engine)), splits, ("item_id", "day"))
    total = engine.named(_total(engine, before, counted, ("item_id", "day"), names, sign))
    # Unknown days come last, so that no known day counts them as before it.
    earlier = (
        window.partitionBy("item_id")
        .orderBy(f.col("day").asc_nulls_last())
        .rowsBetween(window.unboundedPreceding, -1)
    )
    until = [f.coalesce(f.sum(name).over(earlier), f.lit(0)) for name in TRAINING]
    return total.select(
        "item_id",
        "day",
        *names,
        until[0].alias("training_events_before"),
        until[1].alias("training_correct_before"),
    )


def item_skill_sets(
    engine: Engine, before: Frame | None, new: Frame, splits: Frame, *, sign: int = 1
) -> Frame:
    """Return the counts of each item and set of skills with those of new events added, or taken away as above."""
    counted = _counts(engine, new, splits, ("item_id", "skill_ids"))
    return _total(engine, before, counted, ("item_id", "skill_ids"), ("num_events", *TRAINING), sign)


def items(engine: Engine, sets: Frame) -> Frame:
    """Return one row per item; of equally frequent sets of skills the first in order is the item's."""
    f = engine.functions
    order = (f.col("num_events").desc(), f.concat_ws("\x1f", f.col("skill_ids")).asc())
    ranks = sets.withColumn("rank", f.row_number().over(engine.window.partitionBy("item_id").orderBy(*order)))
    totals = sets.groupBy("item_id").agg(*(f.sum(name).alias(name) for name in ("num_events", *TRAINING)))
    share = f.col("num_training_correct") / f.col("num_training_events")
    return (
        ranks.filter(f.col("rank") == 1)
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


def skills(engine: Engine, sets: Frame) -> Frame:
    """Return one row per skill."""
    f = engine.functions
    each = sets.select("item_id", "num_events", f.explode("skill_ids").alias("skill_id"))
    return each.groupBy("skill_id").agg(
        f.countDistinct(f.col("item_id")).alias("num_items"), f.sum("num_events").alias("num_events")
    )


def _total(
    engine: Engine, before: Frame | None, counted: Frame, by: tuple[str, str], names: Sequence[str], sign: int
) -> Frame:
    """Return counts with others added or taken away, without what has come to nothing."""
    f = engine.functions
    if before is None:
        return counted.select(*by, *names)
    signed = counted.select(*by, *((f.col(name) * f.lit(sign)).alias(name) for name in names))
    return (
        before.select(*by, *names)
        .union(signed)
        .groupBy(*by)
        .agg(*(f.sum(name).alias(name) for name in names))
        .filter(f.col("num_events") > 0)
    )


def _counts(engine: Engine, events: Frame, splits: Frame, by: tuple[str, str]) -> Frame:
    f = engine.functions
    trains = splits.select("user_id", (f.col("split") == "train").cast("int").alias("trains"))
    return engine.named(
        looked_up(events.select("user_id", "correct", *by), trains, ("user_id",), ("trains",))
        .groupBy(*by)
        .agg(
            f.count(f.lit(1)).alias("num_events"),
            f.sum("correct").alias("num_correct"),
            f.sum("trains").alias("num_training_events"),
            f.sum(f.col("trains") * f.col("correct")).alias("num_training_correct"),
        )
    )
