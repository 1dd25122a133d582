"""What stands where in a JSON value, whatever stands elsewhere."""

import math
from typing import cast

from knowtrace.standards.characters import whole


def part(value: object, *path: str | int) -> object:
    """Return what stands at a path of keys and places; None where there is nothing."""
    for key in path:
        if isinstance(key, str):
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        else:
            if not isinstance(value, list) or key >= len(value):
                return None
            value = value[key]
    return value


def shape_of(value: object) -> str:
    """Return the keys of an object, or the kind of another value: what can be shown of a person's record."""
    if isinstance(value, dict):
        return ", ".join(str(key) for key in value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true or false"
    return "a list" if isinstance(value, list) else "a text" if isinstance(value, str) else "a number"


def text_at(value: object, *path: str | int) -> str:
    """Return the text at a path without spaces around it; "" where there is none."""
    found = part(value, *path)
    if not isinstance(found, str):
        return ""
    return whole(found).strip()


def number_at(value: object, *path: str | int) -> float | None:
    """Return the finite number at a path, or None."""
    found = part(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        number = float(found)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def list_at(value: object, *path: str | int) -> list[object]:
    """Return the list at a path; a single object counts as a list of one, nothing as an empty one."""
    found = part(value, *path)
    if isinstance(found, list):
        return cast(list[object], found)
    return [] if found is None else [found]
