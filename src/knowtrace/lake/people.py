"""The students: what they did, and the part of a study they belong to."""

from knowtrace.lake.engine import Engine, Expression, Frame, looked_up
from knowtrace.lake.tables import BUCKET

SPLIT_SEED = "42"
TRAIN_BELOW = "b333"
VALID_BELOW = "d999"
"""70 and 85 % of the way from 0000 to ffff."""

FOLDS_BELOW = ("3333", "6666", "9999", "cccc")
"""Four cuts into five parts of equal chance."""


def users(engine: Engine, events: Frame) -> Frame:
    """Return one row per student of some buckets' events."""
    f = engine.functions
    return events.groupBy("user_id", BUCKET).agg(
        f.count(f.lit(1)).alias("num_events"),
        f.countDistinct(f.col("item_id")).alias("num_items"),
        f.avg(f.col("correct")).alias("share_correct"),
        f.min("timestamp").alias("first_at"),
        f.max("timestamp").alias("last_at"),
    )


def user_splits(engine: Engine, users_: Frame, before: Frame, told: Frame | None) -> Frame:
    """Return the split and fold of each student, those before as they were.

    Both are read off the md5 of the seed and the id, so they never change as students come. `told` holds the published
    splits of candidates (`user_id`, `given_split`): they overrule ours, a fold counts as training, and a student met
    before keeps what was told then.
    """
    f = engine.functions
    chance = f.md5(f.concat_ws(":", f.lit(SPLIT_SEED), f.col("user_id")))
    part, fold = f.substring(chance, 1, 4), f.substring(chance, 5, 4)
    known = before.select("user_id", f.lit(1).alias("is_known"))
    new = engine.named(
        looked_up(users_.select("user_id", BUCKET), known, ("user_id",), ("is_known",))
        .filter(f.col("is_known").isNull())
        .select(
            "user_id",
            f.when(part < TRAIN_BELOW, "train")
            .when(part < VALID_BELOW, "valid")
            .otherwise("test")
            .alias("split"),
            _fold(engine, fold).alias("fold"),
            BUCKET,
        )
    )
    if told is None:
        new = new.withColumn("given_split", f.lit(None).cast("string"))
    else:
        published = (
            told.filter(f.col("given_split").isNotNull())
            .groupBy("user_id")
            .agg(f.max("given_split").alias("given_split"))
        )
        given = f.col("given_split")
        overruled = (
            f.when(given.isNull(), f.col("split")).when(given.isin("valid", "test"), given).otherwise("train")
        )
        new = looked_up(new, published, ("user_id",), ("given_split",)).withColumn("split", overruled)
    columns = ("user_id", "split", "fold", "given_split", BUCKET)
    # Who has no answer left, all withdrawn, is no student any more.
    still = before.join(users_.select("user_id"), on="user_id", how="left_semi")
    return still.select(*columns).union(new.select(*columns))


def _fold(engine: Engine, chance: Expression) -> Expression:
    f = engine.functions
    fold = f.lit(len(FOLDS_BELOW))
    for number, cut in reversed(list(enumerate(FOLDS_BELOW))):
        fold = f.when(chance < cut, f.lit(number)).otherwise(fold)
    return fold
