"""What was loaded, what was refused, and how true predictions were."""

from knowtrace.lake.views.view import (
    NUM_ANSWERS,
    NUM_STUDENTS,
    SHARE_CORRECT,
    View,
    date,
    double,
    long,
    text,
)

LOADED = View(
    name="bi_loaded_answers",
    grain="one day on which answers were loaded",
    about="What each load brought. Files are not named: a source may keep one file per student.",
    key=(date("loaded_on", "The day of the load, UTC."),),
    measures=(
        NUM_STUDENTS,
        NUM_ANSWERS,
        SHARE_CORRECT,
        long("num_without_skill", "Answers with no skill."),
        long("num_without_time", "Answers whose time is unknown."),
        long("num_without_seconds", "Answers whose time on the item is unknown."),
    ),
    cells="""
        SELECT
            CAST(e.loaded_at AS DATE) AS loaded_on,
            COUNT(DISTINCT e.user_id) AS num_students,
            COUNT(*) AS num_answers,
            AVG(CAST(e.correct AS DOUBLE)) AS share_correct,
            SUM(CASE WHEN ARRAY_TO_STRING(e.skill_ids, '') = '' THEN 1 ELSE 0 END) AS num_without_skill,
            SUM(CASE WHEN e.timestamp IS NULL THEN 1 ELSE 0 END) AS num_without_time,
            SUM(CASE WHEN e.latency_ms IS NULL THEN 1 ELSE 0 END) AS num_without_seconds
        FROM silver.canonical_learning_events AS e
        GROUP BY CAST(e.loaded_at AS DATE)
    """,
)

REFUSED = View(
    name="bi_quarantine",
    grain="one rule that rows of one day's loads broke",
    about="Rows that are no answers, by rule. Neither the files nor what stands in the rows is shown.",
    key=(
        date("loaded_on", "The day of the load, UTC."),
        text("stage", "Where the row was refused: landing, candidate or merge."),
        text("column_name", "The column that breaks the rule; empty for the whole row."),
        text("rule", "The rule."),
    ),
    measures=(long("num_rows", "Rows refused."),),
    cells="""
        SELECT CAST(q.loaded_at AS DATE) AS loaded_on, q.stage, q.column_name, q.rule, COUNT(*) AS num_rows
        FROM silver.quarantine AS q
        GROUP BY CAST(q.loaded_at AS DATE), q.stage, q.column_name, q.rule
    """,
)

CALIBRATION = View(
    name="bi_prediction_calibration",
    grain="one model version and one tenth of predicted scores",
    about="Predicted against achieved score, once scoring has written gold.sakt_predictions.",
    key=(
        text("model_version", "The run that predicted."),
        long("tenth", "0 for predictions from 0 to below 0.1, … 9 for 0.9 and more."),
    ),
    measures=(
        NUM_STUDENTS,
        long("num_predictions", "Predictions."),
        double("mean_predicted", "Mean predicted score, 0 to 1."),
        double("mean_credit", "Mean response as a share of the highest category, 0 to 1."),
    ),
    family=("model_version",),
    cells="""
        SELECT
            p.model_version,
            CASE WHEN p.predicted >= 0.9 THEN 9 ELSE CAST(FLOOR(p.predicted * 10) AS BIGINT) END AS tenth,
            COUNT(DISTINCT p.user_id) AS num_students,
            COUNT(*) AS num_predictions,
            AVG(p.predicted) AS mean_predicted,
            AVG(CAST(p.actual AS DOUBLE) / (e.num_categories - 1)) AS mean_credit
        FROM gold.sakt_predictions AS p
        JOIN silver.canonical_learning_events AS e ON p.user_id = e.user_id AND p.position = e.position
        GROUP BY
            p.model_version,
            CASE WHEN p.predicted >= 0.9 THEN 9 ELSE CAST(FLOOR(p.predicted * 10) AS BIGINT) END
    """,
)

QUALITY_VIEWS = (LOADED, REFUSED, CALIBRATION)
