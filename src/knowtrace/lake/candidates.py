"""Bronze rows into candidate events: every row gets its canonical columns, or the rule it breaks.

A frame of candidates has the columns of an event as its source tells them, and `rule`, `bad_column` and `bad_value`,
all null for a good row. `events.merged` joins them to the events before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from knowtrace.lake.bronze_tables import PARSED_ANSWERS, RAW_EDNET_KT1, RAW_EDNET_QUESTIONS
from knowtrace.lake.engine import Engine, Expression, Frame, looked_up
from knowtrace.lake.student_files import EDNET_KT1
from knowtrace.lake.tables import BUCKET, Table
from knowtrace.sources.ednet import NO_CHOICE, UNKNOWN_QUESTION
from knowtrace.sources.ednet_contents import CHOICES, UNTAGGED
from knowtrace.sources.gathering import FUTURE
from knowtrace.standards.cells import (
    FIRST_MILLISECONDS,
    LONGEST_ANSWER_SECONDS,
    NEGATIVE_ELAPSED,
    NOT_ELAPSED,
)

MICROSECONDS = 1_000_000
FUTURE_MICROSECONDS = 86_400 * MICROSECONDS

NOT_A_TIME = "a time is a number of seconds or milliseconds since 1970, not negative"
TOO_MANY = "a count is at most 2,147,483,647"

LARGEST_COUNT = 2**31 - 1
LARGEST_TIME = 253_402_300_800_000
"""Milliseconds to the year 10000: beyond it, and for what is no number, there is no date."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """How the rows of one bronze table become candidates.

    `beside` are tables it needs whole. `tells_splits` says that it may know published splits.
    """

    table: Table
    read: Callable[[Engine, Frame, Sequence[Frame]], Frame]
    beside: tuple[Table, ...] = ()
    tells_splits: bool = False


def from_parsed(engine: Engine, rows: Frame, _beside: Sequence[Frame]) -> Frame:
    """Return what a loader has understood already: what is left to check is that counts fit their columns.

    Exports overlap: an answer with a time keeps only its place among those of the same time, which does not change with
    what else the file holds.
    """
    f = engine.functions
    at_once = engine.window.partitionBy("loaded_at", "source_file", "user_id", "answered_at").orderBy(
        "ordinal"
    )
    counts = ("hints_used", "attempt")
    placed = rows.withColumn("place", f.row_number().over(at_once))
    for name in counts:
        placed = placed.withColumn(f"{name}_text", f.col(name).cast("string"))
    faults = [(f.col(name) > LARGEST_COUNT, name, f"{name}_text", TOO_MANY) for name in counts]
    return placed.select(
        "user_id",
        "item_id",
        "skill_ids",
        f.col("answered_at").alias("timestamp"),
        "response",
        "num_categories",
        "session_id",
        "container_id",
        "elapsed_seconds",
        "hints_used",
        "attempt",
        "given_split",
        "event_id",
        f.col("source").alias("dataset"),
        f.when(f.col("answered_at").isNull(), f.col("ordinal")).otherwise(f.col("place")).alias("order_key"),
        "source_file",
        "line",
        "loaded_at",
        BUCKET,
        *_first_fault(engine, faults),
    )


def from_ednet_kt1(engine: Engine, rows: Frame, beside: Sequence[Frame]) -> Frame:
    """Return EdNet KT1's answers: the rules of `sources.ednet_kt1`, but for times, which are numbers here."""
    f = engine.functions
    questions = _latest_questions(engine, beside[0])
    cells = looked_up(
        rows.select(
            f.regexp_extract(f.col("source_file"), r"([^/]+?)\.csv(\.gz)?$", 1).alias("user_id"),
            f.trim(f.col("question_id")).alias("item_id"),
            f.trim(f.col("user_answer")).alias("choice"),
            f.trim(f.col("timestamp")).alias("time_text"),
            f.trim(f.col("elapsed_time")).alias("elapsed_text"),
            f.trim(f.col("solving_id")).alias("visit"),
            f.expr("try_cast(trim(timestamp) as double)").alias("time_number"),
            f.expr("try_cast(trim(elapsed_time) as double)").alias("elapsed_number"),
            "source_file",
            "line",
            "loaded_at",
            BUCKET,
        ),
        questions,
        ("item_id",),
        ("bundle_id", "correct_answer", "skill_ids"),
    )
    number = f.col("time_number")
    milliseconds = f.when(number >= FIRST_MILLISECONDS, number).otherwise(number * 1000)
    elapsed = f.col("elapsed_number") / 1000
    dated = f.when((milliseconds >= 0) & (milliseconds < LARGEST_TIME), milliseconds)
    time = f.round(dated, 0).cast("bigint") * 1000
    timed = cells.withColumn("timestamp", time)
    faults = (
        (f.col("correct_answer").isNull(), "question_id", "item_id", UNKNOWN_QUESTION),
        (
            (f.col("elapsed_number").isNull() & (f.col("elapsed_text") != "")) | f.isnan("elapsed_number"),
            "elapsed_time",
            "elapsed_text",
            NOT_ELAPSED,
        ),
        (f.col("elapsed_number") < 0, "elapsed_time", "elapsed_text", NEGATIVE_ELAPSED),
        (~f.col("choice").isin(*CHOICES), "user_answer", "choice", NO_CHOICE),
        (f.col("timestamp").isNull(), "timestamp", "time_text", NOT_A_TIME),
        (f.col("timestamp") > f.col("loaded_at") + FUTURE_MICROSECONDS, "timestamp", "time_text", FUTURE),
    )
    return timed.select(
        "user_id",
        "item_id",
        "skill_ids",
        "timestamp",
        f.when(f.col("choice") == f.col("correct_answer"), f.lit(1)).otherwise(f.lit(0)).alias("response"),
        f.lit(2).alias("num_categories"),
        f.lit(None).cast("string").alias("session_id"),
        f.concat_ws("@", f.col("bundle_id"), f.col("visit")).alias("container_id"),
        f.when((elapsed >= 0) & (elapsed <= LONGEST_ANSWER_SECONDS), elapsed).alias("elapsed_seconds"),
        f.lit(None).cast("bigint").alias("hints_used"),
        f.lit(None).cast("bigint").alias("attempt"),
        f.lit(None).cast("string").alias("given_split"),
        f.lit(None).cast("string").alias("event_id"),
        f.lit(EDNET_KT1).alias("dataset"),
        f.lit(0).cast("bigint").alias("order_key"),
        "source_file",
        "line",
        "loaded_at",
        BUCKET,
        *_first_fault(engine, faults),
    )


def _latest_questions(engine: Engine, questions: Frame) -> Frame:
    """Return each question once, as it was landed last."""
    f = engine.functions
    tags = f.filter(f.split(f.col("tags"), ";"), lambda tag: (tag != f.lit("")) & (tag != f.lit(UNTAGGED)))
    latest = engine.window.partitionBy("item_id").orderBy(f.col("loaded_at").desc(), f.col("line").desc())
    return (
        questions.select(
            f.trim(f.col("question_id")).alias("item_id"),
            f.trim(f.col("bundle_id")).alias("bundle_id"),
            f.trim(f.col("correct_answer")).alias("correct_answer"),
            _each_once(engine, tags).alias("skill_ids"),
            "loaded_at",
            "line",
        )
        .withColumn("rank", f.row_number().over(latest))
        .filter(f.col("rank") == 1)
        .select("item_id", "bundle_id", "correct_answer", "skill_ids")
    )


def _each_once(engine: Engine, values: Expression) -> Expression:
    """Return a list with each value once, where it first stands: no engine keeps the order of distinct values."""
    f = engine.functions
    # The place stands before the value in eight digits: structs would need `getField`, see `sequences.py`.
    placed = f.transform(
        f.array_distinct(values),
        lambda value: f.concat(f.lpad(f.array_position(values, value).cast("string"), 8, "0"), value),
    )
    return f.transform(f.sort_array(placed), lambda value: f.substr(value, f.lit(9)))


Fault = tuple[Expression, str, str, str]
"""(condition, the source's column, where its text stands in the frame, the rule)."""


def _first_fault(engine: Engine, faults: Sequence[Fault]) -> list[Expression]:
    """Return the columns `rule`, `bad_column` and `bad_value` of the first fault whose condition holds."""
    f = engine.functions
    rule, column, value = (f.lit(None).cast("string") for _ in range(3))
    for condition, name, text, broken in reversed(faults):
        rule = f.when(condition, f.lit(broken)).otherwise(rule)
        column = f.when(condition, f.lit(name)).otherwise(column)
        value = f.when(condition, f.substring(f.col(text), 1, 200)).otherwise(value)
    return [rule.alias("rule"), column.alias("bad_column"), value.alias("bad_value")]


READERS = (
    Reader(table=PARSED_ANSWERS, read=from_parsed, tells_splits=True),
    Reader(table=RAW_EDNET_KT1, read=from_ednet_kt1, beside=(RAW_EDNET_QUESTIONS,)),
)
"""The bronze tables that hold answers."""
