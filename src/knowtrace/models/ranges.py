"""The ranges that settings are documented with are the ranges that are enforced."""

from knowtrace.errors import TrainingError


def check_ranges(config: object, **ranges: tuple[float, float]) -> None:
    """Check that each named setting lies within its (lowest, highest), both included; NaN lies nowhere.

    Raises:
        TrainingError: naming every setting out of range.
    """
    problems: list[str] = []
    for name, (lowest, highest) in ranges.items():
        value = getattr(config, name)
        if not lowest <= value <= highest:
            problems.append(f"{name} ({value}) must lie in [{lowest:g}, {highest:g}]")
    if problems:
        raise TrainingError("; ".join(problems) + ".")
