"""Who practises, when, how much, and who comes back."""

from knowtrace.lake.views.view import (
    DATED,
    NUM_ANSWERS,
    NUM_STUDENTS,
    SHARE_CORRECT,
    View,
    date,
    double,
    long,
    text,
)

OVERVIEW = View(
    name="bi_overview",
    grain="the lake",
    about="The size of everything: one row.",
    key=(),
    measures=(
        NUM_STUDENTS,
        NUM_ANSWERS,
        long("num_items", "Distinct items answered."),
        SHARE_CORRECT,
        long("num_undated_answers", "Answers whose date is unknown: no view by day, week or month has them."),
        date("first_day", "The first known day of an answer, UTC."),
        date("last_day", "The last known day of an answer, UTC."),
    ),
    cells=f"""
        SELECT
            COUNT(DISTINCT e.user_id) AS num_students,
            COUNT(*) AS num_answers,
            COUNT(DISTINCT e.item_id) AS num_items,
            AVG(CAST(e.correct AS DOUBLE)) AS share_correct,
            SUM(CASE WHEN {DATED} THEN 0 ELSE 1 END) AS num_undated_answers,
            MIN(CASE WHEN {DATED} THEN CAST(e.timestamp AS DATE) END) AS first_day,
            MAX(CASE WHEN {DATED} THEN CAST(e.timestamp AS DATE) END) AS last_day
        FROM silver.canonical_learning_events AS e
    """,
)

WEEKLY = View(
    name="bi_weekly_activity",
    grain="one week with answers",
    about="Active students and answers of each week.",
    key=(date("week", "The week's Monday, UTC."),),
    measures=(
        NUM_STUDENTS,
        NUM_ANSWERS,
        long("num_items", "Distinct items answered."),
        SHARE_CORRECT,
    ),
    cells=f"""
        SELECT
            CAST(DATE_TRUNC('week', e.timestamp) AS DATE) AS week,
            COUNT(DISTINCT e.user_id) AS num_students,
            COUNT(*) AS num_answers,
            COUNT(DISTINCT e.item_id) AS num_items,
            AVG(CAST(e.correct AS DOUBLE)) AS share_correct
        FROM silver.canonical_learning_events AS e
        WHERE {DATED}
        GROUP BY CAST(DATE_TRUNC('week', e.timestamp) AS DATE)
    """,
)

DAILY = View(
    name="bi_daily_activity",
    grain="one day with answers",
    about="Active students and answers of each day. Students of days do not add up: count weeks in bi_weekly_activity.",
    key=(date("day", "The day, UTC."),),
    labels=(date("week", "The Monday of its week."),),
    measures=(
        NUM_STUDENTS,
        NUM_ANSWERS,
        long("num_items", "Distinct items answered."),
        SHARE_CORRECT,
    ),
    family=("week",),
    within=WEEKLY.name,
    cells=f"""
        SELECT
            CAST(e.timestamp AS DATE) AS day,
            CAST(DATE_TRUNC('week', e.timestamp) AS DATE) AS week,
            COUNT(DISTINCT e.user_id) AS num_students,
            COUNT(*) AS num_answers,
            COUNT(DISTINCT e.item_id) AS num_items,
            AVG(CAST(e.correct AS DOUBLE)) AS share_correct
        FROM silver.canonical_learning_events AS e
        WHERE {DATED}
        GROUP BY CAST(e.timestamp AS DATE), CAST(DATE_TRUNC('week', e.timestamp) AS DATE)
    """,
)

ENGAGEMENT = View(
    name="bi_engagement",
    grain="one band of how much a student practised",
    about="How many students gave how many answers, over the whole lake.",
    key=(
        long("band", "From 1, in order."),
        text("answers_per_student", "The band: 1-9, 10-49, 50-99, 100-499 or 500+."),
    ),
    measures=(
        NUM_STUDENTS,
        NUM_ANSWERS,
        SHARE_CORRECT,
        double("mean_items", "Mean number of distinct items of a student."),
    ),
    cells="""
        SELECT
            u.band,
            CASE u.band WHEN 1 THEN '1-9' WHEN 2 THEN '10-49' WHEN 3 THEN '50-99' WHEN 4 THEN '100-499' ELSE '500+' END
                AS answers_per_student,
            COUNT(*) AS num_students,
            SUM(u.num_events) AS num_answers,
            SUM(u.share_correct * u.num_events) / SUM(u.num_events) AS share_correct,
            AVG(CAST(u.num_items AS DOUBLE)) AS mean_items
        FROM (
            SELECT
                CASE
                    WHEN num_events < 10 THEN 1
                    WHEN num_events < 50 THEN 2
                    WHEN num_events < 100 THEN 3
                    WHEN num_events < 500 THEN 4
                    ELSE 5
                END AS band,
                num_events,
                num_items,
                share_correct
            FROM silver.users
        ) AS u
        GROUP BY u.band
    """,
)

RETENTION = View(
    name="bi_cohort_retention",
    grain="the students who began in one week, in one week they answered in",
    about="Who comes back: students by the week of their first answer. Row 0 of a cohort is its size.",
    key=(
        date("first_week", "The Monday of the week of the students' first answer."),
        long("weeks_since", "Weeks since that week; 0 is that week itself."),
    ),
    labels=(date("week", "The Monday of the week they answered in."),),
    measures=(NUM_STUDENTS, NUM_ANSWERS, SHARE_CORRECT),
    family=("week",),
    within=WEEKLY.name,
    cells=f"""
        SELECT
            w.first_week,
            CAST(DATE_DIFF('day', w.first_week, w.week) / 7 AS BIGINT) AS weeks_since,
            w.week,
            COUNT(DISTINCT w.user_id) AS num_students,
            SUM(w.num_answers) AS num_answers,
            SUM(w.num_correct) / CAST(SUM(w.num_answers) AS DOUBLE) AS share_correct
        FROM (
            SELECT
                e.user_id,
                CAST(DATE_TRUNC('week', e.timestamp) AS DATE) AS week,
                MIN(CAST(DATE_TRUNC('week', e.timestamp) AS DATE)) OVER (PARTITION BY e.user_id) AS first_week,
                1 AS num_answers,
                e.correct AS num_correct
            FROM silver.canonical_learning_events AS e
            WHERE {DATED}
        ) AS w
        GROUP BY w.first_week, w.week
    """,
)

ACTIVITY_VIEWS = (OVERVIEW, WEEKLY, DAILY, ENGAGEMENT, RETENTION)
