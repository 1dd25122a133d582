"""Tables for others to read: how many students stand where, and how hard items are. CSV, whole or not at all."""

import csv
import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote

from knowtrace.deciding import difficulty
from knowtrace.domain import CatalogueItem, ItemCurve, Vocabulary
from knowtrace.store import Store, StoredItem

MASTERY_COLUMNS = ("tenant_id", "day", "skill_id", "state", "num_students", "is_withheld")
LONGEST_NAME = 150
ITEM_COLUMNS = (
    "item_id",
    "skill_ids",
    "n",
    "mean_score",
    "difficulty",
    "discrimination",
    "guessing",
    "model_version",
)


async def write_mastery_counts(store: Store, folder: Path, *, day: date, smallest_cell: int) -> str:
    """Write how many students of each tenant stand in each state of each skill; return what was done.

    A count below `smallest_cell` is left empty. So is a skill's smallest other count where only one would be: who
    knows how many students there are could work out a single gap.
    """
    num_rows = num_withheld = 0
    tenants = await store.tenants()
    for tenant_id in tenants:
        async with store.reading(tenant_id) as session:
            counts = await session.students.mastery_counts()
        rows: list[Sequence[object]] = []
        withheld = _withheld([(skill_id, count) for skill_id, _, count in counts], smallest_cell)
        for (skill_id, state, count), is_withheld in zip(counts, withheld, strict=True):
            shown = "" if is_withheld else count
            rows.append((tenant_id, day.isoformat(), skill_id, state.value, shown, is_withheld))
        path = folder / "mastery_daily" / f"day={day.isoformat()}" / f"tenant={name_of_tenant(tenant_id)}.csv"
        write_csv(path, MASTERY_COLUMNS, rows)
        num_rows += len(rows)
        num_withheld += sum(withheld)
    return (
        f"{num_rows} counts of {len(tenants)} tenants for {day.isoformat()}, {num_withheld} of them withheld"
    )


def name_of_tenant(tenant_id: str) -> str:
    """Return the tenant as it may stand in a path; long names give way to their hash, for file systems have a limit."""
    quoted = quote(tenant_id, safe="")
    return quoted if len(quoted) <= LONGEST_NAME else hashlib.sha256(tenant_id.encode()).hexdigest()


def _withheld(counts: Sequence[tuple[str, int]], smallest_cell: int) -> list[bool]:
    by_skill: dict[str, list[int]] = {}
    for place, (skill_id, _) in enumerate(counts):
        by_skill.setdefault(skill_id, []).append(place)
    withheld = [count < smallest_cell for _, count in counts]
    for places in by_skill.values():
        if sum(withheld[place] for place in places) == 1 and len(places) > 1:
            shown = [place for place in places if not withheld[place]]
            withheld[min(shown, key=lambda place: counts[place][1])] = True
    return withheld


def write_item_parameters(
    vocabulary: Vocabulary, curves: Mapping[str, ItemCurve], model_version: str, folder: Path
) -> str:
    """Write each item's answers in training, their mean score and the item's curve; return what was done.

    Without a curve of the model's there is the difficulty that the mean score says, in logits, and no more.
    """
    rows = [
        (
            item.item_id,
            " ".join(item.skill_ids),
            item.num_answers,
            round(item.mean_score, 6) if item.num_answers else "",
            *("" if value is None else round(value, 6) for value in _curve(item, curves)),
            model_version,
        )
        for item in vocabulary.items
    ]
    path = folder / "item_parameters" / f"{model_version}.csv"
    write_csv(path, ITEM_COLUMNS, rows)
    return f"{len(rows)} items of {model_version} in {path.name}"


async def store_item_parameters(
    store: Store,
    vocabulary: Vocabulary,
    curves: Mapping[str, ItemCurve],
    model_version: str,
    *,
    now: datetime,
) -> str:
    """Put the same into the table `item_parameters`, in place of what it held; return what was done."""
    items = [
        StoredItem(
            item_id=item.item_id,
            skill_id=item.skill_ids[0] if item.skill_ids else None,
            num_answers=item.num_answers,
            mean_score=item.mean_score if item.num_answers else None,
            difficulty=hard,
            discrimination=discrimination,
            guessing=guessing,
            model_version=model_version,
            last_updated=now,
        )
        for item in vocabulary.items
        for hard, discrimination, guessing in [_curve(item, curves)]
    ]
    async with store.transaction() as transaction:
        await transaction.items.replace(items)
    return f"{len(items)} items of {model_version} in the table item_parameters"


def _curve(
    item: CatalogueItem, curves: Mapping[str, ItemCurve]
) -> tuple[float | None, float | None, float | None]:
    # All three of one curve, or none: a model's slope means nothing beside a difficulty on another scale.
    return curves.get(item.item_id) or (difficulty(item), None, None)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a file that is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
