"""How each skill is practised, how hard it is, and what practice does."""

from knowtrace.lake.views.view import (
    NUM_ANSWERS,
    NUM_STUDENTS,
    SHARE_CORRECT,
    SKILL,
    View,
    double,
    long,
    text,
)

LAST_OPPORTUNITY = 20
RECENT = 10
FEWEST = 3

SKILL_ANSWERS = """
    SELECT e.user_id, e.position, e.item_id, e.correct, e.latency_ms, e.help_requested, s.skill_id
    FROM silver.canonical_learning_events AS e, UNNEST(e.skill_ids) AS s(skill_id)
"""
"""An answer with several skills counts for each of them."""

PRACTICE = View(
    name="bi_skill_practice",
    grain="one skill",
    about="Practice and difficulty of each skill. An answer with several skills counts for each.",
    key=(SKILL,),
    measures=(
        NUM_STUDENTS,
        NUM_ANSWERS,
        long("num_items", "Distinct items answered with it."),
        SHARE_CORRECT,
        double("first_share_correct", "Share correct of the students' first answers with the skill."),
        double("median_seconds", "Median time on an answer, seconds.", students="num_timed_students"),
        double("share_with_help", "Share of answers with a hint taken.", students="num_help_students"),
    ),
    cells=f"""
        SELECT
            a.skill_id,
            COUNT(DISTINCT a.user_id) AS num_students,
            COUNT(*) AS num_answers,
            COUNT(DISTINCT a.item_id) AS num_items,
            AVG(CAST(a.correct AS DOUBLE)) AS share_correct,
            AVG(CASE WHEN a.opportunity = 1 THEN CAST(a.correct AS DOUBLE) END) AS first_share_correct,
            QUANTILE_CONT(CAST(a.latency_ms AS DOUBLE) / 1000, 0.5) AS median_seconds,
            COUNT(DISTINCT CASE WHEN a.latency_ms IS NOT NULL THEN a.user_id END) AS num_timed_students,
            AVG(CAST(CASE WHEN a.help_requested THEN 1 WHEN NOT a.help_requested THEN 0 END AS DOUBLE))
                AS share_with_help,
            COUNT(DISTINCT CASE WHEN a.help_requested IS NOT NULL THEN a.user_id END) AS num_help_students
        FROM (
            SELECT s.*, ROW_NUMBER() OVER (PARTITION BY s.user_id, s.skill_id ORDER BY s.position) AS opportunity
            FROM ({SKILL_ANSWERS}) AS s
        ) AS a
        GROUP BY a.skill_id
    """,
)

CURVES = View(
    name="bi_learning_curves",
    grain="one skill at the students' n-th answer with it",
    about=f"Share correct by opportunity, up to {LAST_OPPORTUNITY}. Later points have only the students who went on.",
    key=(SKILL, long("opportunity", f"The students' n-th answer with the skill, 1 to {LAST_OPPORTUNITY}.")),
    measures=(NUM_STUDENTS, SHARE_CORRECT),
    family=("skill_id",),
    within=PRACTICE.name,
    cells=f"""
        SELECT
            a.skill_id,
            a.opportunity,
            COUNT(DISTINCT a.user_id) AS num_students,
            AVG(CAST(a.correct AS DOUBLE)) AS share_correct
        FROM (
            SELECT
                s.skill_id,
                s.user_id,
                s.correct,
                ROW_NUMBER() OVER (PARTITION BY s.user_id, s.skill_id ORDER BY s.position) AS opportunity
            FROM ({SKILL_ANSWERS}) AS s
        ) AS a
        WHERE a.opportunity <= {LAST_OPPORTUNITY}
        GROUP BY a.skill_id, a.opportunity
    """,
)

STANDING = View(
    name="bi_skill_standing",
    grain="one skill and one band of how students do in it of late",
    about=f"How students did in their last {RECENT} answers with each skill: counted, no model's mastery.",
    key=(
        SKILL,
        text(
            "standing",
            f"few answers (fewer than {FEWEST}); else low (share correct below 0.5), middle, high (0.8 or more).",
        ),
    ),
    measures=(NUM_STUDENTS, NUM_ANSWERS),
    family=("skill_id",),
    within=PRACTICE.name,
    cells=f"""
        SELECT t.skill_id, t.standing, COUNT(*) AS num_students, SUM(t.num_answers) AS num_answers
        FROM (
            SELECT
                p.skill_id,
                p.num_answers,
                CASE
                    WHEN p.num_answers < {FEWEST} THEN 'few answers'
                    WHEN p.num_correct < 0.5 * p.num_answers THEN 'low'
                    WHEN p.num_correct < 0.8 * p.num_answers THEN 'middle'
                    ELSE 'high'
                END AS standing
            FROM (
                SELECT a.skill_id, a.user_id, COUNT(*) AS num_answers, SUM(a.correct) AS num_correct
                FROM (
                    SELECT
                        s.skill_id,
                        s.user_id,
                        s.correct,
                        ROW_NUMBER() OVER (PARTITION BY s.user_id, s.skill_id ORDER BY s.position DESC) AS back
                    FROM ({SKILL_ANSWERS}) AS s
                ) AS a
                WHERE a.back <= {RECENT}
                GROUP BY a.skill_id, a.user_id
            ) AS p
        ) AS t
        GROUP BY t.skill_id, t.standing
    """,
)

LATENCY = View(
    name="bi_skill_latency",
    grain="one skill and one band of seconds on an answer",
    about="How long answers take in each skill, and how right the fast and the slow ones are.",
    key=(SKILL, long("seconds_from", "Where the band begins, seconds: 0, 1, 2, 5, 10, 20, 30, 60 or 120.")),
    measures=(NUM_STUDENTS, NUM_ANSWERS, SHARE_CORRECT),
    family=("skill_id",),
    within=PRACTICE.name,
    cells=f"""
        SELECT
            a.skill_id,
            a.seconds_from,
            COUNT(DISTINCT a.user_id) AS num_students,
            COUNT(*) AS num_answers,
            AVG(CAST(a.correct AS DOUBLE)) AS share_correct
        FROM (
            SELECT
                s.skill_id,
                s.user_id,
                s.correct,
                CASE
                    WHEN s.latency_ms < 1000 THEN 0
                    WHEN s.latency_ms < 2000 THEN 1
                    WHEN s.latency_ms < 5000 THEN 2
                    WHEN s.latency_ms < 10000 THEN 5
                    WHEN s.latency_ms < 20000 THEN 10
                    WHEN s.latency_ms < 30000 THEN 20
                    WHEN s.latency_ms < 60000 THEN 30
                    WHEN s.latency_ms < 120000 THEN 60
                    ELSE 120
                END AS seconds_from
            FROM ({SKILL_ANSWERS}) AS s
            WHERE s.latency_ms IS NOT NULL
        ) AS a
        GROUP BY a.skill_id, a.seconds_from
    """,
)

SKILL_VIEWS = (PRACTICE, CURVES, STANDING, LATENCY)
