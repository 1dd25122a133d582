"""EdNet KT4: one row per action. The answer to a question is its last `respond` before the bundle's `submit`.

- An answer is given when its bundle is submitted: that is its time, and its bundle with that time is its container.
- Earlier responses to the question in the same bundle are changes of mind: merged into the last one.
- A response whose bundle is left or opened again without `submit` was never given: quarantined.
- Elapsed time is only known for the bundle, from `enter` to `submit`: its answers share it equally. An answer
  to a bundle that was never entered has none.
- All other actions (playing audio, reading explanations, buying) are counted in a note, those of unknown names by name.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from knowtrace.sources.dataset import Dataset
from knowtrace.sources.ednet import Row, StudentFile, read_students
from knowtrace.standards.cells import LONGEST_ANSWER_SECONDS, BadCellError, parse_integer

COLUMNS = ("timestamp", "action_type", "item_id", "user_answer")

ACTIONS = frozenset(
    {
        "enter",
        "submit",
        "quit",
        "play_audio",
        "pause_audio",
        "play_video",
        "pause_video",
        "erase_choice",
        "undo_erase_choice",
        "pay",
        "refund",
        "enroll_coupon",
    }
)
"""What the format defines besides `respond`."""

NOT_SUBMITTED = "a response counts once its bundle is submitted"


def is_ednet_kt4(header: list[str]) -> bool:
    return set(COLUMNS) <= set(header)


def read_ednet_kt4(path: Path, contents: Path | None) -> Dataset:
    """Read one student's file or a folder of them. Raises: DataError when it cannot be read."""
    return read_students(
        path, contents, format_name="EdNet KT4", columns=COLUMNS, read_student=read_student, actions=ACTIONS
    )


@dataclass(kw_only=True)
class _Bundle:
    """An open bundle: when it was entered, and the last response to each question, in order of time."""

    entered_at: int | None = None
    last: dict[str, Row] = field(default_factory=dict[str, Row])


def read_student(student: StudentFile, rows: Iterator[Row]) -> Counter[str]:
    """Take the answers of one log; return how many rows were other actions, by their names."""
    open_bundles: dict[str, _Bundle] = {}
    others: Counter[str] = Counter()
    for line, cells in _in_time_order(student, rows):
        action, target = cells["action_type"], cells["item_id"]
        if action == "respond":
            try:
                bundle_id = student.question(target, "item_id").bundle_id
            except BadCellError as bad:
                student.reject(line, bad.column, bad.value, bad.rule)
                continue
            last = open_bundles.setdefault(bundle_id, _Bundle()).last
            student.gathering.num_merged += last.pop(target, None) is not None
            last[target] = (line, cells)
            continue
        others[action] += 1
        if action == "enter" and target.startswith("b"):
            _give_up(student, open_bundles.pop(target, None))
            open_bundles[target] = _Bundle(entered_at=int(cells["timestamp"]))
        elif action == "submit" and (bundle := open_bundles.pop(target, None)) is not None:
            _submit(student, bundle, int(cells["timestamp"]))
    for bundle in open_bundles.values():
        _give_up(student, bundle)
    return others


def _in_time_order(student: StudentFile, rows: Iterator[Row]) -> list[Row]:
    timed: list[tuple[int, Row]] = []
    for row in rows:
        try:
            timed.append((parse_integer(row[1]["timestamp"], "timestamp"), row))
        except BadCellError as bad:
            student.reject(row[0], bad.column, bad.value, bad.rule)
    timed.sort(key=lambda entry: entry[0])
    return [(line, cells | {"timestamp": str(time)}) for time, (line, cells) in timed]


def _submit(student: StudentFile, bundle: _Bundle, submitted_at: int) -> None:
    elapsed = None
    if bundle.entered_at is not None and bundle.last:
        seconds = (submitted_at - bundle.entered_at) / 1000
        elapsed = seconds / len(bundle.last) if seconds <= LONGEST_ANSWER_SECONDS else None
    for place, (question_id, (line, cells)) in enumerate(bundle.last.items()):
        try:
            student.add(
                line,
                question_id,
                cells["user_answer"],
                milliseconds=str(submitted_at),
                place=place,
                elapsed_seconds=elapsed,
                visit=str(submitted_at),
            )
        except BadCellError as bad:
            student.reject(line, bad.column, bad.value, bad.rule)


def _give_up(student: StudentFile, bundle: _Bundle | None) -> None:
    if bundle is not None:
        for line, cells in bundle.last.values():
            student.reject(line, "item_id", cells["item_id"], NOT_SUBMITTED)
