"""The formats that are known by their columns, or by being JSON, and what reads each: the one list of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.sources import assistments2009, assistments2012, assistments2015, assistments2017
from knowtrace.sources.caliper import is_caliper, read_caliper
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.datashop import is_datashop, read_datashop
from knowtrace.sources.edm_cup import is_edm_cup, read_edm_cup
from knowtrace.sources.ednet_kt1 import is_ednet_kt1, read_ednet_kt1
from knowtrace.sources.ednet_kt4 import is_ednet_kt4, read_ednet_kt4
from knowtrace.sources.eedi import is_eedi, read_eedi
from knowtrace.sources.json_values import json_values, starts_as_json
from knowtrace.sources.layout import Layout
from knowtrace.sources.lines import first_lines
from knowtrace.sources.records import header_of
from knowtrace.sources.riiid import is_riiid, read_riiid
from knowtrace.sources.scale import Responses
from knowtrace.sources.xapi import is_xapi, read_xapi


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What the caller of `read` said of the source, see there."""

    columns: Mapping[str, str] | None = None
    responses: Responses | None = None
    categories: int | None = None
    contents: Path | None = None


Recognise = Callable[[list[str]], bool]
Load = Callable[[Path, SourceOptions], Dataset]

LOADERS: tuple[tuple[Recognise, Load], ...] = (
    (is_ednet_kt1, lambda path, options: read_ednet_kt1(path, options.contents)),
    (is_ednet_kt4, lambda path, options: read_ednet_kt4(path, options.contents)),
    (is_riiid, lambda path, options: read_riiid(path, options.contents)),
    (is_eedi, lambda path, options: read_eedi(path, options.contents)),
    (is_edm_cup, lambda path, options: read_edm_cup(path, options.contents)),
    (is_datashop, lambda path, options: read_datashop(path, (options.columns or {}).get("skill"))),
)


def loader_for(header: list[str], columns: Mapping[str, str] | None) -> Load | None:
    """Return what reads a table of these columns, or None.

    A caller's `columns` make it a table of their own; only DataShop's column of skills is a choice within it.
    """
    if columns is not None and not (set(columns) == {"skill"} and is_datashop(header)):
        return None
    return next((load for recognises, load in LOADERS if recognises(header)), None)


def known_layout(header: list[str]) -> Layout | None:
    """Return the layout of a published table with one answer per row, or None."""
    if assistments2009.is_assistments2009(header):
        return assistments2009.LAYOUT
    if assistments2012.is_assistments2012(header):
        return assistments2012.LAYOUT
    if assistments2015.is_assistments2015(header):
        return assistments2015.LAYOUT
    if assistments2017.is_assistments2017(header):
        return assistments2017.layout_of(header)
    return None


def knows_columns(header: list[str]) -> bool:
    return loader_for(header, None) is not None or known_layout(header) is not None


def holds_known_format(path: Path) -> bool:
    """Return whether a file is of a format that names itself; False for one that is no text at all."""
    try:
        if starts_as_json(path):
            return _kind_of_json(path) is not None
        return knows_columns(header_of(first_lines(path, 1)[0])[1])
    except DataError:
        return False


def read_json(path: Path, options: SourceOptions) -> Dataset:
    """Read xAPI statements or Caliper events. Raises: DataError when the file holds neither, or no answer."""
    load = _kind_of_json(path)
    if load is None:
        raise DataError(
            f"{path.name} is JSON, but neither xAPI statements (actor, verb, object) nor Caliper events (type, actor, "
            "action, object; or an envelope with data): export it as one of them, or as a table."
        )
    return load(path, responses=options.responses, categories=options.categories)


def _kind_of_json(path: Path) -> Callable[..., Dataset] | None:
    """Return what reads the file, by its first value that says so. Raises: DataError when it holds no value."""
    bad_lines: list[int] = []
    num_values = 0
    for _, value in json_values(path, lambda line, *_: bad_lines.append(line)):
        num_values += 1
        if is_caliper(value):
            return read_caliper
        if is_xapi(value):
            return read_xapi
    if bad_lines and not num_values:
        raise DataError(
            f"{path.name} begins as JSON, but no value of it can be read (line {bad_lines[0]}): it is cut off or "
            "damaged; export it again."
        )
    return None
