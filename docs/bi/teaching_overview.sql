-- Workbook: Teaching overview. One sheet a query. In PostgreSQL first: SET search_path TO lake_bi;
-- A withheld cell is null: it is left out of charts, never taken for zero.

-- name: size_of_the_lake
-- The header: how much there is, and since when.
SELECT num_students, num_answers, num_items, share_correct, num_undated_answers, first_day, last_day
FROM bi_overview;

-- name: activity_by_week
-- Bars: active students; line: answers per active student.
SELECT
    week,
    num_students,
    num_answers,
    CAST(num_answers AS DOUBLE PRECISION) / num_students AS answers_per_student,
    share_correct
FROM bi_weekly_activity
WHERE NOT is_suppressed
ORDER BY week;

-- name: practice_by_weekday
-- Bars: mean answers on each weekday of the days that may be shown. 1 is Monday.
SELECT
    EXTRACT(ISODOW FROM day) AS weekday,
    COUNT(*) AS num_days,
    AVG(num_answers) AS mean_answers,
    SUM(num_answers * share_correct) / SUM(num_answers) AS share_correct
FROM bi_daily_activity
WHERE NOT is_suppressed
GROUP BY EXTRACT(ISODOW FROM day)
ORDER BY weekday;

-- name: engagement
-- Bars: students by how many answers they gave.
SELECT band, answers_per_student, num_students, num_answers, share_correct, mean_items, is_suppressed
FROM bi_engagement
ORDER BY band;

-- name: retention
-- Heat map: cohort by week, the share that came back. Null where the cell or the cohort's size is withheld.
SELECT
    r.first_week,
    r.weeks_since,
    size.num_students AS cohort_size,
    r.num_students,
    CAST(r.num_students AS DOUBLE PRECISION) / size.num_students AS share_returned
FROM bi_cohort_retention AS r
JOIN bi_cohort_retention AS size ON size.first_week = r.first_week AND size.weeks_since = 0
ORDER BY r.first_week, r.weeks_since;

-- name: hardest_skills
-- Bars: the twenty skills with the smallest share correct at first meeting.
SELECT skill_id, num_students, num_answers, first_share_correct, share_correct
FROM bi_skill_practice
WHERE NOT is_suppressed
ORDER BY first_share_correct, skill_id
LIMIT 20;

-- name: who_needs_help_in_what
-- Stacked bars: of the students with enough answers in a skill, how many stand low, in the middle, high.
SELECT
    skill_id,
    MAX(CASE WHEN standing = 'low' THEN num_students END) AS num_low,
    MAX(CASE WHEN standing = 'middle' THEN num_students END) AS num_middle,
    MAX(CASE WHEN standing = 'high' THEN num_students END) AS num_high,
    MAX(CASE WHEN standing = 'few answers' THEN num_students END) AS num_few_answers
FROM bi_skill_standing
GROUP BY skill_id
ORDER BY skill_id;

-- name: what_practice_does
-- Bars: share correct at the tenth answer with a skill against the first, where both may be shown.
SELECT
    first_one.skill_id,
    first_one.num_students AS num_students_at_first,
    tenth.num_students AS num_students_at_tenth,
    first_one.share_correct AS share_correct_at_first,
    tenth.share_correct AS share_correct_at_tenth,
    tenth.share_correct - first_one.share_correct AS gain
FROM bi_learning_curves AS first_one
JOIN bi_learning_curves AS tenth ON tenth.skill_id = first_one.skill_id AND tenth.opportunity = 10
WHERE first_one.opportunity = 1 AND NOT first_one.is_suppressed AND NOT tenth.is_suppressed
ORDER BY gain DESC, first_one.skill_id;
