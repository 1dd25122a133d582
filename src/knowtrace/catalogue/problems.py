"""Everything that is wrong with one input, said at once."""

from knowtrace.errors import DataError

MOST_SHOWN = 20
LONGEST_VALUE = 80


class Problems:
    """Collects what breaks a rule in one file, then refuses it as a whole."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.texts: list[str] = []

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, place: str, value: str, rule: str) -> None:
        """Note that `value`, found at `place` (a line, an item, a file of a package), breaks `rule`."""
        shown = value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…"
        self.texts.append(f"{place}, {shown!r}: {rule}")

    def raise_any(self, next_step: str) -> None:
        """Raises: DataError with every problem, when there is one."""
        if not self.texts:
            return
        more = len(self.texts) - MOST_SHOWN
        shown = "; ".join(self.texts[:MOST_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
        count = "1 problem" if len(self.texts) == 1 else f"{len(self.texts):,} problems"
        raise DataError(f"{self.file} has {count}: {shown}. {next_step}")
