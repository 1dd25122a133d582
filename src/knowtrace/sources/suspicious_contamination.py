"""Contamination in words: how much, the largest cases, and what to do."""

from dataclasses import dataclass

from knowtrace.sources.contamination import Contamination, SameStudents
from knowtrace.sources.dataset import Dataset

NUM_LARGEST = 3
CLEAN = "`knowtrace train --clean` keeps them on one side of the split."


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """`text` says it in a sentence, `count` how many students, items or answers; `examples` names a few."""

    kind: str
    text: str
    count: int
    examples: tuple[str, ...] = ()


def suspicious_contamination(dataset: Dataset, contamination: Contamination) -> list[Suspicion]:
    """Return a suspicion for each sort of contamination that chance does not explain."""
    found = (
        _twins(dataset, contamination),
        _exact_duplicates(dataset, contamination),
        _copied_blocks(dataset, contamination),
        _duplicated_items(contamination),
    )
    return [suspicion for suspicion in found if suspicion is not None]


def _twins(dataset: Dataset, contamination: Contamination) -> Suspicion | None:
    text = "Clusters of students who gave the same answers to the same items"
    return _same_students("twins", text, dataset, contamination.twins)


def _exact_duplicates(dataset: Dataset, contamination: Contamination) -> Suspicion | None:
    text = "Groups of students whose whole histories are equal"
    return _same_students("exact duplicates", text, dataset, contamination.exact_duplicates)


def _same_students(
    kind: str, text: str, dataset: Dataset, groups: tuple[SameStudents, ...]
) -> Suspicion | None:
    sure = [group for group in groups if group.is_beyond_chance]
    if not sure:
        return None
    share = sum(group.num_answers for group in sure) / dataset.num_interactions
    num_students = sum(len(group.student_ids) for group in sure)
    others = len(groups) - len(sure)
    return Suspicion(
        kind=kind,
        text=f"{text}: {len(sure):,}. They are {num_students:,} students with {share:.0%} of all answers: one "
        f"person under several ids? {CLEAN}" + (f" {others:,} more may be chance." if others else ""),
        count=len(sure),
        examples=tuple(" = ".join(group.student_ids) for group in sure[:NUM_LARGEST]),
    )


def _copied_blocks(dataset: Dataset, contamination: Contamination) -> Suspicion | None:
    blocks = contamination.copied_blocks
    if not blocks:
        return None
    share = sum(block.num_answers for block in blocks) / dataset.num_interactions
    return Suspicion(
        kind="copied blocks",
        text=f"Runs of 20 or more answers that stand in the data twice: {len(blocks):,}, with {share:.1%} of all "
        f"answers: copied, or a session stored again? {CLEAN}",
        count=len(blocks),
        examples=tuple(
            f"{one} from answer {first + 1:,} = {other} from answer {second + 1:,} ({block.num_answers:,} answers)"
            for block in blocks[:NUM_LARGEST]
            for (one, other), (first, second) in [(block.student_ids, block.starts)]
        ),
    )


def _duplicated_items(contamination: Contamination) -> Suspicion | None:
    pairs = contamination.duplicated_items
    if not pairs:
        return None
    return Suspicion(
        kind="duplicated items",
        text=f"Pairs of items that are answered as one: {len(pairs):,}. One gives the other's answer away; give "
        "both one id, or leave one out, before training.",
        count=len(pairs),
        examples=tuple(
            f"{one} = {other} ({pair.num_students:,} students, {pair.equal_share:.0%} equal)"
            for pair in pairs[:NUM_LARGEST]
            for one, other in [pair.item_ids]
        ),
    )
