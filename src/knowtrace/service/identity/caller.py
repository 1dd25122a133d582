"""Who asks."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to the school; `service` is another program of it, `operator` runs the installation for all."""

    STUDENT = "student"
    EDUCATOR = "educator"
    ADMIN = "admin"
    SERVICE = "service"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, in whose name, and as what.

    `subject` names the credential in the audit log, never its secret. `student_id` is set for students and
    for nobody else. `scopes` narrows what the role may do to these permissions; None leaves it whole.

    Raises:
        ValueError: a student without a student_id, or one for another role.
    """

    tenant_id: str
    subject: str
    role: Role
    student_id: str | None = None
    scopes: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if (self.role is Role.STUDENT) != (self.student_id is not None):
            raise ValueError(
                f"A caller with role {self.role.value!r} and student_id {self.student_id!r}: "
                "students have a student_id, all others have none."
            )


LOCAL = Caller("default", "local", Role.SERVICE)
"""Everybody, while no credentials are asked for."""
