"""Text that can be stored, hashed and shown: without halves of surrogate pairs, which are no characters."""

import re

NO_CHARACTER = "a text holds whole characters, no half of a surrogate pair"

_HALF = re.compile("[\ud800-\udfff]")


def holds_halves(text: str) -> bool:
    """Return whether a text holds a half of a surrogate pair: nothing could write it as UTF-8."""
    return not text.isascii() and _HALF.search(text) is not None


def whole(text: str) -> str:
    """Return the text with two halves that belong together joined, and each other half replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if holds_halves(text) else text
