"""What a student's answers may be used for."""

from datetime import datetime

from pydantic import BaseModel, StrictBool

from knowtrace.service.fields import Strict


class ConsentIn(Strict):
    """Whether models may be trained on the student's answers."""

    training: StrictBool


class ConsentOut(BaseModel):
    """`is_default` is true where nobody was asked and the installation's setting holds."""

    student_id: str
    training: bool
    is_default: bool
    changed_at: datetime | None
