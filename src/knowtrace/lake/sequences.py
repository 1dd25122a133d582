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
    steps = events.join(items, on="item_id", how="inner").join(sets, on="skill_ids", how="inner")
    # Lists are collected in no order that an engine promises: the position comes first, and they are sorted by it.
    histories = steps.groupBy("user_id", BUCKET).agg(
        f.sort_array(f.collect_list(f.struct("position", *LISTS.values()))).alias("steps")
    )
    # As text: SQLFrame cannot write `getField` with the compiled SQLGlot, which takes a fifth off a small build.
    lists = [f.expr(f"transform(steps, step -> step.{column})").alias(name) for name, column in LISTS.items()]
    return histories.join(splits.drop(BUCKET), on="user_id", how="inner").select(
        "user_id", "split", "fold", "given_split", f.size("steps").alias("num_events"), *lists, BUCKET
    )
