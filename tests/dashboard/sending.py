"""Answers as a client sends them."""

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


def events(student_id: str, items: list[str], *, right: str = "10", since: int = 0) -> dict[str, Any]:
    """Return one answer per item, a minute apart; `right` is repeated: "10" is right, wrong, right, …"""
    return {
        "events": [
            {
                "event_id": f"{since + n} {student_id[:150]}",
                "student_id": student_id,
                "item_id": item_id,
                "correct": right[n % len(right)] == "1",
                "answered_at": (START + timedelta(minutes=since + n)).isoformat(),
            }
            for n, item_id in enumerate(items)
        ]
    }
