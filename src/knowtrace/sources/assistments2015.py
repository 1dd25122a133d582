"""ASSISTments 2015, 100 skill builders: four columns, `user_id`, `log_id`, `sequence_id` and `correct`.

There is no item and no time: the skill builder is the skill and the item, and rows are ordered by `log_id`.
Fractions in `correct` are neither right nor wrong and go to quarantine, unless the caller asks for partial
credit.
"""

from knowtrace.sources.layout import Layout

COLUMNS = {"student": "user_id", "skill": "sequence_id", "correct": "correct", "position": "log_id"}


def is_assistments2015(header: list[str]) -> bool:
    return set(COLUMNS.values()) <= set(header)


LAYOUT = Layout(
    format="ASSISTments 2015 raw",
    columns=COLUMNS,
    is_binary=True,
    has_decimal_skill_ids=True,
    responses="ordered",
    notes=(
        "No item column: the skill (sequence_id) is the item.",
        "The source keeps only the order of answers, not their times.",
    ),
)
