"""Gold: what models, services and reports read; and the places that later stages fill."""

from knowtrace.lake.tables import ITEM, POSITION, SPLIT, USER, Table, column

SKILL_SET = column("skill_set", "int", "The set of skills of the answer: a row of gold.skill_sets.", low=1)
MODEL_VERSION = column("model_version", "text", "The run that computed it.")
COMPUTED_AT = column("computed_at", "timestamp", "When it was computed.")

ITEM_VOCABULARY = Table(
    layer="gold",
    name="item_vocabulary",
    grain="one item",
    owner="lake/vocabularies.py",
    key=("item_id",),
    may_be_empty=False,
    columns=(
        ITEM,
        column(
            "item_index",
            "long",
            "From 2: 0 is padding, 1 an item never seen. An index is never reused.",
            low=2,
        ),
    ),
)

SKILL_VOCABULARY = Table(
    layer="gold",
    name="skill_vocabulary",
    grain="one skill",
    owner="lake/vocabularies.py",
    key=("skill_id",),
    columns=(
        column("skill_id", "text", "The skill."),
        column(
            "skill_index",
            "long",
            "From 2: 0 is padding, 1 a skill never seen. An index is never reused.",
            low=2,
        ),
    ),
)

SKILL_SETS = Table(
    layer="gold",
    name="skill_sets",
    grain="one set of skills that answers were logged with, in one order",
    owner="lake/vocabularies.py",
    key=("skill_ids",),
    may_be_empty=False,
    columns=(
        column("skill_ids", "texts", "The skills, in the source's order; empty for none."),
        column("skill_set", "long", "From 1, in order of first appearance. A number is never reused.", low=1),
    ),
)

ITEM_DAYS = Table(
    layer="gold",
    name="item_days",
    grain="one item on one day",
    owner="lake/item_counts.py",
    key=("item_id", "day"),
    columns=(
        ITEM,
        column("day", "long", "Days since 1970, UTC; null for answers whose date is unknown.", null=True),
        column("num_events", "long", "Answers.", low=1),
        column("num_correct", "long", "Of them in the highest category.", low=0),
        column("num_training_events", "long", "Answers of training students.", low=0),
        column("num_training_correct", "long", "Of them in the highest category.", low=0),
        column("training_events_before", "long", "Answers of training students on the days before.", low=0),
        column("training_correct_before", "long", "Of them in the highest category.", low=0),
    ),
)

SEQUENCES = Table(
    layer="gold",
    name="sakt_sequences",
    grain="one student",
    owner="lake/sequences.py",
    key=("user_id",),
    is_bucketed=True,
    may_be_empty=False,
    columns=(
        USER,
        SPLIT,
        column("fold", "int", "As in silver.user_splits.", low=0, high=4),
        column("given_split", "text", "As in silver.user_splits.", null=True),
        column("num_events", "long", "Length of each list.", low=1),
        column("items", "longs", "Item indices, in the student's order, the whole history."),
        column("skill_sets", "longs", "Skill sets, one per answer."),
        column("responses", "ints", "Categories, from 0."),
        column("answered_at", "longs", "Microseconds since 1970; null where unknown."),
        column("elapsed_ms", "longs", "Milliseconds on the item; null where unknown."),
        column(
            "containers", "longs", "Of each answer, the position of the first one given together with it."
        ),
    ),
    references={"user_id": ("silver.users", "user_id")},
)

FEATURES = Table(
    layer="gold",
    name="wdirt_features",
    grain="one answer, with what was known before it and all that was given together with it",
    owner="lake/features.py",
    key=("user_id", "position"),
    is_bucketed=True,
    may_be_empty=False,
    columns=(
        USER,
        POSITION,
        SPLIT,
        column("item_index", "long", "As in gold.item_vocabulary.", low=2),
        SKILL_SET,
        column("correct", "int", "The target: 1 for the highest category.", low=0, high=1),
        column("attempts_before", "long", "Answers of the student before.", low=0),
        column("correct_before", "long", "Of them correct.", low=0),
        column("item_attempts_before", "long", "Answers of the student to this item before.", low=0),
        column(
            "recent_accuracy", "double", "Mean of `correct` over the last 10; 0.5 for none.", low=0, high=1
        ),
        column(
            "help_tendency",
            "double",
            "Share with help of the last 20; null if unknown.",
            null=True,
            low=0,
            high=1,
        ),
        column(
            "recent_latency_bucket",
            "int",
            "Mean latency of the last 10: 1 unknown, 2 to 10 by the edges 1, 2, 3, 5, 10, 20, 30, 60 s; 0 is padding.",
            low=1,
            high=10,
        ),
        column(
            "hours_since_last", "double", "Hours since the last answer; null if unknown.", null=True, low=0
        ),
        column(
            "item_attempts", "long", "Answers of training students to the item up to the day before.", low=0
        ),
        column(
            "item_success_rate",
            "double",
            "(right + 1) / (answers + 2) of these; 0.5 when there is none.",
            low=0,
            high=1,
        ),
    ),
    references={
        "user_id": ("silver.users", "user_id"),
        "item_index": ("gold.item_vocabulary", "item_index"),
        "skill_set": ("gold.skill_sets", "skill_set"),
    },
)

PREDICTIONS = Table(
    layer="gold",
    name="sakt_predictions",
    grain="one prediction of one answer",
    owner="written by scoring jobs",
    key=("user_id", "position", "model_version"),
    columns=(
        USER,
        ITEM,
        POSITION,
        column("actual", "int", "The response.", low=0),
        column("predicted", "double", "The expected score before the answer.", low=0, high=1),
        MODEL_VERSION,
        COMPUTED_AT,
    ),
)

ATTENTION = Table(
    layer="gold",
    name="sakt_attention",
    grain="one answer's influence on one prediction",
    owner="written by scoring jobs",
    key=("user_id", "position", "rank", "model_version"),
    columns=(
        USER,
        POSITION,
        column("rank", "int", "From 1, by weight.", low=1),
        column("influence_position", "long", "The earlier answer.", low=1),
        ITEM,
        column("correct", "int", "Whether it was right.", low=0, high=1),
        column("weight", "double", "Its share of the attention.", low=0, high=1),
        MODEL_VERSION,
        COMPUTED_AT,
    ),
)

ITEM_PARAMETERS = Table(
    layer="gold",
    name="item_parameters",
    grain="one item under one calibration",
    owner="written by calibration jobs",
    key=("item_id", "model_version"),
    columns=(
        ITEM,
        column("skill_id", "text", "Its first skill.", null=True),
        column("difficulty", "double", "On the ability scale."),
        column("discrimination", "double", "Positive.", low=0),
        column("guessing", "double", "A chance.", low=0, high=1),
        column("difficulty_error", "double", "Standard error.", null=True, low=0),
        column("num_events", "long", "Answers behind it.", low=0),
        MODEL_VERSION,
        COMPUTED_AT,
    ),
)

ITEM_DRIFT = Table(
    layer="gold",
    name="item_drift",
    grain="one item in one window of time",
    owner="written by watching jobs",
    key=("item_id", "computed_at"),
    columns=(
        ITEM,
        column("difficulty", "double", "As calibrated."),
        column("recent_success_rate", "double", "In the window.", low=0, high=1),
        column("implied_difficulty", "double", "What the window says."),
        column("drift_score", "double", "Distance of the two.", low=0),
        column("has_drift", "boolean", "Whether it exceeds the limit."),
        column("recent_attempts", "long", "Answers in the window.", low=0),
        COMPUTED_AT,
    ),
)

RECOMMENDATIONS = Table(
    layer="gold",
    name="bandit_recommendations",
    grain="one recommended item",
    owner="written by deciding jobs",
    key=("decision_id", "rank"),
    columns=(
        column("decision_id", "text", "The decision."),
        USER,
        ITEM,
        column("skill_id", "text", "The skill asked for.", null=True),
        column("rank", "int", "From 1.", low=1),
        column("expected_reward", "double", "As the policy saw it.", null=True),
        column("uncertainty", "double", "As the policy saw it.", null=True, low=0),
        column("propensity", "double", "The chance it was chosen with.", null=True, low=0, high=1),
        COMPUTED_AT,
    ),
)

CONTENT_LIBRARY = Table(
    layer="gold",
    name="content_library",
    grain="one piece of content",
    owner="written by content jobs",
    key=("content_id",),
    columns=(
        column("content_id", "text", "The content."),
        column("content_type", "text", "skill_description or item_explanation."),
        column("title", "text", "Its title."),
        column("text", "text", "Its text."),
        column("skill_id", "text", "The skill it is about.", null=True),
        column("item_id", "text", "The item it is about.", null=True),
    ),
)

CONTENT_EMBEDDINGS = Table(
    layer="gold",
    name="content_embeddings",
    grain="one piece of content under one embedding",
    owner="written by content jobs",
    key=("content_id", "model_version"),
    columns=(
        column("content_id", "text", "The content."),
        column("embedding", "doubles", "The vector."),
        MODEL_VERSION,
    ),
    references={"content_id": ("gold.content_library", "content_id")},
)

EXPLANATIONS = Table(
    layer="gold",
    name="rag_explanations",
    grain="one explanation",
    owner="written by explaining jobs",
    key=("explanation_id",),
    columns=(
        column("explanation_id", "text", "The explanation."),
        USER,
        column("item_id", "text", "The item, if it is about one.", null=True),
        column("skill_id", "text", "The skill, if it is about one.", null=True),
        column("explanation_type", "text", "wrong_answer, mastery_insight or recommendation."),
        column("text", "text", "What it says."),
        column("sources", "texts", "The content it rests on."),
        MODEL_VERSION,
        COMPUTED_AT,
    ),
)

PLACES = (
    PREDICTIONS,
    ATTENTION,
    ITEM_PARAMETERS,
    ITEM_DRIFT,
    RECOMMENDATIONS,
    CONTENT_LIBRARY,
    CONTENT_EMBEDDINGS,
    EXPLANATIONS,
)
"""Tables that the lake declares and later stages fill."""

GOLD = (ITEM_VOCABULARY, SKILL_VOCABULARY, SKILL_SETS, ITEM_DAYS, SEQUENCES, FEATURES, *PLACES)
