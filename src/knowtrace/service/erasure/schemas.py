"""What is said of an erasure."""

from datetime import datetime

from pydantic import BaseModel


class TrainedModel(BaseModel):
    """A model that was trained before, on data that may hold the student; `data` is the name of those."""

    version: str
    trained_at: str | None
    data: str | None
    data_fingerprint: str | None
    is_loaded: bool


class Receipt(BaseModel):
    """What was erased, what will be, and what was not. It does not name the student.

    `rows` has how many rows each table held, `num_answer_files` how many files of answers for training were deleted, as
    they held the student, `waiting` what is erased later and what shows that it was. `audit_line` is the line of the
    audit log, as `sequence:hash`, that says who erased. `is_file_clean` is false where a reader kept SQLite's
    write-ahead log from being emptied, and the bytes leave it with a later checkpoint; null where the database is not
    SQLite.
    """

    receipt_id: str
    erased_at: datetime
    num_students: int
    rows: dict[str, int]
    num_answer_files: int
    models_trained_before: list[TrainedModel]
    waiting: list[str]
    not_covered: list[str]
    audit_line: str | None
    is_file_clean: bool | None
