"""EDM Cup 2023 (ASSISTments): clicks in `action_logs.csv`, and the tables that say whose and about what.

- An interaction is the first response to a problem within an assignment; later responses are merged into it.
- Its elapsed time runs from the first `problem_started` to it: unknown without one before it, or beyond a day.
- Its hints used are the requests for help of any kind before it. After `answer_requested` it is wrong: the answer was
  copied.
- `open_response` is not graded, so it is no answer. All other actions are counted in a note, those of unknown
  names by name.
- The session is the assignment. Skills are the problem's `problem_skill_code`.
- Scores of unit tests (`training_unit_test_scores.csv`) are answers, too. They have no times of their own: they
  carry the start of their assignment, which is also their container, for nothing is known of their order.
- `assignment_relationships.csv` adds nothing to an interaction and is not read; a lake lands it as it is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from knowtrace.errors import DataError
from knowtrace.sources.column_rows import column_rows
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.edm_cup_actions import COLUMNS, RESPONSES, Visit, read_visits
from knowtrace.sources.edm_cup_tables import Assignment, find_table, read_assignments, read_problems
from knowtrace.sources.gathering import Answer, Gathering
from knowtrace.standards.cells import LONGEST_ANSWER_SECONDS, NO_ITEM, BadCellError

SCORE_TABLES = ("training_unit_test_scores", "unit_test_scores")
SCORE_COLUMNS = ("assignment_log_id", "problem_id", "score")
SCORES = {"1": "1", "1.0": "1", "0": "0", "0.0": "0"}

UNKNOWN_ASSIGNMENT = "every assignment is in assignment_details"
NO_SCORE = "a score is 0 or 1"


class _Score(NamedTuple):
    """A row of a table of unit-test scores."""

    line: int
    assignment_id: str
    item_id: str
    response: str


def is_edm_cup(header: list[str]) -> bool:
    return set(COLUMNS) <= set(header)


def read_edm_cup(path: Path, contents: Path | None) -> Dataset:
    """Read action_logs.csv with the tables beside it, or in the folder `contents`.

    Raises: DataError when assignment_details or problem_details is missing, or no answer is left.
    """
    folder = contents or path.parent
    details, problems = (find_table(folder, (name,)) for name in ("assignment_details", "problem_details"))
    if details is None or problems is None:
        missing = "assignment_details.csv" if details is None else ""
        missing += " and " if details is None and problems is None else ""
        missing += "problem_details.csv" if problems is None else ""
        raise DataError(
            f"EDM Cup's {path.name} needs {missing}, not found in {folder}: put the tables beside it, or give their "
            "folder with contents= in Python or --contents on the command line."
        )
    gathering = Gathering(
        name=path.resolve().parent.name, format="EDM Cup 2023", response_column="action", is_binary=True
    )
    visits = read_visits(path, gathering)
    score_table = find_table(folder, SCORE_TABLES)
    scores = [] if score_table is None else _read_scores(score_table, gathering)
    wanted = {assignment_id for assignment_id, _ in visits} | {score.assignment_id for score in scores}
    assignments = read_assignments(details, wanted, gathering)
    skills_of, skill_names = read_problems(problems, gathering)
    asked = {problem_id for _, problem_id in visits} | {score.item_id for score in scores}
    if unknown := asked - skills_of.keys():
        gathering.notes.append(f"{len(unknown):,} problems are not in {problems.name}: they have no skills.")
    _gather_visits(path.name, visits, assignments, skills_of, gathering)
    if score_table is not None:
        for score in scores:
            _gather_score(score_table.name, score, assignments, skills_of, gathering)
    return gathering.settle(responses="ordered", skill_names=skill_names)


def _gather_visits(
    file: str,
    visits: Mapping[tuple[str, str], Visit],
    assignments: Mapping[str, Assignment],
    skills_of: Mapping[str, tuple[str, ...]],
    gathering: Gathering,
) -> None:
    num_skewed = 0
    for (assignment_id, problem_id), visit in visits.items():
        assert visit.first is not None
        seconds, line = visit.first
        if (assignment := assignments.get(assignment_id)) is None:
            gathering.reject(file, line, "assignment_log_id", assignment_id, UNKNOWN_ASSIGNMENT)
            continue
        elapsed = None if visit.started is None else round(seconds - visit.started[0], 3)
        num_skewed += elapsed is not None and elapsed < 0
        gathering.num_unknown_elapsed += elapsed is not None and elapsed > LONGEST_ANSWER_SECONDS
        answer = Answer(
            order=visit.first,
            item_id=problem_id,
            skill_ids=skills_of.get(problem_id, ()),
            response=RESPONSES["wrong_response"]
            if visit.shown and visit.shown < visit.first
            else visit.response,
            answered_at=visit.answered_at,
            elapsed_seconds=elapsed
            if elapsed is not None and 0 <= elapsed <= LONGEST_ANSWER_SECONDS
            else None,
            hints_used=sum(moment < visit.first for moment in visit.helps),
            attempt=None,
            session_id=assignment_id,
            container_id=None,
            file=file,
            line=line,
        )
        gathering.answers.setdefault(assignment.student_id, []).append(answer)
    if num_skewed:
        gathering.notes.append(
            f"{num_skewed:,} problems were answered before they were started: their elapsed time is unknown."
        )


def _read_scores(path: Path, gathering: Gathering) -> list[_Score]:
    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    scores: list[_Score] = []
    for line, (assignment_id, problem_id, score) in column_rows(path, SCORE_COLUMNS, reject):
        if not problem_id:
            reject(line, "problem_id", "", NO_ITEM)
        elif score not in SCORES:
            reject(line, "score", score, NO_SCORE)
        else:
            scores.append(_Score(line, assignment_id, problem_id, SCORES[score]))
    return scores


def _gather_score(
    file: str,
    score: _Score,
    assignments: Mapping[str, Assignment],
    skills_of: Mapping[str, tuple[str, ...]],
    gathering: Gathering,
) -> None:
    if (assignment := assignments.get(score.assignment_id)) is None:
        gathering.reject(file, score.line, "assignment_log_id", score.assignment_id, UNKNOWN_ASSIGNMENT)
        return
    try:
        started_at, seconds = gathering.time_of(assignment.start_time, "assignment_start_time")
    except BadCellError as bad:
        gathering.reject(file, score.line, bad.column, bad.value, bad.rule)
        return
    answer = Answer(
        order=(seconds, score.line),
        item_id=score.item_id,
        skill_ids=skills_of.get(score.item_id, ()),
        response=score.response,
        answered_at=started_at,
        elapsed_seconds=None,
        hints_used=None,
        attempt=None,
        session_id=score.assignment_id,
        container_id=score.assignment_id,
        file=file,
        line=score.line,
    )
    gathering.answers.setdefault(assignment.student_id, []).append(answer)
