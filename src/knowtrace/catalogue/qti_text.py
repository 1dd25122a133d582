"""The text of a QTI element as lines, and lines as QTI paragraphs.

Markup is not kept: paragraphs, list items and line breaks become lines, an image its alternative text. What cannot be
said in text is counted.
"""

from collections import Counter
from collections.abc import Collection
from xml.etree.ElementTree import Element, SubElement

from knowtrace.catalogue.item_bank import lines_of, one_line

BLOCK_TAGS = """address article aside blockquote br caption dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6
header hr li nav ol p pre section table td th tr ul qti-prompt qti-simple-choice qti-item-body qti-content-body"""
BLOCKS = frozenset(BLOCK_TAGS.split())
MEDIA = frozenset(("audio", "embed", "iframe", "img", "math", "object", "picture", "svg", "video"))


class Lines:
    """Collects text line by line; `left_out` counts the elements whose meaning is not in the text."""

    def __init__(self, *, skip: Collection[str]) -> None:
        self.skip = skip
        self.lines: list[str] = []
        self.current = ""
        self.left_out: Counter[str] = Counter()

    def take(self, element: Element) -> None:
        """Take the text of an element and of what is in it, but not of elements named in `skip`."""
        tag = str(element.tag)
        if tag in self.skip:
            return
        if tag in MEDIA:
            self.left_out[tag] += 1
            self.current += f" {element.get('alt', '')} "
            return
        if tag in BLOCKS:
            self._end_line()
        num_lines = len(self.lines)
        self.current += element.text or ""
        for child in element:
            self.take(child)
            self.current += child.tail or ""
        if tag in BLOCKS:
            self._end_line()
        if tag == "p" and len(self.lines) == num_lines:
            self.lines.append("")

    def text(self) -> str:
        self._end_line()
        return lines_of("\n".join(self.lines))

    def _end_line(self) -> None:
        if line := one_line(self.current):
            self.lines.append(line)
        self.current = ""


def add_paragraphs(parent: Element, text: str) -> None:
    """Add a paragraph for each line of a text."""
    for line in text.split("\n") if text else []:
        SubElement(parent, "p").text = line


def add_text(parent: Element, text: str) -> None:
    """Put a text of one line into an element as it is, one of several lines as paragraphs."""
    if "\n" in text:
        add_paragraphs(parent, text)
    else:
        parent.text = text
