"""ASSISTments 2017, the data mining competition: one row per action, 76 or more columns.

- Every action is an answer, a request for a hint a wrong one, as in the published studies of these data.
- `endTime` is when the action was done, in seconds since 1970; `timeTaken` is seconds, unknown where `startTime` lies
  after `endTime`.
- `attemptCount` counts all problems a student has attempted so far, not the tries at this one: not read.
"""

from knowtrace.sources.layout import Layout

COLUMNS = {
    "student": "studentId",
    "item": "problemId",
    "correct": "correct",
    "skill": "skill",
    "time": "endTime",
    "elapsed": "timeTaken",
    "hints": "hintCount",
    "session": "assignmentId",
}
START = "startTime"
POSITIONS = ("action_num", "actionId")
"""The action's number, under the names of the two releases."""


def is_assistments2017(header: list[str]) -> bool:
    return set(COLUMNS.values()) <= set(header)


def layout_of(header: list[str]) -> Layout:
    """Return the layout of one release: they name the action's number differently, or leave columns out."""
    number = next((name for name in POSITIONS if name in header), None)
    optional = {"position": number} if number is not None else {}
    if START in header:
        optional["start"] = START
    return Layout(
        format="ASSISTments 2017 raw",
        columns={**COLUMNS, **optional},
        is_binary=True,
        responses="ordered",
        notes=("Rows are actions: a request for a hint counts as a wrong answer.",),
    )
