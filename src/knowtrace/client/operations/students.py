"""What a student is owed: everything that is kept, consent, and to be forgotten."""

from datetime import datetime
from typing import Any, Self

from pydantic import field_validator

from knowtrace.client.answers import Answer
from knowtrace.client.call import Call, delete, get, put, segment


class Export(Answer):
    """Everything kept of a student: lines as `docs/privacy.md` describes them, `export` first and `end` last."""

    lines: list[dict[str, Any]]

    @classmethod
    def read(cls, content: bytes) -> Self:
        return cls.model_validate_json(b'{"lines":[' + b",".join(content.splitlines()) + b"]}")

    @field_validator("lines")
    @classmethod
    def _is_whole(cls, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not lines or lines[-1].get("kind") != "end":
            raise ValueError("has no end: it was cut short")
        return lines


class Consent(Answer):
    """`is_default` is true where nobody was asked and the installation's setting holds."""

    student_id: str
    training: bool
    is_default: bool
    changed_at: datetime | None


class TrainedModel(Answer):
    """A model that was trained before, on data that may hold the student; `data` is the name of those."""

    version: str
    trained_at: str | None
    data: str | None
    data_fingerprint: str | None
    is_loaded: bool


class Receipt(Answer):
    """What was erased, what will be, and what was not. It does not name the student."""

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


def export(student_id: str) -> Call[Export]:
    return get(f"{_path(student_id)}/export", Export)


def consent(student_id: str) -> Call[Consent]:
    return get(f"{_path(student_id)}/consent", Consent)


def set_consent(student_id: str, *, training: bool) -> Call[Consent]:
    """Say whether models may be trained on a student's answers."""
    return put(f"{_path(student_id)}/consent", Consent, {"training": training})


def erase(student_id: str) -> Call[Receipt]:
    """Erase a student. Who sends it again after a lost answer gets a receipt that counts nothing."""
    return delete(_path(student_id), Receipt)


class Forgotten(Answer):
    """`shared_cache` is "none", "forgotten" or "unreachable"."""

    user_id: str
    shared_cache: str


def forget_remembered(student_id: str) -> Call[Forgotten]:
    """Let the service read a student anew; nothing that is stored is lost."""
    return delete(f"/api/v1/cache/user/{segment(student_id)}", Forgotten)


def _path(student_id: str) -> str:
    return f"/api/v1/students/{segment(student_id)}"
