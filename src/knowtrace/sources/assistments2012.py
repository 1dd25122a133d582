"""ASSISTments 2012-2013 with affect predictions, as its owners publish it.

- `start_time` is when the problem was opened, on the owners' clock; the answer came `ms_first_response` later.
- `correct` is 0 or 1; the fractions of hand-graded essays are no right or wrong answer and go to quarantine,
  unless the caller asks for partial credit.
- Hints used are `hint_count`; the column `position` is the assignment's place in its sequence.
"""

from knowtrace.sources.layout import Layout

COLUMNS = {
    "student": "user_id",
    "item": "problem_id",
    "correct": "correct",
    "skill": "skill_id",
    "skill_name": "skill",
    "time": "start_time",
    "position": "problem_log_id",
    "elapsed": "ms_first_response",
    "hints": "hint_count",
    "attempt": "attempt_count",
    "session": "assignment_id",
}


def is_assistments2012(header: list[str]) -> bool:
    return set(COLUMNS.values()) <= set(header)


LAYOUT = Layout(
    format="ASSISTments 2012 raw",
    columns=COLUMNS,
    is_binary=True,
    elapsed_per_second=1000.0,
    is_one_answer_per_position=True,
    has_decimal_skill_ids=True,
    is_time_of_start=True,
    responses="ordered",
    notes=("Times have no zone in the source and were read as UTC.",),
)
