"""One random history, written in the words of every inference contract."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Body = dict[str, Any]


@dataclass(frozen=True)
class Past:
    item_id: str | None
    skill_ids: list[str]
    correct: bool
    minute: int
    elapsed_ms: int | None

    @property
    def answered_at(self) -> str:
        day, minute = divmod(self.minute, 1440)
        return f"2026-03-{1 + day:02d}T{minute // 60:02d}:{minute % 60:02d}:00Z"


def histories(item_ids: list[str], skill_ids: list[str]) -> st.SearchStrategy[list[Past]]:
    """Up to 30 answers to known and unseen items, with skills of the catalogue, given or unknown ones, out of order."""
    return st.lists(
        st.builds(
            Past,
            item_id=st.sampled_from([*item_ids, "never-seen"]),
            skill_ids=st.lists(st.sampled_from([*skill_ids, "alchemy"]), max_size=2, unique=True),
            correct=st.booleans(),
            minute=st.integers(0, 20 * 1440),
            elapsed_ms=st.none() | st.integers(0, 600_000),
        ),
        min_size=1,
        max_size=30,
    )


def as_prediction(history: list[Past], asked: list[str]) -> Body:
    return {
        "user_id": "anna",
        "attempt_history": [
            {
                "item_id": past.item_id,
                "topic_ids": past.skill_ids,
                "correct": past.correct,
                "timestamp": past.answered_at,
                "time_taken_ms": past.elapsed_ms,
            }
            for past in history
        ],
        "candidate_items": asked,
    }


def as_row(history: list[Past], asked: list[str]) -> Body:
    return {
        "user_sequence": [
            {
                "item_id": past.item_id,
                "skill_ids": past.skill_ids,
                "correct": past.correct,
                "answered_at": past.answered_at,
                "elapsed_seconds": None if past.elapsed_ms is None else past.elapsed_ms / 1000,
            }
            for past in history
        ],
        "items": asked,
    }


def tensor(name: str, datatype: str, data: list[Any], *shape: int) -> Body:
    return {"name": name, "datatype": datatype, "shape": list(shape or [len(data)]), "data": data}


def as_tensors(history: list[Past], asked: list[str]) -> Body:
    rows = [[*past.skill_ids, "", ""][:2] for past in history]
    elapsed = [-1.0 if past.elapsed_ms is None else past.elapsed_ms / 1000 for past in history]
    return {
        "id": "r-1",
        "inputs": [
            tensor("item_id", "BYTES", [past.item_id for past in history]),
            tensor("skill_ids", "BYTES", [skill for row in rows for skill in row], len(history), 2),
            tensor("correct", "BOOL", [past.correct for past in history]),
            tensor("answered_at", "BYTES", [past.answered_at for past in history]),
            tensor("elapsed_seconds", "FP64", elapsed),
            tensor("asked_item_id", "BYTES", asked),
        ],
    }


def as_tables(rows: list[Body]) -> dict[str, Body]:
    """The same rows in every form of MLflow."""
    columns = ["user_sequence", "items"]
    cells = [[row[name] for name in columns] for row in rows]
    return {
        "split": {"dataframe_split": {"columns": columns, "data": cells, "index": list(range(len(rows)))}},
        "records": {"dataframe_records": rows},
        "instances": {"instances": rows},
        "input records": {"inputs": rows},
        "input columns": {"inputs": {name: [row[name] for row in rows] for name in columns}},
    }
