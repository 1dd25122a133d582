"""A table that was of a known format, and has lost or renamed some of its columns."""

from collections.abc import Mapping, Set
from pathlib import Path

from knowtrace.sources import (
    assistments2009,
    assistments2012,
    assistments2015,
    assistments2017,
    datashop,
    edm_cup_actions,
    eedi,
    riiid,
)
from knowtrace.sources.formats import SourceOptions, knows_columns
from knowtrace.sources.json_values import starts_as_json
from knowtrace.sources.layout import MissingColumnsError
from knowtrace.sources.lines import first_lines
from knowtrace.sources.records import header_of

COLUMNS_OF: Mapping[str, tuple[str, ...]] = {
    "ASSISTments 2009 raw": tuple(assistments2009.COLUMNS.values()),
    "ASSISTments 2012 raw": tuple(assistments2012.COLUMNS.values()),
    "ASSISTments 2015 raw": tuple(assistments2015.COLUMNS.values()),
    "ASSISTments 2017 raw": tuple(assistments2017.COLUMNS.values()),
    "DataShop student-step": (*datashop.COLUMNS, datashop.FIRST_ATTEMPT[0]),
    "EDM Cup 2023": edm_cup_actions.COLUMNS,
    "Eedi": eedi.COLUMNS,
    "Riiid": riiid.COLUMNS,
}
"""The columns each format of one table is known by."""


def refuse_lost_columns(path: Path, options: SourceOptions, formats: Set[str]) -> None:
    """Refuse a table that is of no known format, but has more than half of the columns of one among `formats`.

    It would be read as a plain table, or as none, by the columns that are left.
    Raises: MissingColumnsError naming those it lacks; DataError when the file cannot be read.
    """
    if options.columns is not None or path.is_dir() or starts_as_json(path):
        return
    header = header_of(first_lines(path, 1)[0])[1]
    if knows_columns(header):
        return
    for name in sorted(formats & COLUMNS_OF.keys()):
        lost = tuple(column for column in COLUMNS_OF[name] if column not in header)
        if lost and 2 * len(lost) < len(COLUMNS_OF[name]):
            raise MissingColumnsError(
                f"{path.name} has no column {', '.join(lost)}, as {name} before it had: export it as before, or say "
                "with columns= in Python or --columns on the command line what its columns are.",
                lost,
            )
