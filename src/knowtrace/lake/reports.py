"""What a build is told, and what it says it did."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """`memory` is what the engine may hold before it spills; `workers` land files beside one another.

    `is_delta` keeps a Delta log over each table's files; a lake that has one keeps it from then on. So it is with
    `skill_map`, a reviewed map file: a lake keeps its map until it is given another.
    """

    engine: str = "duckdb"
    memory: str = "4GB"
    threads: int = 2
    workers: int = 2
    is_delta: bool = False
    skill_map: Path | None = None


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
    withdrawn or landed rows are read again. `num_map_tags` counts the tags of a skill map that the lake did not have
    before, None where there was no such map.
    """

    landing: LandingReport = field(default_factory=LandingReport)
    num_candidates: int = 0
    num_faulty: int = 0
    num_repeats: int = 0
    num_corrected: int = 0
    num_taken: int = 0
    num_new_events: int = 0
    num_map_tags: int | None = None
    buckets: list[str] = field(default_factory=list[str])
    rows: dict[str, int] = field(default_factory=dict[str, int])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    version: int = 0

    @property
    def is_unchanged(self) -> bool:
        return not self.buckets and self.num_map_tags is None
