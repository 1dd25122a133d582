"""ASSISTments 2009-2010 skill builder as its owners publish it: 30 columns, sometimes a leading index.

An answer to an item of several skills is several rows with one `order_id`: they become one interaction.
Rows are ordered by `order_id`. There is no timestamp, and none is made up. Hints used are `hint_count`;
`hint_total` counts the hints that exist. The column `position` is the assignment's place in its sequence, not
the answer's.
"""

from knowtrace.sources.layout import Layout

COLUMNS = {
    "student": "user_id",
    "item": "problem_id",
    "correct": "correct",
    "skill": "skill_id",
    "skill_name": "skill_name",
    "position": "order_id",
    "elapsed": "ms_first_response",
    "hints": "hint_count",
    "attempt": "attempt_count",
    "session": "assignment_id",
}


def is_assistments2009(header: list[str]) -> bool:
    return set(COLUMNS.values()) <= set(header)


LAYOUT = Layout(
    format="ASSISTments 2009 raw",
    columns=COLUMNS,
    is_binary=True,
    elapsed_per_second=1000.0,
    is_one_answer_per_position=True,
    has_decimal_skill_ids=True,
    notes=("The source keeps only the order of answers, not their times.",),
)
