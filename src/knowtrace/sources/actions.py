"""What a log of actions holds besides answers: counted, and by name where its format does not define the name."""

from collections import Counter
from collections.abc import Set

from knowtrace.sources.gathering import Gathering

MAX_NAMED = 10
"""Unknown actions named in the note, the most frequent first."""


def note_actions(others: Counter[str], known: Set[str], owner: str, gathering: Gathering) -> None:
    """Note how many rows are no answers, and which of their names are not `known` to the format of `owner`."""
    if others:
        gathering.notes.append(f"{others.total():,} rows are actions other than answering.")
    unknown = Counter({action: count for action, count in others.items() if action not in known})
    if unknown:
        named = unknown.most_common(MAX_NAMED)
        names = ", ".join(f"{action[:60] or '(empty)'} {count:,}" for action, count in named)
        gathering.notes.append(
            f"{unknown.total():,} of them have names that {owner} does not define: {names}."
        )
