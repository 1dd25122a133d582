"""QTI 3.0 items as items of a bank: choices and typed texts; other interactions are refused by name."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from knowtrace.catalogue.item_bank import BankItem, Option, ResponseType, one_line, title_of
from knowtrace.catalogue.qti_text import Lines
from knowtrace.catalogue.qti_writer import TOOL, option_id_of
from knowtrace.domain import CatalogueItem

CHOICE = "qti-choice-interaction"
TEXT_ENTRY = "qti-text-entry-interaction"
NOT_SHOWN = (
    "qti-rubric-block",
    "qti-feedback-block",
    "qti-feedback-inline",
    "qti-catalog-info",
    "qti-stylesheet",
)


class UnsupportedItemError(Exception):
    """An item that a bank cannot hold; the text is the rule it breaks, `value` what broke it."""

    def __init__(self, value: str, rule: str) -> None:
        super().__init__(rule)
        self.value = value


@dataclass(frozen=True, kw_only=True)
class ReadItem:
    """An item without its skills, which the manifest has, and how often what of it was left out."""

    content: BankItem
    left_out: Counter[str]


def read_item(root: Element) -> ReadItem:
    """Return the item of a document.

    Raises: UnsupportedItemError when it is no QTI 3 item, or asks in a way a bank does not hold.
    """
    if root.tag != "qti-assessment-item":
        raise UnsupportedItemError(
            str(root.tag), "an item is a qti-assessment-item of QTI 3; convert QTI 2 first"
        )
    body = root.find("qti-item-body")
    if body is None:
        raise UnsupportedItemError("", "an item has a qti-item-body")
    interactions = [element for element in body.iter() if _is_interaction(element)]
    unsupported = sorted({str(element.tag) for element in interactions} - {CHOICE, TEXT_ENTRY})
    if unsupported:
        raise UnsupportedItemError(", ".join(unsupported), f"an item asks by {CHOICE} or {TEXT_ENTRY}")
    if len(interactions) > 1:
        raise UnsupportedItemError(f"{len(interactions)} interactions", "an item asks once")
    lines = Lines(skip=(CHOICE, TEXT_ENTRY, *NOT_SHOWN))
    left_out: Counter[str] = Counter(str(e.tag) for e in body.iter() if e.tag in NOT_SHOWN)
    item_id = one_line(root.get("identifier", ""))
    lines.take(body)
    kind, options, key = (
        _response(root, interactions[0], lines, left_out) if interactions else ("unknown", (), ())
    )
    content = BankItem(
        item=CatalogueItem(item_id=item_id, skill_ids=(), category_counts=()),
        title=title_of(root.get("title", ""), item_id),
        text=lines.text(),
        response_type=kind,
        options=options,
        key=key,
    )
    return ReadItem(content=content, left_out=left_out + lines.left_out)


def _is_interaction(element: Element) -> bool:
    return str(element.tag).endswith("-interaction")


def _response(
    root: Element, interaction: Element, lines: Lines, left_out: Counter[str]
) -> tuple[ResponseType, tuple[Option, ...], tuple[str, ...]]:
    name = interaction.get("response-identifier", "")
    declarations = [d for d in root.iter("qti-response-declaration") if d.get("identifier") == name]
    if len(declarations) != 1:
        raise UnsupportedItemError(name, "an interaction has one qti-response-declaration of its identifier")
    declaration = declarations[0]
    cardinality = declaration.get("cardinality", "")
    correct = tuple(
        dict.fromkeys(one_line(v.text or "") for v in declaration.iterfind("qti-correct-response/qti-value"))
    )
    entries = list(declaration.iterfind("qti-mapping/qti-map-entry"))
    if interaction.tag == TEXT_ENTRY:
        if cardinality != "single":
            raise UnsupportedItemError(cardinality, "a typed text has cardinality single")
        mapped = [one_line(entry.get("map-key", "")) for entry in entries if _credit(entry) > 0]
        if any(0 < _credit(entry) < 1 for entry in entries):
            left_out["partial credit of qti-map-entry"] += 1
        return "text", (), tuple(key for key in dict.fromkeys((*correct, *mapped)) if key)
    if cardinality not in ("single", "multiple"):
        raise UnsupportedItemError(cardinality, "a choice has cardinality single or multiple")
    if entries:
        left_out["partial credit of qti-map-entry"] += 1
    named = option_id_of if root.get("tool-name") == TOOL else str
    if (prompt := interaction.find("qti-prompt")) is not None:
        lines.take(prompt)
    options = tuple(_options(interaction, named, left_out))
    return (
        ("single" if cardinality == "single" else "multiple"),
        options,
        tuple(named(key) for key in correct),
    )


def _options(interaction: Element, named: Callable[[str], str], left_out: Counter[str]) -> Iterator[Option]:
    for choice in interaction.iterfind("qti-simple-choice"):
        lines = Lines(skip=NOT_SHOWN)
        lines.take(choice)
        left_out.update(lines.left_out)
        yield Option(option_id=named(one_line(choice.get("identifier", ""))), text=lines.text())


def _credit(entry: Element) -> float:
    try:
        return float(entry.get("mapped-value", ""))
    except ValueError:
        raise UnsupportedItemError(entry.get("mapped-value", ""), "a mapped-value is a number") from None
