"""An item bank as CSV: a row per item, for a person with a spreadsheet.

Only the column item_id must be there. `key`, `skills`, `skill_names` and `category_counts` are parted by ";" (a "\\"
before a ";" that belongs to a value); `skill_names` go with `skills` one by one. `options` and `metadata` are JSON
objects: {"a": "Paris", "b": "Rome"}.
"""

import json
from pathlib import Path

import orjson

from knowtrace.catalogue.csv_rows import joined, parted, read_rows, write_rows
from knowtrace.catalogue.item_bank import (
    RESPONSE_TYPES,
    BankItem,
    ItemBank,
    Option,
    lines_of,
    one_line,
    response_type_of,
    title_of,
)
from knowtrace.catalogue.problems import Problems
from knowtrace.domain import CatalogueItem

COLUMNS = (
    "item_id",
    "title",
    "text",
    "response_type",
    "options",
    "key",
    "skills",
    "skill_names",
    "category_counts",
    "metadata",
)


def read_bank_csv(path: Path, problems: Problems) -> ItemBank:
    """Read a bank; what breaks its rules is added to `problems`. Raises: DataError when it is no such table."""
    names: dict[str, str] = {}
    rows = read_rows(path, COLUMNS[:1], problems, optional=COLUMNS[1:])
    items = tuple(_item(f"line {line}", cells, names, problems) for line, cells in rows)
    return ItemBank(items=items, skill_names=names)


def _item(place: str, cells: dict[str, str], names: dict[str, str], problems: Problems) -> BankItem:
    item_id = one_line(cells["item_id"])
    skills = tuple(one_line(skill) for skill in parted(cells["skills"]))
    _take_names(place, skills, parted(cells["skill_names"]), names, problems)
    kind = response_type_of(cells["response_type"] or "unknown")
    if kind is None:
        rule = f"it is one of {', '.join(RESPONSE_TYPES)}"
        problems.add(f"{place}, response_type", cells["response_type"], rule)
    options = _object(f"{place}, options", cells["options"], problems)
    metadata = _object(f"{place}, metadata", cells["metadata"], problems)
    return BankItem(
        item=CatalogueItem(
            item_id=item_id,
            skill_ids=skills,
            category_counts=_counts(f"{place}, category_counts", cells["category_counts"], problems),
        ),
        title=title_of(cells["title"], item_id),
        text=lines_of(cells["text"]),
        response_type=kind or "unknown",
        options=tuple(
            Option(option_id=one_line(name), text=lines_of(text)) for name, text in options.items()
        ),
        key=tuple(one_line(key) for key in parted(cells["key"])),
        metadata={one_line(name): one_line(value) for name, value in metadata.items()},
    )


def _take_names(
    place: str, skills: tuple[str, ...], given: tuple[str, ...], names: dict[str, str], problems: Problems
) -> None:
    if len(given) > len(skills):
        problems.add(f"{place}, skill_names", joined(given), "there are no more names than skills")
    for skill, text in zip(skills, given, strict=False):
        name = one_line(text)
        if name and names.setdefault(skill, name) != name:
            problems.add(
                f"{place}, skill_names", name, f"a skill has one name, and {skill} is {names[skill]!r}"
            )


class _Pairs(list[tuple[str, object]]):
    """The names and values of a JSON object as they stand, a name that stands twice included."""


def _object(place: str, cell: str, problems: Problems) -> dict[str, str]:
    if not cell:
        return {}
    try:
        content = json.loads(cell, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, _Pairs) or not all(isinstance(value, str) for _, value in content):
        problems.add(place, cell, 'this is a JSON object of texts, as {"a": "Paris"}')
        return {}
    values = {name: str(value) for name, value in content}
    if len(values) < len(content):
        problems.add(place, cell, "each name stands once")
    return values


def _counts(place: str, cell: str, problems: Problems) -> tuple[int, ...]:
    try:
        return tuple(int(count) for count in parted(cell))
    except ValueError:
        problems.add(place, cell, "counts are whole numbers, parted by ;")
        return ()


def write_bank_csv(bank: ItemBank, path: Path) -> None:
    """Write a bank. Raises: DataError when the file cannot be written."""
    write_rows(path, COLUMNS, (_cells(item, bank) for item in bank.items))


def _cells(content: BankItem, bank: ItemBank) -> tuple[str, ...]:
    skills = content.item.skill_ids
    names = [bank.skill_names.get(skill, "") for skill in skills]
    return (
        content.item.item_id,
        content.title,
        content.text,
        content.response_type,
        _json({option.option_id: option.text for option in content.options}),
        joined(content.key),
        joined(skills),
        joined(names) if any(names) else "",
        joined(str(count) for count in content.item.category_counts),
        _json(dict(content.metadata)),
    )


def _json(values: dict[str, str]) -> str:
    return orjson.dumps(values).decode() if values else ""
