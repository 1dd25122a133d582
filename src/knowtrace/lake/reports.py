"""What a build did, counted."""

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class LandingReport:
    """What one landing brought.

    Of the quarantined rows `num_erased` are of erased students; `num_erased_files` are files of theirs, not read.
    """

    num_files: int = 0
    num_known_files: int = 0
    num_unreadable_files: int = 0
    num_rows: int = 0
    num_merged: int = 0
    num_quarantined: int = 0
    num_erased: int = 0
    num_erased_files: int = 0
    notes: list[str] = field(default_factory=list[str])

    def add(self, other: "LandingReport") -> None:
        """Add what another source brought."""
        self.num_files += other.num_files
        self.num_known_files += other.num_known_files
        self.num_unreadable_files += other.num_unreadable_files
        self.num_rows += other.num_rows
        self.num_merged += other.num_merged
        self.num_quarantined += other.num_quarantined
        self.num_erased += other.num_erased
        self.num_erased_files += other.num_erased_files
        self.notes.extend(other.notes)


@dataclass(kw_only=True)
class BuildReport:
    """What a build did: rows in = events + merged + quarantined, at every step.

    Of the candidates `num_taken` became events; `num_new_events` is how many more the lake has, fewer where answers are
    withdrawn or landed rows are read again.
    """

    landing: LandingReport = field(default_factory=LandingReport)
    num_candidates: int = 0
    num_faulty: int = 0
    num_repeats: int = 0
    num_corrected: int = 0
    num_taken: int = 0
    num_new_events: int = 0
    buckets: list[str] = field(default_factory=list[str])
    rows: dict[str, int] = field(default_factory=dict[str, int])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    version: int = 0

    @property
    def is_unchanged(self) -> bool:
        return not self.buckets
