"""Silver: one canonical event per answer, and who and what it speaks of."""

from knowtrace.lake.tables import (
    ITEM,
    LOADED_AT,
    POSITION,
    SOURCE_FILE,
    SPLIT,
    USER,
    Table,
    column,
)

EVENTS = Table(
    layer="silver",
    name="canonical_learning_events",
    grain="one answer of one student to one item",
    owner="lake/events.py",
    key=("user_id", "position"),
    is_bucketed=True,
    may_be_empty=False,
    columns=(
        USER,
        POSITION,
        column(
            "container",
            "long",
            "Position of the first answer given together with it: none of them was known before another.",
            low=1,
        ),
        ITEM,
        column("skill_ids", "texts", "The skills of the answer, in the source's order; empty for none."),
        column(
            "timestamp",
            "timestamp",
            "When it was answered, UTC; null where only the order is known.",
            null=True,
        ),
        column("correct", "int", "1 for the highest category, else 0.", low=0, high=1),
        column("response", "int", "The category, from 0.", low=0),
        column("num_categories", "int", "How many categories the source has.", low=2),
        column("action_sequence_id", "text", "The session, or else the container.", null=True),
        column("container_id", "text", "What the source says the answer was given together with.", null=True),
        column(
            "latency_ms",
            "long",
            "Milliseconds on the item; null if unknown or above a day.",
            null=True,
            low=0,
        ),
        column(
            "help_requested",
            "boolean",
            "Whether a hint was taken; null if the source does not say.",
            null=True,
        ),
        column("hints_used", "int", "Hints taken before the answer.", null=True, low=0),
        column("attempt", "int", "Which attempt at the item it was, from the source.", null=True, low=0),
        column("event_id", "text", "The source's own id of the answer, if it has one.", null=True),
        column("dataset", "text", "The source the answer came from."),
        column("order_key", "long", "The source's own order among answers of one time."),
        SOURCE_FILE,
        column("line", "long", "The line in that file, where the reader tells.", null=True, low=1),
        LOADED_AT,
    ),
    references={"user_id": ("silver.users", "user_id"), "item_id": ("silver.items", "item_id")},
)

QUARANTINE = Table(
    layer="silver",
    name="quarantine",
    grain="one row that is no answer, and why",
    owner="lake/events.py, lake/landing.py",
    key=(),
    columns=(
        SOURCE_FILE,
        column("line", "long", "The line in that file, where the reader tells.", null=True, low=1),
        column("column_name", "text", "The column that breaks the rule; empty for the whole row."),
        column("value", "text", "What stands there, its first 200 characters."),
        column("rule", "text", "The rule it breaks."),
        column(
            "stage",
            "text",
            "landing (the row could not be read), candidate (a cell), merge (a repeat) or correction (an answer with "
            "a later version, or withdrawn).",
        ),
        LOADED_AT,
    ),
)

USERS = Table(
    layer="silver",
    name="users",
    grain="one student",
    owner="lake/people.py",
    key=("user_id",),
    is_bucketed=True,
    may_be_empty=False,
    columns=(
        USER,
        column("num_events", "long", "Answers.", low=1),
        column("num_items", "long", "Distinct items answered.", low=1),
        column("share_correct", "double", "Share of answers in the highest category.", low=0, high=1),
        column("first_at", "timestamp", "The first answer's time.", null=True),
        column("last_at", "timestamp", "The last answer's time.", null=True),
    ),
)

USER_SPLITS = Table(
    layer="silver",
    name="user_splits",
    grain="one student",
    owner="lake/people.py",
    key=("user_id",),
    is_bucketed=True,
    may_be_empty=False,
    columns=(
        USER,
        SPLIT,
        column("fold", "int", "0 to 4, of equal chance: for five-fold studies.", low=0, high=4),
        column(
            "given_split",
            "text",
            "The split the source publishes, as first told: `split` follows it.",
            null=True,
        ),
    ),
    references={"user_id": ("silver.users", "user_id")},
)

ITEMS = Table(
    layer="silver",
    name="items",
    grain="one item that was answered",
    owner="lake/item_counts.py",
    key=("item_id",),
    may_be_empty=False,
    columns=(
        ITEM,
        column("skill_ids", "texts", "The skills it was most often logged with."),
        column("num_events", "long", "Answers.", low=1),
        column(
            "share_correct",
            "double",
            "Share in the highest category, training students only.",
            null=True,
            low=0,
            high=1,
        ),
        column("num_training_events", "long", "Answers of training students.", low=0),
    ),
)

ITEM_SKILL_SETS = Table(
    layer="silver",
    name="item_skill_sets",
    grain="one item logged with one set of skills",
    owner="lake/item_counts.py",
    key=("item_id", "skill_ids"),
    may_be_empty=False,
    columns=(
        ITEM,
        column("skill_ids", "texts", "The skills, in the source's order."),
        column("num_events", "long", "Answers.", low=1),
        column("num_training_events", "long", "Answers of training students.", low=0),
        column("num_training_correct", "long", "Of them in the highest category.", low=0),
    ),
)

SKILLS = Table(
    layer="silver",
    name="skills",
    grain="one skill that an answer was logged with",
    owner="lake/item_counts.py",
    key=("skill_id",),
    columns=(
        column("skill_id", "text", "The skill, as the source writes it, or what the skill map calls it."),
        column("name", "text", "Its name, by the skill map.", null=True),
        column("topic", "text", "Its topic, by the skill map.", null=True),
        column("num_items", "long", "Items logged with it.", low=1),
        column("num_events", "long", "Answers logged with it.", low=1),
    ),
)

SKILL_MAP = Table(
    layer="silver",
    name="skill_map",
    grain="one tag of a source that a person has given a skill",
    owner="lake/skill_maps.py",
    key=("tag",),
    columns=(
        column("tag", "text", "The tag, as the source writes it."),
        column("skill_id", "text", "The skill that stands in its place in silver and gold."),
        column("name", "text", "The skill's name.", null=True),
        column("topic", "text", "The skill's topic.", null=True),
        column("reviewed_by", "text", "Who says so."),
        column("reviewed_on", "text", "The day of the review, as 2026-11-21."),
        LOADED_AT,
    ),
)

ERASED_STUDENTS = Table(
    layer="silver",
    name="erased_students",
    grain="one student who was erased, and whose rows no build takes again",
    owner="lake/erase.py",
    key=("student_hash",),
    columns=(
        column("student_hash", "text", "HMAC-SHA-256 of the id, under the key in the lake's _erasure_key."),
        column("receipt_id", "text", "The receipt of the erasure, in the lake's _erasures."),
        column("erased_at", "timestamp", "When."),
    ),
)

SILVER = (EVENTS, QUARANTINE, USERS, USER_SPLITS, ITEM_SKILL_SETS, ITEMS, SKILLS, SKILL_MAP, ERASED_STUDENTS)
