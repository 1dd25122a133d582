"""EdNet's table of questions: the right answer, the bundle and the skills of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.sources.lines import numbered_lines, opened
from knowtrace.sources.records import header_of, records

NAMES = ("questions.csv", "questions.csv.gz")
COLUMNS = ("question_id", "bundle_id", "correct_answer", "tags")
UNTAGGED = "-1"
CHOICES = ("a", "b", "c", "d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    bundle_id: str
    correct_answer: str
    skill_ids: tuple[str, ...]


def find_contents(answers: Path, given: Path | None, *, owner: str = "EdNet") -> Path:
    """Return the questions table: the one given (a file or its folder), or one beside or above the answers.

    Raises: DataError, which names the data's `owner`, when there is none.
    """
    folder = answers if answers.is_dir() else answers.parent
    if given is not None and given.is_file():
        return given
    folders = [folder, folder.resolve().parent] if given is None else [given]
    places = [place / name for f in folders for place in (f, f / "contents") for name in NAMES]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        where = f"in {given}" if given is not None else f"beside {answers.name} or in the folder above"
        raise DataError(
            f"{owner} answers need the table questions.csv, which is not {where}: give it with contents= in "
            "Python or --contents on the command line."
        )
    return found


def read_questions(path: Path) -> Mapping[str, Question]:
    """Return the questions by id. Raises: DataError when columns are missing."""
    with opened(path) as stream:
        lines = numbered_lines(stream, lambda _number, _line: None)
        delimiter, header = header_of(next((line for _, line in lines), ""))
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            names = ", ".join(missing)
            raise DataError(f"{path.name} has no column {names}: give EdNet's table of questions.")
        at = [header.index(name) for name in COLUMNS]
        questions: dict[str, Question] = {}
        for _, cells in records(lines, delimiter, header, lambda *_: None):
            question_id, bundle_id, correct_answer, tags = (cells[i].strip() for i in at)
            skill_ids = tuple(dict.fromkeys(tag for tag in tags.split(";") if tag not in ("", UNTAGGED)))
            questions[question_id] = Question(
                bundle_id=bundle_id, correct_answer=correct_answer, skill_ids=skill_ids
            )
    return questions
