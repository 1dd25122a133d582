"""What in a source looks wrong without breaking a rule: said in words, with examples."""

from collections.abc import Iterable, Mapping, Sequence

from knowtrace.sources.contamination import Contamination
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.gathering import FUTURE
from knowtrace.sources.item_counts import ItemCounts
from knowtrace.sources.suspicious_contamination import Suspicion, suspicious_contamination

MIN_ITEM_ANSWERS = 10
"""Answers an item needs before "everybody was right" says anything."""

MIN_SAME_RESPONSES = 20
"""Equal responses in a row, and no other, before a student looks like a robot or a test account."""

FASTEST_SECONDS = 1.0
"""Nobody reads and answers an item in less."""

NUM_EXAMPLES = 5


def find_suspicions(
    dataset: Dataset, items: Mapping[str, ItemCounts], contamination: Contamination
) -> tuple[Suspicion, ...]:
    """Return every suspicion that has something behind it."""
    found = (
        *suspicious_contamination(dataset, contamination),
        _empty_categories(dataset),
        *_one_sided_items(dataset, items),
        _inconsistent_skills(items),
        _unskilled_items(items),
        _items_answered_once(items),
        _single_answers(dataset),
        _same_responses(dataset),
        _too_fast(dataset),
        _future(dataset),
    )
    return tuple(suspicion for suspicion in found if suspicion is not None)


def _suspicion(kind: str, text: str, who: Iterable[str], *, more: str = "") -> Suspicion | None:
    """Return a suspicion that counts these students, items or rows; None when there are none."""
    ids = list(who)
    if not ids:
        return None
    return Suspicion(
        kind=kind, text=f"{text}: {len(ids):,}.{more}", count=len(ids), examples=tuple(ids[:NUM_EXAMPLES])
    )


def _empty_categories(dataset: Dataset) -> Suspicion | None:
    text = "Response categories that nobody gave"
    more = " Nothing can be learnt about them; is the number of categories right?"
    empty = (str(k) for k, count in enumerate(dataset.category_counts.tolist()) if not count)
    return _suspicion("empty category", text, empty, more=more)


def _one_sided_items(dataset: Dataset, items: Mapping[str, ItemCounts]) -> Sequence[Suspicion | None]:
    def everybody_gave(response: int) -> list[str]:
        return [
            item_id
            for item_id, item in items.items()
            if item.num_answers >= MIN_ITEM_ANSWERS and item.responses[response] == item.num_answers
        ]

    right = "Items with 10 or more answers that everybody got right"
    wrong = "Items with 10 or more answers that nobody got right"
    return (
        _suspicion("everybody right", right, everybody_gave(dataset.num_categories - 1)),
        _suspicion("everybody wrong", wrong, everybody_gave(0)),
    )


def _inconsistent_skills(items: Mapping[str, ItemCounts]) -> Suspicion | None:
    text = "Items that have other skills in some rows than in others"
    return _suspicion(
        "inconsistent skills",
        text,
        (item_id for item_id, item in items.items() if len({frozenset(s) for s in item.skill_sets}) > 1),
    )


def _unskilled_items(items: Mapping[str, ItemCounts]) -> Suspicion | None:
    text = "Items without a skill, which count towards no mastery"
    return _suspicion(
        "no skill", text, (item_id for item_id, item in items.items() if not any(item.skill_sets))
    )


def _items_answered_once(items: Mapping[str, ItemCounts]) -> Suspicion | None:
    ids = [item_id for item_id, item in items.items() if item.num_answers == 1]
    text = "Items answered once, of which no difficulty can be learnt"
    more = f" They are {len(ids) / len(items):.0%} of the items."
    return _suspicion("item answered once", text, ids, more=more)


def _single_answers(dataset: Dataset) -> Suspicion | None:
    text = "Students who gave one answer only"
    return _suspicion("one answer", text, (s for s, history in dataset.students.items() if len(history) == 1))


def _same_responses(dataset: Dataset) -> Suspicion | None:
    text = "Students who gave one and the same response 20 times or more, and no other"
    return _suspicion(
        "same responses",
        text,
        (
            student_id
            for student_id, history in dataset.students.items()
            if len(history) >= MIN_SAME_RESPONSES and len({answer.response for answer in history}) == 1
        ),
    )


def _too_fast(dataset: Dataset) -> Suspicion | None:
    fast = [
        student_id
        for student_id, history in dataset.students.items()
        for answer in history
        if answer.elapsed_seconds is not None and answer.elapsed_seconds < FASTEST_SECONDS
    ]
    if not fast:
        return None
    students = list(dict.fromkeys(fast))
    return Suspicion(
        kind="too fast",
        text=f"Answers that took less than a second: {len(fast):,}, of {len(students):,} students.",
        count=len(fast),
        examples=tuple(students[:NUM_EXAMPLES]),
    )


def _future(dataset: Dataset) -> Suspicion | None:
    text = "Rows that lie in the future, now in quarantine; is the clock or the unit of time wrong"
    where = (f"{row.file} line {row.line}: {row.value}" for row in dataset.quarantined if row.rule == FUTURE)
    return _suspicion("future", text, where)
