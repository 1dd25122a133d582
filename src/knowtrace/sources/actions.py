"""What a log of actions holds besides answers: counted, and by name where its format does not define the name."""

from collections import Counter
from collections.abc import Set

MAX_NAMED = 10
"""Unknown actions named in the note, the most frequent first."""


def action_notes(others: Counter[str], known: Set[str], owner: str) -> list[str]:
    """Return notes: how many rows are no answers, and which of their names are not `known` to the format of `owner`."""
    if not others:
        return []
    notes = [f"{others.total():,} rows are actions other than answering."]
    unknown = Counter({action: count for action, count in others.items() if action not in known})
    if unknown:
        named = unknown.most_common(MAX_NAMED)
        names = ", ".join(f"{action[:60] or '(empty)'} {count:,}" for action, count in named)
        notes.append(f"{unknown.total():,} of them have names that {owner} does not define: {names}.")
    return notes
