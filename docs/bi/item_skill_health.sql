-- Workbook: Item and skill health. One sheet a query. In PostgreSQL first: SET search_path TO lake_bi;
-- A withheld cell is null: it is left out of charts, never taken for zero.

-- name: items_to_review
-- Table: items that part strong from weak students badly, nearly all miss, or nearly all get right.
SELECT
    item_id,
    skills,
    num_students,
    first_share_correct,
    item_rest_correlation,
    CASE
        WHEN item_rest_correlation < 0 THEN 'strong students miss it: check the key'
        WHEN first_share_correct < 0.1 THEN 'nearly all miss it'
        WHEN first_share_correct > 0.95 THEN 'nearly all get it right'
        ELSE 'parts students little'
    END AS why
FROM bi_item_quality
WHERE NOT is_suppressed
    AND num_students >= 30
    AND (item_rest_correlation < 0.1 OR first_share_correct < 0.1 OR first_share_correct > 0.95)
ORDER BY item_rest_correlation, item_id;

-- name: difficulty_against_separation
-- Scatter: each item by first share correct and item-rest correlation, size by students.
SELECT item_id, skills, num_students, first_share_correct, item_rest_correlation
FROM bi_item_quality
WHERE NOT is_suppressed
ORDER BY item_id;

-- name: items_by_difficulty
-- Histogram: items in tenths of first share correct, and the items too few students have met.
SELECT
    CASE WHEN is_suppressed THEN -1 WHEN first_share_correct >= 1 THEN 9 ELSE FLOOR(first_share_correct * 10) END
        AS tenth,
    COUNT(*) AS num_items
FROM bi_item_quality
GROUP BY 1
ORDER BY 1;

-- name: items_that_change
-- Table: the last month that may be shown against the first, the greatest changes on top.
SELECT
    span.item_id,
    was.month AS first_month,
    now_is.month AS last_month,
    was.share_correct AS share_correct_was,
    now_is.share_correct AS share_correct_is,
    now_is.share_correct - was.share_correct AS change
FROM (
    SELECT item_id, MIN(month) AS first_month, MAX(month) AS last_month
    FROM bi_item_months
    WHERE NOT is_suppressed
    GROUP BY item_id
) AS span
JOIN bi_item_months AS was ON was.item_id = span.item_id AND was.month = span.first_month
JOIN bi_item_months AS now_is ON now_is.item_id = span.item_id AND now_is.month = span.last_month
WHERE span.first_month < span.last_month
ORDER BY ABS(now_is.share_correct - was.share_correct) DESC, span.item_id
LIMIT 50;

-- name: learning_curves
-- Small multiples: one line a skill.
SELECT skill_id, opportunity, num_students, share_correct
FROM bi_learning_curves
WHERE NOT is_suppressed
ORDER BY skill_id, opportunity;

-- name: fast_and_slow_answers
-- Bars: share correct by seconds on an answer, over all skills. Fast and wrong is guessing.
SELECT
    seconds_from,
    SUM(num_answers) AS num_answers,
    SUM(num_answers * share_correct) / SUM(num_answers) AS share_correct
FROM bi_skill_latency
WHERE NOT is_suppressed
GROUP BY seconds_from
ORDER BY seconds_from;

-- name: calibrated_against_counted
-- Scatter: difficulty on the ability scale against first share correct; empty until a calibration was stored.
SELECT p.item_id, p.model_version, p.difficulty, p.difficulty_error, p.discrimination, q.first_share_correct
FROM bi_item_parameters AS p
JOIN bi_item_quality AS q ON q.item_id = p.item_id
WHERE NOT p.is_suppressed AND NOT q.is_suppressed
ORDER BY p.item_id, p.model_version;

-- name: loads_and_refusals
-- Table: what came in each day, and what was refused, by rule.
SELECT loaded_on, 'answers' AS what, num_answers AS num_rows
FROM bi_loaded_answers
UNION ALL
SELECT loaded_on, stage || ': ' || rule AS what, num_rows
FROM bi_quarantine
ORDER BY loaded_on, what;
