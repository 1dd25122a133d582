"""Which column of a table says what about an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.sources.scale import Responses

PLAIN_NAMES: Mapping[str, tuple[str, ...]] = {
    "student": ("student_id", "student", "user_id"),
    "item": ("item_id", "item", "question_id", "problem_id"),
    "correct": ("correct",),
    "response": ("response",),
    "skill": ("skill_ids", "skill_id", "skills", "skill"),
    "skill_name": ("skill_name",),
    "time": ("answered_at", "timestamp", "time"),
    "position": ("position", "order_id"),
    "split": ("split",),
    "elapsed": ("elapsed_seconds", "elapsed"),
    "hints": ("hints_used", "hints"),
    "attempt": ("attempt",),
    "session": ("session_id", "session"),
    "container": ("container_id", "container"),
    "event": ("event_id",),
    "withdrawn": ("withdrawn",),
}
"""What a column says about an answer, and the names it is known by without being told."""


class MissingColumnsError(DataError):
    """A table lacks `columns`: by their names in a known format, by what they say (student, item …) in any other."""

    def __init__(self, text: str, columns: tuple[str, ...]) -> None:
        super().__init__(text)
        self.columns = columns


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which column holds what, and how to read it.

    `elapsed_per_second` is 1 for seconds and 1,000 for milliseconds. `has_decimal_skill_ids` says that a
    skill "1.0" is the skill "1". `is_time_of_start` says that the time is when the item was opened: the
    answer was given its elapsed time later. A column `start` beside it only tells where an answer
    ends before it starts: how long that took is unknown. `responses` is what the source's responses are, unless
    the caller says otherwise.
    """

    format: str
    columns: Mapping[str, str]
    is_binary: bool = False
    elapsed_per_second: float = 1.0
    is_one_answer_per_position: bool = False
    has_decimal_skill_ids: bool = False
    is_time_of_start: bool = False
    responses: Responses | None = None
    notes: tuple[str, ...] = ()


def plain_layout(path: Path, header: list[str], columns: Mapping[str, str] | None = None) -> Layout:
    """Return the layout of a table by its plain names and the caller's `columns`.

    Raises: MissingColumnsError, naming the columns found and how to map them; DataError for `columns` that are none.
    """
    chosen = dict(columns or {})
    found = ", ".join(name for name in header if name) or "none"
    for role, column in chosen.items():
        if role not in PLAIN_NAMES:
            raise DataError(f"columns has the key {role!r}, which is not one of {', '.join(PLAIN_NAMES)}.")
        if column not in header:
            raise DataError(
                f"{path.name} has no column {column!r} for {role}: it has {found}; map one of them."
            )
    taken = set(chosen.values())
    for role, names in PLAIN_NAMES.items():
        if role in chosen or (role in ("correct", "response") and {"correct", "response"} & chosen.keys()):
            continue
        name = next((name for name in names if name in header and name not in taken), None)
        if name is not None:
            chosen[role] = name
    if "event" not in chosen:
        # Without an id nobody can say which answer is withdrawn: such a column speaks of something else.
        chosen.pop("withdrawn", None)
    missing = [role for role in ("student",) if role not in chosen]
    missing += ["item"] if "item" not in chosen and "skill" not in chosen else []
    missing += ["correct"] if not {"correct", "response"} & chosen.keys() else []
    if missing:
        mapping = ",".join(f"{role}=…" for role in missing)
        raise MissingColumnsError(
            f"{path.name} has no column for {', '.join(missing)} among its columns ({found[:500]}): "
            f"name them with columns= in Python or --columns {mapping} on the command line.",
            tuple(missing),
        )
    is_binary = "correct" in chosen
    if is_binary:
        chosen.pop("response", None)
    notes = () if "item" in chosen else (f"No item column: the skill ({chosen['skill']}) is the item.",)
    return Layout(format="answers table", columns=chosen, is_binary=is_binary, notes=notes)
