"""Ids into the indices that models know: new ids get the next numbers, and no number ever changes."""

from knowtrace.domain import FIRST_KNOWN
from knowtrace.lake.engine import Engine, Frame

FIRST_SET = 1


def extended(
    engine: Engine, before: Frame, seen: Frame, *, name: str, index: str, first: int = FIRST_KNOWN
) -> Frame:
    """Return a vocabulary with the ids of `seen` that it lacks, numbered on in the order of their text."""
    f = engine.functions
    highest = engine.rows(before.select(f.max(f.col(index)).alias("highest")))[0][0]
    following = (first if highest is None else int(highest) + 1) - 1
    text = f.concat_ws("\x1f", f.col(name)) if name == "skill_ids" else f.col(name)
    unknown = seen.select(name).distinct().join(before.select(name), on=name, how="left_anti")
    new = engine.named(unknown.withColumn("text", text))
    # A window without a partition gathers its rows in one place; vocabularies are small.
    order = engine.window.partitionBy(f.lit(1)).orderBy(f.col("text").asc())
    numbered = new.withColumn(index, f.row_number().over(order) + f.lit(following))
    return before.select(name, index).union(numbered.select(name, index))
