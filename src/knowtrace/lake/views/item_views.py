"""How good each item is, over time and as models see it."""

from knowtrace.lake.views.view import (
    DATED,
    ITEM,
    NUM_ANSWERS,
    NUM_STUDENTS,
    SHARE_CORRECT,
    View,
    date,
    double,
    long,
    text,
)

QUALITY = View(
    name="bi_item_quality",
    grain="one item",
    about="What answers say of each item: difficulty, separation, time, help.",
    key=(ITEM,),
    labels=(text("skills", "The skills it was most often logged with, parted by commas; empty for none."),),
    measures=(
        NUM_STUDENTS,
        NUM_ANSWERS,
        SHARE_CORRECT,
        double("first_share_correct", "Share correct of the students' first answers to it."),
        double("mean_credit", "Mean response as a share of the highest category, 0 to 1."),
        double(
            "item_rest_correlation",
            "Correlation of the first answer with the student's share correct on all other items, -1 to 1; null when"
            " either does not vary.",
            students="num_rest_students",
        ),
        double("median_seconds", "Median time on an answer, seconds.", students="num_timed_students"),
        double("share_with_help", "Share of answers with a hint taken.", students="num_help_students"),
    ),
    cells="""
        SELECT
            a.item_id,
            i.skills,
            COUNT(DISTINCT a.user_id) AS num_students,
            COUNT(*) AS num_answers,
            AVG(CAST(a.correct AS DOUBLE)) AS share_correct,
            AVG(a.first) AS first_share_correct,
            AVG(CAST(a.response AS DOUBLE) / (a.num_categories - 1)) AS mean_credit,
            CASE
                WHEN MIN(a.paired_first) < MAX(a.paired_first) AND MIN(a.rest) < MAX(a.rest)
                THEN CORR(a.paired_first, a.rest)
            END AS item_rest_correlation,
            COUNT(DISTINCT CASE WHEN a.rest IS NOT NULL THEN a.user_id END) AS num_rest_students,
            QUANTILE_CONT(CAST(a.latency_ms AS DOUBLE) / 1000, 0.5) AS median_seconds,
            COUNT(DISTINCT CASE WHEN a.latency_ms IS NOT NULL THEN a.user_id END) AS num_timed_students,
            AVG(CAST(CASE WHEN a.help_requested THEN 1 WHEN NOT a.help_requested THEN 0 END AS DOUBLE))
                AS share_with_help,
            COUNT(DISTINCT CASE WHEN a.help_requested IS NOT NULL THEN a.user_id END) AS num_help_students
        FROM (
            SELECT
                b.*,
                CASE WHEN b.nth = 1 THEN CAST(b.correct AS DOUBLE) END AS first,
                CASE WHEN b.nth = 1 AND b.num_user > b.num_user_item THEN CAST(b.correct AS DOUBLE) END AS paired_first,
                CASE
                    WHEN b.nth = 1 AND b.num_user > b.num_user_item
                    THEN CAST(b.num_user_correct - b.num_user_item_correct AS DOUBLE) / (b.num_user - b.num_user_item)
                END AS rest
            FROM (
                SELECT
                    e.user_id,
                    e.item_id,
                    e.correct,
                    e.response,
                    e.num_categories,
                    e.latency_ms,
                    e.help_requested,
                    ROW_NUMBER() OVER (PARTITION BY e.user_id, e.item_id ORDER BY e.position) AS nth,
                    COUNT(*) OVER (PARTITION BY e.user_id) AS num_user,
                    SUM(e.correct) OVER (PARTITION BY e.user_id) AS num_user_correct,
                    COUNT(*) OVER (PARTITION BY e.user_id, e.item_id) AS num_user_item,
                    SUM(e.correct) OVER (PARTITION BY e.user_id, e.item_id) AS num_user_item_correct
                FROM silver.canonical_learning_events AS e
            ) AS b
        ) AS a
        JOIN (SELECT item_id, ARRAY_TO_STRING(skill_ids, ', ') AS skills FROM silver.items) AS i
            ON a.item_id = i.item_id
        GROUP BY a.item_id, i.skills
    """,
)

MONTHS = View(
    name="bi_item_months",
    grain="one item in one month",
    about="Whether an item becomes easier or harder: its answers by month.",
    key=(ITEM, date("month", "The month's first day, UTC.")),
    measures=(NUM_STUDENTS, NUM_ANSWERS, SHARE_CORRECT),
    family=("item_id",),
    within=QUALITY.name,
    cells=f"""
        SELECT
            e.item_id,
            CAST(DATE_TRUNC('month', e.timestamp) AS DATE) AS month,
            COUNT(DISTINCT e.user_id) AS num_students,
            COUNT(*) AS num_answers,
            AVG(CAST(e.correct AS DOUBLE)) AS share_correct
        FROM silver.canonical_learning_events AS e
        WHERE {DATED}
        GROUP BY e.item_id, CAST(DATE_TRUNC('month', e.timestamp) AS DATE)
    """,
)

PARAMETERS = View(
    name="bi_item_parameters",
    grain="one item under one calibration",
    about="Difficulty and discrimination on the ability scale, once a calibration has written gold.item_parameters.",
    key=(ITEM, text("model_version", "The calibration.")),
    measures=(
        double("difficulty", "On the ability scale, logits."),
        double("discrimination", "Positive."),
        double("guessing", "The chance to be right by guessing."),
        double("difficulty_error", "Standard error of the difficulty."),
        NUM_ANSWERS,
    ),
    family=("item_id",),
    within=QUALITY.name,
    cells="""
        SELECT p.item_id, p.model_version, p.difficulty, p.discrimination, p.guessing, p.difficulty_error,
            p.num_events AS num_answers
        FROM gold.item_parameters AS p
    """,
)

DRIFT = View(
    name="bi_item_drift",
    grain="one item in one window of time",
    about="Items that no longer behave as calibrated, once a watching job has written gold.item_drift.",
    key=(ITEM, date("computed_on", "The day of the watch, UTC.")),
    measures=(
        double("difficulty", "As calibrated, logits."),
        double("implied_difficulty", "What the window says, logits."),
        double("drift_score", "Distance of the two."),
        long("num_drifted", "1 if the distance exceeds the limit, else 0."),
    ),
    family=("item_id",),
    within=QUALITY.name,
    cells="""
        SELECT d.item_id, CAST(d.computed_at AS DATE) AS computed_on, d.difficulty, d.implied_difficulty,
            d.drift_score, CASE WHEN d.has_drift THEN 1 ELSE 0 END AS num_drifted
        FROM (
            SELECT g.*, ROW_NUMBER() OVER (
                PARTITION BY g.item_id, CAST(g.computed_at AS DATE) ORDER BY g.computed_at DESC
            ) AS back
            FROM gold.item_drift AS g
        ) AS d
        WHERE d.back = 1
    """,
)

ITEM_VIEWS = (QUALITY, MONTHS, PARAMETERS, DRIFT)
