"""What became of what was remembered."""

from typing import Literal

from pydantic import BaseModel, Field


class ForgottenOut(BaseModel):
    """Nothing of the student is remembered here any more; the next look reads the database."""

    user_id: str
    shared_cache: Literal["none", "forgotten", "unreachable"] = Field(
        description="Redis: not used, without the student now, or away: then what lies there expires, and is used only "
        "where the database says that nothing has changed since."
    )
