"""Each student's answers as lists, in order: what models train on."""

from knowtrace.lake.engine import Engine, Frame
from knowtrace.lake.tables import BUCKET

LISTS = {
    "items": "item_index",
    "skill_sets": "skill_set",
    "responses": "response",
    "answered_at": "timestamp",
    "elapsed_ms": "latency_ms",
    "containers": "container",
}
"""The list of each column of a step."""


def sequences(engine: Engine, events: Frame, splits: Frame, items: Frame, sets: Frame) -> Frame:
    """Return one row per student with the whole history."""
    f = engine.functions
    steps = with_containers(engine, events).join(items, on="item_id", how="inner").join(sets, on="skill_ids", how="inner")
    histories = steps.groupBy("user_id", BUCKET).agg(
        f.sort_array(f.collect_list(f.struct("position", *LISTS.values()))).alias("steps")
    )
    lists = [_list_of(engine, name).alias(name) for name in LISTS]
    return histories.join(splits.drop(BUCKET), on="user_id", how="inner").select(
        "user_id", "split", "fold", "given_split", f.size("steps").alias("num_events"), *lists, BUCKET
    )


def with_containers(engine: Engine, events: Frame) -> Frame:
    """Return events with `container`, from 1: consecutive answers of one container share it, others have their own."""
    f = engine.functions
    in_order = engine.window.partitionBy("user_id").orderBy("position")
    before = f.lag("container_id").over(in_order)
    begins = f.when(f.col("container_id") == before, f.lit(0)).otherwise(f.lit(1))
    return events.withColumn("begins", begins).withColumn(
        "container", f.sum("begins").over(in_order.rowsBetween(engine.window.unboundedPreceding, 0))
    )


def _list_of(engine: Engine, name: str) -> Frame:
    column = LISTS[name]
    return engine.functions.transform("steps", lambda step: step.getField(column))
