"""A reviewed skill map within the lake: its rows as a table, and answers by skill instead of by tag."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
import pyarrow as pa

from knowtrace.catalogue.skill_map import MapRow, read_skill_map
from knowtrace.errors import DataError
from knowtrace.lake.arrow import arrow_schema, write_rows
from knowtrace.lake.commits import DataFile, Snapshot
from knowtrace.lake.engine import Engine, Frame, looked_up
from knowtrace.lake.silver_tables import SKILL_MAP

MOST_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class NewMap:
    """The reviewed rows of a map that a lake does not have, and their hash; "" for a map without any."""

    rows: tuple[MapRow, ...]
    content_hash: str


def new_map(path: Path | None, snapshot: Snapshot) -> NewMap | None:
    """Return a map file whose reviewed rows are not those the lake has, or None.

    Neither the order of rows, nor notes, nor drafts make a map another.
    Raises: DataError naming every row that breaks a rule.
    """
    if path is None:
        return None
    rows = sorted((row for row in read_skill_map(path).rows if row.is_reviewed), key=lambda row: row.tag)
    said = [(row.tag, row.skill, row.name, row.topic, row.reviewed_by, row.reviewed_on) for row in rows]
    digest = hashlib.sha256(orjson.dumps(said)).hexdigest() if said else ""
    return None if digest == snapshot.skill_map else NewMap(rows=tuple(rows), content_hash=digest)


def write_map(root: Path, found: NewMap, batch: str, at: datetime) -> list[DataFile]:
    """Write the rows of a map as a new file of silver.skill_map, none for a map without rows."""
    records = [
        {
            "tag": row.tag,
            "skill_id": row.skill,
            "name": row.name or None,
            "topic": row.topic or None,
            "reviewed_by": row.reviewed_by,
            "reviewed_on": row.reviewed_on,
        }
        for row in found.rows
    ]
    schema = arrow_schema(SKILL_MAP)
    rows = pa.Table.from_pylist(records, schema=schema.remove(schema.get_field_index("loaded_at")))
    return write_rows(root, SKILL_MAP, rows, batch, at)


def mapped(engine: Engine, candidates: Frame, skill_map: Frame) -> Frame:
    """Return candidates with the skills of the map in place of their tags, each once; other tags stay.

    Raises: DataError when a tag that stays is also the name of a skill of the map: the two would be one.
    """
    f = engine.functions
    tags = candidates.select("skill_ids").distinct()
    each = tags.select("skill_ids", f.explode("skill_ids").alias("tag"))
    known = skill_map.select("tag", f.col("skill_id").alias("meant"))
    named = engine.named(looked_up(each, known, ("tag",), ("meant",)))
    _check_clashes(engine, named, skill_map)
    placed = named.select(
        "skill_ids",
        f.array_position(f.col("skill_ids"), f.col("tag")).alias("place"),
        f.coalesce(f.col("meant"), f.col("tag")).alias("skill"),
    )
    first = placed.groupBy("skill_ids", "skill").agg(f.min("place").alias("place"))
    # As in `sequences.py`: lists are collected in no order, and sorted by the place that comes first.
    lists = first.groupBy("skill_ids").agg(
        f.sort_array(f.collect_list(f.struct("place", "skill"))).alias("steps")
    )
    skills = engine.named(
        lists.select("skill_ids", f.expr("transform(steps, step -> step.skill)").alias("skills"))
    )
    found = looked_up(candidates, skills, ("skill_ids",), ("skills",))
    # A set without tags is in no list, and stays empty.
    columns = [name for name in candidates.columns if name != "skill_ids"]
    return found.select(*columns, f.coalesce(f.col("skills"), f.col("skill_ids")).alias("skill_ids"))


def named_skills(engine: Engine, skills: Frame, skill_map: Frame) -> Frame:
    """Return skills with the name and topic that the map gives them, null for those it does not know."""
    f = engine.functions
    names = skill_map.groupBy("skill_id").agg(f.max("name").alias("name"), f.max("topic").alias("topic"))
    return looked_up(skills, names, ("skill_id",), ("name", "topic"))


def _check_clashes(engine: Engine, named: Frame, skill_map: Frame) -> None:
    f = engine.functions
    skills = skill_map.select(f.col("skill_id").alias("tag")).distinct()
    staying = named.filter(f.col("meant").isNull()).select("tag").distinct()
    clashes = sorted(str(row[0]) for row in engine.rows(staying.join(skills, on="tag", how="inner")))
    if clashes:
        more = len(clashes) - MOST_SHOWN
        shown = ", ".join(clashes[:MOST_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
        raise DataError(
            f"Tags without a reviewed row ({shown}) are also skills of the map: review them, or name the skills "
            "otherwise. The lake is as it was."
        )
