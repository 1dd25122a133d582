"""What messages tell of."""

from typing import Literal

Kind = Literal["recommendation", "alert", "mastery"]

RECOMMENDATION: Kind = "recommendation"
MASTERY: Kind = "mastery"
ALERT: Kind = "alert"
