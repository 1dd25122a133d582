"""The tensors a model is fed and returns, and the one way to read them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from knowtrace.domain import UNKNOWN_TIME
from knowtrace.errors import KnowTraceError
from knowtrace.service.fields import Timestamp
from knowtrace.service.inference.schemas import Datatype, InputTensor

MOST_ANSWERS = 10_000
MOST_ASKED = 1_000
MOST_SKILLS = 20
MOST_NAMED = 5
"""Elements of one tensor that are named when many of them are wrong."""

NO_TEXT = ""
"""Pads a row of skills, and stands for an item that is named by its skills alone."""


class TensorsError(KnowTraceError):
    """Tensors that are not what the model's metadata say; its text says everything that is wrong."""

    status = 400

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """One input: `most` are the largest sizes of its dimensions, `check` says what is wrong with an element."""

    name: str
    datatype: Datatype
    most: tuple[int, ...]
    check: Callable[[Any], str | None]


Tensor = list[Any] | list[list[Any]]


def _unless(rule: str, holds: Callable[[Any], bool]) -> Callable[[Any], str | None]:
    return lambda element: None if holds(element) else rule


def _is_number(element: Any) -> bool:
    return isinstance(element, int | float) and not isinstance(element, bool)


_TIME: TypeAdapter[Any] = TypeAdapter(Timestamp)


def _is_time(element: Any) -> bool:
    try:
        _TIME.validate_python(element, strict=True)
    except ValidationError:
        return False
    return isinstance(element, str)


_id = _unless(
    "must be a string of at most 200 printable characters; empty for none",
    lambda element: isinstance(element, str) and len(element) <= 200 and element.isprintable(),
)
_time = _unless(
    "must be an ISO 8601 date and time with its offset, like 2026-03-01T09:30:00Z",
    _is_time,
)
_seconds = _unless(
    f"must be a number of seconds from 0 to a year, or {UNKNOWN_TIME:g} for none recorded",
    lambda element: (
        _is_number(element)
        and math.isfinite(element)
        and (element == UNKNOWN_TIME or 0 <= element <= 86_400 * 365)
    ),
)
_category = _unless(
    "must be an INT32",
    lambda element: _is_number(element) and isinstance(element, int) and -(2**31) <= element < 2**31,
)
_truth = _unless("must be true or false", lambda element: isinstance(element, bool))

INPUTS = {
    spec.name: spec
    for spec in (
        TensorSpec(name="item_id", datatype="BYTES", most=(MOST_ANSWERS,), check=_id),
        TensorSpec(name="skill_ids", datatype="BYTES", most=(MOST_ANSWERS, MOST_SKILLS), check=_id),
        TensorSpec(name="response", datatype="INT32", most=(MOST_ANSWERS,), check=_category),
        TensorSpec(name="correct", datatype="BOOL", most=(MOST_ANSWERS,), check=_truth),
        TensorSpec(name="answered_at", datatype="BYTES", most=(MOST_ANSWERS,), check=_time),
        TensorSpec(name="elapsed_seconds", datatype="FP64", most=(MOST_ANSWERS,), check=_seconds),
        TensorSpec(name="asked_item_id", datatype="BYTES", most=(MOST_ASKED,), check=_id),
        TensorSpec(name="asked_skill_ids", datatype="BYTES", most=(MOST_ASKED, MOST_SKILLS), check=_id),
    )
}
HISTORY = ("item_id", "skill_ids", "response", "correct", "answered_at", "elapsed_seconds")
ASKED = ("asked_item_id", "asked_skill_ids")


def read_tensors(sent: Sequence[InputTensor]) -> dict[str, Tensor]:
    """Return the tensors by name, those of two dimensions as rows.

    Raises:
        TensorsError: one is unknown, sent twice, or has another datatype, shape or kind of element than its metadata
            say; or tensors about the same answers differ in their first size.
    """
    problems: list[str] = []
    tensors: dict[str, Tensor] = {}
    sizes: dict[str, int] = {}
    for tensor in sent:
        spec = INPUTS.get(tensor.name)
        if spec is None:
            problems.append(f"Input {tensor.name!r} is not known. Known: {', '.join(INPUTS)}.")
            continue
        wrong = _problems_of_form(tensor, spec)
        if tensor.name in sizes:
            wrong.append(f"Input {tensor.name!r} is sent twice: send it once.")
        if tensor.shape:
            sizes[tensor.name] = tensor.shape[0]
        if wrong:
            problems += wrong
            continue
        flat = _flat(tensor.data)
        problems += _problems_of_elements(tensor.name, flat, spec)
        tensors[tensor.name] = _shaped(flat, tensor.shape)
    for group in (HISTORY, ASKED):
        named = {name: sizes[name] for name in group if name in sizes}
        if len(set(named.values())) > 1:
            problems.append(
                f"{', '.join(named)} must have one first size, and have {', '.join(map(str, named.values()))}."
            )
    if problems:
        raise TensorsError(problems)
    return tensors


def _problems_of_form(tensor: InputTensor, spec: TensorSpec) -> list[str]:
    name, shape, problems = f"Input {tensor.name!r}", tensor.shape, list[str]()
    if tensor.datatype != spec.datatype:
        problems.append(f"{name} has datatype {tensor.datatype!r} and must have {spec.datatype}.")
    if len(shape) != len(spec.most):
        problems.append(f"{name} has shape {shape} and must have {len(spec.most)} dimensions.")
        return problems
    too_long = [size for size, most in zip(shape, spec.most, strict=True) if size > most]
    if too_long:
        problems.append(f"{name} has shape {shape} and may have at most {list(spec.most)}.")
    rows = [part for part in tensor.data if isinstance(part, list)]
    if rows:
        fits = len(shape) == 2 and len(rows) == len(tensor.data) == shape[0]
        if not (fits and all(len(row) == shape[1] for row in rows)):
            problems.append(f"{name} has data that are not nested as its shape {shape} says.")
    elif len(tensor.data) != math.prod(shape):
        problems.append(
            f"{name} has {len(tensor.data)} elements and its shape {shape} says {math.prod(shape)}."
        )
    return problems


def _problems_of_elements(name: str, flat: Sequence[Any], spec: TensorSpec) -> list[str]:
    found = [(number, rule) for number, element in enumerate(flat) if (rule := spec.check(element))]
    problems = [f"Input {name!r}, element {number}: {rule}." for number, rule in found[:MOST_NAMED]]
    if len(found) > MOST_NAMED:
        problems.append(f"Input {name!r} has {len(found) - MOST_NAMED} more such elements.")
    return problems


def _flat(data: Sequence[Any]) -> list[Any]:
    if data and isinstance(data[0], list):
        return [element for row in data for element in row]
    return list(data)


def _shaped(flat: list[Any], shape: Sequence[int]) -> Tensor:
    if len(shape) == 1:
        return flat
    width = shape[1]
    return [flat[row * width : (row + 1) * width] for row in range(shape[0])]
