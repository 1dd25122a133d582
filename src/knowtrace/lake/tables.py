"""What a table of the lake is, and the checks its columns promise."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ColumnType = Literal[
    "text", "long", "int", "double", "boolean", "timestamp", "texts", "longs", "ints", "doubles"
]
"""`timestamp` is UTC to the microsecond: a real timestamp in the files, whole microseconds since 1970 in a frame."""

BUCKET = "bucket"
"""The part of a table a student's rows lie in: the first hexadecimal digit of the md5 of the student's id."""

BUCKETS = tuple("0123456789abcdef")


def bucket_of(user_id: str) -> str:
    return hashlib.md5(user_id.encode(), usedforsecurity=False).hexdigest()[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its type, the rule its values follow, and what may be checked of them."""

    name: str
    type: ColumnType
    rule: str
    is_nullable: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of the lake.

    `grain` says what a row is; no two rows have one `key`. `owner` is the module that writes it. A bucketed table
    is stored in parts by student. `references` maps a column to the table and column its values must be found in.
    """

    layer: Literal["bronze", "silver", "gold"]
    name: str
    grain: str
    owner: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    is_bucketed: bool = False
    may_be_empty: bool = True
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    @property
    def full_name(self) -> str:
        return f"{self.layer}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def column(
    name: str,
    column_type: ColumnType,
    rule: str,
    *,
    null: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> Column:
    return Column(name=name, type=column_type, rule=rule, is_nullable=null, low=low, high=high)


USER = column("user_id", "text", "The student, as the source writes the id.")
ITEM = column("item_id", "text", "The item, as the source writes the id.")
POSITION = column("position", "long", "From 1: where the answer stands among the student's own.", low=1)
SOURCE_FILE = column("source_file", "text", "The file the row was read from, relative to the source.")
LINE = column("line", "long", "The line in that file, from 1.", low=1)
LOADED_AT = column("loaded_at", "timestamp", "When the row was landed.")
SPLIT = column(
    "split",
    "text",
    "train, valid or test: as published (a fold is training), else 70, 15 and 15 % by chance.",
)
