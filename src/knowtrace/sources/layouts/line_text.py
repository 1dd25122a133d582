"""Three or four lines per student: the length, the items, in four-line files the skills, the responses.

Responses are written as ordered categories, or as partial credit r / (K - 1) with three decimals.
"""

from pathlib import Path

from knowtrace.sources.dataset import Dataset


def write_three_line(dataset: Dataset, folder: Path) -> None:
    """Write `answers.txt` with categories 0..K-1."""
    _write(dataset, folder, has_skills=False, has_credits=False)


def write_three_line_credit(dataset: Dataset, folder: Path) -> None:
    """Write `answers.txt` with partial credit."""
    _write(dataset, folder, has_skills=False, has_credits=True)


def write_four_line(dataset: Dataset, folder: Path) -> None:
    """Write `answers.txt` with skills and categories 0..K-1."""
    _write(dataset, folder, has_skills=True, has_credits=False)


def write_four_line_credit(dataset: Dataset, folder: Path) -> None:
    """Write `answers.txt` with skills and partial credit."""
    _write(dataset, folder, has_skills=True, has_credits=True)


def _write(dataset: Dataset, folder: Path, *, has_skills: bool, has_credits: bool) -> None:
    top = dataset.num_categories - 1
    with (folder / "answers.txt").open("w", encoding="utf-8", newline="\n") as stream:
        for history in dataset.students.values():
            lines = [[str(len(history))], [answer.item_id for answer in history]]
            if has_skills:
                lines.append([";".join(answer.skill_ids) for answer in history])
            written = (f"{a.response / top:.3f}" if has_credits else str(a.response) for a in history)
            lines.append(list(written))
            stream.writelines(f"{','.join(line)}\n" for line in lines)
