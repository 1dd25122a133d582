"""Items as systems exchange them: what is asked, how it is answered, the key, and the skills.

Every format is held to one set of rules, so that a bank read from one can be written as any other. Texts are lines:
white space within a line is one space, as in HTML, and there is none at its ends.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from knowtrace.catalogue.problems import Problems
from knowtrace.domain import CatalogueItem, Vocabulary

ResponseType = Literal["single", "multiple", "text", "unknown"]
"""One option, any number of options, a typed text, or a way of answering the bank does not hold."""

RESPONSE_TYPES: tuple[ResponseType, ...] = get_args(ResponseType)
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One of the answers an item offers."""

    option_id: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankItem:
    """An item with its content.

    `item` has its id, its skills and, where known, the answers to it by category. `key` holds the options that are
    right, or the texts that are; it is empty when the bank does not know it. `metadata` is free: a name and a value.
    """

    item: CatalogueItem
    title: str = ""
    text: str = ""
    response_type: ResponseType = "unknown"
    options: tuple[Option, ...] = ()
    key: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class ItemBank:
    """Items in order, and the names of their skills where they have one."""

    items: tuple[BankItem, ...]
    skill_names: Mapping[str, str] = field(default_factory=dict[str, str])


def bank_of(vocabulary: Vocabulary) -> ItemBank:
    """Return what a model knows of its items: ids, skills and answers. It never saw their content."""
    used = {skill for item in vocabulary.items for skill in item.skill_ids}
    return ItemBank(
        items=tuple(BankItem(item=item) for item in vocabulary.items),
        skill_names={
            skill: line
            for skill, name in vocabulary.skill_names.items()
            if skill in used and (line := one_line(name))
        },
    )


def response_type_of(text: str) -> ResponseType | None:
    """Return a response type by its name; None when there is none of that name."""
    match text:
        case "single" | "multiple" | "text" | "unknown":
            return text
        case _:
            return None


def one_line(text: str) -> str:
    """Return a text with every run of white space as one space, and none at the ends."""
    return " ".join(text.split())


def lines_of(text: str) -> str:
    """Return a text line by line, white space within a line as one space, no blank line at either end."""
    return "\n".join(
        one_line(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ).strip("\n")


def title_of(title: str, item_id: str) -> str:
    """Return a title as one line; one that only repeats the id is none."""
    line = one_line(title)
    return "" if line == item_id else line


def check_bank(bank: ItemBank, problems: Problems) -> None:
    """Add everything in a bank that breaks a rule to `problems`."""
    first: dict[str, int] = {}
    for number, content in enumerate(bank.items, 1):
        item_id = content.item.item_id
        place = f"item {number}" if not item_id else f"item {item_id}"
        if first.setdefault(item_id, number) != number:
            problems.add(f"item {number}", item_id, f"an id stands once, and item {first[item_id]} has it")
        _check_item(content, place, problems)
    used = {skill for content in bank.items for skill in content.item.skill_ids}
    for skill, name in bank.skill_names.items():
        if skill not in used:
            problems.add("skills", skill, "a named skill is one of some item")
        _check_line(name, f"name of skill {skill}", problems)


def _check_item(content: BankItem, place: str, problems: Problems) -> None:
    item = content.item
    _check_ids([item.item_id], f"{place}, item_id", problems)
    _check_ids(item.skill_ids, f"{place}, skill_ids", problems)
    _check_ids([option.option_id for option in content.options], f"{place}, options", problems)
    _check_ids(content.key, f"{place}, key", problems)
    _check_ids(content.metadata, f"{place}, metadata", problems)
    for name, value in content.metadata.items():
        _check_line(value, f"{place}, metadata {name}", problems)
    if content.title:
        _check_line(content.title, f"{place}, title", problems)
        if content.title == item.item_id:
            problems.add(f"{place}, title", content.title, "a title says more than the id, or is left out")
    for name, text in (("text", content.text), *((f"option {o.option_id}", o.text) for o in content.options)):
        if text != lines_of(text) or NOT_IN_XML.search(text):
            problems.add(
                f"{place}, {name}", text, "a text is lines without control characters or needless space"
            )
    counts = item.category_counts
    if counts and (len(counts) < 2 or min(counts) < 0):
        problems.add(f"{place}, category_counts", str(list(counts)), "counts are two or more, none negative")
    _check_response(content, place, problems)


def _check_response(content: BankItem, place: str, problems: Problems) -> None:
    kind, option_ids = content.response_type, [option.option_id for option in content.options]
    has_options = kind in ("single", "multiple")
    if kind not in RESPONSE_TYPES:
        problems.add(f"{place}, response_type", kind, f"it is one of {', '.join(RESPONSE_TYPES)}")
    elif has_options != bool(option_ids):
        rule = (
            f"a {kind} response has options" if has_options else f"a response of type {kind} has no options"
        )
        problems.add(f"{place}, options", ", ".join(option_ids), rule)
    if has_options and (strangers := [key for key in content.key if key not in option_ids]):
        problems.add(f"{place}, key", ", ".join(strangers), "the key names options of the item")
    if kind == "single" and len(content.key) > 1:
        problems.add(f"{place}, key", ", ".join(content.key), "a single response has one right option")
    if kind == "unknown" and content.key:
        problems.add(f"{place}, key", ", ".join(content.key), "a response of unknown type has no key")


def _check_ids(ids: Iterable[str], place: str, problems: Problems) -> None:
    seen: set[str] = set()
    for value in ids:
        _check_line(value, place, problems)
        if value in seen:
            problems.add(place, value, "each stands once")
        seen.add(value)


def _check_line(text: str, place: str, problems: Problems) -> None:
    if not text or text != one_line(text) or NOT_IN_XML.search(text):
        problems.add(
            place, text, "it is one line of text, not empty, without control characters or needless space"
        )
