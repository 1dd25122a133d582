"""An item bank as JSON: everything a bank holds, nothing else."""

from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from knowtrace.catalogue.csv_rows import read_text, write_whole
from knowtrace.catalogue.item_bank import (
    BankItem,
    ItemBank,
    Option,
    ResponseType,
    lines_of,
    one_line,
    title_of,
)
from knowtrace.catalogue.problems import Problems
from knowtrace.domain import CatalogueItem

FORMAT = "knowtrace-item-bank"
VERSION = 1
NEXT_STEP = "`docs/catalogue.md` has the format."


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _OptionIn(_Strict):
    option_id: str
    text: str = ""


class _ItemIn(_Strict):
    item_id: str
    title: str = ""
    text: str = ""
    response_type: ResponseType = "unknown"
    options: list[_OptionIn] = []
    key: list[str] = []
    skill_ids: list[str] = []
    category_counts: list[int] = []
    metadata: dict[str, str] = {}


class _BankIn(_Strict):
    format: str
    version: int
    skill_names: dict[str, str] = {}
    items: list[_ItemIn]


def read_bank_json(path: Path, problems: Problems) -> ItemBank:
    """Read a bank; what breaks its rules is added to `problems`.

    Raises: DataError naming every value that is not of the format.
    """
    found = Problems(path.name)
    try:
        content = _BankIn.model_validate_json(read_text(path))
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            place = ".".join(str(part) for part in fault["loc"]) or "the file"
            found.add(place, str(fault["input"]), fault["msg"])
        found.raise_any(NEXT_STEP)
        raise
    if (content.format, content.version) != (FORMAT, VERSION):
        found.add("format, version", f"{content.format}, {content.version}", f"they are {FORMAT}, {VERSION}")
        found.raise_any(NEXT_STEP)
    return ItemBank(
        items=tuple(_item(item) for item in content.items),
        skill_names={one_line(skill): one_line(name) for skill, name in content.skill_names.items()},
    )


def _item(item: _ItemIn) -> BankItem:
    item_id = one_line(item.item_id)
    return BankItem(
        item=CatalogueItem(
            item_id=item_id,
            skill_ids=tuple(one_line(skill) for skill in item.skill_ids),
            category_counts=tuple(item.category_counts),
        ),
        title=title_of(item.title, item_id),
        text=lines_of(item.text),
        response_type=item.response_type,
        options=tuple(Option(option_id=one_line(o.option_id), text=lines_of(o.text)) for o in item.options),
        key=tuple(one_line(key) for key in item.key),
        metadata={one_line(name): one_line(value) for name, value in item.metadata.items()},
    )


def write_bank_json(bank: ItemBank, path: Path) -> None:
    """Write a bank. Raises: DataError when the file cannot be written."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "skill_names": dict(bank.skill_names),
        "items": [
            {
                "item_id": item.item.item_id,
                "title": item.title,
                "text": item.text,
                "response_type": item.response_type,
                "options": [{"option_id": o.option_id, "text": o.text} for o in item.options],
                "key": list(item.key),
                "skill_ids": list(item.item.skill_ids),
                "category_counts": list(item.item.category_counts),
                "metadata": dict(item.metadata),
            }
            for item in bank.items
        ],
    }
    write_whole(path, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
